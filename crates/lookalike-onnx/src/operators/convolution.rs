//! Operators that multiply with weights or look at windows.

use lookalike_core::{Error, Result};
use lookalike_graph::{
    Activation, Conv2d, Node, TensorId, TransposeConv2d, TransposedSide, Window2d,
};

use super::dynamic::Rounding;
use super::{activate, dynamic};
use crate::constant::parameters;
use crate::graph::{Graph, Layout};
use crate::proto::Attribute;

/// The positions of input, weights and bias among the inputs of an operator.
#[derive(Clone, Copy)]
struct Inputs {
    input: usize,
    weights: usize,
    bias: usize,
}

/// Those of most operators.
const IN_ORDER: Inputs = Inputs { input: 0, weights: 1, bias: 2 };

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
    convolve(graph, node, conv, &filter, false)
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
    convolve(graph, node, conv, &filter, true)
}

/// Convolves with weights in the order of ONNX.
fn convolve(
    graph: &mut Graph<'_>,
    node: &Node,
    conv: &Conv2d,
    filter: &str,
    is_depthwise: bool,
) -> Result<()> {
    let mut attributes = window_attributes(&conv.window);
    let Window2d { rows, columns } = &conv.window;
    let dilations = vec![rows.dilation as i64, columns.dilation as i64];
    attributes.push(("dilations", Attribute::Ints(dilations)));
    attributes.push(("group", Attribute::Int(conv.groups as i64)));
    let mut value = graph.float(node.input(0), Layout::ChannelsFirst)?;
    if dynamic::is_dynamic(graph, node.input(0), node.input(1))? {
        // A pixel has a scale of its own where the window is one pixel, at each pixel once.
        let is_matrix = !is_depthwise
            && conv.groups == 1
            && [rows, columns].iter().all(|side| side.size == 1 && side.stride == 1);
        let axes: &[usize] = if is_matrix { &[3] } else { &[1, 2, 3] };
        let rounding = if is_depthwise { Rounding::HalfAway } else { Rounding::HalfEven };
        value = dynamic::rounded(graph, &value, axes, Layout::ChannelsFirst, rounding)?;
    }
    let bias = bias(graph, node, IN_ORDER, conv.outputs)?;
    let inputs: Vec<&str> =
        [Some(value.as_str()), Some(filter), bias.as_deref()].into_iter().flatten().collect();
    let result = graph.node("Conv", &inputs, attributes);
    let result = activate(graph, node.output(), conv.activation, result)?;
    graph.define(node.output(), Layout::ChannelsFirst, result)
}

/// The bias of an operator with weights. Integers stand for multiples of the product of the input's scale and
/// the weights'.
fn bias(
    graph: &mut Graph<'_>,
    node: &Node,
    inputs: Inputs,
    outputs: usize,
) -> Result<Option<String>> {
    let Some(bias) = node.optional_input(inputs.bias) else { return Ok(None) };
    let Some(integers) = graph.known_ints(bias)? else {
        return Ok(Some(graph.reshaped_float(bias, &[outputs])?));
    };
    let scales = |tensor: usize| {
        graph.quantization(tensor).map(|quantization| parameters(quantization).0.to_vec())
    };
    let (input, weights) = (node.input(inputs.input), node.input(inputs.weights));
    match (scales(input).as_deref(), scales(weights), integers.ints()) {
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

/// Pixels of the window's padding before and behind the output, and pixels that are added behind it.
fn transposed_padding(side: &TransposedSide) -> (usize, usize, usize) {
    let whole = (side.input - 1) * side.stride + side.size;
    match whole.checked_sub(side.before + side.output) {
        Some(after) => (side.before, after, 0),
        None => (side.before, 0, side.before + side.output - whole),
    }
}

pub(super) fn transpose_conv(
    graph: &mut Graph<'_>,
    node: &Node,
    conv: &TransposeConv2d,
) -> Result<()> {
    const INPUTS: Inputs = Inputs { input: 2, weights: 1, bias: 3 };
    let TransposeConv2d { rows, columns, activation } = conv;
    let weights = node.input(INPUTS.weights);
    // For each channel of the input: channels of the output, rows, columns.
    const ORDER: [usize; 4] = [3, 0, 1, 2];
    let filter = match graph.constant(weights)?.map(|constant| constant.transposed(&ORDER)) {
        Some(filter) => graph.dequantized(&filter)?,
        None => return Err(Error::unimplemented("its weights are computed")),
    };
    let ints =
        |values: &[usize]| Attribute::Ints(values.iter().map(|&value| value as i64).collect());
    let (top, bottom, more_rows) = transposed_padding(rows);
    let (left, right, more_columns) = transposed_padding(columns);
    let attributes = vec![
        ("kernel_shape", ints(&[rows.size, columns.size])),
        ("strides", ints(&[rows.stride, columns.stride])),
        ("pads", ints(&[top, left, bottom, right])),
        ("output_padding", ints(&[more_rows, more_columns])),
    ];
    let value = graph.float(node.input(INPUTS.input), Layout::ChannelsFirst)?;
    let outputs = graph.dims(node.output())[3];
    let bias = bias(graph, node, INPUTS, outputs)?;
    let inputs: Vec<&str> =
        [Some(value.as_str()), Some(&filter), bias.as_deref()].into_iter().flatten().collect();
    let result = graph.node("ConvTranspose", &inputs, attributes);
    let result = activate(graph, node.output(), *activation, result)?;
    graph.define(node.output(), Layout::ChannelsFirst, result)
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
    let mut value = graph.reshaped_float(input, &[rows, depth])?;
    if dynamic::is_dynamic(graph, input, weights)? {
        value = dynamic::rounded(graph, &value, &[1], Layout::Plain, Rounding::HalfEven)?;
    }
    let matrix = graph.float(weights, Layout::Plain)?;
    let bias = bias(graph, node, IN_ORDER, outputs)?;
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
