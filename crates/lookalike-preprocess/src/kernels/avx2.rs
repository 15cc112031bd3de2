//! The kernels in AVX2.

#![expect(
    unsafe_code,
    reason = "vector loads and stores through pointers, and calls into code for one instruction set"
)]

use std::arch::x86_64::*;

use lookalike_core::{InstructionSet, Isa};

use super::{NormalizationTable, Pixels, Tap, Taps, scalar};

/// Proof that this processor has AVX2: only an [`InstructionSet`] that includes it makes one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Avx2(());

impl Avx2 {
    pub(super) fn of(set: InstructionSet) -> Option<Self> {
        matches!(set.isa(), Isa::Avx2 | Isa::Avx512Vl | Isa::Avx512).then_some(Self(()))
    }

    pub(super) fn blend_rows(self, upper: &[u8], lower: &[u8], fraction: u8, out: &mut [u8]) {
        assert!(upper.len() == out.len() && lower.len() == out.len());
        if fraction == 0 {
            out.copy_from_slice(upper);
            return;
        }
        // SAFETY: the token proves AVX2, and the three slices are of one length.
        unsafe { blend_rows(upper, lower, fraction, out) }
    }

    pub(super) fn blend_columns<const C: usize>(self, row: &[u8], taps: &Taps, out: &mut [u8]) {
        assert!(out.len() == taps.left.len() * C && !row.is_empty());
        let done = match C {
            // SAFETY: the token proves AVX2, and there is one tap for each pixel of `out`.
            3 => unsafe { blend_columns_rgb(row, taps, out) },
            // SAFETY: as above.
            4 => unsafe { blend_columns_rgba(row, taps, out) },
            _ => 0,
        };
        scalar::blend_columns::<C>(row, taps, done, out);
    }

    pub(super) fn sample<const C: usize>(self, source: &Pixels<'_>, taps: &[Tap], out: &mut [u8]) {
        assert!(out.len() == taps.len() * 3);
        let mut done = 0;
        while done < taps.len() {
            // SAFETY: the token proves AVX2, and there is one tap for each pixel of `out`.
            done += unsafe { sample::<C>(source, &taps[done..], &mut out[done * 3..]) };
            // One pixel whose eight bytes reach out of the source, and then again many.
            let one = done..(done + 1).min(taps.len());
            scalar::sample::<C>(source, &taps[one.clone()], &mut out[one.start * 3..one.end * 3]);
            done = one.end;
        }
    }

    pub(super) fn normalize(self, pixels: &[u8], table: &NormalizationTable, out: &mut [f32]) {
        assert!(pixels.len() == out.len());
        // SAFETY: the token proves AVX2, and the slices are of one length.
        let done = unsafe { normalize(pixels, table, out) };
        scalar::normalize(&pixels[done..], table, &mut out[done..]);
    }
}

/// # Safety
///
/// The processor has AVX2, and the slices are of one length. `fraction` is not 0, whose weight 256 is no byte.
#[target_feature(enable = "avx2")]
unsafe fn blend_rows(upper: &[u8], lower: &[u8], fraction: u8, out: &mut [u8]) {
    const STEP: usize = 32;
    let vectors = out.len() / STEP * STEP;
    // Bytes less 128 are signed, so that one instruction multiplies them with unsigned weights and adds pairs; the sums stay
    // within -32768 and 32512, and since the weights add up to 256, 128 comes back at the end.
    let weights = _mm256_set1_epi16(i16::from_le_bytes([fraction.wrapping_neg(), fraction]));
    let sign = _mm256_set1_epi8(-128);
    let half = _mm256_set1_epi16(128);
    for offset in (0..vectors).step_by(STEP) {
        // SAFETY: `offset + STEP` is at most the length of all three slices.
        unsafe {
            let upper = _mm256_loadu_si256(upper.as_ptr().add(offset).cast());
            let lower = _mm256_loadu_si256(lower.as_ptr().add(offset).cast());
            let (upper, lower) = (_mm256_xor_si256(upper, sign), _mm256_xor_si256(lower, sign));
            let blend = |pairs| {
                let sum = _mm256_maddubs_epi16(weights, pairs);
                _mm256_srai_epi16::<8>(_mm256_add_epi16(sum, half))
            };
            let low = blend(_mm256_unpacklo_epi8(upper, lower));
            let high = blend(_mm256_unpackhi_epi8(upper, lower));
            let blended = _mm256_xor_si256(_mm256_packs_epi16(low, high), sign);
            _mm256_storeu_si256(out.as_mut_ptr().add(offset).cast(), blended);
        }
    }
    scalar::blend_rows(&upper[vectors..], &lower[vectors..], fraction, &mut out[vectors..]);
}

