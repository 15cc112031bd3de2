//! Arrays of eight numbers, which the compiler turns into what every processor of the platform has.
#![expect(
    unsafe_code,
    reason = "the instructions are unsafe to use where the processor lacks them"
)]

use super::{SIDE, Vector};

/// Eight floats.
#[derive(Clone, Copy)]
pub(crate) struct Lanes([f32; 8]);

const LANES: usize = 8;

#[inline(always)]
fn zip<T: Copy>(left: [T; LANES], right: [T; LANES], apply: impl Fn(T, T) -> T) -> [T; LANES] {
    std::array::from_fn(|lane| apply(left[lane], right[lane]))
}

// SAFETY: of the pointers it is the caller's; no method needs more than every processor has.
impl Vector for Lanes {
    const LANES: usize = LANES;
    type Ints = [i32; LANES];
    type Quad = [u8; 4];
    const WEIGHT_BYTES: usize = 1;
    // Where there is no instruction for it, `f32::mul_add` is a function that takes long.
    const ROUNDS_ONCE: bool = cfg!(target_arch = "aarch64");

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; LANES])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's.
        Self(unsafe { from.cast::<[f32; LANES]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn load_part(from: *const f32, count: usize) -> Self {
        let mut lanes = [0.0; LANES];
        // SAFETY: the caller's; there are no more than `LANES`.
        unsafe { std::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), count.min(LANES)) };
        Self(lanes)
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's.
        unsafe { to.cast::<[f32; LANES]>().write_unaligned(self.0) };
    }

    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, count: usize) {
        // SAFETY: the caller's; there are no more than `LANES`.
        unsafe { std::ptr::copy_nonoverlapping(self.0.as_ptr(), to, count.min(LANES)) };
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(zip(self.0, other.0, |a, b| a + b))
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        Self(zip(self.0, other.0, |a, b| a * b))
    }

    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        Self(zip(self.0, other.0, |a, b| a / b))
    }

    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        Self(zip(self.0, other.0, |a, b| if a < b { a } else { b }))
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        Self(zip(self.0, other.0, |a, b| if a > b { a } else { b }))
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, summand: Self) -> Self {
        let apply =
            |a: f32, b: f32, c: f32| if Self::ROUNDS_ONCE { a.mul_add(b, c) } else { a * b + c };
        Self(std::array::from_fn(|lane| apply(self.0[lane], factor.0[lane], summand.0[lane])))
    }

    #[inline(always)]
    unsafe fn splat_int(value: i32) -> Self::Ints {
        [value; LANES]
    }

    #[inline(always)]
    unsafe fn load_ints(from: *const i32) -> Self::Ints {
        // SAFETY: the caller's.
        unsafe { from.cast::<[i32; LANES]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn add_ints(left: Self::Ints, right: Self::Ints) -> Self::Ints {
        zip(left, right, i32::wrapping_add)
    }

    #[inline(always)]
    unsafe fn mul_ints(left: Self::Ints, right: Self::Ints) -> Self::Ints {
        zip(left, right, i32::wrapping_mul)
    }

    #[inline(always)]
    unsafe fn xor_ints(ints: Self::Ints, bits: Self::Ints) -> Self::Ints {
        zip(ints, bits, |int, bits| int ^ bits)
    }

    #[inline(always)]
    unsafe fn clamp_ints(ints: Self::Ints, low: Self::Ints, high: Self::Ints) -> Self::Ints {
        zip(zip(ints, low, i32::max), high, i32::min)
    }

    #[inline(always)]
    unsafe fn shift_right(ints: Self::Ints, bits: u32) -> Self::Ints {
        ints.map(|int| int >> bits)
    }

    #[inline(always)]
    unsafe fn to_floats(ints: Self::Ints) -> Self {
        Self(ints.map(|int| int as f32))
    }

    // A call once per result keeps tiles small: inlined, the portable tiles are a fifth of this crate's code.
    #[inline(never)]
    unsafe fn round(self) -> Self::Ints {
        // Adding what has no bits behind the point rounds as the processor does: to the nearest, of two to the even one.
        const SHIFT: f32 = 12_582_912.0;
        self.0.map(|value| {
            if value.abs() < 4_194_304.0 { ((value + SHIFT) - SHIFT) as i32 } else { value as i32 }
        })
    }

    #[inline(always)]
    unsafe fn look_up(table: &[u8; 256], _: &[[u8; 16]; 16], from: *const u8, to: *mut u8) {
        for index in 0..size_of::<Self>() {
            // SAFETY: the caller's.
            unsafe { *to.add(index) = table[usize::from(*from.add(index))] };
        }
    }

    #[inline(always)]
    unsafe fn from_bits(bits: Self::Ints) -> Self {
        Self(bits.map(|bits| f32::from_bits(bits as u32)))
    }

    #[inline(always)]
    unsafe fn quad(from: *const u8) -> [u8; 4] {
        // SAFETY: the caller's.
        unsafe { from.cast::<[u8; 4]>().read() }
    }

    #[inline(always)]
    unsafe fn dot(sums: Self::Ints, bytes: [u8; 4], weights: *const i8) -> Self::Ints {
        // SAFETY: the caller's.
        let weights = unsafe { weights.cast::<[[i8; 4]; LANES]>().read_unaligned() };
        std::array::from_fn(|lane| {
            let products = (0..4).map(|at| i32::from(bytes[at]) * i32::from(weights[lane][at]));
            sums[lane].wrapping_add(products.sum::<i32>())
        })
    }

    #[inline(always)]
    unsafe fn load_bytes(from: *const u8, count: usize) -> Self::Ints {
        let mut bytes = [0_u8; LANES];
        // SAFETY: the caller's; there are no more than `LANES`.
        unsafe { std::ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), count.min(LANES)) };
        bytes.map(i32::from)
    }

    #[inline(never)]
    unsafe fn store_bytes(ints: Self::Ints, to: *mut u8, count: usize) {
        let bytes = ints.map(|int| int as u8);
        // SAFETY: the caller's; there are no more than `LANES`.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, count.min(LANES)) };
    }
}

/// Turns a square of eight rows.
///
/// # Safety
///
/// The pointers are good for the rows and the columns.
pub(crate) unsafe fn transpose(from: *const f32, stride: usize, to: *mut f32, to_stride: usize) {
    for row in 0..SIDE {
        for column in 0..SIDE {
            // SAFETY: the caller's.
            unsafe { *to.add(column * to_stride + row) = *from.add(row * stride + column) };
        }
    }
}
