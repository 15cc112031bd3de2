//! Operators that work along dimensions: reductions, ARG_MAX, CUMSUM, SOFTMAX, L2_NORMALIZATION.

use lookalike_schema::tflite::{Activation, BuiltinOptionsRef, TensorType};

use super::{Kind, Operator, REAL, activation, axis};
use crate::error::{Error, Result};
use crate::op::{Op, Reduction};

pub(super) fn reduce(op: &mut Operator<'_, '_>, reduction: Reduction) -> Result<Op> {
    reduce_to(op, reduction, None)
}

/// The product, which converters take of shape.
pub(super) fn product_of(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity(2..=2, 1)?;
    let input = op.input(0)?;
    let integers =
        op.known_integers(input).filter(|_| op.dims(input).is_ok_and(|dims| dims.len() == 1));
    let product = integers.and_then(|integers| {
        integers.iter().try_fold(1i64, |product, &integer| product.checked_mul(integer))
    });
    reduce_to(op, Reduction::Product, product.map(|product| vec![product]))
}

/// Reduces to a value of which the integers may be known.
fn reduce_to(
    op: &mut Operator<'_, '_>,
    reduction: Reduction,
    integers: Option<Vec<i64>>,
) -> Result<Op> {
    op.arity(2..=2, 1)?;
    let input = op.input(0)?;
    op.alike(&[input, op.output()], &[Kind::Float, Kind::Quantized, Kind::Integer])?;
    let dims = op.dims(input)?;
    if dims.contains(&0) {
        return Err(Error::invalid("there is nothing to reduce"));
    }
    let axes = op.integers(op.input(1)?)?;
    let axes: Vec<usize> =
        axes.into_iter().map(|stated| axis(stated, dims.len())).collect::<Result<_>>()?;
    let keeps_dims =
        matches!(op.options, BuiltinOptionsRef::ReducerOptions(options) if options.keep_dims());
    op.work(&[op.count(input)?])?;
    op.scratch(&[op.count(input)?, size_of::<i64>()]);
    let reduced = dims.iter().enumerate().filter_map(|(axis, &size)| {
        match (axes.contains(&axis), keeps_dims) {
            (false, _) => Some(size),
            (true, true) => Some(1),
            (true, false) => None,
        }
    });
    // Without an axis the values are left as they are.
    let integers = integers.filter(|_| !axes.is_empty());
    op.define_integers(reduced.collect(), integers)?;
    Ok(Op::Reduce { reduction, axes, keeps_dims })
}

/// The one dimension that a list states.
fn stated_axis(op: &Operator<'_, '_>, list: usize, rank: usize) -> Result<usize> {
    op.require(list, &[Kind::Integer])?;
    match op.integers(list)?.as_slice() {
        &[stated] => axis(stated, rank),
        other => Err(Error::invalid(format!("{other:?} is not one dimension"))),
    }
}

pub(super) fn arg_max(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity(2..=2, 1)?;
    let BuiltinOptionsRef::ArgMaxOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let (input, output) = (op.input(0)?, op.output());
    op.require(input, REAL)?;
    if op.element_type(input) == TensorType::INT16 {
        return Err(op.wrong_type(input));
    }
    op.require(output, &[Kind::Integer])?;
    if options.output_type() != op.element_type(output) {
        return Err(op.wrong_type(output));
    }
    let mut dims = op.dims(input)?;
    let axis = stated_axis(op, op.input(1)?, dims.len())?;
    dims.remove(axis);
    op.work(&[op.count(input)?])?;
    op.define(dims)?;
    Ok(Op::ArgMax { axis })
}

pub(super) fn cumsum(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity(2..=2, 1)?;
    let BuiltinOptionsRef::CumsumOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let input = op.input(0)?;
    op.alike(&[input, op.output()], &[Kind::Float])?;
    let dims = op.dims(input)?;
    let axis = stated_axis(op, op.input(1)?, dims.len())?;
    op.define(dims)?;
    Ok(Op::CumSum { axis, is_exclusive: options.exclusive(), is_reversed: options.reverse() })
}

/// The least that a difference of logits of bytes must count for in the arithmetic of the reference: it multiplies with at least 1,
/// in units of 2⁻²⁶.
const LEAST_STEP: f64 = 1.0 / (1 << 26) as f64;

pub(super) fn softmax(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity(1..=1, 1)?;
    let BuiltinOptionsRef::SoftmaxOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let (input, output) = (op.input(0)?, op.output());
    op.alike(&[input, output], REAL)?;
    let dims = op.dims(input)?;
    if !(1..=4).contains(&dims.len()) {
        return Err(Error::invalid(format!("it takes 1 to 4 dimensions, not {dims:?}")));
    }
    let beta = options.beta();
    if !beta.is_finite() {
        return Err(Error::invalid(format!("its factor is {beta}")));
    }
    if op.kind(input) == Kind::Quantized {
        let step = f64::from(beta) * f64::from(op.scale(input).unwrap_or_default());
        if step <= LEAST_STEP {
            return Err(Error::invalid(format!(
                "a step of its input counts for {step}, and must for more than {LEAST_STEP}"
            )));
        }
    }
    op.define(dims)?;
    Ok(Op::Softmax { beta })
}

pub(super) fn l2_normalization(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity(1..=1, 1)?;
    let activation = activation(match op.options {
        BuiltinOptionsRef::L2NormOptions(options) => options.fused_activation_function(),
        _ => Activation::NONE,
    })?;
    let input = op.input(0)?;
    op.alike(&[input, op.output()], REAL)?;
    let dims = op.dims(input)?;
    if !(1..=4).contains(&dims.len()) {
        return Err(Error::invalid(format!("it takes 1 to 4 dimensions, not {dims:?}")));
    }
    op.define(dims)?;
    Ok(Op::L2Normalization { activation })
}
