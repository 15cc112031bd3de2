//! Operators that take value by value.

use lookalike_schema::tflite::{self, BuiltinOptionsRef, TensorType};

use super::{ANY, Kind, Operator, REAL, activation};
use crate::error::{Error, Result};
use crate::op::{Activation, Binary, Comparison, Logical, Op, Unary};

/// Sizes of a result whose inputs have these: the smaller one is repeated.
pub(super) fn broadcast(left: &[usize], right: &[usize]) -> Result<Vec<usize>> {
    let rank = left.len().max(right.len());
    let size = |dims: &[usize], axis: usize| {
        (axis + dims.len()).checked_sub(rank).map_or(1, |axis| dims[axis])
    };
    (0..rank)
        .map(|axis| match (size(left, axis), size(right, axis)) {
            (left, right) if left == right || right == 1 => Ok(left),
            (1, right) => Ok(right),
            _ => Err(Error::invalid(format!("{left:?} and {right:?} do not go together"))),
        })
        .collect()
}

/// From the values of an input to as many of the same type.
fn map(op: &mut Operator<'_, '_>, kinds: &[Kind]) -> Result<()> {
    op.arity(1..=1, 1)?;
    let input = op.input(0)?;
    op.alike(&[input, op.output()], kinds)?;
    let dims = op.dims(input)?;
    op.define(dims)
}

pub(super) fn unary(op: &mut Operator<'_, '_>, function: Unary) -> Result<Op> {
    map(op, REAL)?;
    Ok(Op::Unary(function))
}

/// Functions that engines have for integers, too.
pub(super) fn signed(op: &mut Operator<'_, '_>, function: Unary) -> Result<Op> {
    map(op, &[Kind::Float, Kind::Quantized, Kind::Integer])?;
    Ok(Op::Unary(function))
}

pub(super) fn relu(op: &mut Operator<'_, '_>, activation: Activation) -> Result<Op> {
    map(op, REAL)?;
    Ok(Op::Activation(activation))
}

pub(super) fn log_softmax(op: &mut Operator<'_, '_>) -> Result<Op> {
    map(op, REAL)?;
    Ok(Op::LogSoftmax)
}

pub(super) fn gelu(op: &mut Operator<'_, '_>) -> Result<Op> {
    let is_approximate = match op.options {
        BuiltinOptionsRef::GeluOptions(options) => options.approximate(),
        _ => false,
    };
    unary(op, Unary::Gelu { is_approximate })
}

pub(super) fn leaky_relu(op: &mut Operator<'_, '_>) -> Result<Op> {
    let BuiltinOptionsRef::LeakyReluOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let slope = options.alpha();
    if !slope.is_finite() {
        return Err(Error::invalid(format!("its slope is {slope}")));
    }
    unary(op, Unary::LeakyRelu { slope })
}

/// Numbers of any kind to numbers of any kind.
pub(super) fn cast(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity(1..=1, 1)?;
    let (input, output) = (op.input(0)?, op.output());
    const NUMBERS: &[Kind] =
        &[Kind::Float, Kind::Quantized, Kind::Plain, Kind::Integer, Kind::Bool];
    op.require(input, NUMBERS)?;
    op.require(output, NUMBERS)?;
    let integers = op.known_integers(input).filter(|_| op.kind(output) == Kind::Integer);
    let dims = op.dims(input)?;
    op.define_integers(dims, integers)?;
    Ok(Op::Cast)
}

/// To floats.
pub(super) fn dequantize(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity(1..=1, 1)?;
    let input = op.input(0)?;
    op.require(input, &[Kind::Quantized, Kind::PerChannel, Kind::Half])?;
    op.require(op.output(), &[Kind::Float])?;
    let dims = op.dims(input)?;
    op.define(dims)?;
    Ok(Op::Dequantize)
}

/// To integers with a scale, from floats or from others.
pub(super) fn quantize(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity(1..=1, 1)?;
    let input = op.input(0)?;
    op.require(input, REAL)?;
    op.require(op.output(), &[Kind::Quantized])?;
    let dims = op.dims(input)?;
    op.define(dims)?;
    Ok(Op::Quantize)
}

/// The shape of the result of two inputs.
fn broadcast_dims(op: &Operator<'_, '_>) -> Result<Vec<usize>> {
    broadcast(&op.dims(op.input(0)?)?, &op.dims(op.input(1)?)?)
}

fn two_alike(op: &Operator<'_, '_>, kinds: &[Kind]) -> Result<()> {
    op.arity(2..=2, 1)?;
    op.alike(&[op.input(0)?, op.input(1)?, op.output()], kinds)
}

/// Functions of reals that have no meaning for integers here.
pub(super) fn binary(op: &mut Operator<'_, '_>, function: Binary) -> Result<Op> {
    combine(op, function, REAL)
}

