//! Operators that move values and leave them as they are.

use lookalike_schema::tflite::{BuiltinOptionsRef, StridedSliceOptionsRef, TensorType};

use super::elementwise::broadcast;
use super::{ANY, Kind, LONGEST_LIST, Operator, activation, axis, product};
use crate::error::{Error, Result};
use crate::op::{Op, SliceRange};

/// Gives the result the elements of the input in their order, with another shape.
fn reshape_to(op: &mut Operator<'_, '_>, dims: Vec<usize>) -> Result<Op> {
    let input = op.input(0)?;
    op.alike(&[input, op.output()], ANY)?;
    let from = op.count(input)?;
    let to = dims.iter().try_fold(1usize, |count, &side| count.checked_mul(side));
    if to != Some(from) {
        return Err(Error::invalid(format!("{from} elements do not fill {dims:?}")));
    }
    let integers = op.known_integers(input);
    op.define_integers(dims, integers)?;
    Ok(Op::Reshape)
}

pub(super) fn reshape(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity(1..=2, 1)?;
    let wanted: Vec<i64> = match (op.optional_input(1), op.options) {
        (Some(shape), _) => {
            if op.element_type(shape) != TensorType::INT32 || op.dims(shape)?.len() != 1 {
                return Err(op.wrong_type(shape));
            }
            op.integers(shape)?
        }
        (None, BuiltinOptionsRef::ReshapeOptions(options)) => {
            options.new_shape().iter().map(i64::from).collect()
        }
        _ => return Err(op.wrong_options()),
    };
    let count = op.count(op.input(0)?)?;
    let mut known = wanted.iter().filter(|&&side| side != -1);
    let known = known.try_fold(1usize, |count, &side| {
        usize::try_from(side).ok().and_then(|side| count.checked_mul(side))
    });
    let dims = wanted.iter().map(|&side| match usize::try_from(side) {
        Ok(side) => Some(side),
        Err(_) => known.and_then(|known| count.checked_div(known)),
    });
    let dims = dims.collect::<Option<Vec<usize>>>();
    let dims = dims.filter(|_| wanted.iter().filter(|&&side| side == -1).count() <= 1);
    let dims = dims.ok_or_else(|| {
        Error::invalid(format!("{count} elements cannot have the shape {wanted:?}"))
    })?;
    reshape_to(op, dims)
}

pub(super) fn squeeze(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity(1..=1, 1)?;
    let dims = op.dims(op.input(0)?)?;
    let dropped: Vec<usize> = match op.options {
        BuiltinOptionsRef::SqueezeOptions(options) => options
            .squeeze_dims()
            .iter()
            .map(|stated| axis(stated.into(), dims.len()))
            .collect::<Result<_>>()?,
        _ => return Err(op.wrong_options()),
    };
    let is_dropped = |position: usize, side: usize| {
        if dropped.is_empty() { side == 1 } else { dropped.contains(&position) }
    };
    let kept = dims.iter().enumerate().filter(|&(position, &side)| !is_dropped(position, side));
    let kept = kept.map(|(_, &side)| side).collect();
    reshape_to(op, kept)
}

pub(super) fn expand_dims(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity(2..=2, 1)?;
    let mut dims = op.dims(op.input(0)?)?;
    let stated = op.integers(op.input(1)?)?;
    let &[stated] = stated.as_slice() else {
        return Err(Error::invalid("the dimension to insert must be one number"));
    };
    let position = axis(stated, dims.len() + 1)?;
    dims.insert(position, 1);
    reshape_to(op, dims)
}

pub(super) fn transpose(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity(2..=2, 1)?;
    let (input, order) = (op.input(0)?, op.input(1)?);
    op.alike(&[input, op.output()], ANY)?;
    let dims = op.dims(input)?;
    if op.element_type(order) != TensorType::INT32 {
        return Err(op.wrong_type(order));
    }
    let permutation: Vec<usize> = op
        .integers(order)?
        .into_iter()
        .map(|stated| axis(stated, dims.len()))
        .collect::<Result<_>>()?;
    if !(0..dims.len()).all(|axis| permutation.contains(&axis)) || permutation.len() != dims.len() {
        return Err(Error::invalid(format!("{permutation:?} is no order of its dimensions")));
    }
    op.define(permutation.iter().map(|&axis| dims[axis]).collect())?;
    Ok(Op::Transpose { permutation })
}