/// Number of leading taps whose eight bytes, of a pixel and its right neighbor, lie within the row.
fn readable_taps(row: &[u8], taps: &Taps, channels: usize) -> usize {
    taps.left.partition_point(|&left| left as usize * channels + 8 <= row.len())
}

/// Blends four pixels and leaves each as four bytes; the left and right bytes of a channel are paired by `order`.
///
/// # Safety
///
/// The processor has AVX2, the four taps from `column` on exist, and the eight bytes at each lie within the row.
#[target_feature(enable = "avx2")]
unsafe fn blend_four(
    row: &[u8],
    taps: &Taps,
    column: usize,
    channels: usize,
    order: __m256i,
) -> __m256i {
    // SAFETY: the caller vouches for the taps and the bytes at them.
    unsafe {
        let load = |index: usize| {
            let offset = *taps.left.get_unchecked(column + index) as usize * channels;
            _mm_loadl_epi64(row.as_ptr().add(offset).cast())
        };
        let pixels = _mm256_set_m128i(
            _mm_unpacklo_epi64(load(2), load(3)),
            _mm_unpacklo_epi64(load(0), load(1)),
        );
        let weights = _mm256_loadu_si256(taps.weights.as_ptr().add(column).cast());
        let sums = _mm256_maddubs_epi16(_mm256_shuffle_epi8(pixels, order), weights);
        let blended = _mm256_srli_epi16::<7>(sums);
        _mm256_packus_epi16(blended, blended)
    }
}

