//! The inner loops with AVX2: two blocks, sixteen samples or 32 pixels at a time. Entropy decoding is the code of all processors, compiled with the
//! shifts of BMI2, which every processor with AVX2 has.
#![expect(unsafe_code, reason = "loads and stores, and calls of what only some processors have")]

use std::arch::x86_64::*;
use std::arch::x86_64::{
    _mm256_add_epi16 as add_epi16, _mm256_add_epi32 as add_epi32, _mm256_madd_epi16 as madd_epi16,
    _mm256_packs_epi32 as packs_epi32, _mm256_packus_epi16 as packus_epi16,
    _mm256_set1_epi32 as set1_epi32, _mm256_srai_epi32 as srai_epi32,
    _mm256_srav_epi32 as srav_epi32, _mm256_sub_epi16 as sub_epi16, _mm256_sub_epi32 as sub_epi32,
    _mm256_unpackhi_epi8 as unpackhi_epi8, _mm256_unpackhi_epi16 as unpackhi_epi16,
    _mm256_unpacklo_epi8 as unpacklo_epi8, _mm256_unpacklo_epi16 as unpacklo_epi16,
};

use super::transform::transform;
use super::{Kernels, Samples, scalar};
use crate::bits::Bits;
use crate::blocks::{BaselineTables, Block, decode_baseline, skip_baseline};
use crate::frame::BLOCK;
use crate::huffman::{BadCode, SkipTable};

/// The kernels, if the processor has the instructions.
pub(super) fn kernels() -> Option<&'static Kernels> {
    let has_all = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2");
    has_all.then_some(&KERNELS)
}

// [`kernels`] gives them where the instructions are there.
pub(super) static KERNELS: Kernels = Kernels {
    // SAFETY: see above.
    decode: |bits, tables, prediction, block| unsafe { decode(bits, tables, prediction, block) },
    // SAFETY: see above.
    skip: |bits, tables, skips, prediction| unsafe { skip(bits, tables, skips, prediction) },
    // SAFETY: see above.
    transform: |blocks, samples| unsafe { transform(blocks, samples) },
    store,
    fill,
    // SAFETY: see above.
    upsample_across: |row, to| unsafe { upsample_across(row, to) },
    // SAFETY: see above.
    upsample_down: |near, far, to| unsafe { upsample_down(near, far, to) },
    // SAFETY: see above.
    upsample_both: |near, far, to| unsafe { upsample_both(near, far, to) },
    // SAFETY: see above.
    to_rgb: |samples, to| unsafe { to_rgb(samples, to) },
};

#[target_feature(enable = "avx2,bmi1,bmi2")]
fn decode(
    bits: &mut Bits<'_>,
    tables: &BaselineTables<'_>,
    prediction: &mut i32,
    block: &mut Block,
) -> Result<bool, BadCode> {
    decode_baseline(bits, tables, prediction, block)
}

#[target_feature(enable = "avx2,bmi1,bmi2")]
fn skip(
    bits: &mut Bits<'_>,
    tables: &BaselineTables<'_>,
    skips: &SkipTable,
    prediction: &mut i32,
) -> Result<(), BadCode> {
    skip_baseline(bits, tables, skips, prediction)
}

/// Samples of one step of the upsampling.
const STEP: usize = 16;

transform!("avx2", __m256i, 2);

/// A row of coefficients of both blocks.
#[target_feature(enable = "avx2")]
#[inline]
fn load_rows(blocks: [&Block; 2], row: usize) -> __m256i {
    let rows = blocks.map(|block| {
        // SAFETY: a block has eight rows of eight coefficients.
        unsafe { _mm_loadu_si128(block.as_chunks::<BLOCK>().0[row].as_ptr().cast()) }
    });
    _mm256_set_m128i(rows[1], rows[0])
}

/// Two rows of samples of each block.
#[target_feature(enable = "avx2")]
#[inline]
fn split_rows(rows: __m256i) -> [__m128i; 2] {
    [_mm256_castsi256_si128(rows), _mm256_extracti128_si256::<1>(rows)]
}

