//! Operators that take value by value.

use lookalike_core::{Error, Result, TensorType};
use lookalike_schema::tflite::{Activation, BuiltinOptionsRef};

use super::{Op, activate};
use crate::constant::{Constant, Values};
use crate::graph::{Graph, element_code};
use crate::proto::Attribute;

/// Defines the result from the floats of the only input.
fn map(
    graph: &mut Graph<'_>,
    op: &Op<'_>,
    apply: impl FnOnce(&mut Graph<'_>, &str) -> Result<String>,
) -> Result<()> {
    let (input, output) = (op.input(0)?, op.output()?);
    let layout = graph.layout(input);
    let dims = graph.dims(input)?;
    let value = graph.float(input, layout)?;
    let result = apply(graph, &value)?;
    graph.define(output, layout, result, dims)
}

pub(super) fn unary(graph: &mut Graph<'_>, op: &Op<'_>, operator: &str) -> Result<()> {
    map(graph, op, |graph, value| Ok(graph.node(operator, &[value], vec![])))
}

pub(super) fn activation(graph: &mut Graph<'_>, op: &Op<'_>, activation: Activation) -> Result<()> {
    let output = op.output()?;
    map(graph, op, |graph, value| activate(graph, output, activation, value.to_owned()))
}

pub(super) fn hard_swish(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    map(graph, op, |graph, value| Ok(graph.node("HardSwish", &[value], vec![])))
}

pub(super) fn leaky_relu(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let BuiltinOptionsRef::LeakyReluOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let alpha = Attribute::Float(options.alpha());
    map(graph, op, |graph, value| Ok(graph.node("LeakyRelu", &[value], vec![("alpha", alpha)])))
}

pub(super) fn rsqrt(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    map(graph, op, |graph, value| {
        let root = graph.node("Sqrt", &[value], vec![]);
        Ok(graph.node("Reciprocal", &[&root], vec![]))
    })
}

pub(super) fn square(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    map(graph, op, |graph, value| Ok(graph.node("Mul", &[value, value], vec![])))
}

/// `x/2 (1 + erf(x/√2))`, or `x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))` where the model asks for the approximation
/// (Hendrycks and Gimpel, 2016, arXiv:1606.08415).
pub(super) fn gelu(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let is_approximate = match op.options {
        BuiltinOptionsRef::GeluOptions(options) => options.approximate(),
        _ => false,
    };
    map(graph, op, |graph, value| {
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

pub(super) fn prelu(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let alpha = op.input(1)?;
    let (input, output) = (op.input(0)?, op.output()?);
    let layout = graph.common_layout(&[input, alpha])?;
    let dims = graph.dims(input)?;
    let value = graph.float(input, layout)?;
    let slope = graph.float(alpha, layout)?;
    let result = graph.node("PRelu", &[&value, &slope], vec![]);
    graph.define(output, layout, result, dims)
}

pub(super) fn cast(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let (input, output) = (op.input(0)?, op.output()?);
    let to = graph.element_type(output);
    if let Some(known) = graph.known_ints(input)?
        && matches!(to, TensorType::INT32 | TensorType::INT64)
        && let Some(ints) = known.ints()
    {
        return graph.fold(output, Constant::ints_of(known.dims.clone(), ints.to_vec(), to));
    }
    let layout = graph.layout(input);
    let dims = graph.dims(input)?;
    let value = graph.stored(input, layout)?;
    let code = Attribute::Int(element_code(to)?.into());
    let result = graph.node("Cast", &[&value], vec![("to", code)]);
    graph.define_stored(output, layout, result, dims)
}

/// From integers, or from 16-bit floats, to floats. Constants become floats here.
pub(super) fn dequantize(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let (input, output) = (op.input(0)?, op.output()?);
    if let Some(constant) = graph.constant(input)? {
        let (dims, values) = (constant.dims.clone(), Values::F32(constant.floats()));
        return graph.fold(output, Constant { dims, values });
    }
    if graph.quantization(input).is_none() {
        return Err(Error::unimplemented("its input has no scale of its own, and is no constant"));
    }
    map(graph, op, |_, value| Ok(value.to_owned()))
}

/// To integers, or from some integers to others.
pub(super) fn quantize(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let (input, output) = (op.input(0)?, op.output()?);
    if graph.quantization(output).is_none() {
        return Err(Error::unimplemented("its result is not quantised to 8 bits"));
    }
    let is_quantized = graph.quantization(input).is_some();
    if !is_quantized || graph.element_type(input) == graph.element_type(output) {
        return map(graph, op, |_, value| Ok(value.to_owned()));
    }
    // tract confuses the two kinds of bytes where they follow each other: between them the values are taken in halves.
    map(graph, op, |graph, value| {
        let half = graph.number(0.5)?;
        let value = graph.node("Mul", &[value, &half], vec![]);
        Ok(graph.node("Add", &[&value, &value], vec![]))
    })
}

pub(super) fn add(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let activation = match op.options {
        BuiltinOptionsRef::AddOptions(options) => options.fused_activation_function(),
        _ => Activation::NONE,
    };
    arithmetic(graph, op, "Add", activation, i64::checked_add)
}

pub(super) fn sub(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let activation = match op.options {
        BuiltinOptionsRef::SubOptions(options) => options.fused_activation_function(),
        _ => Activation::NONE,
    };
    arithmetic(graph, op, "Sub", activation, i64::checked_sub)
}

pub(super) fn mul(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let activation = match op.options {
        BuiltinOptionsRef::MulOptions(options) => options.fused_activation_function(),
        _ => Activation::NONE,
    };
    arithmetic(graph, op, "Mul", activation, i64::checked_mul)
}

pub(super) fn div(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let activation = match op.options {
        BuiltinOptionsRef::DivOptions(options) => options.fused_activation_function(),
        _ => Activation::NONE,
    };
    arithmetic(graph, op, "Div", activation, i64::checked_div)
}

pub(super) fn floor_mod(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    // The sign of the result is the divisor's, as it is in ONNX for integers.
    let modulo = |left: i64, right: i64| {
        let rest = left.checked_rem(right)?;
        Some(if rest != 0 && (rest < 0) != (right < 0) { rest + right } else { rest })
    };
    if matches!(graph.element_type(op.output()?), TensorType::INT32 | TensorType::INT64) {
        return arithmetic(graph, op, "Mod", Activation::NONE, modulo);
    }
    Err(Error::unimplemented("it has a translation for integers only"))
}

/// An operator of two operands that has a meaning for known integers.
fn arithmetic(
    graph: &mut Graph<'_>,
    op: &Op<'_>,
    operator: &str,
    activation: Activation,
    known: fn(i64, i64) -> Option<i64>,
) -> Result<()> {
    if activation == Activation::NONE && fold(graph, op, known)? {
        return Ok(());
    }
    let output = op.output()?;
    combine(graph, op, |graph, left, right| {
        let result = graph.node(operator, &[left, right], vec![]);
        activate(graph, output, activation, result)
    })
}

pub(super) fn binary(graph: &mut Graph<'_>, op: &Op<'_>, operator: &str) -> Result<()> {
    combine(graph, op, |graph, left, right| Ok(graph.node(operator, &[left, right], vec![])))
}

pub(super) fn squared_difference(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    combine(graph, op, |graph, left, right| {
        let difference = graph.node("Sub", &[left, right], vec![]);
        Ok(graph.node("Mul", &[&difference, &difference], vec![]))
    })
}

/// Defines the result from the floats of two operands, of which the smaller one is repeated.
fn combine(
    graph: &mut Graph<'_>,
    op: &Op<'_>,
    apply: impl FnOnce(&mut Graph<'_>, &str, &str) -> Result<String>,
) -> Result<()> {
    let (left, right, output) = (op.input(0)?, op.input(1)?, op.output()?);
    let dims = broadcast(&graph.dims(left)?, &graph.dims(right)?)?;
    let layout = graph.common_layout(&[left, right])?;
    let (left, right) = (graph.float(left, layout)?, graph.float(right, layout)?);
    let result = apply(graph, &left, &right)?;
    graph.define(output, layout, result, dims)
}

/// Extents of a result whose operands have these.
pub(super) fn broadcast(left: &[usize], right: &[usize]) -> Result<Vec<usize>> {
    let rank = left.len().max(right.len());
    let extent = |dims: &[usize], axis: usize| {
        (axis + dims.len()).checked_sub(rank).map_or(1, |axis| dims[axis])
    };
    (0..rank)
        .map(|axis| match (extent(left, axis), extent(right, axis)) {
            (left, right) if left == right || right == 1 => Ok(left),
            (1, right) => Ok(right),
            _ => Err(Error::invalid_argument(format!("{left:?} and {right:?} do not go together"))),
        })
        .collect()
}

/// Computes with known integers of equal extents, or with one number on a side.
fn fold(graph: &mut Graph<'_>, op: &Op<'_>, apply: fn(i64, i64) -> Option<i64>) -> Result<bool> {
    let Some(left) = graph.known_ints(op.input(0)?)? else { return Ok(false) };
    let Some(right) = graph.known_ints(op.input(1)?)? else { return Ok(false) };
    let (Values::Int(lefts, element_type), Values::Int(rights, _)) = (&left.values, &right.values)
    else {
        return Ok(false);
    };
    let dims = broadcast(&left.dims, &right.dims)?;
    let count: usize = dims.iter().product();
    if ![lefts, rights].iter().all(|operand| operand.len() == count || operand.len() == 1) {
        return Ok(false);
    }
    let pick = |operand: &[i64], index: usize| operand[if operand.len() == 1 { 0 } else { index }];
    let results: Option<Vec<i64>> =
        (0..count).map(|index| apply(pick(lefts, index), pick(rights, index))).collect();
    let results = results.ok_or_else(|| Error::invalid_argument("its integers overflow"))?;
    graph.fold(op.output()?, Constant::ints_of(dims, results, *element_type))?;
    Ok(true)
}