/// Functions of any numbers.
pub(super) fn numeric(op: &mut Operator<'_, '_>, function: Binary) -> Result<Op> {
    combine(op, function, &[Kind::Float, Kind::Quantized, Kind::Integer])
}

fn combine(op: &mut Operator<'_, '_>, function: Binary, kinds: &[Kind]) -> Result<Op> {
    two_alike(op, kinds)?;
    let dims = broadcast_dims(op)?;
    op.define(dims)?;
    Ok(Op::Binary { function, activation: Activation::None })
}

pub(super) fn prelu(op: &mut Operator<'_, '_>) -> Result<Op> {
    two_alike(op, REAL)?;
    let dims = broadcast_dims(op)?;
    if dims != op.dims(op.input(0)?)? {
        return Err(Error::invalid("it has more slopes than values"));
    }
    op.define(dims)?;
    Ok(Op::Binary { function: Binary::Prelu, activation: Activation::None })
}

pub(super) fn add(op: &mut Operator<'_, '_>) -> Result<Op> {
    check_sum(op)?;
    arithmetic(op, Binary::Add, i64::checked_add)
}

pub(super) fn sub(op: &mut Operator<'_, '_>) -> Result<Op> {
    check_sum(op)?;
    arithmetic(op, Binary::Sub, i64::checked_sub)
}

/// Differences of integers are squared in the scale of twice the larger input, with 7 bits behind the point.
pub(super) fn squared_difference(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity(2..=2, 1)?;
    let (left, right, output) = (op.input(0)?, op.input(1)?, op.output());
    if let (Some(left), Some(right), Some(result), Kind::Quantized) =
        (op.scale(left), op.scale(right), op.scale(output), op.kind(output))
        && (2.0 * f64::from(left.max(right))).powi(2) >= f64::from(result) * f64::from(1 << 14)
    {
        return Err(Error::invalid(format!(
            "its operands have the scales {left} and {right}, which are too large for that of its result, {result}"
        )));
    }
    numeric(op, Binary::SquaredDifference)
}

/// Sums of integers are taken in the scale of twice the larger input, with these bits behind the point; the reference ends the
/// process where a step of the result is finer.
fn check_sum(op: &Operator<'_, '_>) -> Result<()> {
    op.arity(2..=2, 1)?;
    let (left, right, output) = (op.input(0)?, op.input(1)?, op.output());
    let (Some(left), Some(right), Some(result), Kind::Quantized) =
        (op.scale(left), op.scale(right), op.scale(output), op.kind(output))
    else {
        return Ok(());
    };
    let bits = if op.element_type(output) == TensorType::INT16 { 15 } else { 20 };
    if 2.0 * f64::from(left.max(right)) < f64::from(result) * f64::from(1 << bits) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "its operands have the scales {left} and {right}, which are too large for that of its result, {result}"
    )))
}

pub(super) fn mul(op: &mut Operator<'_, '_>) -> Result<Op> {
    arithmetic(op, Binary::Mul, i64::checked_mul)
}

pub(super) fn div(op: &mut Operator<'_, '_>) -> Result<Op> {
    check_divisor(op)?;
    arithmetic(op, Binary::Div, i64::checked_div)
}

/// The quotient rounded down.
pub(super) fn floor_div(op: &mut Operator<'_, '_>) -> Result<Op> {
    check_divisor(op)?;
    arithmetic(op, Binary::FloorDiv, |left, right| {
        let quotient = left.checked_div(right)?;
        let is_above = left % right != 0 && (left < 0) != (right < 0);
        Some(if is_above { quotient - 1 } else { quotient })
    })
}

/// The remainder with the sign of the divisor; engines have it for integers.
pub(super) fn floor_mod(op: &mut Operator<'_, '_>) -> Result<Op> {
    check_divisor(op)?;
    arithmetic(op, Binary::FloorMod, |left, right| {
        let rest = left.checked_rem(right)?;
        Some(if rest != 0 && (rest < 0) != (right < 0) { rest + right } else { rest })
    })
}

/// Integers must be divided by constants: a division by 0, or of the least integer by -1, ends the process in some engines.
fn check_divisor(op: &Operator<'_, '_>) -> Result<()> {
    op.arity(2..=2, 1)?;
    let divisor = op.input(1)?;
    if op.kind(divisor) != Kind::Integer {
        return Ok(());
    }
    match op.long_integers(divisor)?.iter().find(|&&divisor| divisor == 0 || divisor == -1) {
        Some(wrong) => Err(Error::invalid(format!("it divides integers by {wrong}"))),
        None => Ok(()),
    }
}

