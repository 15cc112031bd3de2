//! Operators that take value by value.

use lookalike_schema::tflite::{Activation, BuiltinOptionsRef, TensorType};

use super::windows::check_activation;
use super::{Kind, Op, REAL};
use crate::error::{Error, Result};

/// Extents of a result whose operands have these: the smaller one is repeated.
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

/// From the values of an input to as many of the same type.
fn map(op: &mut Op<'_, '_>, kinds: &[Kind]) -> Result<()> {
    op.arity(1..=1, 1)?;
    let input = op.input(0)?;
    op.alike(&[input, op.output()], kinds)?;
    let dims = op.dims(input)?;
    op.define(dims)
}

pub(super) fn unary(op: &mut Op<'_, '_>) -> Result<()> {
    map(op, REAL)
}

pub(super) fn signed(op: &mut Op<'_, '_>) -> Result<()> {
    map(op, &[Kind::Float, Kind::Quantized, Kind::Integer])
}

pub(super) fn leaky_relu(op: &mut Op<'_, '_>) -> Result<()> {
    let BuiltinOptionsRef::LeakyReluOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    if !options.alpha().is_finite() {
        return Err(Error::invalid_argument(format!("its slope is {}", options.alpha())));
    }
    map(op, REAL)
}

/// Numbers of any kind to numbers of any kind.
pub(super) fn cast(op: &mut Op<'_, '_>) -> Result<()> {
    op.arity(1..=1, 1)?;
    let (input, output) = (op.input(0)?, op.output());
    const NUMBERS: &[Kind] =
        &[Kind::Float, Kind::Quantized, Kind::Plain, Kind::Integer, Kind::Bool];
    op.require(input, NUMBERS)?;
    op.require(output, NUMBERS)?;
    let integers = op.known_integers(input).filter(|_| op.kind(output) == Kind::Integer);
    let dims = op.dims(input)?;
    op.define_integers(dims, integers)
}

/// To floats.
pub(super) fn dequantize(op: &mut Op<'_, '_>) -> Result<()> {
    op.arity(1..=1, 1)?;
    let input = op.input(0)?;
    op.require(input, &[Kind::Quantized, Kind::Sliced, Kind::Half])?;
    op.require(op.output(), &[Kind::Float])?;
    let dims = op.dims(input)?;
    op.define(dims)
}

/// To integers with a scale, from floats or from others.
pub(super) fn quantize(op: &mut Op<'_, '_>) -> Result<()> {
    op.arity(1..=1, 1)?;
    let input = op.input(0)?;
    op.require(input, REAL)?;
    op.require(op.output(), &[Kind::Quantized])?;
    let dims = op.dims(input)?;
    op.define(dims)
}

/// Most dimensions along which engines repeat the smaller operand.
const LARGEST_RANK: usize = 4;

/// Extents of the result of two operands.
fn meet(op: &Op<'_, '_>) -> Result<Vec<usize>> {
    let (left, right) = (op.dims(op.input(0)?)?, op.dims(op.input(1)?)?);
    let dims = broadcast(&left, &right)?;
    if left != right && dims.len() > LARGEST_RANK {
        return Err(Error::invalid_argument(format!(
            "{left:?} and {right:?} must be repeated along more than {LARGEST_RANK} dimensions"
        )));
    }
    Ok(dims)
}

fn two_alike(op: &Op<'_, '_>, kinds: &[Kind]) -> Result<()> {
    op.arity(2..=2, 1)?;
    op.alike(&[op.input(0)?, op.input(1)?, op.output()], kinds)
}

/// Operators of reals that have no meaning for integers here.
pub(super) fn binary(op: &mut Op<'_, '_>) -> Result<()> {
    two_alike(op, REAL)?;
    let dims = meet(op)?;
    op.define(dims)
}

/// Operators of any numbers.
pub(super) fn numeric(op: &mut Op<'_, '_>) -> Result<()> {
    two_alike(op, &[Kind::Float, Kind::Quantized, Kind::Integer])?;
    let dims = meet(op)?;
    op.define(dims)
}

pub(super) fn prelu(op: &mut Op<'_, '_>) -> Result<()> {
    two_alike(op, REAL)?;
    let dims = meet(op)?;
    if dims != op.dims(op.input(0)?)? {
        return Err(Error::invalid_argument("it has more slopes than values"));
    }
    op.define(dims)
}

fn activation(op: &Op<'_, '_>) -> Activation {
    match op.options {
        BuiltinOptionsRef::AddOptions(options) => options.fused_activation_function(),
        BuiltinOptionsRef::SubOptions(options) => options.fused_activation_function(),
        BuiltinOptionsRef::MulOptions(options) => options.fused_activation_function(),
        BuiltinOptionsRef::DivOptions(options) => options.fused_activation_function(),
        _ => Activation::NONE,
    }
}

pub(super) fn add(op: &mut Op<'_, '_>) -> Result<()> {
    check_sum(op)?;
    arithmetic(op, i64::checked_add)
}

pub(super) fn sub(op: &mut Op<'_, '_>) -> Result<()> {
    check_sum(op)?;
    arithmetic(op, i64::checked_sub)
}

