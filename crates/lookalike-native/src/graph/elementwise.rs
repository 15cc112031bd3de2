//! Operators that take value by value, or that sum values up.

use lookalike_core::shapes::axis;
use lookalike_core::{Error, Result};
use lookalike_schema::tflite::{Activation as Fused, BuiltinOptionsRef};

use super::read::{Builder, Operator};
use super::{Op, Reduction, Scale, Unary};
use crate::kernels::elementwise::{Activation, Binary};
use crate::quantized::{self, Quantized, QuantizedBinary, Requantization, requantization, table};

/// Adds a function of single values: of bytes as a table.
fn map(
    graph: &mut Builder<'_>,
    op: &Operator<'_>,
    function: Op,
    apply: impl Fn(f32) -> f32,
) -> Result<()> {
    if let Some((from, to)) = quantized_pair(graph, op)? {
        let steps =
            |steps: i32| (apply(from.scale.scale * steps as f32) / to.scale.scale).round() as i32;
        return look_up(graph, op, Op::Table(table(from, to, steps)));
    }
    let (input, output) = (op.input(0)?, op.output());
    let (floats, dims) = (graph.floats(input)?, graph.dims(output)?);
    let result = graph.float_node(function, vec![floats], dims);
    graph.define(output, result)
}

/// The only input and the output, where both have 8 bits and a scale.
fn quantized_pair(
    graph: &Builder<'_>,
    op: &Operator<'_>,
) -> Result<Option<(Quantized, Quantized)>> {
    Ok(graph.quantized(op.input(0)?)?.zip(graph.quantized(op.output())?))
}

/// Adds a look-up of each byte.
fn look_up(graph: &mut Builder<'_>, op: &Operator<'_>, function: Op) -> Result<()> {
    let (stored, declared) = (graph.stored(op.input(0)?)?, graph.declared(op.output())?);
    let value = graph.node(function, vec![stored], declared);
    graph.set(op.output(), value);
    Ok(())
}

pub(super) fn unary(graph: &mut Builder<'_>, op: &Operator<'_>, function: Unary) -> Result<()> {
    map(graph, op, Op::Unary(function), |value| function.apply(value))
}

pub(super) fn gelu(graph: &mut Builder<'_>, op: &Operator<'_>) -> Result<()> {
    let is_approximate = match op.options {
        BuiltinOptionsRef::GeluOptions(options) => options.approximate(),
        _ => false,
    };
    unary(graph, op, Unary::Gelu { is_approximate })
}

pub(super) fn leaky_relu(graph: &mut Builder<'_>, op: &Operator<'_>) -> Result<()> {
    let BuiltinOptionsRef::LeakyReluOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    unary(graph, op, Unary::LeakyRelu { slope: options.alpha() })
}

pub(super) fn activation(graph: &mut Builder<'_>, op: &Operator<'_>, which: Fused) -> Result<()> {
    let activation = Builder::fused(which)?;
    map(graph, op, Op::Activation(activation), |value| activation.apply(value))
}

pub(super) fn hard_swish(graph: &mut Builder<'_>, op: &Operator<'_>) -> Result<()> {
    if let Some((from, to)) = quantized_pair(graph, op)?
        && let Some(steps) = quantized::hard_swish(from.scale, to.scale)
    {
        return look_up(graph, op, Op::Table(table(from, to, steps)));
    }
    map(graph, op, Op::Activation(Activation::HardSwish), |value| {
        Activation::HardSwish.apply(value)
    })
}

pub(super) fn binary(graph: &mut Builder<'_>, op: &Operator<'_>, which: Binary) -> Result<()> {
    let activation = match op.options {
        BuiltinOptionsRef::AddOptions(options) => options.fused_activation_function(),
        BuiltinOptionsRef::SubOptions(options) => options.fused_activation_function(),
        BuiltinOptionsRef::MulOptions(options) => options.fused_activation_function(),
        BuiltinOptionsRef::DivOptions(options) => options.fused_activation_function(),
        _ => Fused::NONE,
    };
    let output = op.output();
    if let Some(binary) = quantized_binary(graph, op, which, activation)? {
        let (left, right) = (graph.stored(op.input(0)?)?, graph.stored(op.input(1)?)?);
        let declared = graph.declared(output)?;
        let value = graph.node(Op::QuantizedBinary(binary), vec![left, right], declared);
        graph.set(output, value);
        return Ok(());
    }
    let dims = graph.dims(output)?;
    let (left, right) = (graph.floats(op.input(0)?)?, graph.floats(op.input(1)?)?);
    let value = |value: usize| &graph.graph.values[value];
    let number = match value(right).floats() {
        Some(&[number]) if value(left).dims == dims => Some(number),
        _ => None,
    };
    let affine = number.and_then(|number| match which {
        Binary::Mul => Some(Op::Affine { scale: number, shift: 0.0 }),
        Binary::Add => Some(Op::Affine { scale: 1.0, shift: -number }),
        Binary::Sub => Some(Op::Affine { scale: 1.0, shift: number }),
        _ => None,
    });
    let result = match affine {
        Some(affine) => graph.float_node(affine, vec![left], dims),
        None => graph.float_node(Op::Binary(which), vec![left, right], dims),
    };
    let result = graph.activated(activation, result)?;
    graph.define(output, result)
}

