//! Quantization of rows of floats as they come, and how sums of their bytes become floats again: XNNPACK's `qd8`.
#![expect(unsafe_code, reason = "pointers are checked once for a whole operator")]

use super::bytes::MAX_LANES;
use super::rows::{ScaleShift, fold_lanes};
use crate::simd::Vector;

/// What the bytes of a row stand for: `step * (byte - zero point)`. Bytes are unsigned.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
pub(crate) struct RowScale {
    step: f32,
    zero_point: i32,
}

// SAFETY: all bits of both numbers are numbers.
unsafe impl bytemuck::Zeroable for RowScale {}
// SAFETY: as above, and nothing lies between them.
unsafe impl bytemuck::Pod for RowScale {}

impl RowScale {
    /// The scale of a row with these extremes, and by what its values are multiplied. 0 is among the values that bytes stand for exactly: the
    /// zero point is rounded from the side on which the rounding of the two extremes errs less.
    #[inline(always)]
    fn of(min: f32, max: f32) -> (Self, f32) {
        let (min, max) = (min.min(0.0), max.max(0.0));
        let factor = if min == max { 1.0 } else { 255.0 / (max - min) };
        let (first, last) = (min * factor, max * factor);
        let zero_point =
            if (-128.0 + first) + (127.0 + last) > 0.0 { -128.0 - first } else { 127.0 - last };
        let zero_point = zero_point.clamp(-128.0, 127.0).round_ties_even() as i32 + 128;
        (Self { step: 1.0 / factor, zero_point }, factor)
    }

    pub(crate) fn zero_point(self) -> i32 {
        self.zero_point
    }

    pub(crate) fn step(self) -> f32 {
        self.step
    }
}

/// Quantizes rows of one length.
///
/// # Safety
///
/// The processor has the set of `V`.
#[inline(always)]
pub(crate) unsafe fn quantize_rows<V: Vector>(
    length: usize,
    from: &[f32],
    scales: &mut [RowScale],
    to: &mut [u8],
) {
    assert!(
        from.len() == to.len() && from.len() == length * scales.len(),
        "rows that are not there"
    );
    for (row, scale) in scales.iter_mut().enumerate() {
        let (from, to) = (&from[row * length..][..length], &mut to[row * length..][..length]);
        // SAFETY: the elements of the row are there; the set is the caller's.
        unsafe {
            let (min, max) = extremes::<V>(from);
            let factor;
            (*scale, factor) = RowScale::of(min, max);
            let zero_point = scale.zero_point;
            let (low, high) = (V::splat(-zero_point as f32), V::splat((255 - zero_point) as f32));
            let (factor, zero_point) = (V::splat(factor), V::splat_int(zero_point));
            let quantizer = Quantizer { factor, zero_point, low, high };
            let mut position = 0;
            while position + V::LANES <= length {
                quantizer.apply(from, position, V::LANES, to);
                position += V::LANES;
            }
            if position < length {
                quantizer.apply(from, position, length - position, to);
            }
        }
    }
}

/// Makes bytes of floats: products with a factor, within bounds, as steps from a zero point.
struct Quantizer<V: Vector> {
    factor: V,
    zero_point: V::Ints,
    low: V,
    high: V,
}

impl<V: Vector> Quantizer<V> {
    /// # Safety
    ///
    /// The processor has the set of `V`, and there are so many elements from a position on, a vector at most.
    #[inline(always)]
    unsafe fn apply(&self, from: &[f32], position: usize, lanes: usize, to: &mut [u8]) {
        // SAFETY: the caller's.
        unsafe {
            let value = V::load_part(from.as_ptr().add(position), lanes).mul(self.factor);
            let steps = value.max(self.low).min(self.high).round();
            let bytes = V::add_ints(steps, self.zero_point);
            V::store_bytes(bytes, to.as_mut_ptr().add(position), lanes);
        }
    }
}

/// The smallest and the largest value of a row, and of 0.
///
/// # Safety
///
/// The processor has the set of `V`.
#[inline(always)]
pub(crate) unsafe fn extremes<V: Vector>(row: &[f32]) -> (f32, f32) {
    const TOGETHER: usize = 4;
    let (mut mins, mut maxs) = ([0.0; MAX_LANES], [0.0; MAX_LANES]);
    // SAFETY: the elements of the row are there; the set is the caller's, and has no more lanes.
    unsafe {
        // A minimum waits for the one before it, so that several are in the making.
        let mut found = [(V::splat(0.0), V::splat(0.0)); TOGETHER];
        let mut position = 0;
        while position + TOGETHER * V::LANES <= row.len() {
            for (index, (min, max)) in found.iter_mut().enumerate() {
                let value = V::load(row.as_ptr().add(position + index * V::LANES));
                (*min, *max) = (value.min(*min), value.max(*max));
            }
            position += TOGETHER * V::LANES;
        }
        let (mut min, mut max) = found[0];
        for (other_min, other_max) in &found[1..] {
            (min, max) = (other_min.min(min), other_max.max(max));
        }
        while position < row.len() {
            // Lanes that are left over are 0.
            let value =
                V::load_part(row.as_ptr().add(position), (row.len() - position).min(V::LANES));
            (min, max) = (value.min(min), value.max(max));
            position += V::LANES;
        }
        min.store(mins.as_mut_ptr());
        max.store(maxs.as_mut_ptr());
    }
    let smaller = |left: f32, right: f32| if right < left { right } else { left };
    let larger = |left: f32, right: f32| if right > left { right } else { left };
    (fold_lanes(mins, smaller), fold_lanes(maxs, larger))
}

/// `sum * scale * step + bias` of rows of sums of steps, within bounds, each product rounded.
///
/// # Safety
///
/// The processor has the set of `V`.
#[inline(always)]
pub(crate) unsafe fn rescale<V: Vector>(
    ScaleShift { factors: scales, shifts: biases, bounds }: ScaleShift<'_>,
    step: f32,
    sums: &mut [f32],
) {
    let length = scales.len();
    assert!(biases.len() == length && sums.len().is_multiple_of(length), "rows that are not there");
    let (low, high) = bounds.unwrap_or((f32::NEG_INFINITY, f32::INFINITY));
    for row in sums.chunks_exact_mut(length) {
        let mut column = 0;
        while column < length {
            let lanes = (length - column).min(V::LANES);
            // SAFETY: the elements of the rows are there; the set is the caller's.
            unsafe {
                let at = row.as_mut_ptr().add(column);
                let scale = V::load_part(scales.as_ptr().add(column), lanes);
                let bias = V::load_part(biases.as_ptr().add(column), lanes);
                let value = V::load_part(at, lanes).mul(scale).mul(V::splat(step)).add(bias);
                value.max(V::splat(low)).min(V::splat(high)).store_part(at, lanes);
            }
            column += lanes;
        }
    }
}