/// Lays tensors of these shapes along a dimension.
fn concatenate(op: &mut Operator<'_, '_>, axis: usize, parts: &[Vec<usize>]) -> Result<()> {
    let tensors: Vec<usize> = op.info.inputs.iter().flatten().copied().collect();
    op.alike(&tensors, ANY)?;
    op.alike(&[tensors[0], op.output()], ANY)?;
    let mut dims = parts[0].clone();
    dims[axis] = 0;
    for part in parts {
        let is_fitting = part.len() == dims.len()
            && (0..dims.len()).all(|position| position == axis || part[position] == dims[position]);
        if !is_fitting {
            return Err(Error::invalid(format!(
                "an input of shape {part:?} cannot be concatenated with one of shape {:?}",
                parts[0]
            )));
        }
        dims[axis] = dims[axis].saturating_add(part[axis]);
    }
    let is_short = product(&dims) <= LONGEST_LIST as u64;
    let known: Option<Vec<Vec<i64>>> =
        tensors.iter().filter(|_| is_short).map(|&tensor| op.known_integers(tensor)).collect();
    let integers = known.filter(|_| is_short).map(|known| {
        let outer: usize = dims[..axis].iter().product();
        let rows = |(integers, part): (&Vec<i64>, &Vec<usize>), row: usize| {
            let length: usize = part[axis..].iter().product();
            integers[row * length..][..length].to_vec()
        };
        (0..outer)
            .flat_map(|row| known.iter().zip(parts).flat_map(move |part| rows(part, row)))
            .collect()
    });
    op.define_integers(dims, integers)
}

fn parts(op: &Operator<'_, '_>) -> Result<Vec<Vec<usize>>> {
    op.arity(1..=usize::MAX, 1)?;
    (0..op.info.inputs.len()).map(|position| op.dims(op.input(position)?)).collect()
}

pub(super) fn concatenation(op: &mut Operator<'_, '_>) -> Result<Op> {
    let BuiltinOptionsRef::ConcatenationOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let activation = activation(options.fused_activation_function())?;
    let parts = parts(op)?;
    let axis = axis(options.axis().into(), parts[0].len())?;
    concatenate(op, axis, &parts)?;
    Ok(Op::Concatenation { axis, activation })
}

pub(super) fn pack(op: &mut Operator<'_, '_>) -> Result<Op> {
    let BuiltinOptionsRef::PackOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let mut parts = parts(op)?;
    if usize::try_from(options.values_count()) != Ok(parts.len()) {
        return Err(Error::invalid(format!(
            "it says that it has {} operands, and has {}",
            options.values_count(),
            parts.len()
        )));
    }
    let axis = axis(options.axis().into(), parts[0].len() + 1)?;
    for part in &mut parts {
        if part.len() < axis {
            return Err(Error::invalid("its operands differ in rank"));
        }
        part.insert(axis, 1);
    }
    concatenate(op, axis, &parts)?;
    Ok(Op::Pack { axis })
}

/// Gives each result the shape of an equal part.
fn split_evenly(
    op: &mut Operator<'_, '_>,
    input: usize,
    axis: usize,
    keeps_axis: bool,
) -> Result<()> {
    let mut dims = op.dims(input)?;
    let count = op.info.outputs.len();
    if count == 0 || !dims[axis].is_multiple_of(count) || (!keeps_axis && dims[axis] != count) {
        return Err(Error::invalid(format!("{dims:?} cannot be cut into {count} parts")));
    }
    if keeps_axis {
        dims[axis] /= count;
    } else {
        dims.remove(axis);
    }
    for &output in op.info.outputs.iter() {
        op.alike(&[input, output], ANY)?;
        op.inference.define(output, dims.clone(), None)?;
    }
    Ok(())
}

fn check_count(op: &Operator<'_, '_>, stated: i32) -> Result<()> {
    if usize::try_from(stated) == Ok(op.info.outputs.len()) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "it says that it has {stated} results, and has {}",
        op.info.outputs.len()
    )))
}

