//! Loops over rows of values, vector by vector: down their columns where sums stay in registers, else row by row as they lie in memory.
#![expect(unsafe_code, reason = "the vectors are unsafe to use where the processor lacks them")]

use super::bytes::MAX_LANES;
use super::each::each;
use super::elementwise::{Activation, Bounds};
use super::tile::{Clamp, HardSwish};
use crate::simd::Vector;

/// Rows of one length.
#[derive(Clone, Copy)]
pub(crate) struct Rows {
    pub(crate) length: usize,
    /// From a row to the next.
    pub(crate) stride: usize,
    pub(crate) count: usize,
}

impl Rows {
    /// Whether all rows lie within so many elements.
    fn lie_within(&self, elements: usize) -> bool {
        let last = self.count.saturating_sub(1).checked_mul(self.stride);
        last.and_then(|last| last.checked_add(self.length)).is_some_and(|end| end <= elements)
    }
}

/// Vectors that are summed up at a time.
const VECTORS: usize = 4;

/// Adds all rows to sums, in their order, or keeps the largest values of all.
///
/// # Safety
///
/// The processor has the set of `V`.
#[inline(always)]
pub(crate) unsafe fn accumulate<V: Vector>(
    rows: Rows,
    keeps_max: bool,
    from: &[f32],
    sums: &mut [f32],
) {
    assert!(rows.lie_within(from.len()) && sums.len() >= rows.length, "rows that are not there");
    let mut column = 0;
    // SAFETY: all elements of the rows and of the sums are there, as was just seen; the set is the caller's.
    unsafe {
        while column < rows.length {
            let left = rows.length - column;
            let from = from.as_ptr().add(column);
            let to = sums.as_mut_ptr().add(column);
            if left >= VECTORS * V::LANES {
                let mut sums = [V::splat(0.0); VECTORS];
                each!(n < VECTORS of 0 1 2 3, { sums[n] = V::load(to.add(n * V::LANES)) });
                for row in 0..rows.count {
                    let from = from.add(row * rows.stride);
                    each!(n < VECTORS of 0 1 2 3, {
                        let value = V::load(from.add(n * V::LANES));
                        sums[n] = if keeps_max { sums[n].max(value) } else { sums[n].add(value) };
                    });
                }
                each!(n < VECTORS of 0 1 2 3, { sums[n].store(to.add(n * V::LANES)) });
                column += VECTORS * V::LANES;
                continue;
            }
            let lanes = left.min(V::LANES);
            let mut sum = V::load_part(to, lanes);
            for row in 0..rows.count {
                let value = V::load_part(from.add(row * rows.stride), lanes);
                sum = if keeps_max { sum.max(value) } else { sum.add(value) };
            }
            sum.store_part(to, lanes);
            column += lanes;
        }
    }
}

/// Rows that [`average`] adds up.
pub(crate) const SUMMED_AT_ONCE: usize = 9;

/// Rows, as many as there are.
pub(crate) type Taps<'a> = [Option<&'a [f32]>; SUMMED_AT_ONCE];

/// A factor and a shift for each channel, and bounds of the sum, if there are any.
#[derive(Clone, Copy)]
pub(crate) struct ScaleShift<'a> {
    pub(crate) factors: &'a [f32],
    pub(crate) shifts: &'a [f32],
    pub(crate) bounds: Option<Bounds>,
}

/// The sum of up to nine rows times a factor, in the order in which XNNPACK adds them up (`f32-avgpool`, nine at a time).
///
/// # Safety
///
/// The processor has the set of `V`.
#[inline(always)]
pub(crate) unsafe fn average<V: Vector>(rows: &Taps<'_>, factor: f32, to: &mut [f32]) {
    assert!(rows.iter().flatten().all(|row| row.len() == to.len()), "rows that are not there");
    let mut column = 0;
    while column < to.len() {
        let lanes = (to.len() - column).min(V::LANES);
        // SAFETY: all elements of the rows are there, as was just seen; the set is the caller's.
        unsafe {
            let mut values = [V::splat(0.0); SUMMED_AT_ONCE];
            for (value, row) in values.iter_mut().zip(rows) {
                if let Some(row) = row {
                    *value = V::load_part(row.as_ptr().add(column), lanes);
                }
            }
            let [a, b, c, d, e, f, g, h, i] = values;
            let (first, middle) = (a.add(b).add(i), c.add(d).add(e.add(f)));
            let sum = middle.add(first.add(g.add(h)));
            sum.mul(V::splat(factor)).store_part(to.as_mut_ptr().add(column), lanes);
        }
        column += lanes;
    }
}

