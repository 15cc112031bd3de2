//! Operators that multiply with weights or look at windows.

use lookalike_core::{Error, Result};
use lookalike_graph::{Activation, Conv2d, Node, TensorId, Window2d};

use super::activate;
use crate::constant::parameters;
use crate::graph::{Graph, Layout};
use crate::proto::Attribute;

/// The attributes of a window.
fn window_attributes(window: &Window2d) -> Vec<(&'static str, Attribute)> {
    let Window2d { rows, columns } = window;
    let ints =
        |values: &[usize]| Attribute::Ints(values.iter().map(|&value| value as i64).collect());
    vec![
        ("kernel_shape", ints(&[rows.size, columns.size])),
        ("strides", ints(&[rows.stride, columns.stride])),
        ("pads", ints(&[rows.before, columns.before, rows.after, columns.after])),
    ]
}

pub(super) fn conv(graph: &mut Graph<'_>, node: &Node, conv: &Conv2d) -> Result<()> {
    let filter = graph.float(node.input(1), Layout::ChannelsFirst)?;
    convolve(graph, node, conv, &filter)
}

pub(super) fn depthwise_conv(graph: &mut Graph<'_>, node: &Node, conv: &Conv2d) -> Result<()> {
    let weights = node.input(1);
    // For each channel of the result: one channel of the input, rows, columns.
    const ORDER: [usize; 4] = [3, 0, 1, 2];
    let filter = match graph.constant(weights)?.map(|constant| constant.transposed(&ORDER)) {
        Some(filter) => graph.dequantized(&filter)?,
        None => {
            let filter = graph.float(weights, Layout::Plain)?;
            let order = Attribute::Ints(ORDER.map(|axis| axis as i64).to_vec());
            graph.node("Transpose", &[&filter], vec![("perm", order)])
        }
    };
    convolve(graph, node, conv, &filter)
}

/// Convolves with weights in the order of ONNX.
fn convolve(graph: &mut Graph<'_>, node: &Node, conv: &Conv2d, filter: &str) -> Result<()> {
    let mut attributes = window_attributes(&conv.window);
    let Window2d { rows, columns } = &conv.window;
    let dilations = vec![rows.dilation as i64, columns.dilation as i64];
    attributes.push(("dilations", Attribute::Ints(dilations)));
    attributes.push(("group", Attribute::Int(conv.groups as i64)));
    let value = graph.float(node.input(0), Layout::ChannelsFirst)?;
    let bias = bias(graph, node, conv.outputs)?;
    let inputs: Vec<&str> =
        [Some(value.as_str()), Some(filter), bias.as_deref()].into_iter().flatten().collect();
    let result = graph.node("Conv", &inputs, attributes);
    let result = activate(graph, node.output(), conv.activation, result)?;
    graph.define(node.output(), Layout::ChannelsFirst, result)
}

/// The third input of an operator with weights. Integers stand for multiples of the product of the input's scale and
/// the weights'.
fn bias(graph: &mut Graph<'_>, node: &Node, outputs: usize) -> Result<Option<String>> {
    let Some(bias) = node.optional_input(2) else { return Ok(None) };
    let Some(integers) = graph.known_ints(bias)? else {
        return Ok(Some(graph.reshaped_float(bias, &[outputs])?));
    };
    let scales = |tensor: usize| {
        graph.quantization(tensor).map(|quantization| parameters(quantization).0.to_vec())
    };
    match (scales(node.input(0)).as_deref(), scales(node.input(1)), integers.ints()) {
        (Some(&[input]), Some(weights), Some(integers))
            if weights.len() == 1 || weights.len() == outputs =>
        {
            let scale: Vec<f32> = weights.iter().map(|weight| input * weight).collect();
            graph.bias(integers, &scale).map(Some)
        }
        _ => {
            Err(Error::invalid_argument("its bias is of integers, and its operands have no scales"))
        }
    }
}

/// Padding counts neither for the mean nor for the maximum.
pub(super) fn pool(
    graph: &mut Graph<'_>,
    node: &Node,
    operator: &str,
    window: &Window2d,
    activation: Activation,
) -> Result<()> {
    let value = graph.float(node.input(0), Layout::ChannelsFirst)?;
    let result = graph.node(operator, &[&value], window_attributes(window));
    let result = activate(graph, node.output(), activation, result)?;
    graph.define(node.output(), Layout::ChannelsFirst, result)
}

pub(super) fn fully_connected(
    graph: &mut Graph<'_>,
    node: &Node,
    activation: Activation,
) -> Result<()> {
    let (input, weights, output) = (node.input(0), node.input(1), node.output());
    let (outputs, depth) = (graph.dims(weights)[0], graph.dims(weights)[1]);
    let dims = graph.dims(output);
    let rows = dims.iter().product::<usize>() / outputs;
    let value = graph.reshaped_float(input, &[rows, depth])?;
    let matrix = graph.float(weights, Layout::Plain)?;
    let bias = bias(graph, node, outputs)?;
    let inputs: Vec<&str> = [Some(value.as_str()), Some(matrix.as_str()), bias.as_deref()]
        .into_iter()
        .flatten()
        .collect();
    let result = graph.node("Gemm", &inputs, vec![("transB", Attribute::Int(1))]);
    let result = activate(graph, output, activation, result)?;
    let mut result = graph.quantized(output, result)?;
    if dims.len() != 2 {
        result = graph.reshape(&result, dims)?;
    }
    graph.define_stored(output, Layout::Plain, result);
    Ok(())
}

pub(super) fn batch_matmul(
    graph: &mut Graph<'_>,
    node: &Node,
    transposes_left: bool,
    transposes_right: bool,
) -> Result<()> {
    let left = matrices(graph, node.input(0), transposes_left)?;
    let right = matrices(graph, node.input(1), transposes_right)?;
    let result = graph.node("MatMul", &[&left, &right], vec![]);
    graph.define(node.output(), Layout::Plain, result)
}

/// An input of a matrix product.
fn matrices(graph: &mut Graph<'_>, tensor: TensorId, transposes: bool) -> Result<String> {
    let rank = graph.dims(tensor).len();
    let value = graph.float(tensor, Layout::Plain)?;
    if !transposes {
        return Ok(value);
    }
    let mut order: Vec<i64> = (0..rank as i64).collect();
    order.swap(rank - 1, rank - 2);
    Ok(graph.node("Transpose", &[&value], vec![("perm", Attribute::Ints(order))]))
}
