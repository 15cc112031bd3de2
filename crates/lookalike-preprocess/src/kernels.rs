//! The inner loops, and the choice of the instruction set that runs them.
//!
//! All sets give the same bits: the arithmetic is integral, or a fixed sequence of unfused f32 operations.

#[cfg(target_arch = "x86_64")]
mod avx2;
pub(crate) mod scalar;

use lookalike_core::InstructionSet;

use crate::geometry::{Axis, fraction7, whole};

/// The inner loops as they are compiled for an instruction set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kernels {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2),
}

impl From<InstructionSet> for Kernels {
    fn from(set: InstructionSet) -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(token) = avx2::Avx2::of(set) {
            return Self::Avx2(token);
        }
        let _ = set;
        Self::Scalar
    }
}

impl Kernels {
    /// `(upper * (256 - fraction) + lower * fraction + 128) >> 8`, byte by byte; all three of one length.
    pub(crate) fn blend_rows(self, upper: &[u8], lower: &[u8], fraction: u8, out: &mut [u8]) {
        match self {
            Self::Scalar => scalar::blend_rows(upper, lower, fraction, out),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(token) => token.blend_rows(upper, lower, fraction, out),
        }
    }

    /// `(left * (127 - fraction) + right * fraction) >> 7` for the pixels of `C` bytes that the taps name.
    pub(crate) fn blend_columns<const C: usize>(self, row: &[u8], taps: &Taps, out: &mut [u8]) {
        match self {
            Self::Scalar => scalar::blend_columns::<C>(row, taps, 0, out),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(token) => token.blend_columns::<C>(row, taps, out),
        }
    }

    /// Three bytes of each pixel: `(sum of the four around, each times its weights in 32nds, + 512) >> 10`.
    pub(crate) fn sample<const C: usize>(self, source: &Pixels<'_>, taps: &[Tap], out: &mut [u8]) {
        match self {
            Self::Scalar => scalar::sample::<C>(source, taps, out),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(token) => token.sample::<C>(source, taps, out),
        }
    }

    /// Normalized values of R, G, B bytes.
    pub(crate) fn normalize(self, pixels: &[u8], table: &NormalizationTable, out: &mut [f32]) {
        match self {
            Self::Scalar => scalar::normalize(pixels, table, out),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(token) => token.normalize(pixels, table, out),
        }
    }
}

/// Where the pixels of a target row come from: left neighbor and 7-bit fraction of each.
#[derive(Debug)]
pub(crate) struct Taps {
    /// Left neighbors; they never decrease.
    left: Vec<u32>,
    fraction: Vec<u8>,
    /// Weights as bytes (left, right), four times over: one 64-bit word a pixel for the vector kernels.
    weights: Vec<u64>,
}

impl Taps {
    /// Taps of a target row; `column` says where a column of the source is in its rows.
    pub(crate) fn new(
        axis: Axis,
        source_width: usize,
        target_width: usize,
        column: impl Fn(usize) -> usize,
    ) -> Self {
        let positions = || (0..target_width).map(|column| axis.at(column));
        let fraction: Vec<u8> = positions().map(fraction7).collect();
        let weights = fraction
            .iter()
            .map(|&fraction| {
                let pair = u64::from(127 - fraction) | u64::from(fraction) << 8;
                pair * 0x0001_0001_0001_0001
            })
            .collect();
        let left = |position| column(whole(position, source_width)) as u32;
        let left = positions().map(left).collect();
        Self { left, fraction, weights }
    }
}

/// What every byte of every channel becomes: `((byte * factor) + offset) * scale` in f32, unfused.
#[derive(Debug)]
pub(crate) struct NormalizationTable {
    values: [[f32; 256]; 3],
    factor: [f32; 3],
    offset: [f32; 3],
    scale: [f32; 3],
}

impl NormalizationTable {
    /// `(byte - mean) * (1 / std)`: the Task Library's way. The factor of 1 changes nothing.
    pub(crate) fn centred(mean: [f32; 3], std: [f32; 3]) -> Self {
        Self::new([1.0; 3], mean.map(|mean| -mean), std.map(|std| 1.0 / std))
    }

    /// `byte * factor + offset`, so that 0 and 255 become the normalized ends of the range: MediaPipe's way. The scale of 1
    /// changes nothing.
    pub(crate) fn stretched(mean: [f32; 3], std: [f32; 3]) -> Self {
        let end = |byte: f32| [0, 1, 2].map(|channel| (byte - mean[channel]) / std[channel]);
        let (low, high) = (end(0.0), end(255.0));
        let factor = [0, 1, 2].map(|channel| (high[channel] - low[channel]) / 255.0);
        Self::new(factor, low, [1.0; 3])
    }

    fn new(factor: [f32; 3], offset: [f32; 3], scale: [f32; 3]) -> Self {
        let mut values = [[0.0; 256]; 3];
        for (channel, values) in values.iter_mut().enumerate() {
            for (byte, value) in values.iter_mut().enumerate() {
                *value = (byte as f32 * factor[channel] + offset[channel]) * scale[channel];
            }
        }
        Self { values, factor, offset, scale }
    }

    /// The normalized value of a byte.
    pub(crate) fn value(&self, channel: usize, byte: u8) -> f32 {
        self.values[channel][usize::from(byte)]
    }
}

