//! Operators that move values and leave them as they are, and those that resample pictures.

use lookalike_core::{Error, Quantization, Result, TensorType};
use lookalike_schema::tflite::{Activation, BuiltinOptionsRef};

use super::{Op, activate, axis};
use crate::constant::{Constant, Values, parameters};
use crate::graph::{Graph, Layout};
use crate::proto::Attribute;

/// Gives the result the elements of an input in their order, with other extents.
fn redimension(graph: &mut Graph<'_>, input: usize, output: usize, dims: Vec<usize>) -> Result<()> {
    let from: usize = graph.dims(input)?.iter().product();
    let to = dims.iter().try_fold(1usize, |count, &extent| count.checked_mul(extent));
    if to != Some(from) {
        return Err(Error::invalid_argument(format!("{from} elements do not fill {dims:?}")));
    }
    if let Some(constant) = graph.constant(input)?.map(|constant| constant.reshaped(&dims)) {
        return graph.fold(output, constant);
    }
    let value = graph.stored_in_order(input)?;
    let value = graph.reshape(&value, &dims)?;
    graph.define_stored(output, Layout::Plain, value, dims)
}

pub(super) fn reshape(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let (input, output) = (op.input(0)?, op.output()?);
    let wanted: Vec<i64> = match (op.optional_input(1), op.options) {
        (Some(shape), _) => graph.ints(shape)?,
        (None, BuiltinOptionsRef::ReshapeOptions(options)) => {
            options.new_shape().iter().map(i64::from).collect()
        }
        _ => return Err(op.wrong_options()),
    };
    let count: usize = graph.dims(input)?.iter().product();
    let mut known = wanted.iter().filter(|&&extent| extent != -1);
    let known = known.try_fold(1usize, |count, &extent| {
        usize::try_from(extent).ok().and_then(|extent| count.checked_mul(extent))
    });
    let dims = wanted.iter().map(|&extent| match usize::try_from(extent) {
        Ok(extent) => Some(extent),
        Err(_) => known.and_then(|known| count.checked_div(known)),
    });
    let dims = dims.collect::<Option<Vec<usize>>>();
    let dims = dims.filter(|_| wanted.iter().filter(|&&extent| extent == -1).count() <= 1);
    let dims = dims.ok_or_else(|| {
        Error::invalid_argument(format!("{count} elements cannot have the extents {wanted:?}"))
    })?;
    redimension(graph, input, output, dims)
}

pub(super) fn squeeze(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let (input, output) = (op.input(0)?, op.output()?);
    let dims = graph.dims(input)?;
    let dropped: Vec<usize> = match op.options {
        BuiltinOptionsRef::SqueezeOptions(options) => options
            .squeeze_dims()
            .iter()
            .map(|stated| axis(stated.into(), dims.len()))
            .collect::<Result<_>>()?,
        _ => Vec::new(),
    };
    let is_dropped = |place: usize, extent: usize| {
        if dropped.is_empty() { extent == 1 } else { dropped.contains(&place) }
    };
    let kept = dims.iter().enumerate().filter(|&(place, &extent)| !is_dropped(place, extent));
    let kept = kept.map(|(_, &extent)| extent).collect();
    redimension(graph, input, output, kept)
}

pub(super) fn expand_dims(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let (input, output) = (op.input(0)?, op.output()?);
    let mut dims = graph.dims(input)?;
    let stated = graph.ints(op.input(1)?)?;
    let &[stated] = stated.as_slice() else {
        return Err(Error::invalid_argument("the dimension to insert must be one number"));
    };
    let place = axis(stated, dims.len() + 1)?;
    dims.insert(place, 1);
    redimension(graph, input, output, dims)
}

pub(super) fn shape(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let (input, output) = (op.input(0)?, op.output()?);
    let dims: Vec<i64> = graph.dims(input)?.into_iter().map(|extent| extent as i64).collect();
    let element_type = graph.element_type(output);
    graph.fold(output, Constant::ints_of(vec![dims.len()], dims, element_type))
}