#[target_feature(enable = "avx2")]
fn transform(blocks: &[Block; 4], samples: &mut [Samples; 4]) {
    let ([first, second, third, fourth], samples) = (blocks, samples.as_chunks_mut().0);
    transform_blocks([first, second], &mut samples[0]);
    transform_blocks([third, fourth], &mut samples[1]);
}

fn store(samples: &Samples, to: &mut [u8], stride: usize) {
    let rows = samples.as_chunks::<BLOCK>().0;
    store_rows(|row| rows[row], to, stride);
}

fn fill(sample: u8, to: &mut [u8], stride: usize) {
    store_rows(|_| [sample; BLOCK], to, stride);
}

#[inline(always)]
fn store_rows(row: impl Fn(usize) -> [u8; BLOCK], to: &mut [u8], stride: usize) {
    // A stride that overflows gives a length that no slice has.
    let to = &mut to[..stride.saturating_mul(BLOCK - 1).saturating_add(BLOCK)];
    for index in 0..BLOCK {
        // SAFETY: the last of the eight rows ends where the slice ends.
        unsafe {
            to.as_mut_ptr().add(index * stride).cast::<[u8; BLOCK]>().write_unaligned(row(index));
        }
    }
}

/// Where steps of `length` begin that cover a range which has room for one; the last one may overlap the one before.
fn steps(start: usize, end: usize, length: usize) -> impl Iterator<Item = usize> {
    let last = end.checked_sub(length).filter(|&last| last >= start);
    let starts = (start..last.unwrap_or(start)).step_by(length);
    starts.chain(last)
}

/// Sixteen bytes from an index on, which are there, as numbers of 16 bits.
#[target_feature(enable = "avx2")]
#[inline]
fn load(from: &[u8], index: usize) -> __m256i {
    let bytes = &from[index..index + STEP];
    // SAFETY: these are sixteen bytes.
    unsafe { _mm256_cvtepu8_epi16(_mm_loadu_si128(bytes.as_ptr().cast())) }
}

/// `3 * near + far`.
#[target_feature(enable = "avx2")]
#[inline]
fn mix(near: __m256i, far: __m256i) -> __m256i {
    _mm256_add_epi16(_mm256_add_epi16(_mm256_slli_epi16::<1>(near), near), far)
}

/// Stores numbers below 256 of even and of odd indices, one after the other.
#[target_feature(enable = "avx2")]
#[inline]
fn store_pairs(even: __m256i, odd: __m256i, to: &mut [u8]) {
    let bytes = _mm256_or_si256(even, _mm256_slli_epi16::<8>(odd));
    let to = &mut to[..2 * STEP];
    // SAFETY: these are 32 bytes.
    unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), bytes) };
}

#[target_feature(enable = "avx2")]
fn upsample_across(row: &[u8], to: &mut [u8]) {
    let half = _mm256_set1_epi16(2);
    let mut end = 1;
    for index in steps(1, row.len().saturating_sub(1), STEP) {
        let (at, left, right) = (load(row, index), load(row, index - 1), load(row, index + 1));
        let pixel = |neighbor| _mm256_srli_epi16::<2>(_mm256_add_epi16(mix(at, neighbor), half));
        store_pairs(pixel(left), pixel(right), &mut to[2 * index..]);
        end = index + STEP;
    }
    scalar::across_range(row, to, 0..1);
    scalar::across_range(row, to, end.min(row.len())..row.len());
}

#[target_feature(enable = "avx2")]
fn upsample_down(near: &[u8], far: &[u8], to: &mut [u8]) {
    // The compiler has AVX2 here.
    scalar::upsample_down(near, far, to);
}

#[target_feature(enable = "avx2")]
fn upsample_both(near: &[u8], far: &[u8], to: &mut [u8]) {
    let half = _mm256_set1_epi16(8);
    let mut end = 1;
    for index in steps(1, near.len().min(far.len()).saturating_sub(1), STEP) {
        let mixed = |index| mix(load(near, index), load(far, index));
        let (at, left, right) = (mixed(index), mixed(index - 1), mixed(index + 1));
        let pixel = |neighbor| _mm256_srli_epi16::<4>(_mm256_add_epi16(mix(at, neighbor), half));
        store_pairs(pixel(left), pixel(right), &mut to[2 * index..]);
        end = index + STEP;
    }
    scalar::both_range(near, far, to, 0..1);
    scalar::both_range(near, far, to, end.min(near.len())..near.len());
}

