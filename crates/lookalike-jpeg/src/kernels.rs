//! The inner loops: entropy decoding, transform, upsampling and color. Each is written once in plain Rust, and may have a twin for an
//! instruction set, or be compiled for it once more, and then gives the same bytes.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod transform;

use crate::bits::Bits;
use crate::blocks::{BaselineTables, Block};
use crate::huffman::{BadCode, SkipTable};

/// Samples of a block, row by row.
pub(crate) type Samples = [u8; 64];

/// Inner loops of one instruction set.
#[derive(Debug)]
pub(crate) struct Kernels {
    /// [`crate::blocks::decode_baseline`].
    pub(crate) decode:
        fn(&mut Bits<'_>, &BaselineTables<'_>, &mut i32, &mut Block) -> Result<bool, BadCode>,
    /// [`crate::blocks::skip_baseline`].
    pub(crate) skip:
        fn(&mut Bits<'_>, &BaselineTables<'_>, &SkipTable, &mut i32) -> Result<(), BadCode>,
    /// Samples of four blocks of coefficients.
    pub(crate) transform: fn(&[Block; 4], &mut [Samples; 4]),
    /// Rows of samples to where they begin in a plane with rows of some length.
    pub(crate) store: fn(&Samples, &mut [u8], usize),
    /// The same of samples that are all equal.
    pub(crate) fill: fn(u8, &mut [u8], usize),
    /// A row of twice as many samples.
    pub(crate) upsample_across: fn(&[u8], &mut [u8]),
    /// A row between two others, the first of which is nearer.
    pub(crate) upsample_down: fn(&[u8], &[u8], &mut [u8]),
    /// A row of twice as many samples between two others, the first of which is nearer.
    pub(crate) upsample_both: fn(&[u8], &[u8], &mut [u8]),
    /// R, G and B of each pixel from rows of Y, Cb and Cr.
    pub(crate) to_rgb: fn([&[u8]; 3], &mut [u8]),
}

impl Kernels {
    /// The fastest ones that the processor has.
    pub(crate) fn detect() -> &'static Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(kernels) = avx512::kernels().or_else(avx2::kernels) {
            return kernels;
        }
        &scalar::KERNELS
    }

    /// The ones in plain Rust.
    pub(crate) fn scalar() -> &'static Self {
        &scalar::KERNELS
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Rows of the same length, up to two vectors and a little longer.
    fn rows<const N: usize>() -> impl Strategy<Value = [Vec<u8>; N]> {
        (1..80_usize).prop_flat_map(|length| {
            prop::collection::vec(any::<u8>(), N * length).prop_map(move |samples| {
                std::array::from_fn(|index| samples[index * length..][..length].to_vec())
            })
        })
    }

    /// Those of every instruction set that the processor has.
    fn all() -> Vec<&'static Kernels> {
        #[cfg(target_arch = "x86_64")]
        return avx512::kernels().into_iter().chain(avx2::kernels()).collect();
        #[cfg(not(target_arch = "x86_64"))]
        vec![]
    }

    proptest! {
        #[test]
        fn transforms_give_the_same_samples_whatever_the_coefficients(
            // Those of a photograph, and those of damaged files, whose sums overflow.
            scale in prop::sample::select(vec![50_i16, 2_000, i16::MAX]),
            positions in prop::collection::vec((0..256_usize, any::<i16>()), 0..256),
        ) {
            let mut blocks = [[0; 64]; 4];
            for (position, value) in positions {
                blocks[position / 64][position % 64] = value % scale;
            }
            let transform = |kernels: &Kernels| {
                let mut samples = [[0; 64]; 4];
                (kernels.transform)(&blocks, &mut samples);
                samples
            };
            let expected = transform(Kernels::scalar());
            for kernels in all() {
                prop_assert_eq!(transform(kernels), expected);
            }
        }

        #[test]
        fn samples_are_stored_where_they_belong(
            samples in prop::array::uniform32(any::<u8>()),
            stride in 8..40_usize,
            beyond in 0..20_usize,
        ) {
            let samples: Samples = std::array::from_fn(|index| samples[index / 2] ^ index as u8);
            let store = |kernels: &Kernels| {
                let mut planes = [vec![1; 7 * stride + 8 + beyond], vec![2; 7 * stride + 8 + beyond]];
                (kernels.store)(&samples, &mut planes[0], stride);
                (kernels.fill)(samples[0], &mut planes[1], stride);
                planes
            };
            let expected = store(Kernels::scalar());
            prop_assert_eq!(expected[0][6 * stride + 7], samples[55]);
            prop_assert_eq!(expected[1][7 * stride + 7], samples[0]);
            for kernels in all() {
                prop_assert_eq!(&store(kernels), &expected);
            }
        }

        #[test]
        fn rows_are_upsampled_to_the_same_samples([near, far] in rows()) {
            let upsample = |kernels: &Kernels| {
                let length = near.len();
                let (mut across, mut down) = (vec![0; 2 * length], vec![0; length]);
                let mut both = vec![0; 2 * length];
                (kernels.upsample_across)(&near, &mut across);
                (kernels.upsample_down)(&near, &far, &mut down);
                (kernels.upsample_both)(&near, &far, &mut both);
                [across, down, both]
            };
            prop_assert_eq!(upsample(Kernels::detect()), upsample(Kernels::scalar()));
        }

        #[test]
        fn rows_have_the_same_colors([y, cb, cr] in rows()) {
            let convert = |kernels: &Kernels| {
                let mut pixels = vec![0; 3 * y.len()];
                (kernels.to_rgb)([&y, &cb, &cr], &mut pixels);
                pixels
            };
            prop_assert_eq!(convert(Kernels::detect()), convert(Kernels::scalar()));
        }
    }

    #[test]
    fn every_color_is_the_same() {
        // All pairs of chroma, with a gray that is another one each time.
        for cb in 0..=255_u8 {
            let cr: Vec<u8> = (0..=255).collect();
            let y: Vec<u8> = cr.iter().map(|&cr| cb.wrapping_mul(31).wrapping_add(cr)).collect();
            let cb = vec![cb; 256];
            let convert = |kernels: &Kernels| {
                let mut pixels = vec![0; 3 * 256];
                (kernels.to_rgb)([&y, &cb, &cr], &mut pixels);
                pixels
            };
            assert_eq!(convert(Kernels::detect()), convert(Kernels::scalar()));
        }
    }
}
