//! Operators that look elements up by their indices.

use lookalike_schema::tflite::BuiltinOptionsRef;

use super::{ANY, Kind, Operator, axis};
use crate::error::{Error, Result};
use crate::op::Op;

pub(super) fn gather(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity(2..=2, 1)?;
    let (stated, batch_dims) = match op.options {
        BuiltinOptionsRef::GatherOptions(options) => (options.axis(), options.batch_dims()),
        _ => (0, 0),
    };
    let (input, list) = (op.input(0)?, op.input(1)?);
    op.alike(&[input, op.output()], ANY)?;
    if batch_dims != 0 {
        return Err(Error::unsupported("it gathers batch by batch, which is not supported"));
    }
    let mut dims = op.dims(input)?;
    let axis = axis(stated.into(), dims.len())?;
    let indices = positions(op, list, dims[axis])?;
    let integers = match (op.known_integers(input), dims.len()) {
        (Some(integers), 1) => Some(indices.iter().map(|&index| integers[index]).collect()),
        _ => None,
    };
    dims.splice(axis..=axis, op.dims(list)?);
    op.define_integers(dims, integers)?;
    Ok(Op::Gather { axis, indices })
}

/// Indices within a dimension.
fn positions(op: &Operator<'_, '_>, list: usize, size: usize) -> Result<Vec<usize>> {
    op.require(list, &[Kind::Integer])?;
    let position = |&position: &i64| {
        let found = usize::try_from(position).ok().filter(|&position| position < size);
        found.ok_or_else(|| Error::invalid(format!("there is no element {position} of {size}")))
    };
    op.long_integers(list)?.iter().map(position).collect()
}

pub(super) fn embedding_lookup(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity(2..=2, 1)?;
    let (list, table) = (op.input(0)?, op.input(1)?);
    op.alike(&[table, op.output()], ANY)?;
    let mut dims = op.dims(table)?;
    if dims.len() < 2 || op.dims(list)?.len() != 1 {
        return Err(Error::invalid("it looks up a list of rows in a table"));
    }
    let indices = positions(op, list, dims[0])?;
    dims[0] = indices.len();
    op.define(dims)?;
    Ok(Op::EmbeddingLookup { indices })
}

pub(super) fn gather_nd(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity(2..=2, 1)?;
    let (input, list) = (op.input(0)?, op.input(1)?);
    op.alike(&[input, op.output()], ANY)?;
    op.require(list, &[Kind::Integer])?;
    let (dims, list_dims) = (op.dims(input)?, op.dims(list)?);
    let Some((&depth, outer)) = list_dims.split_last().filter(|&(&depth, _)| depth <= dims.len())
    else {
        return Err(Error::invalid(format!("{list_dims:?} are no places in {dims:?}")));
    };
    if depth == 0 {
        return Err(Error::invalid("its places have no numbers"));
    }
    let (indexed, slice) = dims.split_at(depth);
    let index = |position: &[i64]| {
        position.iter().zip(indexed).try_fold(0, |index, (&number, &size)| {
            let number = usize::try_from(number).ok().filter(|&number| number < size)?;
            Some(index * size + number)
        })
    };
    let numbers = op.long_integers(list)?;
    let indices = numbers.chunks_exact(depth).map(index).collect::<Option<Vec<usize>>>();
    let indices =
        indices.ok_or_else(|| Error::invalid(format!("its places lie outside of {dims:?}")))?;
    op.define([outer, slice].concat())?;
    Ok(Op::GatherNd { depth, indices })
}

pub(super) fn one_hot(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity(4..=4, 1)?;
    let BuiltinOptionsRef::OneHotOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let (input, depth, on, off) = (op.input(0)?, op.input(1)?, op.input(2)?, op.input(3)?);
    op.require(input, &[Kind::Integer])?;
    op.require(depth, &[Kind::Integer])?;
    op.alike(&[on, off, op.output()], &[Kind::Float, Kind::Integer, Kind::Bool])?;
    for number in [on, off] {
        if op.count(number)? != 1 || op.inference.constant(number).is_empty() {
            return Err(Error::unsupported("its values are not constant numbers"));
        }
    }
    let depth = match op.integers(depth)?.as_slice() {
        &[depth] => i32::try_from(depth).ok().and_then(|depth| usize::try_from(depth).ok()),
        _ => None,
    };
    let depth = depth.filter(|&depth| depth > 0);
    let depth = depth.ok_or_else(|| Error::invalid("its depth is no number above 0"))?;
    let mut dims = op.dims(input)?;
    let axis = match options.axis() {
        -1 => dims.len(),
        stated @ 0.. => axis(stated.into(), dims.len() + 1)?,
        stated => return Err(Error::invalid(format!("there is no dimension {stated}"))),
    };
    dims.insert(axis, depth);
    op.define(dims)?;
    Ok(Op::OneHot { axis, depth })
}