pub(super) fn split(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity(2..=2, op.info.outputs.len())?;
    let BuiltinOptionsRef::SplitOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    check_count(op, options.num_splits())?;
    let (stated, input) = (op.input(0)?, op.input(1)?);
    let rank = op.dims(input)?.len();
    let &[stated_axis] = op.integers(stated)?.as_slice() else {
        return Err(Error::invalid("the dimension to split must be one number"));
    };
    if op.element_type(stated) != TensorType::INT32 {
        return Err(op.wrong_type(stated));
    }
    let axis = axis(stated_axis, rank)?;
    split_evenly(op, input, axis, true)?;
    Ok(Op::Split { axis })
}

pub(super) fn unpack(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity(1..=1, op.info.outputs.len())?;
    let BuiltinOptionsRef::UnpackOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    check_count(op, options.num())?;
    let input = op.input(0)?;
    let axis = axis(options.axis().into(), op.dims(input)?.len())?;
    split_evenly(op, input, axis, false)?;
    Ok(Op::Unpack { axis })
}

fn check_sliced(op: &Operator<'_, '_>, lists: &[usize]) -> Result<()> {
    let input = op.input(0)?;
    op.alike(&[input, op.output()], ANY)?;
    for &list in lists {
        op.require(list, &[Kind::Integer])?;
        if op.element_type(list) != op.element_type(lists[0]) || op.dims(list)?.len() != 1 {
            return Err(op.wrong_type(list));
        }
    }
    Ok(())
}

pub(super) fn slice(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity(3..=3, 1)?;
    let (begins, sizes) = (op.input(1)?, op.input(2)?);
    check_sliced(op, &[begins, sizes])?;
    let dims = op.dims(op.input(0)?)?;
    let (begins, sizes) = (op.integers(begins)?, op.integers(sizes)?);
    if begins.len() != dims.len() || sizes.len() != dims.len() {
        return Err(Error::invalid("it does not have a begin and a size for each dimension"));
    }
    let ranges = dims.iter().zip(begins.iter().zip(&sizes)).map(|(&side, (&begin, &size))| {
        let size = if size == -1 { (side as i64).checked_sub(begin)? } else { size };
        let is_inside = begin >= 0 && size >= 0 && begin.checked_add(size)? <= side as i64;
        is_inside.then_some(SliceRange { begin: begin as usize, step: 1, count: size as usize })
    });
    let ranges = ranges.collect::<Option<Vec<SliceRange>>>().ok_or_else(|| {
        Error::invalid(format!("{sizes:?} from {begins:?} reach out of {dims:?}"))
    })?;
    let kept = ranges.iter().map(|range| range.count).collect();
    let integers = op.known_integers(op.input(0)?);
    let integers = integers.map(|integers| sliced(&integers, &dims, &ranges));
    op.define_integers(kept, integers)?;
    Ok(Op::Slice { ranges, is_one_to_one: true })
}

/// The integers within a range of each dimension.
fn sliced(integers: &[i64], dims: &[usize], ranges: &[SliceRange]) -> Vec<i64> {
    let mut offsets = vec![0];
    for (range, &size) in ranges.iter().zip(dims) {
        let of_range = |offset: usize| range.indices().map(move |index| offset * size + index);
        offsets = offsets.into_iter().flat_map(of_range).collect();
    }
    offsets.into_iter().map(|offset| integers[offset]).collect()
}