fn arithmetic(
    op: &mut Operator<'_, '_>,
    function: Binary,
    apply: fn(i64, i64) -> Option<i64>,
) -> Result<Op> {
    two_alike(op, &[Kind::Float, Kind::Quantized, Kind::Integer])?;
    let activation = activation(match op.options {
        BuiltinOptionsRef::AddOptions(options) => options.fused_activation_function(),
        BuiltinOptionsRef::SubOptions(options) => options.fused_activation_function(),
        BuiltinOptionsRef::MulOptions(options) => options.fused_activation_function(),
        BuiltinOptionsRef::DivOptions(options) => options.fused_activation_function(),
        _ => tflite::Activation::NONE,
    })?;
    let dims = broadcast_dims(op)?;
    let integers = if activation == Activation::None { computed(op, &dims, apply)? } else { None };
    op.define_integers(dims, integers)?;
    Ok(Op::Binary { function, activation })
}

/// The integers of the result, of inputs of equal shape or with one number on a side.
fn computed(
    op: &Operator<'_, '_>,
    dims: &[usize],
    apply: fn(i64, i64) -> Option<i64>,
) -> Result<Option<Vec<i64>>> {
    let (Some(left), Some(right)) =
        (op.known_integers(op.input(0)?), op.known_integers(op.input(1)?))
    else {
        return Ok(None);
    };
    let count: usize = dims.iter().product();
    if ![&left, &right].iter().all(|input| input.len() == count || input.len() == 1) {
        return Ok(None);
    }
    let pick = |input: &[i64], index: usize| input[if input.len() == 1 { 0 } else { index }];
    let results: Option<Vec<i64>> =
        (0..count).map(|index| apply(pick(&left, index), pick(&right, index))).collect();
    results.map(Some).ok_or_else(|| Error::invalid("its integers overflow"))
}

/// Whether two numbers stand in a relation.
pub(super) fn comparison(op: &mut Operator<'_, '_>, comparison: Comparison) -> Result<Op> {
    op.arity(2..=2, 1)?;
    // The reference ends the process where it compares integers of scales of 1 and above.
    op.alike(&[op.input(0)?, op.input(1)?], &[Kind::Float, Kind::Integer])?;
    op.require(op.output(), &[Kind::Bool])?;
    let dims = broadcast_dims(op)?;
    op.define(dims)?;
    Ok(Op::Comparison(comparison))
}

pub(super) fn logical(op: &mut Operator<'_, '_>, function: Logical) -> Result<Op> {
    two_alike(op, &[Kind::Bool])?;
    let dims = broadcast_dims(op)?;
    op.define(dims)?;
    Ok(Op::Logical(function))
}

pub(super) fn logical_not(op: &mut Operator<'_, '_>) -> Result<Op> {
    map(op, &[Kind::Bool])?;
    Ok(Op::Logical(Logical::Not))
}

/// SELECT_V2: three inputs that are broadcast.
pub(super) fn select_v2(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity(3..=3, 1)?;
    let (condition, yes, no) = (op.input(0)?, op.input(1)?, op.input(2)?);
    op.require(condition, &[Kind::Bool])?;
    op.alike(&[yes, no, op.output()], ANY)?;
    let dims = broadcast(&op.dims(yes)?, &op.dims(no)?)?;
    let dims = broadcast(&op.dims(condition)?, &dims)?;
    op.define(dims)?;
    Ok(Op::Select)
}

/// SELECT: values of one shape, and a condition of that shape, or of one number where there is one row.
pub(super) fn select(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity(3..=3, 1)?;
    let (condition, yes, no) =
        (op.dims(op.input(0)?)?, op.dims(op.input(1)?)?, op.dims(op.input(2)?)?);
    if yes != no {
        return Err(Error::invalid(format!("{yes:?} and {no:?} do not go together")));
    }
    let is_single = condition.is_empty() || condition == [1] && yes.first() == Some(&1);
    if condition != yes && !is_single {
        return Err(Error::unsupported("its condition has another shape than its values"));
    }
    select_v2(op)
}

/// Sizes of a value as 32- or 64-bit integers.
pub(super) fn shape(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity(1..=1, 1)?;
    let output = op.output();
    op.require(output, &[Kind::Integer])?;
    let declared = match op.options {
        BuiltinOptionsRef::ShapeOptions(options) => options.out_type(),
        _ => TensorType::FLOAT32,
    };
    if declared != op.element_type(output) {
        return Err(Error::invalid(format!(
            "it says that its result is of {declared}, and `{}` is of {}",
            op.name(output),
            op.element_type(output)
        )));
    }
    let dims = op.dims(op.input(0)?)?;
    let sizes = dims.iter().map(|&size| size as i64).collect();
    op.define_integers(vec![dims.len()], Some(sizes))?;
    Ok(Op::Shape)
}
