//! Reference ops: unoptimized operators, which need no preparation.

use std::ops::Range;

use lookalike_core::{Error, Result};
use lookalike_graph::{Reduction, Unary};

use crate::exec::Context;
use crate::graph::{Element, Interpolation, OUTSIDE, Op, Remap, Side, Window2};
use crate::kernels::Kernels;
use crate::kernels::elementwise::{Activation, Binary, apply};
use crate::kernels::rows::Rows;
use crate::plan::{Operand, Step};
use crate::quantized::{self, QuantizedBinary, REQUANTIZED_TOGETHER};

/// Runs an operator. Operands are asked for by their number.
///
/// # Errors
///
/// An operand is not there.
pub(crate) fn run<'a>(
    op: &Op,
    kernels: &Kernels,
    step: &Step,
    operand: &dyn Fn(usize) -> Result<&'a [u8]>,
    output: &mut [u8],
) -> Result<()> {
    let of_input = &step.inputs[0];
    let input = operand(0)?;
    let floats = || bytemuck::cast_slice::<u8, f32>(input);
    match op {
        Op::Pool { window, most, activation } => match of_input.value.element {
            Element::F32 => {
                pool(
                    kernels,
                    window,
                    *most,
                    floats(),
                    bytemuck::cast_slice_mut(output),
                    *activation,
                );
            }
            Element::I8 => {
                let (from, to) = (bytemuck::cast_slice(input), bytemuck::cast_slice_mut(output));
                pool_bytes::<i8>(window, *most, from, to);
            }
            _ => pool_bytes::<u8>(window, *most, input, output),
        },
        Op::MatMul { pairs, rows, depth, columns } => {
            let right: &[f32] = bytemuck::cast_slice(operand(1)?);
            let (size, output) = ((*rows, *depth, *columns), bytemuck::cast_slice_mut(output));
            multiply(kernels, pairs, size, floats(), right, output);
        }
        Op::Activation(activation) => {
            kernels.activate(*activation, floats(), bytemuck::cast_slice_mut(output));
        }
        Op::Affine { scale, shift } => {
            kernels.affine(floats(), *scale, *shift, bytemuck::cast_slice_mut(output));
        }
        Op::Unary(function) => map(*function, floats(), bytemuck::cast_slice_mut(output)),
        Op::Table(table) => look_up(table, input, output),
        Op::TableWithTail(table, tail) => {
            let body = input.len() - input.len() % REQUANTIZED_TOGETHER;
            look_up(table, &input[..body], output);
            look_up(tail, &input[body..], &mut output[body..]);
        }
        Op::Reduce { reduction, axes } => {
            let output = bytemuck::cast_slice_mut(output);
            reduce(kernels, *reduction, &of_input.value.dims, axes, floats(), output);
        }
        Op::Softmax { beta } => {
            let last = of_input.value.dims.last().copied().unwrap_or(1);
            softmax(*beta, last, floats(), bytemuck::cast_slice_mut(output));
        }
        Op::L2Normalization => {
            let last = of_input.value.dims.last().copied().unwrap_or(1);
            match of_input.value.quantized() {
                Some(quantized) => quantized::normalize(input, quantized, last, output),
                None => normalize(kernels, last, floats(), bytemuck::cast_slice_mut(output)),
            }
        }
        Op::Resize { rows, columns } => {
            let dims = &of_input.value.dims;
            let size = [dims[0], dims[1], dims[2], dims[3]];
            match of_input.value.element {
                Element::F32 => {
                    resize(size, rows, columns, floats(), bytemuck::cast_slice_mut(output));
                }
                Element::I8 => {
                    let (from, to) =
                        (bytemuck::cast_slice::<u8, i8>(input), bytemuck::cast_slice_mut(output));
                    quantized::resize(size, &rows.taps, &columns.taps, from, to);
                }
                _ => quantized::resize(size, &rows.taps, &columns.taps, input, output),
            }
        }
        Op::Remap(remap) => match remap.filling.len() {
            1 => move_elements::<1>(remap, input, output),
            2 => move_elements::<2>(remap, input, output),
            4 => move_elements::<4>(remap, input, output),
            _ => move_elements::<8>(remap, input, output),
        },
        Op::Concatenation { outer, inner } => {
            let size = of_input.value.element.size();
            let width = inner.iter().sum::<usize>() * size;
            let mut start = 0;
            for (index, inner) in inner.iter().enumerate() {
                let (from, length) = (operand(index)?, inner * size);
                for row in 0..*outer {
                    let to = &mut output[row * width + start..][..length];
                    to.copy_from_slice(&from[row * length..][..length]);
                }
                start += length;
            }
        }
        Op::Quantize => quantize(kernels, floats(), &step.output, output),
        Op::Dequantize => dequantize(kernels, of_input, input, bytemuck::cast_slice_mut(output)),
        Op::Cast => cast(of_input.value.element, input, step.output.value.element, output),
        Op::Reshape => output.copy_from_slice(input),
        Op::Conv(_) | Op::DepthwiseConv { .. } | Op::Binary(_) | Op::QuantizedBinary(_) => {
            return Err(Error::internal("an operator was not prepared"));
        }
    }
    Ok(())
}