pub(super) fn transpose(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let (input, output) = (op.input(0)?, op.output()?);
    let dims = graph.dims(input)?;
    let order: Vec<usize> = graph
        .ints(op.input(1)?)?
        .into_iter()
        .map(|stated| axis(stated, dims.len()))
        .collect::<Result<_>>()?;
    if !(0..dims.len()).all(|axis| order.contains(&axis)) || order.len() != dims.len() {
        return Err(Error::invalid_argument(format!("{order:?} is no order of its dimensions")));
    }
    if let Some(constant) = graph.constant(input)?.map(|constant| constant.transposed(&order)) {
        return graph.fold(output, constant);
    }
    let value = graph.stored(input, Layout::Plain)?;
    let places = Attribute::Ints(order.iter().map(|&axis| axis as i64).collect());
    let value = graph.node("Transpose", &[&value], vec![("perm", places)]);
    let dims = order.into_iter().map(|axis| dims[axis]).collect();
    graph.define_stored(output, Layout::Plain, value, dims)
}

/// Whether a value can be taken over as it is stored: both tensors' integers mean the same.
fn is_alike(graph: &Graph<'_>, one: usize, other: usize) -> bool {
    let meaning = |tensor: usize| {
        let of = |quantization: &Quantization| {
            let (scale, zero_point) = parameters(quantization);
            (scale.to_vec(), zero_point)
        };
        (graph.element_type(tensor), graph.quantization(tensor).map(of))
    };
    meaning(one) == meaning(other)
}

/// Lays tensors of these extents along a dimension.
fn join(
    graph: &mut Graph<'_>,
    op: &Op<'_>,
    stated_axis: i32,
    activation: Activation,
    extents: impl Fn(Vec<usize>) -> Result<Vec<usize>>,
) -> Result<()> {
    let (inputs, output) = (op.inputs()?, op.output()?);
    let mut parts: Vec<Vec<usize>> = Vec::new();
    for &input in &inputs {
        parts.push(extents(graph.dims(input)?)?);
    }
    let Some(mut dims) = parts.first().cloned() else {
        return Err(Error::invalid_argument("it has no input"));
    };
    let axis = axis(stated_axis.into(), dims.len())?;
    dims[axis] = 0;
    for part in &parts {
        let is_fitting = part.len() == dims.len()
            && (0..dims.len()).all(|place| place == axis || part[place] == dims[place]);
        if !is_fitting {
            return Err(Error::invalid_argument(format!("{parts:?} cannot be joined")));
        }
        dims[axis] = dims[axis].saturating_add(part[axis]);
    }
    if let Some(joined) = join_known(graph, &inputs, &parts, axis, &dims)? {
        return graph.fold(output, joined);
    }
    let keeps_dims = inputs
        .iter()
        .zip(&parts)
        .try_fold(true, |all, (&input, part)| Ok::<_, Error>(all && graph.dims(input)? == *part))?;
    let layout = if keeps_dims { graph.common_layout(&inputs)? } else { Layout::Plain };
    let is_stored = activation == Activation::NONE
        && inputs.iter().all(|&input| is_alike(graph, input, output));
    let mut values = Vec::new();
    for (&input, part) in inputs.iter().zip(&parts) {
        values.push(match (keeps_dims, is_stored) {
            (true, true) => graph.stored(input, layout)?,
            (true, false) => graph.float(input, layout)?,
            (false, true) => {
                let value = graph.stored_in_order(input)?;
                graph.reshape(&value, part)?
            }
            (false, false) => graph.reshaped_float(input, part)?,
        });
    }
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let place = Attribute::Int(layout.axis(axis) as i64);
    let joined = graph.node("Concat", &values, vec![("axis", place)]);
    if is_stored {
        return graph.define_stored(output, layout, joined, dims);
    }
    let joined = activate(graph, output, activation, joined)?;
    graph.define(output, layout, joined, dims)
}

