//! Registers of 256 bits where there are 32 of them, with masks and with the instructions for products of bytes (VNNI).
//!
//! Processors that do an instruction of 512 bits in two halves compute no less with these, and vectors of eight leave fewer lanes
//! empty.
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

/// The first `count` lanes of 8.
#[inline(always)]
fn first(count: usize) -> __mmask8 {
    if count >= LANES { u8::MAX } else { (1 << count) - 1 }
}

// SAFETY: a value of the instruction set exists only where the processor has it; of the pointers it is the caller's.
impl Vector for F32x8 {
    const LANES: usize = LANES;
    type Ints = __m256i;
    type Quad = __m256i;
    const WEIGHT_BYTES: usize = 1;
    const ROUNDS_ONCE: bool = true;

    instructions!(256);

    #[inline(always)]
    unsafe fn load_part(from: *const f32, count: usize) -> Self {
        // SAFETY: see the implementation.
        Self(unsafe { _mm256_maskz_loadu_ps(first(count), from) })
    }

    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, count: usize) {
        // SAFETY: see the implementation.
        unsafe { _mm256_mask_storeu_ps(to, first(count), self.0) };
    }

    #[inline(always)]
    unsafe fn quad(from: *const u8) -> __m256i {
        // SAFETY: see the implementation.
        unsafe { _mm256_set1_epi32(from.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn dot(sums: __m256i, quad: __m256i, weights: *const i8) -> __m256i {
        // SAFETY: see the implementation.
        unsafe { _mm256_dpbusd_epi32(sums, quad, _mm256_loadu_si256(weights.cast())) }
    }

    #[inline(always)]
    unsafe fn load_bytes(from: *const u8, count: usize) -> __m256i {
        // SAFETY: see the implementation.
        unsafe { _mm256_cvtepu8_epi32(_mm_maskz_loadu_epi8(first(count).into(), from.cast())) }
    }

    #[inline(always)]
    unsafe fn store_bytes(ints: __m256i, to: *mut u8, count: usize) {
        // SAFETY: see the implementation.
        unsafe { _mm256_mask_cvtepi32_storeu_epi8(to.cast(), first(count), ints) };
    }
}
