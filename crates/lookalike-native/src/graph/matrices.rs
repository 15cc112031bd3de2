//! Operators that multiply matrices.

use lookalike_core::Result;
use lookalike_schema::tflite::BuiltinOptionsRef;

use super::layout::{remap, strides};
use super::read::{Builder, Operator};
use super::windows::{Geometry, convolve};
use super::{Op, Side, ValueId, Window2};

pub(super) fn fully_connected(graph: &mut Builder<'_>, op: &Operator<'_>) -> Result<()> {
    let BuiltinOptionsRef::FullyConnectedOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let (input, weights) = (op.input(0)?, op.input(1)?);
    let of_weights = graph.dims(weights)?;
    let (outputs, depth) = (of_weights[0], of_weights[1]);
    let rows = graph.dims(input)?.iter().product::<usize>() / depth;
    let activation = options.fused_activation_function();
    if graph.constant_floats(weights)?.is_some() {
        // The rows are the pixels of an image.
        let pixel = Side { input: 1, output: 1, size: 1, stride: 1, dilation: 1, before: 0 };
        let pixels = Side { input: rows, output: rows, ..pixel };
        let window = Window2 { batch: 1, rows: pixel, columns: pixels, channels: depth };
        let geometry = Geometry { window, outputs, groups: 1, is_depthwise: false };
        return convolve(graph, op, geometry, activation);
    }
    let (left, right) = (graph.floats(input)?, graph.floats(weights)?);
    let right = transposed(graph, right, &of_weights);
    let product = Op::MatMul { pairs: vec![(0, 0)], rows, depth, columns: outputs };
    let dims = graph.dims(op.output())?;
    let mut result = graph.float_node(product, vec![left, right], dims.clone());
    if let Some(bias) = op.optional_input(2) {
        let bias = graph.floats(bias)?;
        let add = Op::Binary(crate::kernels::elementwise::Binary::Add);
        result = graph.float_node(add, vec![result, bias], dims);
    }
    let result = graph.activated(activation, result)?;
    graph.define(op.output(), result)
}

/// A value whose last two dimensions have changed places.
fn transposed(graph: &mut Builder<'_>, value: ValueId, dims: &[usize]) -> ValueId {
    let rank = dims.len();
    let mut order: Vec<usize> = (0..rank).collect();
    order.swap(rank - 1, rank - 2);
    let strides = strides(dims);
    let places = |&axis: &usize| (0..dims[axis]).map(|index| index * strides[axis]).collect();
    let places = order.iter().map(places).collect();
    let dims = order.iter().map(|&axis| dims[axis]).collect();
    remap(graph, value, places, dims)
}

pub(super) fn batch_matmul(graph: &mut Builder<'_>, op: &Operator<'_>) -> Result<()> {
    let (turns_left, turns_right) = match op.options {
        BuiltinOptionsRef::BatchMatMulOptions(options) => (options.adj_x(), options.adj_y()),
        _ => (false, false),
    };
    let mut operand = |place: usize, turns: bool| -> Result<(ValueId, Vec<usize>)> {
        let tensor = op.input(place)?;
        let (value, mut dims) = (graph.floats(tensor)?, graph.dims(tensor)?);
        if !turns {
            return Ok((value, dims));
        }
        let value = transposed(graph, value, &dims);
        let rank = dims.len();
        dims.swap(rank - 1, rank - 2);
        Ok((value, dims))
    };
    let ((left, left_dims), (right, right_dims)) =
        (operand(0, turns_left)?, operand(1, turns_right)?);
    let dims = graph.dims(op.output())?;
    let outer = &dims[..dims.len() - 2];
    let (rows, columns) = (dims[dims.len() - 2], dims[dims.len() - 1]);
    let depth = left_dims[left_dims.len() - 1];
    let count = outer.iter().product();
    graph.spend_places(count)?;
    let pairs = (0..count)
        .map(|index| {
            let place = |dims: &[usize]| broadcast_place(index, outer, &dims[..dims.len() - 2]);
            (place(&left_dims), place(&right_dims))
        })
        .collect();
    let product = Op::MatMul { pairs, rows, depth, columns };
    let result = graph.float_node(product, vec![left, right], dims.clone());
    graph.define(op.output(), result)
}

/// Which element of an operand of smaller shape goes with an element of the result.
fn broadcast_place(index: usize, result: &[usize], operand: &[usize]) -> usize {
    let missing = result.len() - operand.len();
    let (of_result, of_operand) = (strides(result), strides(operand));
    (0..operand.len())
        .filter(|&axis| operand[axis] > 1)
        .map(|axis| index / of_result[axis + missing] % result[axis + missing] * of_operand[axis])
        .sum()
}
