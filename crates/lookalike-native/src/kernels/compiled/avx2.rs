//! Kernels for registers of 256 bits, with fused multiplication and addition.

use crate::kernels::{Kernels, kernels};
use crate::simd::avx2::{F32x8, transpose};

kernels!(
    F32x8,
    #[target_feature(enable = "avx2,fma")],
    2,
    [[1 2 3 4 5 6 7 8 9 10 11 12], [1 2 3 4 5 6], [1], [1]],
    [[1 2 3 4 5 6 7 8], [1 2 3], [1], [1]],
    none,
    [1 2 3 4 5 6],
    [[1 2 3 4 5 6 7 8 9 10], [1 2 3 4 5 6 7 8 9]],
    None,
    transpose
);