/// The same for integers that are known.
fn join_known(
    graph: &mut Graph<'_>,
    inputs: &[usize],
    parts: &[Vec<usize>],
    axis: usize,
    dims: &[usize],
) -> Result<Option<Constant>> {
    let mut known = Vec::new();
    for &input in inputs {
        match graph.known_ints(input)? {
            Some(constant) => known.push(constant),
            None => return Ok(None),
        }
    }
    // A part may stand many times in the list.
    graph.afford(known.iter().map(|constant| constant.element_count()).sum())?;
    let outer: usize = dims[..axis].iter().product();
    let mut joined = Vec::new();
    for index in 0..outer {
        for (constant, part) in known.iter().zip(parts) {
            let inner: usize = part[axis..].iter().product();
            joined.extend_from_slice(
                &constant.ints().unwrap_or_default()[index * inner..(index + 1) * inner],
            );
        }
    }
    let element_type = graph.element_type(inputs[0]);
    Ok(Some(Constant::ints_of(dims.to_vec(), joined, element_type)))
}

pub(super) fn concatenation(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let BuiltinOptionsRef::ConcatenationOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    join(graph, op, options.axis(), options.fused_activation_function(), Ok)
}

pub(super) fn pack(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let BuiltinOptionsRef::PackOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let stated = options.axis();
    join(graph, op, stated, Activation::NONE, |mut dims| {
        let place = axis(stated.into(), dims.len() + 1)?;
        dims.insert(place, 1);
        Ok(dims)
    })
}

/// Cuts a value into equal parts along a dimension; returns them with their extents.
fn cut(
    graph: &mut Graph<'_>,
    op: &Op<'_>,
    input: usize,
    layout: Layout,
    axis: usize,
) -> Result<(Vec<String>, Vec<usize>)> {
    let mut dims = graph.dims(input)?;
    let count = op.info.outputs.len();
    let Some(&extent) = dims.get(axis).filter(|extent| count > 0 && extent.is_multiple_of(count))
    else {
        return Err(Error::invalid_argument(format!("{dims:?} cannot be cut into {count} parts")));
    };
    dims[axis] = extent / count;
    let value = graph.stored(input, layout)?;
    let sizes = graph.list(&vec![dims[axis] as i64; count])?;
    let place = Attribute::Int(layout.axis(axis) as i64);
    let parts = graph.node_of("Split", &[&value, &sizes], vec![("axis", place)], count);
    Ok((parts, dims))
}

pub(super) fn split(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let input = op.input(1)?;
    let stated = graph.ints(op.input(0)?)?;
    let &[stated] = stated.as_slice() else {
        return Err(Error::invalid_argument("the dimension to split must be one number"));
    };
    let layout = graph.layout(input);
    let rank = graph.dims(input)?.len();
    let (parts, dims) = cut(graph, op, input, layout, axis(stated, rank)?)?;
    for (&output, part) in op.info.outputs.iter().zip(parts) {
        graph.define_stored(output, layout, part, dims.clone())?;
    }
    Ok(())
}

pub(super) fn unpack(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let BuiltinOptionsRef::UnpackOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let input = op.input(0)?;
    let rank = graph.dims(input)?.len();
    let axis = axis(options.axis().into(), rank)?;
    let (parts, mut dims) = cut(graph, op, input, Layout::Plain, axis)?;
    if dims.remove(axis) != 1 {
        return Err(Error::invalid_argument("it has not a result for each part of its input"));
    }
    for (&output, part) in op.info.outputs.iter().zip(parts) {
        let part = graph.reshape(&part, &dims)?;
        graph.define_stored(output, Layout::Plain, part, dims.clone())?;
    }
    Ok(())
}