/// The ranges of a strided slice, one for each dimension, and the shape of its result. Fails if the lists differ in length, a step is 0,
/// an element does not exist, or there are more ranges than dimensions.
fn strided_ranges(
    dims: &[usize],
    [begins, ends, steps]: [&[i64]; 3],
    options: StridedSliceOptionsRef<'_>,
) -> Result<(Vec<SliceRange>, Vec<usize>)> {
    if options.offset() {
        return Err(Error::unsupported(
            "its ends count from its beginnings, which is not supported",
        ));
    }
    let entries = begins.len();
    if ends.len() != entries || steps.len() != entries {
        return Err(Error::invalid("it has not as many ends and steps as beginnings"));
    }
    let has = |mask: i32, entry: usize| mask >> entry & 1 != 0;
    let inserts = |entry: usize| has(options.new_axis_mask(), entry);
    let is_ellipsis = |entry: usize| has(options.ellipsis_mask(), entry);
    let named = (0..entries).filter(|&entry| !inserts(entry) && !is_ellipsis(entry)).count();
    let Some(unnamed) = dims.len().checked_sub(named) else {
        return Err(Error::invalid(format!("{entries} ranges are too many for {dims:?}")));
    };
    let (mut ranges, mut result) = (Vec::new(), Vec::new());
    for entry in 0..entries {
        if is_ellipsis(entry) {
            for _ in 0..unnamed {
                let Some(&side) = dims.get(ranges.len()) else { break };
                ranges.push(SliceRange::all(side));
                result.push(side);
            }
            continue;
        }
        if inserts(entry) {
            result.push(1);
            continue;
        }
        let Some(&side) = dims.get(ranges.len()) else {
            return Err(Error::invalid("it has more than one ellipsis"));
        };
        let side = side as i64;
        let (begin, end, step) = (begins[entry], ends[entry], steps[entry]);
        let from_start =
            |position: i64| if position < 0 { position.saturating_add(side) } else { position };
        if has(options.shrink_axis_mask(), entry) {
            let position = from_start(begin);
            if !(0..side).contains(&position) {
                return Err(Error::invalid(format!("there is no element {begin} of {side}")));
            }
            if step != 1 {
                return Err(Error::invalid("a dimension that is dropped has a step"));
            }
            ranges.push(SliceRange { begin: position as usize, step: 1, count: 1 });
            continue;
        }
        // Going backwards, the positions before the first one and behind the last one change roles.
        let (lower, upper) = if step > 0 { (0, side) } else { (-1, side - 1) };
        let (first, last) = if step > 0 { (lower, upper) } else { (upper, lower) };
        let masked = |mask: i32, position: i64, open: i64| {
            if has(mask, entry) {
                open
            } else {
                from_start(position).clamp(lower, upper.max(lower))
            }
        };
        let begin = masked(options.begin_mask(), begin, first);
        let end = masked(options.end_mask(), end, last);
        let count = match step {
            0 => return Err(Error::invalid("a step is 0")),
            1.. => (end - begin).max(0) as u64,
            _ => (begin - end).max(0) as u64,
        };
        let count = count.div_ceil(step.unsigned_abs()) as usize;
        // A step that is not taken may be as long as it likes.
        let step = if count > 1 { step as isize } else { 1 };
        ranges.push(SliceRange { begin: begin.max(0) as usize, step, count });
        result.push(count);
    }
    for &side in dims.iter().skip(ranges.len()) {
        ranges.push(SliceRange::all(side));
        result.push(side);
    }
    Ok((ranges, result))
}

pub(super) fn strided_slice(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity(4..=4, 1)?;
    let BuiltinOptionsRef::StridedSliceOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let (input, lists) = (op.input(0)?, [op.input(1)?, op.input(2)?, op.input(3)?]);
    check_sliced(op, &lists)?;
    if op.element_type(lists[0]) != TensorType::INT32 {
        return Err(op.wrong_type(lists[0]));
    }
    let dims = op.dims(input)?;
    let [begins, ends, steps] =
        [op.integers(lists[0])?, op.integers(lists[1])?, op.integers(lists[2])?];
    // The reference computes the shape of the result in 32-bit floats, which are exact up to here.
    const LARGEST: u64 = 1 << 24;
    let longest = dims.iter().max().map_or(1, |&side| side as u64);
    if longest > LARGEST {
        return Err(Error::invalid(format!("{dims:?} is longer than {LARGEST}")));
    }
    // Engines add a step to a place before they look whether they are at the end.
    if let Some(step) = steps.iter().find(|step| step.unsigned_abs() > longest) {
        return Err(Error::invalid(format!("a step of {step} leads out of {dims:?}")));
    }
    let (ranges, result) = strided_ranges(&dims, [&begins, &ends, &steps], options)?;
    let integers = op.known_integers(input).map(|integers| sliced(&integers, &dims, &ranges));
    op.define_integers(result, integers)?;
    let is_one_to_one = options.ellipsis_mask() == 0
        && options.new_axis_mask() == 0
        && options.shrink_axis_mask() == 0;
    Ok(Op::Slice { ranges, is_one_to_one })
}

