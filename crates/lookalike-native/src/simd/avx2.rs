//! Registers of 256 bits, with fused multiplication and addition.
#![expect(
    unsafe_code,
    reason = "the instructions are unsafe to use where the processor lacks them"
)]

use std::arch::x86_64::*;

use super::Vector;

/// Eight floats.
#[derive(Clone, Copy)]
pub(crate) struct F32x8(__m256);

const LANES: usize = 8;

/// All bits of the first `count` lanes of 8.
#[inline(always)]
unsafe fn first(count: usize) -> __m256i {
    const ONES: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    // SAFETY: the list has eight elements from any of the first nine on.
    unsafe { _mm256_loadu_si256(ONES.as_ptr().add(LANES - count.min(LANES)).cast()) }
}

/// The even ones and the odd ones of four bytes, in 16 bits each: products of bytes do not fit into 16 bits in pairs.
#[derive(Clone, Copy)]
pub(crate) struct Quads {
    even: __m256i,
    odd: __m256i,
}

// SAFETY: a value of the instruction set exists only where the processor has it; of the pointers it is the caller's.
impl Vector for F32x8 {
    const LANES: usize = LANES;
    type Ints = __m256i;
    type Quad = Quads;
    const WEIGHT_BYTES: usize = 2;
    const ROUNDS_ONCE: bool = true;

    instructions!(256);

    #[inline(always)]
    unsafe fn load_part(from: *const f32, count: usize) -> Self {
        // SAFETY: see the implementation; lanes beyond the count are not read.
        Self(unsafe { _mm256_maskload_ps(from, first(count)) })
    }

    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, count: usize) {
        // SAFETY: see the implementation; lanes beyond the count are not written.
        unsafe {
            if count >= LANES {
                _mm256_storeu_ps(to, self.0);
            } else {
                _mm256_maskstore_ps(to, first(count), self.0);
            }
        }
    }

    #[inline(always)]
    unsafe fn quad(from: *const u8) -> Quads {
        // SAFETY: see the implementation.
        unsafe {
            let quads = _mm256_set1_epi32(from.cast::<i32>().read_unaligned());
            let even = _mm256_and_si256(quads, _mm256_set1_epi16(0xFF));
            Quads { even, odd: _mm256_srli_epi16::<8>(quads) }
        }
    }

    #[inline(always)]
    unsafe fn dot(sums: __m256i, quads: Quads, weights: *const i8) -> __m256i {
        // SAFETY: see the implementation.
        unsafe {
            let weights = weights.cast::<__m256i>();
            let (even, odd) = (_mm256_loadu_si256(weights), _mm256_loadu_si256(weights.add(1)));
            let sums = _mm256_add_epi32(sums, _mm256_madd_epi16(quads.even, even));
            _mm256_add_epi32(sums, _mm256_madd_epi16(quads.odd, odd))
        }
    }

    #[inline(always)]
    unsafe fn load_bytes(from: *const u8, count: usize) -> __m256i {
        // SAFETY: see the implementation; no byte beyond the count is read.
        unsafe {
            if count >= LANES {
                return _mm256_cvtepu8_epi32(_mm_loadl_epi64(from.cast()));
            }
            let mut bytes = [0_u8; 16];
            std::ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), count);
            _mm256_cvtepu8_epi32(_mm_loadu_si128(bytes.as_ptr().cast()))
        }
    }

    #[inline(always)]
    unsafe fn store_bytes(ints: __m256i, to: *mut u8, count: usize) {
        // SAFETY: see the implementation; no more bytes are stored than there are.
        unsafe {
            let low = _mm256_and_si256(ints, _mm256_set1_epi32(0xFF));
            let words =
                _mm_packus_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256::<1>(low));
            let bytes = _mm_packus_epi16(words, words);
            if count >= LANES {
                _mm_storel_epi64(to.cast(), bytes);
            } else {
                let bytes = _mm_cvtsi128_si64(bytes).to_le_bytes();
                std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, count);
            }
        }
    }
}

/// Turns a square of eight rows.
///
/// # Safety
///
/// The processor has the set, and the pointers are good for the rows and the columns.
#[target_feature(enable = "avx2,fma")]
pub(crate) unsafe fn transpose(from: *const f32, stride: usize, to: *mut f32, to_stride: usize) {
    // SAFETY: the caller's.
    unsafe {
        let (upper, lower) = (fours(from, stride), fours(from.add(4 * stride), stride));
        for column in 0..4 {
            let halves = _mm256_permute2f128_ps::<0x20>(upper[column], lower[column]);
            _mm256_storeu_ps(to.add(column * to_stride), halves);
            let halves = _mm256_permute2f128_ps::<0x31>(upper[column], lower[column]);
            _mm256_storeu_ps(to.add((column + 4) * to_stride), halves);
        }
    }
}

/// The columns of four rows, two to a register: the first and the fifth, and so on.
///
/// # Safety
///
/// The processor has the set, and the pointer is good for the rows.
#[target_feature(enable = "avx2,fma")]
#[inline]
unsafe fn fours(from: *const f32, stride: usize) -> [__m256; 4] {
    const LOW: i32 = 0b01_00_01_00;
    const HIGH: i32 = 0b11_10_11_10;
    // SAFETY: the caller's.
    unsafe {
        let (first, second) = (_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(stride)));
        let third = _mm256_loadu_ps(from.add(2 * stride));
        let fourth = _mm256_loadu_ps(from.add(3 * stride));
        // In each half of the registers: pairs of two rows, then fours of four rows.
        let low = [_mm256_unpacklo_ps(first, second), _mm256_unpacklo_ps(third, fourth)];
        let high = [_mm256_unpackhi_ps(first, second), _mm256_unpackhi_ps(third, fourth)];
        [
            _mm256_shuffle_ps::<LOW>(low[0], low[1]),
            _mm256_shuffle_ps::<HIGH>(low[0], low[1]),
            _mm256_shuffle_ps::<LOW>(high[0], high[1]),
            _mm256_shuffle_ps::<HIGH>(high[0], high[1]),
        ]
    }
}