pub(super) fn slice(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let (input, output) = (op.input(0)?, op.output()?);
    let dims = graph.dims(input)?;
    let (begins, sizes) = (graph.ints(op.input(1)?)?, graph.ints(op.input(2)?)?);
    if begins.len() != dims.len() || sizes.len() != dims.len() {
        return Err(Error::invalid_argument("it has not a place and a size for each dimension"));
    }
    let ranges = dims.iter().zip(begins.iter().zip(&sizes)).map(|(&extent, (&begin, &size))| {
        let size = if size == -1 { (extent as i64).checked_sub(begin)? } else { size };
        let is_inside = begin >= 0 && size >= 0 && begin.checked_add(size)? <= extent as i64;
        is_inside.then_some((begin as isize, 1, size as usize))
    });
    let ranges = ranges.collect::<Option<Vec<_>>>().ok_or_else(|| {
        Error::invalid_argument(format!("{sizes:?} from {begins:?} reach out of {dims:?}"))
    })?;
    let kept = ranges.iter().map(|&(.., count)| count).collect();
    take(graph, input, output, &ranges, kept)
}

/// Takes ranges of an input, each a beginning, a step and a count, and gives them these extents.
fn take(
    graph: &mut Graph<'_>,
    input: usize,
    output: usize,
    ranges: &[(isize, isize, usize)],
    dims: Vec<usize>,
) -> Result<()> {
    let taken_dims: Vec<usize> = ranges.iter().map(|&(.., count)| count).collect();
    if let Some(constant) = graph.constant(input)? {
        let constant = constant.sliced(ranges).reshaped(&dims);
        return graph.fold(output, constant);
    }
    let layout = if dims == taken_dims { graph.layout(input) } else { Layout::Plain };
    let value = graph.stored(input, layout)?;
    let ends = |&(begin, step, count): &(isize, isize, usize)| {
        let end = begin + step * count as isize;
        // Below the first element a number would count from the end.
        if end < 0 { i64::MIN } else { end as i64 }
    };
    let begins: Vec<i64> = ranges.iter().map(|&(begin, ..)| begin as i64).collect();
    let steps: Vec<i64> = ranges.iter().map(|&(_, step, _)| step as i64).collect();
    let ends: Vec<i64> = ranges.iter().map(ends).collect();
    let axes: Vec<i64> = (0..ranges.len()).map(|axis| layout.axis(axis) as i64).collect();
    let (begins, ends) = (graph.list(&begins)?, graph.list(&ends)?);
    let (axes, steps) = (graph.list(&axes)?, graph.list(&steps)?);
    let mut value = graph.node("Slice", &[&value, &begins, &ends, &axes, &steps], vec![]);
    if dims != taken_dims {
        value = graph.reshape(&value, &dims)?;
    }
    graph.define_stored(output, layout, value, dims)
}

