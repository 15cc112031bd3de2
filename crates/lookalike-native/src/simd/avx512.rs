//! Registers of 512 bits, with the instructions for products of bytes (VNNI).
#![expect(
    unsafe_code,
    reason = "the instructions are unsafe to use where the processor lacks them"
)]

use std::arch::x86_64::*;

use super::{Halves, Vector};

/// Sixteen floats.
#[derive(Clone, Copy)]
pub(crate) struct F32x16(__m512);

/// The first `count` lanes of 16.
#[inline(always)]
fn first(count: usize) -> __mmask16 {
    if count >= 16 { u16::MAX } else { (1 << count) - 1 }
}

// SAFETY: a value of the instruction set exists only where the processor has it; of the pointers it is the caller's.
impl Vector for F32x16 {
    const LANES: usize = 16;
    type Ints = __m512i;
    type Quad = __m512i;
    const WEIGHT_BYTES: usize = 1;
    const ROUNDS_ONCE: bool = true;

    instructions!(512);

    #[inline(always)]
    unsafe fn load_part(from: *const f32, count: usize) -> Self {
        // SAFETY: see the implementation.
        Self(unsafe { _mm512_maskz_loadu_ps(first(count), from) })
    }

    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, count: usize) {
        // SAFETY: see the implementation.
        unsafe { _mm512_mask_storeu_ps(to, first(count), self.0) };
    }

    #[inline(always)]
    unsafe fn quad(from: *const u8) -> __m512i {
        // SAFETY: see the implementation.
        unsafe { _mm512_set1_epi32(from.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn dot(sums: __m512i, quad: __m512i, weights: *const i8) -> __m512i {
        // SAFETY: see the implementation.
        unsafe { _mm512_dpbusd_epi32(sums, quad, _mm512_loadu_si512(weights.cast())) }
    }

    #[inline(always)]
    unsafe fn load_bytes(from: *const u8, count: usize) -> __m512i {
        // SAFETY: see the implementation.
        unsafe { _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(first(count), from.cast())) }
    }

    #[inline(always)]
    unsafe fn store_bytes(ints: __m512i, to: *mut u8, count: usize) {
        // SAFETY: see the implementation.
        unsafe { _mm512_mask_cvtepi32_storeu_epi8(to.cast(), first(count), ints) };
    }
}

// SAFETY: as above.
impl Halves for F32x16 {
    #[inline(always)]
    unsafe fn splat_pair(from: *const f32) -> Self {
        // SAFETY: see the implementation.
        Self(unsafe { _mm512_castpd_ps(_mm512_set1_pd(from.cast::<f64>().read_unaligned())) })
    }

    #[inline(always)]
    unsafe fn splat_even(value: f32) -> Self {
        const EVEN: __mmask16 = 0x5555;
        // SAFETY: see the implementation.
        Self(unsafe { _mm512_maskz_mov_ps(EVEN, _mm512_set1_ps(value)) })
    }

    #[inline(always)]
    unsafe fn fold(self, other: Self) -> Self {
        // SAFETY: see the implementation.
        unsafe {
            let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            let odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
            let even = _mm512_permutex2var_ps(self.0, even, other.0);
            Self(_mm512_add_ps(even, _mm512_permutex2var_ps(self.0, odd, other.0)))
        }
    }

    #[inline(always)]
    unsafe fn load_halves(lower: *const f32, upper: *const f32, count: usize) -> Self {
        // SAFETY: see the implementation.
        unsafe {
            let lower = _mm256_maskz_loadu_ps(first(count) as u8, lower);
            let upper = _mm256_castps_pd(_mm256_maskz_loadu_ps(first(count) as u8, upper));
            let lower = _mm512_castps_pd(_mm512_castps256_ps512(lower));
            Self(_mm512_castpd_ps(_mm512_insertf64x4::<1>(lower, upper)))
        }
    }

    #[inline(always)]
    unsafe fn store_lower(self, to: *mut f32, count: usize) {
        // SAFETY: see the implementation.
        unsafe { _mm256_mask_storeu_ps(to, first(count) as u8, _mm512_castps512_ps256(self.0)) };
    }

    #[inline(always)]
    unsafe fn store_upper(self, to: *mut f32, count: usize) {
        // SAFETY: see the implementation.
        unsafe {
            let upper = _mm512_extractf64x4_pd::<1>(_mm512_castps_pd(self.0));
            _mm256_mask_storeu_ps(to, first(count) as u8, _mm256_castpd_ps(upper));
        }
    }
}
