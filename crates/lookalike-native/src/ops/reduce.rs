//! Operators that reduce dimensions, or that divide by what a dimension sums up to.

use lookalike_graph::Reduction;

use crate::graph::{Element, Value};
use crate::kernels::Kernels;
use crate::kernels::elementwise::Binary;
use crate::kernels::rows::Rows;

pub(super) fn reduce(
    kernels: &Kernels,
    reduction: Reduction,
    dims: &[usize],
    axes: &[usize],
    from: &[f32],
    to: &mut [f32],
) {
    let (start, apply): (f32, fn(f32, f32) -> f32) = match reduction {
        Reduction::Mean | Reduction::Sum => (0.0, |sum, value| sum + value),
        Reduction::Product => (1.0, |product, value| product * value),
        Reduction::Max => (f32::NEG_INFINITY, f32::max),
        Reduction::Min => (f32::INFINITY, f32::min),
    };
    to.fill(start);
    for_rows(dims, axes, from, to, |from, to| {
        if matches!(reduction, Reduction::Mean | Reduction::Sum) {
            if let [sum] = to {
                *sum += kernels.sum(from);
                return;
            }
            let length = to.len();
            let rows = Rows { length, stride: length, count: from.len() / length };
            kernels.accumulate(rows, false, from, to);
        } else {
            for from in from.chunks_exact(to.len()) {
                for (to, &from) in to.iter_mut().zip(from) {
                    *to = apply(*to, from);
                }
            }
        }
    });
    if reduction == Reduction::Mean {
        // As XNNPACK does, it multiplies.
        let factor = 1.0 / (from.len() / to.len()) as f32;
        to.iter_mut().for_each(|value| *value *= factor);
    }
}

/// Goes through rows that are reduced into a row of the output, several at a time.
fn for_rows<T, S>(
    dims: &[usize],
    axes: &[usize],
    from: &[T],
    to: &mut [S],
    mut reduce: impl FnMut(&[T], &mut [S]),
) {
    let is_reduced = |axis: usize| axes.contains(&axis);
    // Rows that end at a dimension that is kept go into rows of the result.
    let kept = (0..dims.len()).rev().take_while(|&axis| !is_reduced(axis)).count();
    let outer = dims.len() - kept;
    let length: usize = dims[outer..].iter().product();
    // Those in front of them that are reduced are summed up together.
    let run = (0..outer).rev().take_while(|&axis| is_reduced(axis)).count();
    let outer = outer - run;
    let count: usize = dims[outer..outer + run].iter().product();
    for (row, from) in from.chunks_exact(count * length).enumerate() {
        let (mut rest, mut target, mut stride) = (row, 0, 1);
        for axis in (0..outer).rev() {
            let index = rest % dims[axis];
            rest /= dims[axis];
            if !is_reduced(axis) {
                target += index * stride;
                stride *= dims[axis];
            }
        }
        reduce(from, &mut to[target * length..][..length]);
    }
}

/// Sums of bytes, signed or not.
pub(super) fn sum_bytes(value: &Value, axes: &[usize], from: &[u8], to: &mut [i32]) {
    to.fill(0);
    if value.element == Element::I8 {
        let from: &[i8] = bytemuck::cast_slice(from);
        for_rows(&value.dims, axes, from, to, add_rows);
    } else {
        for_rows(&value.dims, axes, from, to, add_rows);
    }
}

fn add_rows<T: Copy + Into<i32>>(rows: &[T], to: &mut [i32]) {
    if let [sum] = to {
        *sum = rows.iter().fold(*sum, |sum, &byte| sum.wrapping_add(byte.into()));
        return;
    }
    for row in rows.chunks_exact(to.len()) {
        to.iter_mut().zip(row).for_each(|(sum, &byte)| *sum = sum.wrapping_add(byte.into()));
    }
}

pub(super) fn softmax(kernels: &Kernels, beta: f32, length: usize, from: &[f32], to: &mut [f32]) {
    for (from, to) in from.chunks_exact(length).zip(to.chunks_exact_mut(length)) {
        kernels.softmax(beta, from, to);
    }
}

/// The length below which TensorFlow Lite takes a vector for one of this length.
const MIN_LENGTH: f32 = 1e-6;

pub(super) fn normalize(kernels: &Kernels, length: usize, from: &[f32], to: &mut [f32]) {
    for (from, to) in from.chunks_exact(length).zip(to.chunks_exact_mut(length)) {
        let squares: f32 = from.iter().map(|value| value * value).sum();
        let divisor = squares.sqrt().max(MIN_LENGTH);
        kernels.binary_with_number(Binary::Div, from, divisor, to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::compiled::portable;

    #[test]
    fn any_dimensions_are_reduced() {
        let from: Vec<f32> = (1..=12).map(|value| value as f32).collect();
        let of = |reduction: Reduction, axes: &[usize], count: usize| {
            let mut to = vec![0.0; count];
            reduce(portable(), reduction, &[2, 2, 3], axes, &from, &mut to);
            to
        };
        assert_eq!(of(Reduction::Sum, &[0], 6), [8.0, 10.0, 12.0, 14.0, 16.0, 18.0]);
        assert_eq!(of(Reduction::Mean, &[1], 6), [2.5, 3.5, 4.5, 8.5, 9.5, 10.5]);
        assert_eq!(of(Reduction::Max, &[2], 4), [3.0, 6.0, 9.0, 12.0]);
        assert_eq!(of(Reduction::Min, &[0, 2], 2), [1.0, 4.0]);
        assert_eq!(of(Reduction::Sum, &[0, 2], 2), [30.0, 48.0]);
        assert_eq!(of(Reduction::Product, &[1, 2], 2), [720.0, 665_280.0]);
        assert_eq!(of(Reduction::Sum, &[0, 1, 2], 1), [78.0]);
        assert_eq!(of(Reduction::Sum, &[], 12), from);
    }

    #[test]
    fn exponents_are_relative_to_the_largest() {
        let mut to = [0.0; 4];
        softmax(portable(), 2.0, 2, &[1000.0, 1000.0, 0.0, 2f32.ln() / 2.0], &mut to);
        assert_eq!(to[..2], [0.5, 0.5]);
        assert!((to[2] - 1.0 / 3.0).abs() < 1e-6 && (to[3] - 2.0 / 3.0).abs() < 1e-6);
    }

    #[test]
    fn short_vectors_are_not_normalized() {
        let mut to = [0.0; 4];
        normalize(portable(), 2, &[3.0, 4.0, 0.0, 1e-8], &mut to);
        assert_eq!(to, [0.6, 0.8, 0.0, 1e-2]);
    }
}
