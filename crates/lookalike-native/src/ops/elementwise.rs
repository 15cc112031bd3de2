//! Operators that compute element by element.

use std::sync::Arc;

use lookalike_core::Result;
use lookalike_graph::Unary;

use crate::graph::Constant;
use crate::kernels::Kernels;
use crate::kernels::elementwise::{Binary, Bounds};
use crate::kernels::look_up::LookUp;
use crate::kernels::rows;
use crate::quantized::{QuantizedBinary, REQUANTIZED_TOGETHER};
use crate::runtime::{Inputs, PreparedOp, RunContext};

/// Looks up bytes, those that are left behind the last sixteen in a table of their own.
pub(super) fn look_up_with_tail(
    kernels: &Kernels,
    (body, tail): (&LookUp, &LookUp),
    from: &[u8],
    to: &mut [u8],
) {
    let count = from.len() - from.len() % REQUANTIZED_TOGETHER;
    kernels.look_up(body, &from[..count], &mut to[..count]);
    kernels.look_up(tail, &from[count..], &mut to[count..]);
}

/// A function of one float.
#[derive(Debug)]
pub(super) struct FloatUnary(pub(super) Unary);

impl PreparedOp for FloatUnary {
    fn run(
        &self,
        context: &mut RunContext<'_>,
        inputs: Inputs<'_, '_>,
        output: &mut [u8],
    ) -> Result<()> {
        let kernels = context.kernels;
        context.rows(1, inputs.floats(0)?, bytemuck::cast_slice_mut(output), &|from, to| {
            kernels.unary(self.0, from, to);
        });
        Ok(())
    }
}

/// A function of two floats.
#[derive(Debug)]
pub(super) struct FloatBinary {
    pub(super) binary: Binary,
    pub(super) bounds: Option<Bounds>,
    pub(super) broadcast: Broadcast,
}

impl PreparedOp for FloatBinary {
    fn run(
        &self,
        context: &mut RunContext<'_>,
        inputs: Inputs<'_, '_>,
        output: &mut [u8],
    ) -> Result<()> {
        let (left, right) = (inputs.floats(0)?, inputs.floats(1)?);
        let output: &mut [f32] = bytemuck::cast_slice_mut(output);
        self.broadcast.run(context, self.binary, self.bounds, left, right, output);
        Ok(())
    }
}

/// A factor and a shift for each channel.
#[derive(Debug)]
pub(super) struct ScaleShift {
    pub(super) factors: Arc<Constant>,
    pub(super) shifts: Arc<Constant>,
    pub(super) bounds: Option<Bounds>,
}

impl PreparedOp for ScaleShift {
    fn run(
        &self,
        context: &mut RunContext<'_>,
        inputs: Inputs<'_, '_>,
        output: &mut [u8],
    ) -> Result<()> {
        let (factors, shifts) = (self.factors.floats(), self.shifts.floats());
        let it = rows::ScaleShift { factors, shifts, bounds: self.bounds };
        let (kernels, output) = (context.kernels, bytemuck::cast_slice_mut(output));
        context.rows(factors.len(), inputs.floats(0)?, output, &|from, to| {
            kernels.scale_shift(from, it, to);
        });
        Ok(())
    }
}

/// A function of two bytes, in integers.
#[derive(Debug)]
pub(super) struct ByteBinary {
    pub(super) binary: QuantizedBinary,
    pub(super) broadcast: Broadcast,
}

impl PreparedOp for ByteBinary {
    fn run(
        &self,
        context: &mut RunContext<'_>,
        inputs: Inputs<'_, '_>,
        output: &mut [u8],
    ) -> Result<()> {
        let (left, right) = (inputs.bytes(0)?, inputs.bytes(1)?);
        self.broadcast.run_quantized(context.kernels, &self.binary, left, right, output);
        Ok(())
    }
}

/// How two inputs are broadcast: the smaller one is repeated along dimensions in which its size is 1.
#[derive(Debug)]
pub(crate) struct Broadcast {
    /// Rows of the result: the dimensions before the last one.
    dims: Vec<usize>,
    /// For each of them how far an input goes on.
    strides: [Vec<usize>; 2],
    /// Elements of a row.
    length: usize,
    /// Whether an input has a row of its own, and not one number.
    is_row: [bool; 2],
}

impl Broadcast {
    /// For the shapes of two inputs and of the output.
    pub(crate) fn new([left, right, result]: [&[usize]; 3]) -> Self {
        let rank = result.len();
        let size = |dims: &[usize], axis: usize| {
            (axis + dims.len()).checked_sub(rank).map_or(1, |axis| dims[axis])
        };
        // Neighboring dimensions in which both inputs are alike are one.
        let mut merged: Vec<(usize, [bool; 2])> = Vec::new();
        for (axis, &of_result) in result.iter().enumerate().filter(|&(_, &size)| size > 1) {
            let is_full = [left, right].map(|dims| size(dims, axis) > 1);
            match merged.last_mut() {
                Some((count, like)) if *like == is_full => *count *= of_result,
                _ => merged.push((of_result, is_full)),
            }
        }
        let (length, is_row) = merged.pop().unwrap_or((1, [false; 2]));
        let strides = [0, 1].map(|input| {
            let mut next = if is_row[input] { length } else { 1 };
            let mut strides = vec![0; merged.len()];
            for (stride, (count, is_full)) in strides.iter_mut().zip(&merged).rev() {
                if is_full[input] {
                    *stride = next;
                    next *= count;
                }
            }
            strides
        });
        Self { dims: merged.into_iter().map(|(count, _)| count).collect(), strides, length, is_row }
    }