/// The operator in integers, where it has inputs and an output of 8 bits and there is such an arithmetic.
fn quantized_binary(
    graph: &Builder<'_>,
    op: &Operator<'_>,
    which: Binary,
    activation: Fused,
) -> Result<Option<QuantizedBinary>> {
    let inputs = graph.quantized(op.input(0)?)?.zip(graph.quantized(op.input(1)?)?);
    let (Some((left, right)), Some(output)) = (inputs, graph.quantized(op.output())?) else {
        return Ok(None);
    };
    if activation == Fused::TANH {
        return Ok(None);
    }
    let bounds = Builder::quantized_bounds(activation, output)?;
    let output = output.scale;
    Ok(match which {
        Binary::Add => QuantizedBinary::add([left, right], output, bounds, false),
        Binary::Sub => QuantizedBinary::add([left, right], output, bounds, true),
        Binary::Mul => QuantizedBinary::mul([left, right], output, bounds),
        _ => None,
    })
}

pub(super) fn reduce(
    graph: &mut Builder<'_>,
    op: &Operator<'_>,
    reduction: Reduction,
) -> Result<()> {
    let (input, output) = (op.input(0)?, op.output());
    let rank = graph.dims(input)?.len();
    let axes = graph.integers(op.input(1)?)?;
    let axes: Result<Vec<usize>> = axes.into_iter().map(|stated| axis(stated, rank)).collect();
    let (dims, floats) = (graph.dims(output)?, graph.floats(input)?);
    let op = Op::Reduce { reduction, axes: axes? };
    let result = graph.float_node(op, vec![floats], dims);
    graph.define(output, result)
}

pub(super) fn softmax(graph: &mut Builder<'_>, op: &Operator<'_>) -> Result<()> {
    let BuiltinOptionsRef::SoftmaxOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let (dims, floats) = (graph.dims(op.output())?, graph.floats(op.input(0)?)?);
    let result = graph.float_node(Op::Softmax { beta: options.beta() }, vec![floats], dims);
    graph.define(op.output(), result)
}

pub(super) fn l2_normalization(graph: &mut Builder<'_>, op: &Operator<'_>) -> Result<()> {
    let activation = match op.options {
        BuiltinOptionsRef::L2NormOptions(options) => options.fused_activation_function(),
        _ => Fused::NONE,
    };
    if let Some((from, to)) = quantized_pair(graph, op)?
        && from.is_signed == to.is_signed
        && to.scale
            == (Scale { scale: 1.0 / 128.0, zero_point: if to.is_signed { 0 } else { 128 } })
        && activation == Fused::NONE
    {
        let (stored, declared) = (graph.stored(op.input(0)?)?, graph.declared(op.output())?);
        let value = graph.node(Op::L2Normalization, vec![stored], declared);
        graph.set(op.output(), value);
        return Ok(());
    }
    let (dims, floats) = (graph.dims(op.output())?, graph.floats(op.input(0)?)?);
    let result = graph.float_node(Op::L2Normalization, vec![floats], dims);
    let result = graph.activated(activation, result)?;
    graph.define(op.output(), result)
}

pub(super) fn dequantize(graph: &mut Builder<'_>, op: &Operator<'_>) -> Result<()> {
    let floats = graph.floats(op.input(0)?)?;
    graph.set(op.output(), floats);
    Ok(())
}

pub(super) fn quantize(graph: &mut Builder<'_>, op: &Operator<'_>) -> Result<()> {
    if let Some((from, to)) = quantized_pair(graph, op)?
        && let Some(Requantization { table, tail }) = requantization(from, to)
    {
        let function = match tail {
            Some(tail) => Op::TableWithTail(table, tail),
            None => Op::Table(table),
        };
        return look_up(graph, op, function);
    }
    if graph.scale(op.input(0)?).is_some() {
        return map(graph, op, Op::Reshape, |value| value);
    }
    let floats = graph.floats(op.input(0)?)?;
    graph.define(op.output(), floats)
}

pub(super) fn cast(graph: &mut Builder<'_>, op: &Operator<'_>) -> Result<()> {
    let (stored, declared) = (graph.stored(op.input(0)?)?, graph.declared(op.output())?);
    let value = graph.node(Op::Cast, vec![stored], declared);
    graph.set(op.output(), value);
    Ok(())
}

/// Operators whose results follow from shapes and constants, or are not supported.
pub(super) fn known(_: &mut Builder<'_>, _: &Operator<'_>) -> Result<()> {
    Err(Error::unimplemented("its integers depend on the input, which `native` does not support"))
}

impl Unary {
    pub(crate) fn apply(self, x: f32) -> f32 {
        match self {
            Self::Abs => x.abs(),
            Self::Ceil => x.ceil(),
            Self::Cos => x.cos(),
            Self::Elu => {
                if x >= 0.0 {
                    x
                } else {
                    x.exp_m1()
                }
            }
            Self::Exp => x.exp(),
            Self::Floor => x.floor(),
            // Hendrycks and Gimpel, 2016, arXiv:1606.08415.
            Self::Gelu { is_approximate: true } => {
                let bent = (2.0 / std::f32::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
                0.5 * x * (1.0 + bent.tanh())
            }
            Self::Gelu { is_approximate: false } => {
                0.5 * x * (1.0 + libm::erff(x * std::f32::consts::FRAC_1_SQRT_2))
            }
            Self::LeakyRelu { slope } => {
                if x >= 0.0 {
                    x
                } else {
                    x * slope
                }
            }
            Self::Log => x.ln(),
            Self::Logistic => 1.0 / (1.0 + (-x).exp()),
            Self::Neg => -x,
            Self::Round => x.round_ties_even(),
            Self::Rsqrt => 1.0 / x.sqrt(),
            Self::Sin => x.sin(),
            Self::Sqrt => x.sqrt(),
            Self::Square => x * x,
            Self::Tanh => x.tanh(),
        }
    }
}
