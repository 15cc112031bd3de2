//! The inner loops on samples: transform, upsampling and color. Each is written once in plain Rust, and may have a twin for an instruction
//! set, which gives the same bytes.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod scalar;

use crate::blocks::Block;

/// Samples of a block, row by row.
pub(crate) type Samples = [u8; 64];

/// Inner loops of one instruction set.
#[derive(Debug)]
pub(crate) struct Kernels {
    /// Samples of two blocks of coefficients.
    pub(crate) transform: fn(&[Block; 2], &mut [Samples; 2]),
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
        if let Some(kernels) = avx2::kernels() {
            return kernels;
        }
        &scalar::KERNELS
    }

    /// The ones in plain Rust.
    pub(crate) fn scalar() -> &'static Self {
        &scalar::KERNELS
    }
}