/// Where a pixel of the target lies in the source, for the four pixels around: their upper left one, and weights of the right and
/// lower ones in 32nds, up to all 32.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Tap {
    pub(crate) left: u32,
    pub(crate) top: u32,
    pub(crate) right_weight: u8,
    pub(crate) bottom_weight: u8,
}

/// Rows of pixels of `C` bytes with the distance from one to the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pixels<'a> {
    pub(crate) data: &'a [u8],
    pub(crate) row_stride: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::geometry::Sampling;
    use crate::geometry::Size;

    fn best() -> Kernels {
        InstructionSet::detect().into()
    }

    fn columns<const C: usize>(kernels: Kernels, row: &[u8], taps: &Taps, width: usize) -> Vec<u8> {
        let mut out = vec![0; width * C];
        kernels.blend_columns::<C>(row, taps, &mut out);
        out
    }

    proptest! {
        #[test]
        fn blending_rows_is_the_same_on_every_set(
            pixels in prop::collection::vec(any::<(u8, u8)>(), 0..400),
            skip in 0..32usize,
            fraction: u8,
        ) {
            let (upper, lower): (Vec<u8>, Vec<u8>) = pixels.into_iter().unzip();
            let skip = skip.min(upper.len());
            let (upper, lower) = (&upper[skip..], &lower[skip..]);
            let (mut expected, mut found) = (vec![0; upper.len()], vec![0; upper.len()]);
            scalar::blend_rows(upper, lower, fraction, &mut expected);
            best().blend_rows(upper, lower, fraction, &mut found);
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn blending_columns_is_the_same_on_every_set(
            source in 1..200usize,
            target in 1..200usize,
            skip in 0..8usize,
            seed: u64,
        ) {
            let mut state = seed;
            let bytes: Vec<u8> = (0..skip + source * 4)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (state >> 56) as u8
                })
                .collect();
            let sampling = Sampling::new(
                Size { width: source, height: 7 },
                Size { width: target, height: 5 },
            );
            let taps = Taps::new(sampling.x, source, target, |column| column);
            let best = best();
            let row = |channels: usize| &bytes[skip..][..source * channels];
            prop_assert_eq!(
                columns::<3>(best, row(3), &taps, target),
                columns::<3>(Kernels::Scalar, row(3), &taps, target)
            );
            prop_assert_eq!(
                columns::<4>(best, row(4), &taps, target),
                columns::<4>(Kernels::Scalar, row(4), &taps, target)
            );
            prop_assert_eq!(
                columns::<2>(best, row(2), &taps, target),
                columns::<2>(Kernels::Scalar, row(2), &taps, target)
            );
        }

        #[test]
        fn normalization_is_the_same_on_every_set(
            mean in prop::array::uniform3(-300f32..300.0),
            std in prop::array::uniform3(0.001f32..300.0),
            skip in 0..24usize,
        ) {
            // Every byte meets every channel.
            let pixels: Vec<u8> = (0..=255u8).flat_map(|byte| [byte; 3]).skip(skip / 3 * 3).collect();
            let bits = |kernels: Kernels, table: &NormalizationTable| {
                let mut out = vec![0.0; pixels.len()];
                kernels.normalize(&pixels, table, &mut out);
                out.into_iter().map(f32::to_bits).collect::<Vec<_>>()
            };
            for table in
                [NormalizationTable::centred(mean, std), NormalizationTable::stretched(mean, std)]
            {
                let expected = bits(Kernels::Scalar, &table);
                prop_assert_eq!(bits(best(), &table), expected);
            }
        }

        #[test]
        fn sampling_is_the_same_on_every_set(
            (width, height) in (1..40usize, 1..40usize),
            offsets in prop::collection::vec((0..40u32, 0..40u32, 0..=32u8, 0..=32u8), 0..70),
            (skip, padding) in (0..9usize, 0..9usize),
            seed: u64,
        ) {
            let mut state = seed;
            let bytes: Vec<u8> = (0..skip + (width * 4 + padding) * height)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (state >> 56) as u8
                })
                .collect();
            let taps: Vec<Tap> = offsets
                .into_iter()
                .map(|(left, top, right_weight, bottom_weight)| Tap {
                    left: left % width as u32,
                    top: top % height as u32,
                    right_weight: if width == 1 { 0 } else { right_weight },
                    bottom_weight: if height == 1 { 0 } else { bottom_weight },
                })
                .map(|tap| Tap { left: tap.left.min((width as u32).saturating_sub(2)), ..tap })
                .collect();
            let sample = |kernels: Kernels, channels: usize| {
                let row_stride = width * channels + padding;
                let end = skip + row_stride * (height - 1) + width * channels;
                let source = Pixels { data: &bytes[skip..end], row_stride, width, height };
                let mut out = vec![0; taps.len() * 3];
                match channels {
                    3 => kernels.sample::<3>(&source, &taps, &mut out),
                    _ => kernels.sample::<4>(&source, &taps, &mut out),
                }
                out
            };
            for channels in [3, 4] {
                let expected = sample(Kernels::Scalar, channels);
                prop_assert_eq!(sample(best(), channels), expected);
            }
        }
    }
}
