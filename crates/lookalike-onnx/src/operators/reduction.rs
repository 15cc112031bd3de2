//! Operators that sum up dimensions.

use lookalike_core::Result;
use lookalike_core::shapes::axis;
use lookalike_schema::tflite::{Activation, BuiltinOptionsRef};

use super::{Op, activate};
use crate::graph::{Graph, Layout};
use crate::proto::Attribute;

pub(super) fn mean(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let (input, output) = (op.input(0)?, op.output()?);
    let mut axes = axes(graph, op)?;
    axes.sort_unstable();
    axes.dedup();
    if axes == [1, 2] && graph.dims(input)?.len() == 4 {
        // Engines have an operator for the mean of a whole image, of integers too.
        let value = graph.float(input, Layout::ChannelsFirst)?;
        let mean = graph.node("GlobalAveragePool", &[&value], vec![]);
        let mean = graph.quantized(output, mean)?;
        if keeps_dims(op) {
            graph.define_stored(output, Layout::ChannelsFirst, mean);
        } else {
            let mean = graph.reshape(&mean, &graph.dims(output)?)?;
            graph.define_stored(output, Layout::Plain, mean);
        }
        return Ok(());
    }
    reduce(graph, op, "ReduceMean")
}

pub(super) fn reduce(graph: &mut Graph<'_>, op: &Op<'_>, operator: &str) -> Result<()> {
    let (input, output) = (op.input(0)?, op.output()?);
    let axes = axes(graph, op)?;
    let keeps_dims = keeps_dims(op);
    let layout = if keeps_dims { graph.layout(input) } else { Layout::Plain };
    let value = graph.float(input, layout)?;
    let places: Vec<i64> = axes.iter().map(|&axis| layout.axis(axis) as i64).collect();
    let keep = ("keepdims", Attribute::Int(keeps_dims.into()));
    let result = if axes.is_empty() {
        // To ONNX no axes are all axes.
        value
    } else if operator == "ReduceSum" {
        let places = graph.list(&places)?;
        graph.node(operator, &[&value, &places], vec![keep])
    } else {
        graph.node(operator, &[&value], vec![("axes", Attribute::Ints(places)), keep])
    };
    graph.define(output, layout, result)
}

fn axes(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<Vec<usize>> {
    let rank = graph.dims(op.input(0)?)?.len();
    graph.ints(op.input(1)?)?.into_iter().map(|stated| axis(stated, rank)).collect()
}

fn keeps_dims(op: &Op<'_>) -> bool {
    matches!(op.options, BuiltinOptionsRef::ReducerOptions(options) if options.keep_dims())
}

/// `exp(beta x)`, divided by its sum along the last dimension.
pub(super) fn softmax(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let BuiltinOptionsRef::SoftmaxOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let (input, output) = (op.input(0)?, op.output()?);
    let mut value = graph.float(input, Layout::Plain)?;
    if options.beta() != 1.0 {
        let beta = graph.number(options.beta())?;
        value = graph.node("Mul", &[&value, &beta], vec![]);
    }
    let result = if graph.quantization(input).is_none() {
        graph.node("Softmax", &[&value], vec![("axis", Attribute::Int(-1))])
    } else {
        // tract takes ONNX's operator for one that goes value by value where it lies between integers, and makes a table of it.
        let (axes, keep) = (Attribute::Ints(vec![-1]), Attribute::Int(1));
        let most = graph.node("ReduceMax", &[&value], vec![("axes", axes), ("keepdims", keep)]);
        let value = graph.node("Sub", &[&value, &most], vec![]);
        let powers = graph.node("Exp", &[&value], vec![]);
        let axes = graph.list(&[-1])?;
        let keep = Attribute::Int(1);
        let sum = graph.node("ReduceSum", &[&powers, &axes], vec![("keepdims", keep)]);
        graph.node("Div", &[&powers, &sum], vec![])
    };
    graph.define(output, Layout::Plain, result)
}

/// The length below which TensorFlow Lite takes a vector for one of this length.
const LEAST_LENGTH: f32 = 1e-6;

/// Divided by the Euclidean length along the last dimension.
pub(super) fn l2_normalization(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let activation = match op.options {
        BuiltinOptionsRef::L2NormOptions(options) => options.fused_activation_function(),
        _ => Activation::NONE,
    };
    let (input, output) = (op.input(0)?, op.output()?);
    let layout = graph.layout(input);
    let last = axis(-1, graph.dims(input)?.len())?;
    let value = graph.float(input, layout)?;
    let squares = graph.node("Mul", &[&value, &value], vec![]);
    let axes = graph.list(&[layout.axis(last) as i64])?;
    let sum = graph.node("ReduceSum", &[&squares, &axes], vec![("keepdims", Attribute::Int(1))]);
    let length = graph.node("Sqrt", &[&sum], vec![]);
    let least = graph.number(LEAST_LENGTH)?;
    let length = graph.node("Max", &[&length, &least], vec![]);
    let result = graph.node("Div", &[&value, &length], vec![]);
    let result = activate(graph, output, activation, result)?;
    graph.define(output, layout, result)
}
