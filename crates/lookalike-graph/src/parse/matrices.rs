//! Operators that multiply matrices, and what all operators with weights have in common.

use lookalike_schema::tflite::{BuiltinOptionsRef, TensorType};

use super::elementwise::broadcast;
use super::{Kind, Operator, REAL, activation};
use crate::error::{Error, Result};
use crate::op::Op;

/// Weights as an operator has them: how many results they make, and along which dimension.
pub(super) struct Weights {
    pub(super) outputs: usize,
    pub(super) axis: i32,
    /// Positions of the input, the weights and the bias among the operator's inputs.
    pub(super) positions: [usize; 3],
}

impl Weights {
    /// Those of an operator with its input first, then weights and bias.
    pub(super) fn new(outputs: usize, axis: i32) -> Self {
        Self { outputs, axis, positions: [0, 1, 2] }
    }
}

/// Checks types, scales and shape of input, weights, bias and result.
///
/// Floats go with weights of floats, or of bytes that stand for them; bytes with bytes and a bias of 32 bits; 16 bits with signed
/// bytes and a bias of 32 or 64 bits. Only signed weights have a scale for each result.
pub(super) fn check_weights(op: &Operator<'_, '_>, weights: Weights) -> Result<()> {
    use TensorType as Type;
    let [input, filter, bias] = weights.positions;
    let (input, filter, output) = (op.input(input)?, op.input(filter)?, op.output());
    op.alike(&[input, output], REAL)?;
    op.require(filter, &[Kind::Float, Kind::Quantized, Kind::PerChannel])?;
    let fits = matches!(
        (op.element_type(input), op.element_type(filter)),
        (Type::FLOAT32, Type::FLOAT32 | Type::INT8 | Type::UINT8)
            | (Type::UINT8, Type::UINT8)
            | (Type::INT8 | Type::INT16, Type::INT8)
    );
    if !fits {
        return Err(op.wrong_type(filter));
    }
    if op.kind(filter) == Kind::PerChannel {
        let quantization = op.inference.tensor(filter).quantization.as_ref();
        let (slices, axis) =
            quantization.map_or((0, 0), |found| (found.scale.len(), found.dimension));
        if axis != weights.axis || slices != weights.outputs {
            return Err(Error::invalid(format!(
                "its weights have {slices} scales along dimension {axis}, and make {} results along {}",
                weights.outputs, weights.axis
            )));
        }
    }
    let Some(bias) = op.optional_input(bias) else { return Ok(()) };
    let fits = matches!(
        (op.element_type(input), op.element_type(bias)),
        (Type::FLOAT32, Type::FLOAT32)
            | (Type::UINT8 | Type::INT8 | Type::INT16, Type::INT32)
            | (Type::INT16, Type::INT64)
    );
    if !fits {
        return Err(op.wrong_type(bias));
    }
    if op.count(bias)? != weights.outputs {
        return Err(Error::invalid(format!(
            "its bias has {:?} values for {}",
            op.dims(bias)?,
            weights.outputs
        )));
    }
    Ok(())
}

pub(super) fn fully_connected(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity_with_bias()?;
    let BuiltinOptionsRef::FullyConnectedOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    if options.weights_format() != 0 {
        return Err(Error::unsupported("its weights are shuffled, which is not supported"));
    }
    let activation = activation(options.fused_activation_function())?;
    let (input, weights) = (op.input(0)?, op.input(1)?);
    let mut dims = op.dims(input)?;
    let &[outputs, depth] = op.dims(weights)?.as_slice() else {
        return Err(Error::invalid("its weights must have two dimensions"));
    };
    check_weights(op, Weights::new(outputs, 0))?;
    let count = op.count(input)?;
    if depth == 0 || !count.is_multiple_of(depth) {
        return Err(Error::invalid(format!(
            "its weights are for {depth} values, and its input has {dims:?}"
        )));
    }
    op.work(&[count, outputs])?;
    if options.keep_num_dims() && dims.len() != 2 {
        match dims.last_mut() {
            Some(last) if *last == depth => *last = outputs,
            _ => return Err(Error::invalid("its input does not end in its weights' depth")),
        }
    } else {
        dims = vec![count / depth, outputs];
    }
    op.define(dims)?;
    Ok(Op::FullyConnected { activation })
}

pub(super) fn batch_matmul(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity(2..=2, 1)?;
    let (transposes_left, transposes_right) = match op.options {
        BuiltinOptionsRef::BatchMatMulOptions(options) => (options.adj_x(), options.adj_y()),
        _ => (false, false),
    };
    let (left, right) = (op.input(0)?, op.input(1)?);
    op.alike(&[left, op.output()], REAL)?;
    op.alike(&[left, right], REAL)?;
    let matrices = |tensor: usize, swaps: bool| -> Result<Vec<usize>> {
        let mut dims = op.dims(tensor)?;
        let rank = dims.len();
        if rank < 2 {
            return Err(Error::invalid(format!("its operands are no matrices: one has {dims:?}")));
        }
        if swaps {
            dims.swap(rank - 1, rank - 2);
        }
        Ok(dims)
    };
    let (left_dims, right_dims) =
        (matrices(left, transposes_left)?, matrices(right, transposes_right)?);
    let ([left_outer @ .., rows, depth], [right_outer @ .., shared, columns]) =
        (left_dims.as_slice(), right_dims.as_slice())
    else {
        return Err(Error::invalid("a matrix has two dimensions"));
    };
    if depth != shared {
        return Err(Error::invalid(format!(
            "{left_dims:?} and {right_dims:?} cannot be multiplied"
        )));
    }
    let mut dims = broadcast(left_outer, right_outer)?;
    let batches = dims.iter().fold(1usize, |count, &size| count.saturating_mul(size));
    op.work(&[batches, *rows, *columns, *depth])?;
    let elements = op.count(left)?.saturating_add(op.count(right)?);
    op.scratch(&[elements, size_of::<f32>()]);
    dims.extend([*rows, *columns]);
    op.define(dims)?;
    Ok(Op::BatchMatMul { transposes_left, transposes_right })
}