/// Pixels of one step of the color conversion.
const PIXELS: usize = 32;

/// Thirty-two bytes of three registers, taken in turns, become 96.
#[target_feature(enable = "avx2")]
#[inline]
fn store_interleaved(channels: [__m256i; 3], to: &mut [u8]) {
    /// For each third of what sixteen pixels become and each channel, which of its bytes goes where.
    const PLACES: [[[i8; 16]; 3]; 3] = {
        let mut positions = [[[-1; 16]; 3]; 3];
        let mut at = 0;
        while at < 48 {
            positions[at / 16][at % 3][at % 16] = (at / 3) as i8;
            at += 1;
        }
        positions
    };
    let to = &mut to[..3 * PIXELS];
    for (third, positions) in PLACES.iter().enumerate() {
        // SAFETY: the lists have 16 bytes each, and the result has six times as many.
        unsafe {
            let bytes = |channel: usize| {
                let positions = _mm_loadu_si128(positions[channel].as_ptr().cast());
                _mm256_shuffle_epi8(channels[channel], _mm256_broadcastsi128_si256(positions))
            };
            let bytes = _mm256_or_si256(_mm256_or_si256(bytes(0), bytes(1)), bytes(2));
            let (low, high) = (_mm256_castsi256_si128(bytes), _mm256_extracti128_si256::<1>(bytes));
            _mm_storeu_si128(to.as_mut_ptr().add(third * 16).cast(), low);
            _mm_storeu_si128(to.as_mut_ptr().add(48 + third * 16).cast(), high);
        }
    }
}

#[target_feature(enable = "avx2")]
fn to_rgb([y, cb, cr]: [&[u8]; 3], to: &mut [u8]) {
    let count = y.len().min(cb.len()).min(cr.len()).min(to.len() / 3);
    let factor = |factor: i32| _mm256_set1_epi16(factor as i16);
    // Bytes become the upper halves of 16 bits, above those of another register. Packing them again undoes the order that this gives.
    let widen =
        |bytes, below| [_mm256_unpacklo_epi8(below, bytes), _mm256_unpackhi_epi8(below, bytes)];
    let mut end = 0;
    for index in steps(0, count, PIXELS) {
        let load = |from: &[u8]| {
            let bytes = &from[index..index + PIXELS];
            // SAFETY: these are 32 bytes.
            unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
        };
        let zero = _mm256_setzero_si256();
        let grays = widen(load(y), _mm256_set1_epi8(-128));
        // Less 128, which turns the upper bit over.
        let chroma = |from| _mm256_xor_si256(load(from), _mm256_set1_epi8(-128));
        let (cbs, crs) = (widen(chroma(cb), zero), widen(chroma(cr), zero));
        let mut colors = [[zero; 2]; 3];
        for half in 0..2 {
            // In 16ths, rounded to the nearest. The products lose what is below, as the sums would at the end.
            let gray = _mm256_srli_epi16::<4>(grays[half]);
            let (cb, cr) = (cbs[half], crs[half]);
            let red = _mm256_mulhi_epi16(cr, factor(scalar::RED_OF_CR));
            let green = _mm256_add_epi16(
                _mm256_mulhi_epi16(cr, factor(scalar::GREEN_OF_CR)),
                _mm256_mulhi_epi16(cb, factor(scalar::GREEN_OF_CB)),
            );
            let blue = _mm256_mulhi_epi16(cb, factor(scalar::BLUE_OF_CB));
            for (color, sum) in colors.iter_mut().zip([red, green, blue]) {
                color[half] = _mm256_srai_epi16::<4>(_mm256_add_epi16(gray, sum));
            }
        }
        let bytes = colors.map(|[low, high]| _mm256_packus_epi16(low, high));
        store_interleaved(bytes, &mut to[3 * index..]);
        end = index + PIXELS;
    }
    scalar::to_rgb([&y[end..], &cb[end..], &cr[end..]], &mut to[3 * end..]);
}
