//! Vectors of numbers, one implementation for each instruction set.
//!
//! The inner loops are written once, over the trait [`Vector`], and compiled once for each set: see `kernels::compiled`. The portable
//! implementation is both the fallback and, on arrays that the compiler vectorizes, what ARM's NEON is reached through.
#![expect(
    unsafe_code,
    reason = "the instructions are unsafe to use where the processor lacks them"
)]

/// The methods of a set that are one instruction each, for registers of so many bits.
#[cfg(all(target_arch = "x86_64", not(test)))]
macro_rules! instructions {
    (256) => {
        instructions! {
            __m256i:
            splat _mm256_set1_ps,
            load _mm256_loadu_ps,
            store _mm256_storeu_ps,
            add _mm256_add_ps,
            mul _mm256_mul_ps,
            div _mm256_div_ps,
            min _mm256_min_ps,
            max _mm256_max_ps,
            mul_add _mm256_fmadd_ps,
            splat_int _mm256_set1_epi32,
            load_ints _mm256_loadu_si256,
            add_ints _mm256_add_epi32,
            mul_ints _mm256_mullo_epi32,
            xor_ints _mm256_xor_si256,
            min_ints _mm256_min_epi32,
            max_ints _mm256_max_epi32,
            shift_right _mm256_sra_epi32,
            to_floats _mm256_cvtepi32_ps,
            round _mm256_cvtps_epi32,
            from_bits _mm256_castsi256_ps,
            splat_row _mm256_broadcastsi128_si256,
            splat_byte _mm256_set1_epi8,
            shuffle_bytes _mm256_shuffle_epi8,
            sub_bytes _mm256_sub_epi8,
            sub_bytes_saturated _mm256_subs_epi8,
            store_ints _mm256_storeu_si256
        }
    };
    (512) => {
        instructions! {
            __m512i:
            splat _mm512_set1_ps,
            load _mm512_loadu_ps,
            store _mm512_storeu_ps,
            add _mm512_add_ps,
            mul _mm512_mul_ps,
            div _mm512_div_ps,
            min _mm512_min_ps,
            max _mm512_max_ps,
            mul_add _mm512_fmadd_ps,
            splat_int _mm512_set1_epi32,
            load_ints _mm512_loadu_si512,
            add_ints _mm512_add_epi32,
            mul_ints _mm512_mullo_epi32,
            xor_ints _mm512_xor_si512,
            min_ints _mm512_min_epi32,
            max_ints _mm512_max_epi32,
            shift_right _mm512_sra_epi32,
            to_floats _mm512_cvtepi32_ps,
            round _mm512_cvtps_epi32,
            from_bits _mm512_castsi512_ps,
            splat_row _mm512_broadcast_i32x4,
            splat_byte _mm512_set1_epi8,
            shuffle_bytes _mm512_shuffle_epi8,
            sub_bytes _mm512_sub_epi8,
            sub_bytes_saturated _mm512_subs_epi8,
            store_ints _mm512_storeu_si512
        }
    };
    (
        $ints:ident:
        splat $splat:ident,
        load $load:ident,
        store $store:ident,
        add $add:ident,
        mul $mul:ident,
        div $div:ident,
        min $min:ident,
        max $max:ident,
        mul_add $mul_add:ident,
        splat_int $splat_int:ident,
        load_ints $load_ints:ident,
        add_ints $add_ints:ident,
        mul_ints $mul_ints:ident,
        xor_ints $xor_ints:ident,
        min_ints $min_ints:ident,
        max_ints $max_ints:ident,
        shift_right $shift_right:ident,
        to_floats $to_floats:ident,
        round $round:ident,
        from_bits $from_bits:ident,
        splat_row $splat_row:ident,
        splat_byte $splat_byte:ident,
        shuffle_bytes $shuffle_bytes:ident,
        sub_bytes $sub_bytes:ident,
        sub_bytes_saturated $sub_bytes_saturated:ident,
        store_ints $store_ints:ident
    ) => {
        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            // SAFETY: see the implementation.
            Self(unsafe { $splat(value) })
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: see the implementation.
            Self(unsafe { $load(from) })
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: see the implementation.
            unsafe { $store(to, self.0) };
        }

        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            // SAFETY: see the implementation.
            Self(unsafe { $add(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn mul(self, other: Self) -> Self {
            // SAFETY: see the implementation.
            Self(unsafe { $mul(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn div(self, other: Self) -> Self {
            // SAFETY: see the implementation.
            Self(unsafe { $div(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn min(self, other: Self) -> Self {
            // SAFETY: see the implementation.
            Self(unsafe { $min(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn max(self, other: Self) -> Self {
            // SAFETY: see the implementation.
            Self(unsafe { $max(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn mul_add(self, factor: Self, summand: Self) -> Self {
            // SAFETY: see the implementation.
            Self(unsafe { $mul_add(self.0, factor.0, summand.0) })
        }

        #[inline(always)]
        unsafe fn splat_int(value: i32) -> $ints {
            // SAFETY: see the implementation.
            unsafe { $splat_int(value) }
        }

        #[inline(always)]
        unsafe fn load_ints(from: *const i32) -> $ints {
            // SAFETY: see the implementation.
            unsafe { $load_ints(from.cast()) }
        }

        #[inline(always)]
        unsafe fn add_ints(left: $ints, right: $ints) -> $ints {
            // SAFETY: see the implementation.
            unsafe { $add_ints(left, right) }
        }

        #[inline(always)]
        unsafe fn mul_ints(left: $ints, right: $ints) -> $ints {
            // SAFETY: see the implementation.
            unsafe { $mul_ints(left, right) }
        }

        #[inline(always)]
        unsafe fn xor_ints(ints: $ints, bits: $ints) -> $ints {
            // SAFETY: see the implementation.
            unsafe { $xor_ints(ints, bits) }
        }

        #[inline(always)]
        unsafe fn clamp_ints(ints: $ints, low: $ints, high: $ints) -> $ints {
            // SAFETY: see the implementation.
            unsafe { $min_ints($max_ints(ints, low), high) }
        }

        #[inline(always)]
        unsafe fn shift_right(ints: $ints, bits: u32) -> $ints {
            // SAFETY: see the implementation.
            unsafe { $shift_right(ints, _mm_cvtsi32_si128(bits as i32)) }
        }

        #[inline(always)]
        unsafe fn to_floats(ints: $ints) -> Self {
            // SAFETY: see the implementation.
            Self(unsafe { $to_floats(ints) })
        }

        #[inline(always)]
        unsafe fn round(self) -> $ints {
            // SAFETY: see the implementation.
            unsafe { $round(self.0) }
        }

        #[inline(always)]
        unsafe fn from_bits(bits: $ints) -> Self {
            // SAFETY: see the implementation.
            Self(unsafe { $from_bits(bits) })
        }

        #[inline(always)]
        unsafe fn look_up(_: &[u8; 256], rows: &[[u8; 16]; 16], from: *const u8, to: *mut u8) {
            // SAFETY: see the implementation.
            unsafe {
                let rows: *const __m128i = rows.as_ptr().cast();
                let row_length = $splat_byte(16);
                let mut bytes = $load_ints(from.cast());
                let mut found = $shuffle_bytes($splat_row(_mm_loadu_si128(rows)), bytes);
                for index in 1..16 {
                    // What has become negative stays so.
                    bytes = if index <= 8 {
                        $sub_bytes(bytes, row_length)
                    } else {
                        $sub_bytes_saturated(bytes, row_length)
                    };
                    let row = $splat_row(_mm_loadu_si128(rows.add(index)));
                    found = $xor_ints(found, $shuffle_bytes(row, bytes));
                }
                $store_ints(to.cast(), found);
            }
        }
    };
}

// Unit tests run no kernels of these sets, which would take longest to compile; the tests in `tests/` run them all.
#[cfg(all(target_arch = "x86_64", not(test)))]
pub(crate) mod avx2;
#[cfg(all(target_arch = "x86_64", not(test)))]
pub(crate) mod avx512;
#[cfg(all(target_arch = "x86_64", not(test)))]
pub(crate) mod avx512vl;
pub(crate) mod portable;

/// Rows, and columns, of a square that is transposed.
pub(crate) const SIDE: usize = 8;

/// As many floats, or 32-bit integers, as a register holds.
///
/// # Safety
///
/// Of all methods: the processor has the instruction set of the implementation, and pointers are good for the elements that are
/// named. They need no alignment.
pub(crate) trait Vector: Copy {
    /// Floats of a vector.
    const LANES: usize;
    /// 32-bit integers, as many.
    type Ints: Copy;
    /// See `quad`.
    type Quad: Copy;
    /// Bytes of a weight of `dot`: 1 if the four of each lane lie one behind the other, 2 if the first and the third of all lanes lie before
    /// the others.
    const WEIGHT_BYTES: usize;
    /// Whether `mul_add` rounds once.
    const ROUNDS_ONCE: bool;

    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    /// The first `count` of them, at most `LANES`; the others are 0.
    unsafe fn load_part(from: *const f32, count: usize) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// The first `count` of them, at most `LANES`.
    unsafe fn store_part(self, to: *mut f32, count: usize);
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    unsafe fn div(self, other: Self) -> Self;
    unsafe fn min(self, other: Self) -> Self;
    unsafe fn max(self, other: Self) -> Self;
    /// `self * factor + summand`, rounded once where the instruction set can.
    unsafe fn mul_add(self, factor: Self, summand: Self) -> Self;

    unsafe fn splat_int(value: i32) -> Self::Ints;
    unsafe fn load_ints(from: *const i32) -> Self::Ints;
    unsafe fn add_ints(left: Self::Ints, right: Self::Ints) -> Self::Ints;
    unsafe fn mul_ints(left: Self::Ints, right: Self::Ints) -> Self::Ints;
    /// With these bits inverted.
    unsafe fn xor_ints(ints: Self::Ints, bits: Self::Ints) -> Self::Ints;
    unsafe fn clamp_ints(ints: Self::Ints, low: Self::Ints, high: Self::Ints) -> Self::Ints;
    /// With copies of the sign from the left, by less than 32 bits.
    unsafe fn shift_right(ints: Self::Ints, bits: u32) -> Self::Ints;
    unsafe fn to_floats(ints: Self::Ints) -> Self;
    /// The nearest integers, of two the even one.
    unsafe fn round(self) -> Self::Ints;
    /// The same bits as floats.
    unsafe fn from_bits(bits: Self::Ints) -> Self;
    /// Four bytes as `dot` takes them.
    unsafe fn quad(from: *const u8) -> Self::Quad;
    /// Adds to each sum the products of the four bytes of `quad` with the four signed weights of its lane.
    unsafe fn dot(sums: Self::Ints, quad: Self::Quad, weights: *const i8) -> Self::Ints;
    /// The first `count` bytes, at most `LANES`; the others are 0.
    unsafe fn load_bytes(from: *const u8, count: usize) -> Self::Ints;
    /// Stores the low bytes of the first `count` integers, at most `LANES`.
    unsafe fn store_bytes(ints: Self::Ints, to: *mut u8, count: usize);
    /// Looks up as many bytes as a vector has. Registers are looked up in one row of 16 at a time, by the low half of each byte, and give
    /// 0 where its highest bit is set. Less 16, less 32, … a byte below 128 is met by its own row and by all before, one from 128 on by
    /// its own and the seven before: the exclusive or of those is what stands in the table.
    unsafe fn look_up(table: &[u8; 256], rows: &[[u8; 16]; 16], from: *const u8, to: *mut u8);
}

/// The same pointer, which is opaque to the compiler: it computes addresses from it and loads where the code says so, instead of keeping what
/// registers have no room for.
#[inline(always)]
pub(crate) fn opaque<T>(pointer: *const T) -> *const T {
    // Miri does not support assembly; other processors may have other ways to hand over a pointer.
    #[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
    let pointer = {
        let mut same = pointer;
        #[expect(clippy::pointers_in_nomem_asm_block, reason = "nothing is read through it")]
        // SAFETY: nothing is done.
        unsafe {
            std::arch::asm!(
                "/* {0} */",
                inout(reg) same,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
        same
    };
    pointer
}

/// Vectors so long that half of one is worth a kernel.
///
/// # Safety
///
/// As of [`Vector`]; a count is at most half of `LANES`.
pub(crate) trait Halves: Vector {
    /// Two values, in even and in odd lanes.
    unsafe fn splat_pair(from: *const f32) -> Self;
    /// A value in even lanes, and 0 in odd ones.
    unsafe fn splat_even(value: f32) -> Self;
    /// The sums of even lanes with the odd ones behind them, of both vectors one behind the other.
    unsafe fn fold(self, other: Self) -> Self;
    /// The first `count` floats of the lower half and of the upper one; the others are 0.
    unsafe fn load_halves(lower: *const f32, upper: *const f32, count: usize) -> Self;
    unsafe fn store_lower(self, to: *mut f32, count: usize);
    unsafe fn store_upper(self, to: *mut f32, count: usize);
}