/// Differences of integers are squared in the scale of twice the larger operand, with 7 bits behind the point.
pub(super) fn squared_difference(op: &mut Op<'_, '_>) -> Result<()> {
    op.arity(2..=2, 1)?;
    let (left, right, output) = (op.input(0)?, op.input(1)?, op.output());
    if let (Some(left), Some(right), Some(result), Kind::Quantized) =
        (op.scale(left), op.scale(right), op.scale(output), op.kind(output))
        && (2.0 * f64::from(left.max(right))).powi(2) >= f64::from(result) * f64::from(1 << 14)
    {
        return Err(Error::invalid_argument(format!(
            "its operands have the scales {left} and {right}, which are too large for that of its result, {result}"
        )));
    }
    numeric(op)
}

/// Sums of integers are taken in the scale of twice the larger operand, with these bits behind the point; the reference ends the
/// process where a step of the result is finer.
fn check_sum(op: &Op<'_, '_>) -> Result<()> {
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
    Err(Error::invalid_argument(format!(
        "its operands have the scales {left} and {right}, which are too large for that of its result, {result}"
    )))
}

pub(super) fn mul(op: &mut Op<'_, '_>) -> Result<()> {
    arithmetic(op, i64::checked_mul)
}

pub(super) fn div(op: &mut Op<'_, '_>) -> Result<()> {
    check_divisor(op)?;
    arithmetic(op, i64::checked_div)
}

/// The quotient rounded down.
pub(super) fn floor_div(op: &mut Op<'_, '_>) -> Result<()> {
    check_divisor(op)?;
    arithmetic(op, |left, right| {
        let quotient = left.checked_div(right)?;
        let is_above = left % right != 0 && (left < 0) != (right < 0);
        Some(if is_above { quotient - 1 } else { quotient })
    })
}

/// The remainder with the sign of the divisor; engines have it for integers.
pub(super) fn floor_mod(op: &mut Op<'_, '_>) -> Result<()> {
    check_divisor(op)?;
    arithmetic(op, |left, right| {
        let rest = left.checked_rem(right)?;
        Some(if rest != 0 && (rest < 0) != (right < 0) { rest + right } else { rest })
    })
}

/// Integers must be divided by constants: a division by 0, or of the least integer by -1, ends the process in some engines.
fn check_divisor(op: &Op<'_, '_>) -> Result<()> {
    op.arity(2..=2, 1)?;
    let divisor = op.input(1)?;
    if op.kind(divisor) != Kind::Integer {
        return Ok(());
    }
    match op.long_integers(divisor)?.iter().find(|&&divisor| divisor == 0 || divisor == -1) {
        Some(wrong) => Err(Error::invalid_argument(format!("it divides integers by {wrong}"))),
        None => Ok(()),
    }
}

fn arithmetic(op: &mut Op<'_, '_>, apply: fn(i64, i64) -> Option<i64>) -> Result<()> {
    two_alike(op, &[Kind::Float, Kind::Quantized, Kind::Integer])?;
    check_activation(activation(op))?;
    let dims = meet(op)?;
    let integers = computed(op, &dims, apply)?;
    op.define_integers(dims, integers)
}

/// The integers of the result, of operands of equal shape or with one number on a side.
fn computed(
    op: &Op<'_, '_>,
    dims: &[usize],
    apply: fn(i64, i64) -> Option<i64>,
) -> Result<Option<Vec<i64>>> {
    if activation(op) != Activation::NONE {
        return Ok(None);
    }
    let (Some(left), Some(right)) =
        (op.known_integers(op.input(0)?), op.known_integers(op.input(1)?))
    else {
        return Ok(None);
    };
    let count: usize = dims.iter().product();
    if ![&left, &right].iter().all(|operand| operand.len() == count || operand.len() == 1) {
        return Ok(None);
    }
    let pick = |operand: &[i64], index: usize| operand[if operand.len() == 1 { 0 } else { index }];
    let results: Option<Vec<i64>> =
        (0..count).map(|index| apply(pick(&left, index), pick(&right, index))).collect();
    results.map(Some).ok_or_else(|| Error::invalid_argument("its integers overflow"))
}

/// Operators that tell of two numbers whether they stand in a relation.
pub(super) fn comparison(op: &mut Op<'_, '_>) -> Result<()> {
    op.arity(2..=2, 1)?;
    // The reference ends the process where it compares integers of scales of 1 and above.
    op.alike(&[op.input(0)?, op.input(1)?], &[Kind::Float, Kind::Integer])?;
    op.require(op.output(), &[Kind::Bool])?;
    let dims = meet(op)?;
    op.define(dims)
}

pub(super) fn logical(op: &mut Op<'_, '_>) -> Result<()> {
    two_alike(op, &[Kind::Bool])?;
    let dims = meet(op)?;
    op.define(dims)
}

pub(super) fn logical_not(op: &mut Op<'_, '_>) -> Result<()> {
    map(op, &[Kind::Bool])
}

/// Extents of a value as 32- or 64-bit integers.
pub(super) fn shape(op: &mut Op<'_, '_>) -> Result<()> {
    op.arity(1..=1, 1)?;
    let output = op.output();
    op.require(output, &[Kind::Integer])?;
    let declared = match op.options {
        BuiltinOptionsRef::ShapeOptions(options) => options.out_type(),
        _ => TensorType::FLOAT32,
    };
    if declared != op.element_type(output) {
        return Err(Error::invalid_argument(format!(
            "it says that its result is of {declared}, and `{}` is of {}",
            op.name(output),
            op.element_type(output)
        )));
    }
    let dims = op.dims(op.input(0)?)?;
    let extents = dims.iter().map(|&extent| extent as i64).collect();
    op.define_integers(vec![dims.len()], Some(extents))
}