/// Returns how many pixels were written.
///
/// # Safety
///
/// The processor has AVX2, and there is one tap for each pixel of `out`.
#[target_feature(enable = "avx2")]
unsafe fn blend_columns_rgb(row: &[u8], taps: &Taps, out: &mut [u8]) -> usize {
    let order = _mm256_broadcastsi128_si256(_mm_setr_epi8(
        0, 3, 1, 4, 2, 5, -1, -1, 8, 11, 9, 12, 10, 13, -1, -1,
    ));
    let drop_fourth = _mm_setr_epi8(0, 1, 2, 4, 5, 6, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
    // Two stores of eight bytes hold twelve that count, so that a fifth pixel must follow.
    let end = readable_taps(row, taps, 3).min((out.len() / 3).saturating_sub(1));
    let mut column = 0;
    while column + 4 <= end {
        // SAFETY: four readable taps follow, and so do five pixels of `out`, fifteen bytes.
        unsafe {
            let pixels = blend_four(row, taps, column, 3, order);
            let target = out.as_mut_ptr().add(column * 3);
            let first = _mm_shuffle_epi8(_mm256_castsi256_si128(pixels), drop_fourth);
            let second = _mm_shuffle_epi8(_mm256_extracti128_si256::<1>(pixels), drop_fourth);
            _mm_storel_epi64(target.cast(), first);
            _mm_storel_epi64(target.add(6).cast(), second);
        }
        column += 4;
    }
    column
}

/// Returns how many pixels were written.
///
/// # Safety
///
/// The processor has AVX2, and there is one tap for each pixel of `out`.
#[target_feature(enable = "avx2")]
unsafe fn blend_columns_rgba(row: &[u8], taps: &Taps, out: &mut [u8]) -> usize {
    let order = _mm256_broadcastsi128_si256(_mm_setr_epi8(
        0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15,
    ));
    let end = readable_taps(row, taps, 4);
    let mut column = 0;
    while column + 4 <= end {
        // SAFETY: four readable taps follow, and so do four pixels of `out`, sixteen bytes.
        unsafe {
            let pixels = blend_four(row, taps, column, 4, order);
            let target = out.as_mut_ptr().add(column * 4);
            _mm_storel_epi64(target.cast(), _mm256_castsi256_si128(pixels));
            _mm_storel_epi64(target.add(8).cast(), _mm256_extracti128_si256::<1>(pixels));
        }
        column += 4;
    }
    column
}

/// Returns how many values were written, a multiple of 3.
///
/// # Safety
///
/// The processor has AVX2, and the slices are of one length.
#[target_feature(enable = "avx2")]
unsafe fn normalize(pixels: &[u8], table: &NormalizationTable, out: &mut [f32]) -> usize {
    // Three vectors of eight repeat the order of the channels.
    const STEP: usize = 24;
    let repeat = |values: [f32; 3]| {
        [0, 1, 2].map(|vector: usize| {
            let lane = |lane: usize| values[(vector * 8 + lane) % 3];
            _mm256_setr_ps(lane(0), lane(1), lane(2), lane(3), lane(4), lane(5), lane(6), lane(7))
        })
    };
    let (factor, offsets, scale) =
        (repeat(table.factor), repeat(table.offset), repeat(table.scale));
    let done = out.len() / STEP * STEP;
    for offset in (0..done).step_by(STEP) {
        for vector in 0..3 {
            // SAFETY: `offset + STEP` is at most the length of both slices.
            unsafe {
                let bytes = _mm_loadl_epi64(pixels.as_ptr().add(offset + vector * 8).cast());
                let values = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
                let stretched = _mm256_mul_ps(values, factor[vector]);
                let moved = _mm256_add_ps(stretched, offsets[vector]);
                let scaled = _mm256_mul_ps(moved, scale[vector]);
                _mm256_storeu_ps(out.as_mut_ptr().add(offset + vector * 8), scaled);
            }
        }
    }
    done
}

/// Samples pixels until one comes whose neighbors cannot be read as eight bytes, or the last; returns how many.
///
/// # Safety
///
/// The processor has AVX2, and `out` has three bytes for each tap.
#[target_feature(enable = "avx2")]
unsafe fn sample<const C: usize>(source: &Pixels<'_>, taps: &[Tap], out: &mut [u8]) -> usize {
    // The bytes of a channel, of a pixel and its right neighbor, side by side.
    let order = if C == 3 {
        _mm_setr_epi8(0, 3, 1, 4, 2, 5, -1, -1, 8, 11, 9, 12, 10, 13, -1, -1)
    } else {
        _mm_setr_epi8(0, 4, 1, 5, 2, 6, -1, -1, 8, 12, 9, 13, 10, 14, -1, -1)
    };
    let half = _mm_set1_epi32(512);
    let narrow = _mm_setr_epi8(0, 4, 8, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
    for (index, tap) in taps.iter().enumerate() {
        let top = tap.top as usize;
        let bottom = (top + 1).min(source.height - 1);
        let column = tap.left as usize * C;
        let upper = top * source.row_stride + column;
        let lower = bottom * source.row_stride + column;
        // Four bytes are written for a pixel, of which the next overwrites one.
        let reads_within = upper.max(lower) + 8 <= source.data.len();
        if !reads_within || index * 3 + 4 > out.len() {
            return index;
        }
        let (right, below) = (i16::from(tap.right_weight), i16::from(tap.bottom_weight));
        // SAFETY: both loads end within the source and the store within `out`, as was just checked.
        unsafe {
            let upper = _mm_loadl_epi64(source.data.as_ptr().add(upper).cast());
            let lower = _mm_loadl_epi64(source.data.as_ptr().add(lower).cast());
            let pairs = _mm_shuffle_epi8(_mm_unpacklo_epi64(upper, lower), order);
            let columns = _mm_set1_epi16((32 - right) | (right << 8));
            // Up to 255 * 32 in 16 bits: three values of the upper row, then of the lower.
            let rows = _mm_maddubs_epi16(pairs, columns);
            let both = _mm_unpacklo_epi16(rows, _mm_srli_si128::<8>(rows));
            let weights = _mm_set1_epi32(i32::from(32 - below) | (i32::from(below) << 16));
            let sums = _mm_madd_epi16(both, weights);
            let values = _mm_srli_epi32::<10>(_mm_add_epi32(sums, half));
            let bytes = _mm_cvtsi128_si32(_mm_shuffle_epi8(values, narrow));
            out.as_mut_ptr().add(index * 3).cast::<i32>().write_unaligned(bytes);
        }
    }
    taps.len()
}