fn look_up(table: &[u8; 256], from: &[u8], to: &mut [u8]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = table[usize::from(from)];
    }
}

fn map(function: Unary, from: &[f32], to: &mut [f32]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = apply(function, from);
    }
}

/// The part of a window that lies within the image: rows of the whole batch, and columns.
fn taps(window: &Window2, place: usize) -> (Range<usize>, Range<usize>) {
    let within = |side: &Side, place: usize| {
        let start = place * side.stride;
        let end = (start + side.size).saturating_sub(side.before).min(side.input);
        start.saturating_sub(side.before).min(end)..end
    };
    let Window2 { rows, columns, .. } = window;
    let (row, column) = (place / columns.output, place % columns.output);
    let picture = row / rows.output * rows.input;
    let down = within(rows, row % rows.output);
    (picture + down.start..picture + down.end, within(columns, column))
}

/// Padding counts neither for the mean nor for the maximum.
fn pool(
    kernels: &Kernels,
    window: &Window2,
    most: bool,
    from: &[f32],
    to: &mut [f32],
    activation: Activation,
) {
    let Window2 { columns, channels, .. } = *window;
    for (place, to) in to.chunks_exact_mut(channels).enumerate() {
        let (down, across) = taps(window, place);
        to.fill(if most { f32::NEG_INFINITY } else { 0.0 });
        for row in down.clone() {
            let start = (row * columns.input + across.start) * channels;
            let width = across.len();
            let pixels = Rows { length: channels, stride: channels, count: width };
            kernels.accumulate(pixels, most, &from[start..][..width * channels], to);
        }
        let count = (down.len() * across.len()) as f32;
        for value in to.iter_mut() {
            *value = activation.apply(if most { *value } else { *value / count });
        }
    }
}

/// The same of bytes. Means are rounded to the nearest, half steps away from 0, as TensorFlow Lite does.
fn pool_bytes<T: Copy + Into<i64> + TryFrom<i64> + Ord>(
    window: &Window2,
    most: bool,
    from: &[T],
    to: &mut [T],
) {
    const LANES: usize = 64;
    let Window2 { columns, channels, .. } = *window;
    for (place, to) in to.chunks_exact_mut(channels).enumerate() {
        let (down, across) = taps(window, place);
        let count = (down.len() * across.len()) as i64;
        for (part, to) in to.chunks_mut(LANES).enumerate() {
            let mut sums = [if most { i64::MIN } else { 0 }; LANES];
            for row in down.clone() {
                for column in across.clone() {
                    let start = (row * columns.input + column) * channels;
                    let from = &from[start + part * LANES..][..to.len()];
                    for (sum, &value) in sums.iter_mut().zip(from) {
                        let value: i64 = value.into();
                        *sum = if most { value.max(*sum) } else { value + *sum };
                    }
                }
            }
            for (to, sum) in to.iter_mut().zip(sums) {
                let half = if sum > 0 { count / 2 } else { -(count / 2) };
                let value = if most { sum } else { (sum + half) / count };
                *to = T::try_from(value).unwrap_or(*to);
            }
        }
    }
}

