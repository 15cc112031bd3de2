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
use crate::kernels::{Kernels, kernels};

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
    const REGISTERS: usize = 32;
    type Ints = __m256i;
    type Quad = __m256i;
    const WEIGHT_BYTES: usize = 1;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: see the implementation.
        Self(unsafe { _mm256_set1_ps(value) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see the implementation.
        Self(unsafe { _mm256_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn load_part(from: *const f32, count: usize) -> Self {
        // SAFETY: see the implementation.
        Self(unsafe { _mm256_maskz_loadu_ps(first(count), from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see the implementation.
        unsafe { _mm256_storeu_ps(to, self.0) };
    }

    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, count: usize) {
        // SAFETY: see the implementation.
        unsafe { _mm256_mask_storeu_ps(to, first(count), self.0) };
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: see the implementation.
        Self(unsafe { _mm256_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        // SAFETY: see the implementation.
        Self(unsafe { _mm256_mul_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        // SAFETY: see the implementation.
        Self(unsafe { _mm256_min_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        // SAFETY: see the implementation.
        Self(unsafe { _mm256_max_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: see the implementation.
        Self(unsafe { _mm256_fmadd_ps(self.0, factor.0, addend.0) })
    }

    #[inline(always)]
    unsafe fn splat_int(value: i32) -> __m256i {
        // SAFETY: see the implementation.
        unsafe { _mm256_set1_epi32(value) }
    }

    #[inline(always)]
    unsafe fn load_ints(from: *const i32) -> __m256i {
        // SAFETY: see the implementation.
        unsafe { _mm256_loadu_si256(from.cast()) }
    }

    #[inline(always)]
    unsafe fn add_ints(left: __m256i, right: __m256i) -> __m256i {
        // SAFETY: see the implementation.
        unsafe { _mm256_add_epi32(left, right) }
    }

    #[inline(always)]
    unsafe fn mul_ints(left: __m256i, right: __m256i) -> __m256i {
        // SAFETY: see the implementation.
        unsafe { _mm256_mullo_epi32(left, right) }
    }

    #[inline(always)]
    unsafe fn to_floats(ints: __m256i) -> Self {
        // SAFETY: see the implementation.
        Self(unsafe { _mm256_cvtepi32_ps(ints) })
    }

    #[inline(always)]
    unsafe fn round(self) -> __m256i {
        // SAFETY: see the implementation.
        unsafe { _mm256_cvtps_epi32(self.0) }
    }

    #[inline(always)]
    unsafe fn quad(from: *const u8, flip: __m256i) -> __m256i {
        // SAFETY: see the implementation.
        unsafe { _mm256_xor_si256(_mm256_set1_epi32(from.cast::<i32>().read_unaligned()), flip) }
    }

    #[inline(always)]
    unsafe fn dot(sums: __m256i, quad: __m256i, weights: *const i8) -> __m256i {
        // SAFETY: see the implementation.
        unsafe { _mm256_dpbusd_epi32(sums, quad, _mm256_loadu_si256(weights.cast())) }
    }

    #[inline(always)]
    unsafe fn dot_same(sums: __m256i, quad: __m256i, weights: u32) -> __m256i {
        // SAFETY: see the implementation.
        unsafe { _mm256_dpbusd_epi32(sums, quad, _mm256_set1_epi32(weights as i32)) }
    }

    #[inline(always)]
    unsafe fn store_bytes(ints: __m256i, to: *mut u8, count: usize) {
        // SAFETY: see the implementation.
        unsafe { _mm256_mask_cvtepi32_storeu_epi8(to.cast(), first(count), ints) };
    }
}

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
    [1 2 3 4 5 6 7 8 9 10 11 12 13 14],
    [
        [1 2 3 4 5 6 7 8 9 10 11 12 13 14],
        [1 2 3 4 5 6 7 8 9 10 11 12 13 14]
    ],
    None,
    super::avx2::turn
);
