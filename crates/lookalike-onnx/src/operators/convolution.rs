//! Operators that multiply with weights or look at windows.

use lookalike_core::shapes::Window;
use lookalike_core::{Error, Result};
use lookalike_schema::tflite::{Activation, BuiltinOptionsRef, Padding};

use super::{Op, activate};
use crate::constant::parameters;
use crate::graph::{Graph, Layout};
use crate::proto::Attribute;

/// How windows move, as ONNX wants to hear it.
fn slide(
    [height, width]: [usize; 2],
    rows: &Window,
    columns: &Window,
    padding: Padding,
) -> Result<Vec<(&'static str, Attribute)>> {
    let (vertical, horizontal) =
        (rows.positions(height, padding)?, columns.positions(width, padding)?);
    let ints = |values: &[i64]| Attribute::Ints(values.to_vec());
    let pads = [vertical.before, horizontal.before, vertical.after, horizontal.after];
    Ok(vec![
        ("kernel_shape", ints(&[rows.size as i64, columns.size as i64])),
        ("strides", ints(&[rows.stride.into(), columns.stride.into()])),
        ("pads", ints(&pads.map(|pad| pad as i64))),
    ])
}

pub(super) fn conv(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let BuiltinOptionsRef::Conv2DOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let weights = op.input(1)?;
    let [outputs, height, width, depth] = graph.picture(weights)?;
    let [.., channels] = graph.picture(op.input(0)?)?;
    let filter = graph.float(weights, Layout::ChannelsFirst)?;
    let rows =
        Window { size: height, stride: options.stride_h(), dilation: options.dilation_h_factor() };
    let columns =
        Window { size: width, stride: options.stride_w(), dilation: options.dilation_w_factor() };
    convolve(
        graph,
        op,
        Filter { name: filter, outputs, groups: channels / depth },
        &rows,
        &columns,
        options.padding(),
        options.fused_activation_function(),
    )
}

pub(super) fn depthwise_conv(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let BuiltinOptionsRef::DepthwiseConv2DOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let weights = op.input(1)?;
    let [_, height, width, outputs] = graph.picture(weights)?;
    let [.., channels] = graph.picture(op.input(0)?)?;
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
    let rows =
        Window { size: height, stride: options.stride_h(), dilation: options.dilation_h_factor() };
    let columns =
        Window { size: width, stride: options.stride_w(), dilation: options.dilation_w_factor() };
    convolve(
        graph,
        op,
        Filter { name: filter, outputs, groups: channels },
        &rows,
        &columns,
        options.padding(),
        options.fused_activation_function(),
    )
}

/// Weights in the order of ONNX.
struct Filter {
    name: String,
    outputs: usize,
    groups: usize,
}

fn convolve(
    graph: &mut Graph<'_>,
    op: &Op<'_>,
    filter: Filter,
    rows: &Window,
    columns: &Window,
    padding: Padding,
    activation: Activation,
) -> Result<()> {
    let (input, output) = (op.input(0)?, op.output()?);
    let [_, height, width, _] = graph.picture(input)?;
    let mut attributes = slide([height, width], rows, columns, padding)?;
    let dilations = vec![rows.dilation.into(), columns.dilation.into()];
    attributes.push(("dilations", Attribute::Ints(dilations)));
    attributes.push(("group", Attribute::Int(filter.groups as i64)));
    let value = graph.float(input, Layout::ChannelsFirst)?;
    let bias = bias(graph, op, filter.outputs)?;
    let operands: Vec<&str> = [Some(&value), Some(&filter.name), bias.as_ref()]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    let result = graph.node("Conv", &operands, attributes);
    let result = activate(graph, output, activation, result)?;
    graph.define(output, Layout::ChannelsFirst, result)
}

/// The third operand of an operator with weights. Integers stand for multiples of the product of the input's scale and
/// the weights'.
fn bias(graph: &mut Graph<'_>, op: &Op<'_>, outputs: usize) -> Result<Option<String>> {
    let Some(bias) = op.optional_input(2) else { return Ok(None) };
    let Some(integers) = graph.known_ints(bias)? else {
        return Ok(Some(graph.reshaped_float(bias, &[outputs])?));
    };
    let scales = |tensor: usize| {
        graph.quantization(tensor).map(|quantization| parameters(quantization).0.to_vec())
    };
    match (scales(op.input(0)?).as_deref(), scales(op.input(1)?), integers.ints()) {
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

pub(super) fn average_pool(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    pool(graph, op, "AveragePool")
}

pub(super) fn max_pool(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    pool(graph, op, "MaxPool")
}

/// Padding counts neither for the mean nor for the maximum.
fn pool(graph: &mut Graph<'_>, op: &Op<'_>, operator: &str) -> Result<()> {
    let BuiltinOptionsRef::Pool2DOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let window = |size: i32, stride: i32| Window {
        size: usize::try_from(size).unwrap_or_default(),
        stride,
        dilation: 1,
    };
    let (input, output) = (op.input(0)?, op.output()?);
    let [_, height, width, _] = graph.picture(input)?;
    let attributes = slide(
        [height, width],
        &window(options.filter_height(), options.stride_h()),
        &window(options.filter_width(), options.stride_w()),
        options.padding(),
    )?;
    let value = graph.float(input, Layout::ChannelsFirst)?;
    let result = graph.node(operator, &[&value], attributes);
    let result = activate(graph, output, options.fused_activation_function(), result)?;
    graph.define(output, Layout::ChannelsFirst, result)
}

pub(super) fn fully_connected(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let BuiltinOptionsRef::FullyConnectedOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let (input, weights, output) = (op.input(0)?, op.input(1)?, op.output()?);
    let &[outputs, depth] = graph.dims(weights)?.as_slice() else {
        return Err(Error::invalid_argument("its weights must have two dimensions"));
    };
    let dims = graph.dims(output)?;
    let rows = dims.iter().product::<usize>() / outputs;
    let value = graph.reshaped_float(input, &[rows, depth])?;
    let matrix = graph.float(weights, Layout::Plain)?;
    let bias = bias(graph, op, outputs)?;
    let operands: Vec<&str> = [Some(&value), Some(&matrix), bias.as_ref()]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    let result = graph.node("Gemm", &operands, vec![("transB", Attribute::Int(1))]);
    let result = activate(graph, output, options.fused_activation_function(), result)?;
    let mut result = graph.quantized(output, result)?;
    if dims.len() != 2 {
        result = graph.reshape(&result, &dims)?;
    }
    graph.define_stored(output, Layout::Plain, result);
    Ok(())
}

pub(super) fn batch_matmul(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let (transposes_left, transposes_right) = match op.options {
        BuiltinOptionsRef::BatchMatMulOptions(options) => (options.adj_x(), options.adj_y()),
        _ => (false, false),
    };
    let (left, right, output) = (op.input(0)?, op.input(1)?, op.output()?);
    let left = matrices(graph, left, transposes_left)?;
    let right = matrices(graph, right, transposes_right)?;
    let result = graph.node("MatMul", &[&left, &right], vec![]);
    graph.define(output, Layout::Plain, result)
}

/// An operand of a matrix product.
fn matrices(graph: &mut Graph<'_>, tensor: usize, is_transposed: bool) -> Result<String> {
    let rank = graph.dims(tensor)?.len();
    let value = graph.float(tensor, Layout::Plain)?;
    if !is_transposed || rank < 2 {
        return Ok(value);
    }
    let mut order: Vec<i64> = (0..rank as i64).collect();
    order.swap(rank - 1, rank - 2);
    Ok(graph.node("Transpose", &[&value], vec![("perm", Attribute::Ints(order))]))
}