/// A list of counts, none of them 0.
fn counts(op: &Operator<'_, '_>, list: usize) -> Result<Vec<usize>> {
    op.require(list, &[Kind::Integer])?;
    let stated = op.integers(list)?;
    let count = |&count: &i64| usize::try_from(count).ok().filter(|&count| count > 0);
    let counts = stated.iter().map(count).collect::<Option<Vec<usize>>>();
    counts
        .filter(|_| op.dims(list).is_ok_and(|dims| dims.len() == 1))
        .ok_or_else(|| Error::invalid(format!("{stated:?} is no list of numbers above 0")))
}

pub(super) fn tile(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity(2..=2, 1)?;
    let input = op.input(0)?;
    op.alike(&[input, op.output()], ANY)?;
    let (dims, multiples) = (op.dims(input)?, counts(op, op.input(1)?)?);
    if multiples.len() != dims.len() {
        return Err(Error::invalid(format!("{multiples:?} are no repetitions of {dims:?}")));
    }
    let tiled = dims.iter().zip(&multiples).map(|(dim, &multiple)| dim.saturating_mul(multiple));
    op.define(tiled.collect())?;
    Ok(Op::Tile { multiples })
}

pub(super) fn broadcast_to(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity(2..=2, 1)?;
    let input = op.input(0)?;
    op.alike(&[input, op.output()], ANY)?;
    let (dims, wanted) = (op.dims(input)?, counts(op, op.input(1)?)?);
    if broadcast(&dims, &wanted)? != wanted {
        return Err(Error::invalid(format!("{dims:?} cannot be broadcast to {wanted:?}")));
    }
    op.define(wanted)?;
    Ok(Op::BroadcastTo)
}

/// Before and after each dimension.
fn paddings(op: &Operator<'_, '_>) -> Result<Vec<(usize, usize)>> {
    let (input, list) = (op.input(0)?, op.input(1)?);
    op.require(list, &[Kind::Integer])?;
    let rank = op.dims(input)?.len();
    let pads = op.integers(list)?;
    let pair = |pair: &[i64; 2]| {
        let pad = |pad: i64| i32::try_from(pad).ok().and_then(|pad| usize::try_from(pad).ok());
        Some((pad(pair[0])?, pad(pair[1])?))
    };
    let pairs: Option<Vec<_>> = pads.as_chunks().0.iter().map(pair).collect();
    let is_fitting = op.dims(list)? == [rank, 2];
    pairs
        .filter(|_| is_fitting)
        .ok_or_else(|| Error::invalid(format!("{pads:?} are no paddings of {rank} dimensions")))
}

fn padded(dims: &[usize], padding: &[(usize, usize)]) -> Vec<usize> {
    dims.iter()
        .zip(padding)
        .map(|(size, (before, after))| size.saturating_add(*before).saturating_add(*after))
        .collect()
}

/// PAD, and PADV2 with the value as third input.
pub(super) fn pad(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity(2..=3, 1)?;
    let input = op.input(0)?;
    op.alike(&[input, op.output()], ANY)?;
    if let Some(filling) = op.optional_input(2) {
        op.alike(&[input, filling], ANY)?;
        if op.count(filling)? != 1 || op.inference.constant(filling).is_empty() {
            return Err(Error::unsupported("it pads with what is not one constant number"));
        }
    }
    let padding = paddings(op)?;
    op.define(padded(&op.dims(input)?, &padding))?;
    Ok(Op::Pad { padding })
}

pub(super) fn mirror_pad(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity(2..=2, 1)?;
    let offset = match op.options {
        BuiltinOptionsRef::MirrorPadOptions(options) if options.mode() == 0 => 1,
        BuiltinOptionsRef::MirrorPadOptions(options) if options.mode() == 1 => 0,
        _ => return Err(op.wrong_options()),
    };
    let input = op.input(0)?;
    op.alike(&[input, op.output()], ANY)?;
    let (dims, padding) = (op.dims(input)?, paddings(op)?);
    for (&side, &(before, after)) in dims.iter().zip(&padding) {
        if before.max(after) > 0 && before.max(after) + offset > side {
            return Err(Error::invalid(format!(
                "{side} elements have no mirror image of {}",
                before.max(after)
            )));
        }
    }
    op.define(padded(&dims, &padding))?;
    Ok(Op::MirrorPad { padding, offset })
}
