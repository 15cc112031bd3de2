//! Kernels for 32 registers of 256 bits, with masks and with the instructions for products of bytes (VNNI).

use crate::kernels::{Kernels, kernels};
use crate::simd::avx2::transpose;
use crate::simd::avx512vl::F32x8;

kernels!(
    F32x8,
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vl,avx512vnni")],
    4,
    [
        [1 2 3 4 5 6 7 8 9 10 11 12 13 14],
        [1 2 3 4 5 6 7 8 9 10 11 12],
        [1 2 3 4 5 6 7 8],
        [1 2 3 4 5 6]
    ],
    [
        [1 2 3 4 5 6 7 8 9 10 11 12 13 14],
        [1 2 3 4 5 6 7 8 9 10 11 12],
        [1 2 3 4 5 6 7 8],
        [1 2 3 4 5 6]
    ],
    [[1 2 3 4 5 6 7 8 9 10 11 12], [1 2 3 4 5 6 7 8], [1 2 3 4 5 6], [1 2 3 4 5]],
    [1 2 3 4 5 6],
    [
        [1 2 3 4 5 6 7 8 9 10 11 12 13 14],
        [1 2 3 4 5 6 7 8 9 10 11 12 13 14]
    ],
    None,
    transpose
);