pub(super) fn strided_slice(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let BuiltinOptionsRef::StridedSliceOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    if options.offset() {
        return Err(Error::unimplemented(
            "its ends count from its beginnings, which has no translation",
        ));
    }
    let (input, output) = (op.input(0)?, op.output()?);
    let dims = graph.dims(input)?;
    let begins = graph.ints(op.input(1)?)?;
    let ends = graph.ints(op.input(2)?)?;
    let steps = graph.ints(op.input(3)?)?;
    let entries = begins.len();
    if ends.len() != entries || steps.len() != entries || entries > 31 {
        return Err(Error::invalid_argument("it has not as many ends and steps as beginnings"));
    }
    let has = |mask: i32, entry: usize| mask >> entry & 1 != 0;
    let inserts = |entry: usize| has(options.new_axis_mask(), entry);
    let is_ellipsis = |entry: usize| has(options.ellipsis_mask(), entry);
    let named = (0..entries).filter(|&entry| !inserts(entry) && !is_ellipsis(entry)).count();
    let Some(unnamed) = dims.len().checked_sub(named) else {
        return Err(Error::invalid_argument(format!("{entries} ranges are too many for {dims:?}")));
    };
    let (mut ranges, mut result) = (Vec::new(), Vec::new());
    for entry in 0..entries {
        if is_ellipsis(entry) {
            for _ in 0..unnamed {
                let Some(&extent) = dims.get(ranges.len()) else { break };
                ranges.push((0, 1, extent));
                result.push(extent);
            }
            continue;
        }
        if inserts(entry) {
            result.push(1);
            continue;
        }
        let Some(&extent) = dims.get(ranges.len()) else {
            return Err(Error::invalid_argument("it has more than one ellipsis"));
        };
        let extent = extent as i64;
        let (begin, end, step) = (begins[entry], ends[entry], steps[entry]);
        let from_start = |place: i64| if place < 0 { place.saturating_add(extent) } else { place };
        if has(options.shrink_axis_mask(), entry) {
            let place = from_start(begin);
            if !(0..extent).contains(&place) {
                return Err(Error::invalid_argument(format!(
                    "there is no element {begin} of {extent}"
                )));
            }
            ranges.push((place as isize, 1, 1));
            continue;
        }
        // Going backwards, the places before the first one and behind the last one change roles.
        let (least, most) = if step > 0 { (0, extent) } else { (-1, extent - 1) };
        let (first, last) = if step > 0 { (least, most) } else { (most, least) };
        let masked = |mask: i32, place: i64, open: i64| {
            if has(mask, entry) { open } else { from_start(place).clamp(least, most.max(least)) }
        };
        let begin = masked(options.begin_mask(), begin, first);
        let end = masked(options.end_mask(), end, last);
        let count = match step {
            0 => return Err(Error::invalid_argument("a step is 0")),
            1.. => (end - begin).max(0) as u64,
            _ => (begin - end).max(0) as u64,
        };
        let count = count.div_ceil(step.unsigned_abs()) as usize;
        // A step that is not taken may be as long as it likes.
        let step = if count > 1 { step as isize } else { 1 };
        ranges.push((begin.max(0) as isize, step, count));
        result.push(count);
    }
    for &extent in dims.iter().skip(ranges.len()) {
        ranges.push((0, 1, extent));
        result.push(extent);
    }
    take(graph, input, output, &ranges, result)
}

pub(super) fn gather(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let (stated, batch_dims) = match op.options {
        BuiltinOptionsRef::GatherOptions(options) => (options.axis(), options.batch_dims()),
        _ => (0, 0),
    };
    if batch_dims != 0 {
        return Err(Error::unimplemented("it gathers batch by batch, which has no translation"));
    }
    let (input, places, output) = (op.input(0)?, op.input(1)?, op.output()?);
    let mut dims = graph.dims(input)?;
    let axis = axis(stated.into(), dims.len())?;
    if let Some(known) = graph.known_ints(places)?
        && let Some(wrong) = known
            .ints()
            .unwrap_or_default()
            .iter()
            .find(|&&place| usize::try_from(place).map_or(true, |place| place >= dims[axis]))
    {
        return Err(Error::invalid_argument(format!(
            "there is no element {wrong} of {}",
            dims[axis]
        )));
    }
    let extents = graph.dims(places)?;
    let value = graph.stored(input, Layout::Plain)?;
    let indices = graph.stored(places, Layout::Plain)?;
    let place = Attribute::Int(axis as i64);
    let value = graph.node("Gather", &[&value, &indices], vec![("axis", place)]);
    dims.splice(axis..=axis, extents);
    graph.define_stored(output, Layout::Plain, value, dims)
}

/// Before and after each dimension.
fn paddings(graph: &mut Graph<'_>, tensor: usize, rank: usize) -> Result<Vec<(usize, usize)>> {
    let pads = graph.ints(tensor)?;
    let pair = |pair: &[i64; 2]| {
        let pad = |pad: i64| i32::try_from(pad).ok().and_then(|pad| usize::try_from(pad).ok());
        Some((pad(pair[0])?, pad(pair[1])?))
    };
    let pairs: Option<Vec<_>> = pads.as_chunks().0.iter().map(pair).collect();
    pairs.filter(|pairs| pairs.len() == rank && pads.len() == 2 * rank).ok_or_else(|| {
        Error::invalid_argument(format!("{pads:?} are no paddings of {rank} dimensions"))
    })
}