    /// The elements of both inputs that make a row of the output.
    fn inputs<'i, T>(&self, row: usize, left: &'i [T], right: &'i [T]) -> (&'i [T], &'i [T]) {
        let (mut rest, mut offsets) = (row, [0, 0]);
        for axis in (0..self.dims.len()).rev() {
            let index = rest % self.dims[axis];
            rest /= self.dims[axis];
            offsets[0] += index * self.strides[0][axis];
            offsets[1] += index * self.strides[1][axis];
        }
        let length = |input: usize| if self.is_row[input] { self.length } else { 1 };
        (&left[offsets[0]..][..length(0)], &right[offsets[1]..][..length(1)])
    }

    /// Runs an operator on bytes.
    pub(crate) fn run_quantized(
        &self,
        kernels: &Kernels,
        binary: &QuantizedBinary,
        left: &[u8],
        right: &[u8],
        to: &mut [u8],
    ) {
        for (row, to) in to.chunks_exact_mut(self.length).enumerate() {
            let (left, right) = self.inputs(row, left, right);
            kernels.quantized_binary(binary, left, right, to);
        }
    }

    /// Whether the second input is a row that goes with all rows of the first.
    fn is_repeated(&self) -> bool {
        self.is_row == [true; 2]
            && self.dims.len() == 1
            && self.strides[0][0] == self.length
            && self.strides[1][0] == 0
    }

    pub(crate) fn run(
        &self,
        context: &mut RunContext<'_>,
        binary: Binary,
        bounds: Option<Bounds>,
        left: &[f32],
        right: &[f32],
        to: &mut [f32],
    ) {
        // So many results are still in the first cache when they are kept within bounds.
        const CHUNK: usize = 2048;
        let kernels = context.kernels;
        if binary == Binary::Mul && self.is_repeated() && bounds.is_none() {
            context.rows(self.length, left, to, &|left, to| kernels.scale(left, right, to));
            return;
        }
        for (row, to) in to.chunks_exact_mut(self.length).enumerate() {
            let (left, right) = self.inputs(row, left, right);
            for (index, to) in to.chunks_mut(CHUNK).enumerate() {
                let part = |row: &'_ [f32]| match row.len() {
                    1 => 0..1,
                    _ => index * CHUNK..index * CHUNK + to.len(),
                };
                let (left, right) = (&left[part(left)], &right[part(right)]);
                binary_row(kernels, binary, left, right, to);
                if let Some(bounds) = bounds {
                    kernels.bound(bounds, to);
                }
            }
        }
    }
}

/// Computes a row. An input of one element is used for all of the row.
fn binary_row(kernels: &Kernels, binary: Binary, left: &[f32], right: &[f32], to: &mut [f32]) {
    match (left, right, binary.swapped()) {
        (left, right, _) if left.len() == right.len() => kernels.binary(binary, left, right, to),
        (&[left], right, Some(swapped)) => kernels.binary_with_number(swapped, right, left, to),
        (&[left], right, None) => {
            for (to, &right) in to.iter_mut().zip(right) {
                *to = if left >= 0.0 { left } else { left * right };
            }
        }
        (left, right, _) => kernels.binary_with_number(binary, left, right[0], to),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::compiled::portable;

    /// Which elements of the inputs make each element of the output.
    fn pairs(left: &[usize], right: &[usize], output: &[usize]) -> Vec<(usize, usize)> {
        let broadcast = Broadcast::new([left, right, output]);
        let count = |dims: &[usize]| dims.iter().product::<usize>();
        let (left, right): (Vec<usize>, Vec<usize>) =
            ((0..count(left)).collect(), (0..count(right)).collect());
        let rows = count(output) / broadcast.length;
        (0..rows)
            .flat_map(|row| {
                let (left, right) = broadcast.inputs(row, &left, &right);
                let at =
                    |list: &[usize], index: usize| list[if list.len() == 1 { 0 } else { index }];
                (0..broadcast.length)
                    .map(|index| (at(left, index), at(right, index)))
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    #[test]
    fn the_smaller_input_is_repeated() {
        assert_eq!(pairs(&[2, 2], &[2, 2], &[2, 2]), [(0, 0), (1, 1), (2, 2), (3, 3)]);
        assert_eq!(pairs(&[2, 2], &[2], &[2, 2]), [(0, 0), (1, 1), (2, 0), (3, 1)]);
        assert_eq!(pairs(&[2, 1], &[1, 2], &[2, 2]), [(0, 0), (0, 1), (1, 0), (1, 1)]);
        assert_eq!(pairs(&[], &[3], &[3]), [(0, 0), (0, 1), (0, 2)]);
        // A dimension in the middle.
        let expected = [(0, 0), (1, 1), (2, 0), (3, 1), (4, 2), (5, 3), (6, 2), (7, 3)];
        assert_eq!(pairs(&[2, 2, 2], &[2, 1, 2], &[2, 2, 2]), expected);
    }

    #[test]
    fn the_tail_has_its_own_table() {
        let (table, tail) = (LookUp::new(&[1; 256]), LookUp::new(&[2; 256]));
        let mut to = [0; 18];
        look_up_with_tail(portable(), (&table, &tail), &[7; 18], &mut to);
        assert_eq!(to[..16], [1; 16]);
        assert_eq!(to[16..], [2; 2]);
    }
}
