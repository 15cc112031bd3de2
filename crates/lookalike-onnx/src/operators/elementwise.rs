//! Operators that take value by value.

use lookalike_core::{Error, Result, TensorType};
use lookalike_graph::{Activation, Node};

use super::activate;
use crate::constant::{Constant, Values};
use crate::graph::{Graph, element_code};
use crate::proto::Attribute;

/// Defines the result from the floats of the only input.
fn map(
    graph: &mut Graph<'_>,
    node: &Node,
    apply: impl FnOnce(&mut Graph<'_>, &str) -> Result<String>,
) -> Result<()> {
    let (input, output) = (node.input(0), node.output());
    let layout = graph.layout(input);
    let value = graph.float(input, layout)?;
    let result = apply(graph, &value)?;
    graph.define(output, layout, result)
}

pub(super) fn unary(graph: &mut Graph<'_>, node: &Node, operator: &str) -> Result<()> {
    map(graph, node, |graph, value| Ok(graph.node(operator, &[value], vec![])))
}

pub(super) fn activation(graph: &mut Graph<'_>, node: &Node, activation: Activation) -> Result<()> {
    let output = node.output();
    map(graph, node, |graph, value| activate(graph, output, activation, value.to_owned()))
}

pub(super) fn leaky_relu(graph: &mut Graph<'_>, node: &Node, slope: f32) -> Result<()> {
    let alpha = Attribute::Float(slope);
    map(graph, node, |graph, value| Ok(graph.node("LeakyRelu", &[value], vec![("alpha", alpha)])))
}

pub(super) fn rsqrt(graph: &mut Graph<'_>, node: &Node) -> Result<()> {
    map(graph, node, |graph, value| {
        let root = graph.node("Sqrt", &[value], vec![]);
        Ok(graph.node("Reciprocal", &[&root], vec![]))
    })
}

pub(super) fn square(graph: &mut Graph<'_>, node: &Node) -> Result<()> {
    map(graph, node, |graph, value| Ok(graph.node("Mul", &[value, value], vec![])))
}

/// `x/2 (1 + erf(x/√2))`, or `x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))` where the model asks for the approximation
/// (Hendrycks and Gimpel, 2016, arXiv:1606.08415).
pub(super) fn gelu(graph: &mut Graph<'_>, node: &Node, is_approximate: bool) -> Result<()> {
    map(graph, node, |graph, value| {
        let one = graph.number(1.0)?;
        let half = graph.number(0.5)?;
        let bent = if is_approximate {
            let cube_factor = graph.number(0.044_715)?;
            let factor = graph.number((2.0 / std::f32::consts::PI).sqrt())?;
            let square = graph.node("Mul", &[value, value], vec![]);
            let cube = graph.node("Mul", &[&square, value], vec![]);
            let cube = graph.node("Mul", &[&cube, &cube_factor], vec![]);
            let sum = graph.node("Add", &[value, &cube], vec![]);
            let scaled = graph.node("Mul", &[&sum, &factor], vec![]);
            graph.node("Tanh", &[&scaled], vec![])
        } else {
            let factor = graph.number(std::f32::consts::FRAC_1_SQRT_2)?;
            let scaled = graph.node("Mul", &[value, &factor], vec![]);
            graph.node("Erf", &[&scaled], vec![])
        };
        let gate = graph.node("Add", &[&bent, &one], vec![]);
        let product = graph.node("Mul", &[value, &gate], vec![]);
        Ok(graph.node("Mul", &[&product, &half], vec![]))
    })
}

pub(super) fn cast(graph: &mut Graph<'_>, node: &Node) -> Result<()> {
    let (input, output) = (node.input(0), node.output());
    let layout = graph.layout(input);
    let value = graph.stored(input, layout)?;
    let code = Attribute::Int(element_code(graph.element_type(output))?.into());
    let result = graph.node("Cast", &[&value], vec![("to", code)]);
    graph.define_stored(output, layout, result);
    Ok(())
}

/// From integers, or from 16-bit floats, to floats. Constants become floats here.
pub(super) fn dequantize(graph: &mut Graph<'_>, node: &Node) -> Result<()> {
    let (input, output) = (node.input(0), node.output());
    if let Some(constant) = graph.constant(input)? {
        let (dims, values) = (constant.dims.clone(), Values::F32(constant.floats()));
        return graph.fold(output, Constant { dims, values });
    }
    let is_half = graph.element_type(input) == TensorType::FLOAT16;
    if !is_half && graph.quantization(input).is_none() {
        return Err(Error::unimplemented("its input has no scale of its own, and is no constant"));
    }
    map(graph, node, |_, value| Ok(value.to_owned()))
}

/// To integers, or from some integers to others.
pub(super) fn quantize(graph: &mut Graph<'_>, node: &Node) -> Result<()> {
    let (input, output) = (node.input(0), node.output());
    if graph.quantization(output).is_none() {
        return Err(Error::unimplemented("its result is not quantized to 8 bits"));
    }
    let is_quantized = graph.quantization(input).is_some();
    if !is_quantized || graph.element_type(input) == graph.element_type(output) {
        return map(graph, node, |_, value| Ok(value.to_owned()));
    }
    // tract confuses the two kinds of bytes where they follow each other: between them the values are taken in halves.
    map(graph, node, |graph, value| {
        let half = graph.number(0.5)?;
        let value = graph.node("Mul", &[value, &half], vec![]);
        Ok(graph.node("Add", &[&value, &value], vec![]))
    })
}

pub(super) fn floor_mod(graph: &mut Graph<'_>, node: &Node) -> Result<()> {
    // The sign of the result is the divisor's, as it is in ONNX for integers.
    if matches!(graph.element_type(node.output()), TensorType::INT32 | TensorType::INT64) {
        return binary(graph, node, "Mod", Activation::None);
    }
    Err(Error::unimplemented("it has a translation for integers only"))
}

pub(super) fn binary(
    graph: &mut Graph<'_>,
    node: &Node,
    operator: &str,
    activation: Activation,
) -> Result<()> {
    combine(graph, node, |graph, left, right| {
        let result = graph.node(operator, &[left, right], vec![]);
        activate(graph, node.output(), activation, result)
    })
}

pub(super) fn squared_difference(graph: &mut Graph<'_>, node: &Node) -> Result<()> {
    combine(graph, node, |graph, left, right| {
        let difference = graph.node("Sub", &[left, right], vec![]);
        Ok(graph.node("Mul", &[&difference, &difference], vec![]))
    })
}

/// Defines the result from the floats of two inputs, of which the smaller one is repeated.
fn combine(
    graph: &mut Graph<'_>,
    node: &Node,
    apply: impl FnOnce(&mut Graph<'_>, &str, &str) -> Result<String>,
) -> Result<()> {
    let (left, right, output) = (node.input(0), node.input(1), node.output());
    let layout = graph.common_layout(&[left, right])?;
    let (left, right) = (graph.float(left, layout)?, graph.float(right, layout)?);
    let result = apply(graph, &left, &right)?;
    graph.define(output, layout, result)
}