/// PAD, and PADV2 with the value as third operand.
pub(super) fn pad(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let (input, output) = (op.input(0)?, op.output()?);
    let dims = graph.dims(input)?;
    let pairs = paddings(graph, op.input(1)?, dims.len())?;
    let layout = graph.layout(input);
    let value = graph.stored(input, layout)?;
    let filling = match op.optional_input(2) {
        Some(filling) => match graph.constant(filling)?.map(|constant| constant.reshaped(&[])) {
            Some(number) if number.element_count() == 1 => graph.initializer(&number)?,
            _ => return Err(Error::unimplemented("it pads with what is not one constant number")),
        },
        None => {
            let zero = graph.quantization(input).map(|quantization| parameters(quantization).1);
            let zero = zero.and_then(|zero| zero.first().copied()).unwrap_or_default();
            let values = match graph.element_type(input) {
                TensorType::FLOAT32 => Values::F32(vec![0.0]),
                other => Values::Int(vec![zero], other),
            };
            graph.initializer(&Constant { dims: vec![], values })?
        }
    };
    let value = padded(graph, &value, &layout.arrange(&pairs), &filling)?;
    let dims = dims.iter().zip(&pairs).map(|(extent, (before, after))| extent + before + after);
    graph.define_stored(output, layout, value, dims.collect())
}

fn padded(
    graph: &mut Graph<'_>,
    value: &str,
    pairs: &[(usize, usize)],
    filling: &str,
) -> Result<String> {
    let before = pairs.iter().map(|&(before, _)| before as i64);
    let after = pairs.iter().map(|&(_, after)| after as i64);
    let pads = graph.list(&before.chain(after).collect::<Vec<_>>())?;
    Ok(graph.node("Pad", &[value, &pads, filling], vec![]))
}

/// Picks elements along each dimension whose extent changes. With the places known here it is exact, and of any type.
fn pick(
    graph: &mut Graph<'_>,
    op: &Op<'_>,
    places: impl Fn(usize) -> Result<Option<Vec<i64>>>,
) -> Result<()> {
    let (input, output) = (op.input(0)?, op.output()?);
    let mut dims = graph.dims(input)?;
    let layout = graph.layout(input);
    let mut value = graph.stored(input, layout)?;
    for (axis, extent) in dims.iter_mut().enumerate() {
        let Some(places) = places(axis)? else { continue };
        *extent = places.len();
        let places = graph.list(&places)?;
        let axis = Attribute::Int(layout.axis(axis) as i64);
        value = graph.node("Gather", &[&value, &places], vec![("axis", axis)]);
    }
    graph.define_stored(output, layout, value, dims)
}

pub(super) fn mirror_pad(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let takes_border = match op.options {
        BuiltinOptionsRef::MirrorPadOptions(options) => options.mode() == 1,
        _ => return Err(op.wrong_options()),
    };
    let input = op.input(0)?;
    let dims = graph.dims(input)?;
    let pairs = paddings(graph, op.input(1)?, dims.len())?;
    let offset = if takes_border { 0 } else { 1 };
    pick(graph, op, |axis| {
        let ((before, after), extent) = (pairs[axis], dims[axis]);
        if before == 0 && after == 0 {
            return Ok(None);
        }
        check_side(extent)?;
        if before.max(after) + offset > extent {
            return Err(Error::invalid_argument(format!(
                "{extent} elements have no mirror image of {}",
                before.max(after)
            )));
        }
        let (before, after, extent, offset) =
            (before as i64, after as i64, extent as i64, offset as i64);
        let front = (0..before).map(|place| before - 1 - place + offset);
        let back = (0..after).map(|place| extent - 1 - place - offset);
        Ok(Some(front.chain(0..extent).chain(back).collect()))
    })
}