/// Multiplies all rows, which follow each other, with one.
///
/// # Safety
///
/// The processor has the set of `V`.
#[inline(always)]
pub(crate) unsafe fn scale<V: Vector>(from: &[f32], factors: &[f32], to: &mut [f32]) {
    let (length, count) = (factors.len(), from.len() / factors.len().max(1));
    assert!(from.len() == length * count && to.len() == from.len(), "rows that are not there");
    let (whole, rest) = (length / V::LANES * V::LANES, length % V::LANES);
    // SAFETY: all elements of the rows are there, as was just seen; the set is the caller's.
    unsafe {
        let (mut from, mut to, factors) = (from.as_ptr(), to.as_mut_ptr(), factors.as_ptr());
        let last = V::load_part(factors.add(whole), rest);
        for _ in 0..count {
            let mut column = 0;
            while column < whole {
                let factor = V::load(factors.add(column));
                V::load(from.add(column)).mul(factor).store(to.add(column));
                column += V::LANES;
            }
            if rest > 0 {
                V::load_part(from.add(whole), rest).mul(last).store_part(to.add(whole), rest);
            }
            (from, to) = (from.add(length), to.add(length));
        }
    }
}

/// Multiplies all rows, which follow each other, with one, adds another one, and keeps the sums within bounds, if there are any.
///
/// # Safety
///
/// The processor has the set of `V`.
#[inline(always)]
pub(crate) unsafe fn scale_shift<V: Vector>(
    from: &[f32],
    ScaleShift { factors, shifts, bounds }: ScaleShift<'_>,
    to: &mut [f32],
) {
    let length = factors.len();
    assert!(shifts.len() == length && to.len() == from.len(), "rows that are not there");
    for (from, to) in from.chunks_exact(length).zip(to.chunks_exact_mut(length)) {
        let mut column = 0;
        // SAFETY: all elements of the rows are there; the set is the caller's.
        unsafe {
            let clamp = bounds.map(|(low, high)| Clamp::<V>::new(low, high));
            while column < length {
                let lanes = (length - column).min(V::LANES);
                let part = |row: &[f32]| V::load_part(row.as_ptr().add(column), lanes);
                let value = part(from).mul(part(factors)).add(part(shifts));
                let value = match &clamp {
                    Some(clamp) => clamp.apply(value),
                    None => value,
                };
                value.store_part(to.as_mut_ptr().add(column), lanes);
                column += lanes;
            }
        }
    }
}

/// Takes a vector of channels of pixels that lie `stride` floats apart; vectors follow each other.
///
/// # Safety
///
/// The processor has the set of `V`, and the pointers are good for the pixels.
#[inline(always)]
pub(crate) unsafe fn take<V: Vector>(
    from: *const f32,
    stride: usize,
    count: usize,
    lanes: usize,
    to: *mut f32,
) {
    // SAFETY: the caller's.
    unsafe {
        for pixel in 0..count {
            V::load_part(from.add(pixel * stride), lanes).store(to.add(pixel * V::LANES));
        }
    }
}

/// Applies an activation.
///
/// # Safety
///
/// The processor has the set of `V`.
#[inline(always)]
pub(crate) unsafe fn activate<V: Vector>(activation: Activation, from: &[f32], to: &mut [f32]) {
    assert_eq!(from.len(), to.len(), "as many results as values");
    // SAFETY: the set is the caller's.
    unsafe {
        match activation {
            Activation::None => to.copy_from_slice(from),
            Activation::Clamp(low, high) => {
                map::<V>(from, to, &Clamp::new(low, high));
            }
            Activation::HardSwish => {
                map::<V>(from, to, &HardSwish::new());
            }
        }
    }
}

/// A function of vectors. It is a trait and no closure, which compilers do not always inline, and so may compile for no set at all.
pub(crate) trait Function<V> {
    /// # Safety
    ///
    /// The processor has the set of `V`.
    unsafe fn apply(&self, value: V) -> V;
}

/// Brings the lanes of a vector together, half with half.
#[inline(always)]
pub(super) fn fold_lanes(mut lanes: [f32; MAX_LANES], function: impl Fn(f32, f32) -> f32) -> f32 {
    let mut width = MAX_LANES;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            lanes[lane] = function(lanes[lane], lanes[lane + width]);
        }
    }
    lanes[0]
}

/// Applies a function to all values.
///
/// # Safety
///
/// The processor has the set of `V`.
#[inline(always)]
pub(super) unsafe fn map<V: Vector>(from: &[f32], to: &mut [f32], function: &impl Function<V>) {
    let count = from.len().min(to.len());
    let whole = count / V::LANES * V::LANES;
    // SAFETY: elements below the count are there; the set is the caller's.
    unsafe {
        let (from, to) = (from.as_ptr(), to.as_mut_ptr());
        let mut position = 0;
        while position < whole {
            function.apply(V::load(from.add(position))).store(to.add(position));
            position += V::LANES;
        }
        if position < count {
            let value = V::load_part(from.add(position), count - position);
            function.apply(value).store_part(to.add(position), count - position);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_beyond_all_memory_lie_within_nothing() {
        let rows = |stride, count| Rows { length: 4, stride, count };
        assert!(rows(6, 3).lie_within(16));
        assert!(!rows(6, 3).lie_within(15));
        assert!(!rows(usize::MAX / 2, 4).lie_within(usize::MAX));
        assert!(!rows(usize::MAX, 2).lie_within(usize::MAX));
    }
}