fn multiply(
    kernels: &Kernels,
    pairs: &[(usize, usize)],
    (rows, depth, columns): (usize, usize, usize),
    left: &[f32],
    right: &[f32],
    to: &mut [f32],
) {
    for (&(of_left, of_right), to) in pairs.iter().zip(to.chunks_exact_mut(rows * columns)) {
        let left = &left[of_left * rows * depth..][..rows * depth];
        let right = &right[of_right * depth * columns..][..depth * columns];
        for (left, to) in left.chunks_exact(depth).zip(to.chunks_exact_mut(columns)) {
            to.fill(0.0);
            for (&left, right) in left.iter().zip(right.chunks_exact(columns)) {
                kernels.accumulate_scaled(right, left, to);
            }
        }
    }
}

/// How two operands meet: the smaller one is repeated along dimensions in which its extent is 1.
#[derive(Debug)]
pub(crate) struct Broadcast {
    /// Rows of the result: the dimensions before the last one.
    dims: Vec<usize>,
    /// For each of them how far an operand goes on.
    strides: [Vec<usize>; 2],
    /// Elements of a row.
    length: usize,
    /// Whether an operand has a row of its own, and not one number.
    is_row: [bool; 2],
}

impl Broadcast {
    /// For the shapes of two inputs and of the output.
    pub(crate) fn new([left, right, result]: [&[usize]; 3]) -> Self {
        let rank = result.len();
        let extent = |dims: &[usize], axis: usize| {
            (axis + dims.len()).checked_sub(rank).map_or(1, |axis| dims[axis])
        };
        // Neighbouring dimensions in which both operands are alike are one.
        let mut merged: Vec<(usize, [bool; 2])> = Vec::new();
        for (axis, &of_result) in result.iter().enumerate().filter(|&(_, &extent)| extent > 1) {
            let is_full = [left, right].map(|dims| extent(dims, axis) > 1);
            match merged.last_mut() {
                Some((count, like)) if *like == is_full => *count *= of_result,
                _ => merged.push((of_result, is_full)),
            }
        }
        let (length, is_row) = merged.pop().unwrap_or((1, [false; 2]));
        let strides = [0, 1].map(|operand| {
            let mut next = if is_row[operand] { length } else { 1 };
            let mut strides = vec![0; merged.len()];
            for (stride, (count, is_full)) in strides.iter_mut().zip(&merged).rev() {
                if is_full[operand] {
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
        binary: &QuantizedBinary,
        left: &[u8],
        right: &[u8],
        to: &mut [u8],
    ) {
        for (row, to) in to.chunks_exact_mut(self.length).enumerate() {
            let (left, right) = self.inputs(row, left, right);
            binary.row(left, right, to);
        }
    }

    /// Whether the second operand is a row that meets all rows of the first.
    fn is_repeated(&self) -> bool {
        self.is_row == [true; 2]
            && self.dims.len() == 1
            && self.strides[0][0] == self.length
            && self.strides[1][0] == 0
    }

    pub(crate) fn run(
        &self,
        context: &mut Context<'_>,
        binary: Binary,
        left: &[f32],
        right: &[f32],
        to: &mut [f32],
    ) {
        let kernels = context.kernels;
        if binary == Binary::Mul && self.is_repeated() {
            context.rows(self.length, left, to, &|left, to| kernels.scale(left, right, to));
            return;
        }
        for (row, to) in to.chunks_exact_mut(self.length).enumerate() {
            let (left, right) = self.inputs(row, left, right);
            match (self.is_row, binary.swapped()) {
                ([_, true], _) if left.len() == right.len() => {
                    kernels.binary(binary, left, right, to);
                }
                ([false, true], Some(swapped)) => {
                    kernels.binary_with_number(swapped, right, left[0], to);
                }
                ([false, true], None) => {
                    to.fill(left[0]);
                    let left = left[0];
                    for (to, &right) in to.iter_mut().zip(right) {
                        *to = if left >= 0.0 { left } else { left * right };
                    }
                }
                _ => kernels.binary_with_number(binary, left, right[0], to),
            }
        }
    }
}

fn reduce(
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
    let is_reduced = |axis: usize| axes.contains(&axis);
    // Rows that end at a dimension that is kept go into rows of the result.
    let kept = (0..dims.len()).rev().take_while(|&axis| !is_reduced(axis)).count();
    let outer = dims.len() - kept;
    let length: usize = dims[outer..].iter().product();
    // Those that lie one behind the other in front of them are summed up together.
    let run = (0..outer).rev().take_while(|&axis| is_reduced(axis)).count();
    let outer = outer - run;
    let count: usize = dims[outer..outer + run].iter().product();
    for (row, from) in from.chunks_exact(count * length).enumerate() {
        let (mut rest, mut place, mut stride) = (row, 0, 1);
        for axis in (0..outer).rev() {
            let index = rest % dims[axis];
            rest /= dims[axis];
            if !is_reduced(axis) {
                place += index * stride;
                stride *= dims[axis];
            }
        }
        let to = &mut to[place * length..][..length];
        if matches!(reduction, Reduction::Mean | Reduction::Sum) {
            let rows = Rows { length, stride: length, count };
            kernels.accumulate(rows, false, from, to);
        } else {
            for from in from.chunks_exact(length) {
                for (to, &from) in to.iter_mut().zip(from) {
                    *to = apply(*to, from);
                }
            }
        }
    }
    if reduction == Reduction::Mean {
        let count = from.len() / to.len();
        to.iter_mut().for_each(|value| *value /= count as f32);
    }
}

fn softmax(beta: f32, length: usize, from: &[f32], to: &mut [f32]) {
    for (from, to) in from.chunks_exact(length).zip(to.chunks_exact_mut(length)) {
        let most = from.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut sum = 0.0;
        for (to, &from) in to.iter_mut().zip(from) {
            *to = ((from - most) * beta).exp();
            sum += *to;
        }
        to.iter_mut().for_each(|value| *value /= sum);
    }
}

/// The length below which TensorFlow Lite takes a vector for one of this length.
const LEAST_LENGTH: f32 = 1e-6;

fn normalize(kernels: &Kernels, length: usize, from: &[f32], to: &mut [f32]) {
    for (from, to) in from.chunks_exact(length).zip(to.chunks_exact_mut(length)) {
        let squares: f32 = from.iter().map(|value| value * value).sum();
        let divisor = squares.sqrt().max(LEAST_LENGTH);
        kernels.binary_with_number(Binary::Div, from, divisor, to);
    }
}

fn resize(
    [batch, height, width, channels]: [usize; 4],
    rows: &Interpolation,
    columns: &Interpolation,
    from: &[f32],
    to: &mut [f32],
) {
    let mut targets = to.chunks_exact_mut(channels);
    for picture in 0..batch {
        let pixel = |row: usize, column: usize| {
            &from[((picture * height + row) * width + column) * channels..][..channels]
        };
        for &(upper, lower, down) in &rows.taps {
            for &(left, right, across) in &columns.taps {
                let Some(to) = targets.next() else { return };
                let corners = [
                    pixel(upper, left),
                    pixel(upper, right),
                    pixel(lower, left),
                    pixel(lower, right),
                ];
                let weights = [
                    (1.0 - down) * (1.0 - across),
                    (1.0 - down) * across,
                    down * (1.0 - across),
                    down * across,
                ];
                for (channel, to) in to.iter_mut().enumerate() {
                    *to = corners[0][channel] * weights[0]
                        + corners[1][channel] * weights[1]
                        + corners[2][channel] * weights[2]
                        + corners[3][channel] * weights[3];
                }
            }
        }
    }
}

fn move_elements<const N: usize>(remap: &Remap, from: &[u8], to: &mut [u8]) {
    let (from, to) = (from.as_chunks::<N>().0, to.as_chunks_mut::<N>().0);
    let mut filling = [0; N];
    filling.copy_from_slice(&remap.filling[..N]);
    let (outer, inner) = match remap.places.split_last() {
        Some((inner, outer)) => (outer, inner.as_slice()),
        None => (&[][..], &[0][..]),
    };
    // Elements side by side are moved together.
    let is_run =
        inner.iter().enumerate().all(|(index, &place)| place == inner[0].wrapping_add(index));
    let is_run = is_run && inner[0] != OUTSIDE;
    for (row, to) in to.chunks_exact_mut(inner.len()).enumerate() {
        let (mut rest, mut start) = (row, Some(0));
        for places in outer.iter().rev() {
            let place = places[rest % places.len()];
            rest /= places.len();
            start = start.filter(|_| place != OUTSIDE).map(|start: usize| start + place);
        }
        match start {
            None => to.fill(filling),
            Some(start) if is_run => to.copy_from_slice(&from[start + inner[0]..][..to.len()]),
            Some(start) => {
                for (to, &place) in to.iter_mut().zip(inner) {
                    *to = if place == OUTSIDE { filling } else { from[start + place] };
                }
            }
        }
    }
}

fn quantize(kernels: &Kernels, from: &[f32], operand: &Operand, to: &mut [u8]) {
    let Some(scale) = operand.value.scale else { return };
    if operand.value.element == Element::I16 {
        let to: &mut [i16] = bytemuck::cast_slice_mut(to);
        for (to, &value) in to.iter_mut().zip(from) {
            *to = ((value / scale.scale).round() + scale.zero_point as f32) as i16;
        }
        return;
    }
    kernels.quantize(from, operand.is_signed(), scale.zero_point, scale.scale, to);
}

fn dequantize(kernels: &Kernels, operand: &Operand, from: &[u8], to: &mut [f32]) {
    let Some(scale) = operand.value.scale else { return };
    if operand.value.element == Element::I16 {
        // Those of a constant need not lie where integers of 16 bits do.
        for (to, &value) in to.iter_mut().zip(from.as_chunks().0) {
            *to = (i32::from(i16::from_ne_bytes(value)) - scale.zero_point) as f32 * scale.scale;
        }
        return;
    }
    kernels.dequantize(from, operand.is_signed(), scale.zero_point, scale.scale, to);
}

/// Numbers of any kind to numbers of any kind: integers wrap around, floats are cut off behind the point and at the bounds.
fn cast(from_element: Element, from: &[u8], to_element: Element, to: &mut [u8]) {
    let (from_size, to_size) = (from_element.size(), to_element.size());
    for (from, to) in from.chunks_exact(from_size).zip(to.chunks_exact_mut(to_size)) {
        let mut bytes = [0; 8];
        bytes[..from_size].copy_from_slice(from);
        let float = f32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let integer = match from_element {
            Element::F32 => float as i64,
            Element::I8 => i64::from(bytes[0] as i8),
            Element::U8 => bytes[0].into(),
            Element::Bool => (bytes[0] != 0).into(),
            Element::I16 => i16::from_ne_bytes([bytes[0], bytes[1]]).into(),
            Element::I32 => i32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]).into(),
            Element::I64 => i64::from_ne_bytes(bytes),
        };
        match to_element {
            Element::F32 => {
                let float = if from_element == Element::F32 { float } else { integer as f32 };
                to.copy_from_slice(&float.to_ne_bytes());
            }
            Element::I8 | Element::U8 => to[0] = integer as u8,
            Element::Bool => {
                to[0] =
                    if from_element == Element::F32 { float != 0.0 } else { integer != 0 }.into();
            }
            Element::I16 => to.copy_from_slice(&(integer as i16).to_ne_bytes()),
            Element::I32 => to.copy_from_slice(&(integer as i32).to_ne_bytes()),
            Element::I64 => to.copy_from_slice(&integer.to_ne_bytes()),
        }
    }
}