/// The longest side that is picked pixel by pixel: the list of its places must not fill the memory.
const LONGEST_PICKED: usize = 1 << 20;

fn check_side(extent: usize) -> Result<()> {
    if extent <= LONGEST_PICKED {
        return Ok(());
    }
    Err(Error::invalid_argument(format!("a side of {extent} is longer than {LONGEST_PICKED}")))
}

/// Height and width that a resizing operator is to give.
fn target(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<[usize; 2]> {
    let size = graph.ints(op.input(1)?)?;
    let extent = |extent: i64| i32::try_from(extent).ok().filter(|&extent| extent > 0);
    match size[..] {
        [height, width] => extent(height).zip(extent(width)),
        _ => None,
    }
    .map(|(height, width)| [height as usize, width as usize])
    .ok_or_else(|| Error::invalid_argument(format!("a picture cannot have the size {size:?}")))
}

pub(super) fn resize_bilinear(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let (aligns_corners, has_half_pixels) = match op.options {
        BuiltinOptionsRef::ResizeBilinearOptions(options) => {
            (options.align_corners(), options.half_pixel_centers())
        }
        _ => return Err(op.wrong_options()),
    };
    let (input, output) = (op.input(0)?, op.output()?);
    let [batch, _, _, channels] = graph.picture(input)?;
    let [height, width] = target(graph, op)?;
    // Corners cannot be aligned along a side of one pixel; TensorFlow Lite takes it as it comes then.
    let mode = match (aligns_corners && height.min(width) > 1, has_half_pixels) {
        (true, _) => "align_corners",
        (false, true) => "half_pixel",
        (false, false) => "asymmetric",
    };
    if aligns_corners && height.min(width) == 1 && height.max(width) > 1 {
        return Err(Error::unimplemented(
            "it aligns corners of a picture with a side of one pixel",
        ));
    }
    let value = graph.float(input, Layout::ChannelsFirst)?;
    let attributes = vec![
        ("mode", Attribute::Text("linear")),
        ("coordinate_transformation_mode", Attribute::Text(mode)),
    ];
    let sizes = [batch, channels, height, width].map(|extent| extent as i64);
    let sizes = graph.list(&sizes)?;
    let result = graph.node("Resize", &[&value, "", "", &sizes], attributes);
    graph.define(output, Layout::ChannelsFirst, result, vec![batch, height, width, channels])
}

/// The nearest pixel as TensorFlow Lite finds it, in 32-bit floats.
pub(super) fn resize_nearest(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let (aligns_corners, has_half_pixels) = match op.options {
        BuiltinOptionsRef::ResizeNearestNeighborOptions(options) => {
            (options.align_corners(), options.half_pixel_centers())
        }
        _ => return Err(op.wrong_options()),
    };
    let [_, height, width, _] = graph.picture(op.input(0)?)?;
    let [to_height, to_width] = target(graph, op)?;
    check_side(to_height.max(to_width))?;
    let offset = if has_half_pixels { 0.5 } else { 0.0 };
    let places = |from: usize, to: usize| -> Vec<i64> {
        let aligns = aligns_corners && to > 1;
        let scale =
            if aligns { (from - 1) as f32 / (to - 1) as f32 } else { from as f32 / to as f32 };
        let place = |target: usize| {
            let place = (target as f32 + offset) * scale;
            let place = if aligns_corners { place.round() } else { place.floor() };
            (place as i64).clamp(0, from as i64 - 1)
        };
        (0..to).map(place).collect()
    };
    if height.min(width) == 0 {
        return Err(Error::invalid_argument("its input is empty"));
    }
    pick(graph, op, |axis| {
        Ok(match axis {
            1 => Some(places(height, to_height)),
            2 => Some(places(width, to_width)),
            _ => None,
        })
    })
}

/// Rows or columns of a block, and what goes on or comes off before and after.
struct Blocks {
    size: usize,
    ends: (usize, usize),
}

/// The blocks along rows and columns.
fn blocks(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<[Blocks; 2]> {
    let sizes = graph.ints(op.input(1)?)?;
    let pairs = paddings(graph, op.input(2)?, 2)?;
    let size = |size: i64| i32::try_from(size).ok().filter(|&size| size > 0);
    match (&sizes[..], &pairs[..]) {
        (&[rows, columns], &[vertical, horizontal]) => {
            size(rows).zip(size(columns)).map(|(rows, columns)| {
                [
                    Blocks { size: rows as usize, ends: vertical },
                    Blocks { size: columns as usize, ends: horizontal },
                ]
            })
        }
        _ => None,
    }
    .ok_or_else(|| Error::unimplemented("only blocks of rows and columns have a translation"))
}

pub(super) fn space_to_batch(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let (input, output) = (op.input(0)?, op.output()?);
    let [batch, height, width, channels] = graph.picture(input)?;
    let [Blocks { size: rows, ends: vertical }, Blocks { size: columns, ends: horizontal }] =
        blocks(graph, op)?;
    let value = graph.float(input, Layout::Plain)?;
    let zero = graph.number(0.0)?;
    let value = padded(graph, &value, &[(0, 0), vertical, horizontal, (0, 0)], &zero)?;
    let (height, width) = (height + vertical.0 + vertical.1, width + horizontal.0 + horizontal.1);
    if !height.is_multiple_of(rows) || !width.is_multiple_of(columns) {
        return Err(Error::invalid_argument(format!(
            "{height} x {width} does not consist of blocks of {rows} x {columns}"
        )));
    }
    let (height, width) = (height / rows, width / columns);
    let value = graph.reshape(&value, &[batch, height, rows, width, columns, channels])?;
    let order = Attribute::Ints(vec![2, 4, 0, 1, 3, 5]);
    let value = graph.node("Transpose", &[&value], vec![("perm", order)]);
    let batches = batch.saturating_mul(rows).saturating_mul(columns);
    let dims = vec![batches, height, width, channels];
    let value = graph.reshape(&value, &dims)?;
    graph.define(output, Layout::Plain, value, dims)
}

pub(super) fn batch_to_space(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let (input, output) = (op.input(0)?, op.output()?);
    let [batches, height, width, channels] = graph.picture(input)?;
    let [Blocks { size: rows, ends: vertical }, Blocks { size: columns, ends: horizontal }] =
        blocks(graph, op)?;
    let count = rows.saturating_mul(columns);
    if !batches.is_multiple_of(count) {
        return Err(Error::invalid_argument(format!("{batches} batches are no blocks of {count}")));
    }
    let batch = batches / count;
    let value = graph.float(input, Layout::Plain)?;
    let value = graph.reshape(&value, &[rows, columns, batch, height, width, channels])?;
    let order = Attribute::Ints(vec![2, 3, 0, 4, 1, 5]);
    let value = graph.node("Transpose", &[&value], vec![("perm", order)]);
    let (height, width) = (height.saturating_mul(rows), width.saturating_mul(columns));
    let value = graph.reshape(&value, &[batch, height, width, channels])?;
    let kept = |extent: usize, (before, after): (usize, usize)| {
        extent.checked_sub(before.saturating_add(after))
    };
    let (Some(kept_height), Some(kept_width)) = (kept(height, vertical), kept(width, horizontal))
    else {
        return Err(Error::invalid_argument("it takes away more than there is"));
    };
    let begins = graph.list(&[vertical.0 as i64, horizontal.0 as i64])?;
    let ends = [vertical.0 + kept_height, horizontal.0 + kept_width].map(|end| end as i64);
    let ends = graph.list(&ends)?;
    let axes = graph.list(&[1, 2])?;
    let value = graph.node("Slice", &[&value, &begins, &ends, &axes], vec![]);
    let dims = vec![batch, kept_height, kept_width, channels];
    graph.define(output, Layout::Plain, value, dims)
}
