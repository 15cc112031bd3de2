//! The inverse transform with AVX-512, of four blocks at a time. All else is that of AVX2.
#![expect(unsafe_code, reason = "loads and stores, and calls of what only some processors have")]

use std::arch::x86_64::{
    __m128i, __m512i, _mm_loadu_si128, _mm_storeu_si128, _mm512_add_epi16 as add_epi16,
    _mm512_add_epi32 as add_epi32, _mm512_castsi128_si512, _mm512_extracti32x4_epi32,
    _mm512_inserti32x4, _mm512_madd_epi16 as madd_epi16, _mm512_packs_epi32 as packs_epi32,
    _mm512_packus_epi16 as packus_epi16, _mm512_set1_epi32 as set1_epi32,
    _mm512_srai_epi32 as srai_epi32, _mm512_srav_epi32 as srav_epi32,
    _mm512_sub_epi16 as sub_epi16, _mm512_sub_epi32 as sub_epi32,
    _mm512_unpackhi_epi8 as unpackhi_epi8, _mm512_unpackhi_epi16 as unpackhi_epi16,
    _mm512_unpacklo_epi8 as unpacklo_epi8, _mm512_unpacklo_epi16 as unpacklo_epi16,
};

use super::transform::transform;
use super::{Kernels, Samples, avx2};
use crate::blocks::Block;
use crate::frame::BLOCK;

/// The kernels, if the processor has the instructions.
pub(super) fn kernels() -> Option<&'static Kernels> {
    static KERNELS: Kernels = Kernels {
        // SAFETY: the structure is given where the instructions are there.
        transform: |blocks, samples| unsafe { transform_blocks(blocks.each_ref(), samples) },
        ..avx2::KERNELS
    };
    let has_all = avx2::kernels().is_some()
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw");
    has_all.then_some(&KERNELS)
}

transform!("avx512f,avx512bw", __m512i, 4);

/// A row of coefficients of each block.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn load_rows(blocks: [&Block; 4], row: usize) -> __m512i {
    let rows = blocks.map(|block| {
        // SAFETY: a block has eight rows of eight coefficients.
        unsafe { _mm_loadu_si128(block.as_chunks::<BLOCK>().0[row].as_ptr().cast()) }
    });
    let lines = _mm512_castsi128_si512(rows[0]);
    let lines = _mm512_inserti32x4::<1>(lines, rows[1]);
    let lines = _mm512_inserti32x4::<2>(lines, rows[2]);
    _mm512_inserti32x4::<3>(lines, rows[3])
}

/// Two rows of samples of each block.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn split_rows(rows: __m512i) -> [__m128i; 4] {
    [
        _mm512_extracti32x4_epi32::<0>(rows),
        _mm512_extracti32x4_epi32::<1>(rows),
        _mm512_extracti32x4_epi32::<2>(rows),
        _mm512_extracti32x4_epi32::<3>(rows),
    ]
}
