//! Operators that reduce dimensions.

use lookalike_core::Result;
use lookalike_graph::{Activation, Node};

use super::activate;
use crate::graph::{Graph, Layout};
use crate::proto::Attribute;

pub(super) fn mean(
    graph: &mut Graph<'_>,
    node: &Node,
    axes: &[usize],
    keeps_dims: bool,
) -> Result<()> {
    let (input, output) = (node.input(0), node.output());
    let mut reduced = axes.to_vec();
    reduced.sort_unstable();
    reduced.dedup();
    if reduced == [1, 2] && graph.dims(input).len() == 4 {
        // Engines have an operator for the mean of a whole image, of integers too.
        let value = graph.float(input, Layout::ChannelsFirst)?;
        let mean = graph.node("GlobalAveragePool", &[&value], vec![]);
        let mean = graph.quantized(output, mean)?;
        if keeps_dims {
            graph.define_stored(output, Layout::ChannelsFirst, mean);
        } else {
            let mean = graph.reshape(&mean, graph.dims(output))?;
            graph.define_stored(output, Layout::Plain, mean);
        }
        return Ok(());
    }
    reduce(graph, node, "ReduceMean", &reduced, keeps_dims)
}

pub(super) fn reduce(
    graph: &mut Graph<'_>,
    node: &Node,
    operator: &str,
    axes: &[usize],
    keeps_dims: bool,
) -> Result<()> {
    let (input, output) = (node.input(0), node.output());
    let layout = if keeps_dims { graph.layout(input) } else { Layout::Plain };
    let value = graph.float(input, layout)?;
    let positions: Vec<i64> = axes.iter().map(|&axis| layout.axis(axis) as i64).collect();
    let keep = ("keepdims", Attribute::Int(keeps_dims.into()));
    let result = if axes.is_empty() {
        // To ONNX no axes are all axes.
        value
    } else if operator == "ReduceSum" {
        let positions = graph.list(&positions)?;
        graph.node(operator, &[&value, &positions], vec![keep])
    } else {
        graph.node(operator, &[&value], vec![("axes", Attribute::Ints(positions)), keep])
    };
    graph.define(output, layout, result)
}

/// `exp(beta x)`, divided by its sum along the last dimension.
pub(super) fn softmax(graph: &mut Graph<'_>, node: &Node, beta: f32) -> Result<()> {
    let (input, output) = (node.input(0), node.output());
    let mut value = graph.float(input, Layout::Plain)?;
    if beta != 1.0 {
        let beta = graph.number(beta)?;
        value = graph.node("Mul", &[&value, &beta], vec![]);
    }
    let result = if graph.quantization(input).is_none() {
        graph.node("Softmax", &[&value], vec![("axis", Attribute::Int(-1))])
    } else {
        // tract takes ONNX's operator for one that goes value by value where it lies between integers, and makes a table of it.
        let (axes, keep) = (Attribute::Ints(vec![-1]), Attribute::Int(1));
        let max = graph.node("ReduceMax", &[&value], vec![("axes", axes), ("keepdims", keep)]);
        let value = graph.node("Sub", &[&value, &max], vec![]);
        let powers = graph.node("Exp", &[&value], vec![]);
        let axes = graph.list(&[-1])?;
        let keep = Attribute::Int(1);
        let sum = graph.node("ReduceSum", &[&powers, &axes], vec![("keepdims", keep)]);
        graph.node("Div", &[&powers, &sum], vec![])
    };
    graph.define(output, Layout::Plain, result)
}

/// The length below which TensorFlow Lite takes a vector for one of this length.
const MIN_LENGTH: f32 = 1e-6;

/// Divided by the Euclidean length along the last dimension.
pub(super) fn l2_normalization(
    graph: &mut Graph<'_>,
    node: &Node,
    activation: Activation,
) -> Result<()> {
    let (input, output) = (node.input(0), node.output());
    let layout = graph.layout(input);
    let last = graph.dims(input).len() - 1;
    let value = graph.float(input, layout)?;
    let squares = graph.node("Mul", &[&value, &value], vec![]);
    let axes = graph.list(&[layout.axis(last) as i64])?;
    let sum = graph.node("ReduceSum", &[&squares, &axes], vec![("keepdims", Attribute::Int(1))]);
    let length = graph.node("Sqrt", &[&sum], vec![]);
    let min = graph.number(MIN_LENGTH)?;
    let length = graph.node("Max", &[&length, &min], vec![]);
    let result = graph.node("Div", &[&value, &length], vec![]);
    let result = activate(graph, output, activation, result)?;
    graph.define(output, layout, result)
}
