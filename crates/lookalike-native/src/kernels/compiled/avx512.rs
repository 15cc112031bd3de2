//! Kernels for registers of 512 bits, with the instructions for products of bytes (VNNI).
#![expect(unsafe_code, reason = "whoever calls them knows that the instruction set is there")]

use crate::kernels::row;
use crate::kernels::{Kernels, kernels};
use crate::simd::avx2::transpose;
use crate::simd::avx512::F32x16;

mod compiled_halves {
    use super::F32x16;
    use crate::kernels::halves;
    use crate::kernels::tile::Tile;

    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vl,avx512vnni")]
    pub(super) unsafe fn tile<const M: usize, const N: usize>(it: &Tile) {
        // SAFETY: the caller's.
        unsafe { halves::multiply::<F32x16, M, N>(it) }
    }
}

kernels!(
    F32x16,
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vl,avx512vnni")],
    3,
    [
        [1 2 3 4 5 6 7 8 9 10 11 12 13 14],
        [1 2 3 4 5 6 7 8 9 10 11 12],
        [1 2 3 4 5 6 7 8],
        [1]
    ],
    [
        [1 2 3 4 5 6 7 8 9 10 11 12 13 14],
        [1 2 3 4 5 6 7 8 9 10 11 12],
        [1 2 3 4 5 6 7 8],
        [1]
    ],
    [[1 2 3 4 5 6 7 8 9 10 11 12], [1 2 3 4 5 6 7 8], [1 2 3 4 5 6], [1]],
    [1 2 3 4 5 6],
    [
        [1 2 3 4 5 6 7 8 9 10 11 12 13 14],
        [1 2 3 4 5 6 7 8 9 10 11 12 13 14]
    ],
    Some([
        row!(compiled_halves::tile, [1 2 3 4 5 6 7 8 9 10 11 12 13 14], 0),
        row!(compiled_halves::tile, [1 2 3 4 5 6 7 8 9 10 11 12], 1),
        row!(compiled_halves::tile, [1 2 3 4 5 6 7 8], 2),
        row!(compiled_halves::tile, [1], 3),
        row!(compiled_halves::tile, [1], 4),
        row!(compiled_halves::tile, [1], 5),
        row!(compiled_halves::tile, [1], 6),
        row!(compiled_halves::tile, [1], 7),
    ]),
    transpose
);
