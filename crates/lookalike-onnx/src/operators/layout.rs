//! Operators that move values and leave them as they are, and those that resample images.

use lookalike_core::shapes::{SliceRange, axis, strided_ranges};
use lookalike_core::{Error, Quantization, Result, TensorType};
use lookalike_schema::tflite::{Activation, BuiltinOptionsRef};

use super::{Op, activate};
use crate::constant::{Constant, Values, parameters};
use crate::graph::{Graph, Layout};
use crate::proto::Attribute;

/// Gives the result the elements of the input in their order, with another shape.
pub(super) fn redimension(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let (input, output) = (op.input(0)?, op.output()?);
    let dims = graph.dims(output)?;
    if let Some(constant) = graph.constant(input)?.map(|constant| constant.reshaped(&dims)) {
        return graph.fold(output, constant);
    }
    let value = graph.stored_in_order(input)?;
    let value = graph.reshape(&value, &dims)?;
    graph.define_stored(output, Layout::Plain, value);
    Ok(())
}

/// Extents are known before the translation, so that nothing computes them; but not more of them than fit into the memory.
pub(super) fn shape(_graph: &mut Graph<'_>, _op: &Op<'_>) -> Result<()> {
    Err(Error::unimplemented(
        "the model computes more lists of integers from shapes than are supported",
    ))
}

pub(super) fn transpose(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let (input, output) = (op.input(0)?, op.output()?);
    let rank = graph.dims(input)?.len();
    let order: Vec<usize> = graph
        .ints(op.input(1)?)?
        .into_iter()
        .map(|stated| axis(stated, rank))
        .collect::<Result<_>>()?;
    if let Some(constant) = graph.constant(input)?.map(|constant| constant.transposed(&order)) {
        return graph.fold(output, constant);
    }
    let value = graph.stored(input, Layout::Plain)?;
    let places = Attribute::Ints(order.iter().map(|&axis| axis as i64).collect());
    let value = graph.node("Transpose", &[&value], vec![("perm", places)]);
    graph.define_stored(output, Layout::Plain, value);
    Ok(())
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

/// Lays tensors of these shapes along a dimension.
fn join(
    graph: &mut Graph<'_>,
    op: &Op<'_>,
    axis: usize,
    activation: Activation,
    parts: &[Vec<usize>],
) -> Result<()> {
    let (inputs, output) = (op.inputs()?, op.output()?);
    let keeps_dims = inputs
        .iter()
        .zip(parts)
        .try_fold(true, |all, (&input, part)| Ok::<_, Error>(all && graph.dims(input)? == *part))?;
    let layout = if keeps_dims { graph.common_layout(&inputs)? } else { Layout::Plain };
    let is_stored = activation == Activation::NONE
        && inputs.iter().all(|&input| is_alike(graph, input, output));
    let mut values = Vec::new();
    for (&input, part) in inputs.iter().zip(parts) {
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
        graph.define_stored(output, layout, joined);
        return Ok(());
    }
    let joined = activate(graph, output, activation, joined)?;
    graph.define(output, layout, joined)
}

fn parts(graph: &Graph<'_>, op: &Op<'_>) -> Result<Vec<Vec<usize>>> {
    op.inputs()?.into_iter().map(|input| graph.dims(input)).collect()
}

pub(super) fn concatenation(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let BuiltinOptionsRef::ConcatenationOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let axis = axis(options.axis().into(), graph.dims(op.output()?)?.len())?;
    let parts = parts(graph, op)?;
    join(graph, op, axis, options.fused_activation_function(), &parts)
}

pub(super) fn pack(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let BuiltinOptionsRef::PackOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let place = axis(options.axis().into(), graph.dims(op.output()?)?.len())?;
    let mut parts = parts(graph, op)?;
    parts.iter_mut().for_each(|dims| dims.insert(place, 1));
    join(graph, op, place, Activation::NONE, &parts)
}

/// Cuts a value into as many equal parts along a dimension as there are results.
fn cut(
    graph: &mut Graph<'_>,
    op: &Op<'_>,
    input: usize,
    layout: Layout,
    axis: usize,
) -> Result<Vec<String>> {
    let count = op.info.outputs.len();
    let extent = graph.dims(input)?[axis] / count;
    let value = graph.stored(input, layout)?;
    let sizes = graph.list(&vec![extent as i64; count])?;
    let place = Attribute::Int(layout.axis(axis) as i64);
    Ok(graph.node_of("Split", &[&value, &sizes], vec![("axis", place)], count))
}

pub(super) fn split(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let input = op.input(1)?;
    let stated = graph.ints(op.input(0)?)?;
    let &[stated] = stated.as_slice() else {
        return Err(Error::invalid_argument("the dimension to split must be one number"));
    };
    let layout = graph.layout(input);
    let axis = axis(stated, graph.dims(input)?.len())?;
    let parts = cut(graph, op, input, layout, axis)?;
    for (&output, part) in op.info.outputs.iter().zip(parts) {
        graph.define_stored(output, layout, part);
    }
    Ok(())
}

pub(super) fn unpack(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let BuiltinOptionsRef::UnpackOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let input = op.input(0)?;
    let axis = axis(options.axis().into(), graph.dims(input)?.len())?;
    let parts = cut(graph, op, input, Layout::Plain, axis)?;
    for (&output, part) in op.info.outputs.iter().zip(parts) {
        let part = graph.reshape(&part, &graph.dims(output)?)?;
        graph.define_stored(output, Layout::Plain, part);
    }
    Ok(())
}

pub(super) fn slice(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let begins = graph.ints(op.input(1)?)?;
    let sizes = graph.dims(op.output()?)?;
    let ranges = begins.iter().zip(sizes);
    let ranges: Vec<SliceRange> = ranges
        .map(|(&begin, count)| SliceRange { begin: begin as usize, step: 1, count })
        .collect();
    take(graph, op, &ranges)
}

/// Takes ranges of the input, and gives them the shape of the result.
fn take(graph: &mut Graph<'_>, op: &Op<'_>, ranges: &[SliceRange]) -> Result<()> {
    let (input, output) = (op.input(0)?, op.output()?);
    let dims = graph.dims(output)?;
    if let Some(constant) = graph.constant(input)? {
        let constant = constant.sliced(ranges).reshaped(&dims);
        return graph.fold(output, constant);
    }
    let taken_dims: Vec<usize> = ranges.iter().map(|range| range.count).collect();
    let layout = if dims == taken_dims { graph.layout(input) } else { Layout::Plain };
    let value = graph.stored(input, layout)?;
    let end = |range: &SliceRange| {
        let end = range.begin as isize + range.step * range.count as isize;
        // Below the first element a number would count from the end.
        if end < 0 { i64::MIN } else { end as i64 }
    };
    let begins: Vec<i64> = ranges.iter().map(|range| range.begin as i64).collect();
    let steps: Vec<i64> = ranges.iter().map(|range| range.step as i64).collect();
    let ends: Vec<i64> = ranges.iter().map(end).collect();
    let axes: Vec<i64> = (0..ranges.len()).map(|axis| layout.axis(axis) as i64).collect();
    let (begins, ends) = (graph.list(&begins)?, graph.list(&ends)?);
    let (axes, steps) = (graph.list(&axes)?, graph.list(&steps)?);
    let mut value = graph.node("Slice", &[&value, &begins, &ends, &axes, &steps], vec![]);
    if dims != taken_dims {
        value = graph.reshape(&value, &dims)?;
    }
    graph.define_stored(output, layout, value);
    Ok(())
}

pub(super) fn strided_slice(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let BuiltinOptionsRef::StridedSliceOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let dims = graph.dims(op.input(0)?)?;
    let lists = [graph.ints(op.input(1)?)?, graph.ints(op.input(2)?)?, graph.ints(op.input(3)?)?];
    let (ranges, _) = strided_ranges(&dims, lists.each_ref().map(Vec::as_slice), options)?;
    take(graph, op, &ranges)
}

pub(super) fn gather(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let stated = match op.options {
        BuiltinOptionsRef::GatherOptions(options) => options.axis(),
        _ => 0,
    };
    let (input, places, output) = (op.input(0)?, op.input(1)?, op.output()?);
    let axis = axis(stated.into(), graph.dims(input)?.len())?;
    let value = graph.stored(input, Layout::Plain)?;
    let indices = graph.stored(places, Layout::Plain)?;
    let place = Attribute::Int(axis as i64);
    let value = graph.node("Gather", &[&value, &indices], vec![("axis", place)]);
    graph.define_stored(output, Layout::Plain, value);
    Ok(())
}

/// Before and after each dimension.
fn paddings(graph: &mut Graph<'_>, tensor: usize) -> Result<Vec<(usize, usize)>> {
    let pads = graph.ints(tensor)?;
    Ok(pads
        .as_chunks()
        .0
        .iter()
        .map(|&[before, after]| (before as usize, after as usize))
        .collect())
}

/// PAD, and PADV2 with the value as third operand.
pub(super) fn pad(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let (input, output) = (op.input(0)?, op.output()?);
    let pairs = paddings(graph, op.input(1)?)?;
    let layout = graph.layout(input);
    let value = graph.stored(input, layout)?;
    let filling = match op.optional_input(2) {
        Some(filling) => match graph.constant(filling)?.map(|constant| constant.reshaped(&[])) {
            Some(number) => graph.initializer(&number)?,
            None => return Err(Error::unimplemented("it pads with what is computed")),
        },
        None => {
            // As the reference has it, that of the result.
            let zero = graph.quantization(output).map(|quantization| parameters(quantization).1);
            let zero = zero.and_then(|zero| zero.first().copied()).unwrap_or_default();
            let values = match graph.element_type(input) {
                TensorType::FLOAT32 => Values::F32(vec![0.0]),
                other => Values::Int(vec![zero], other),
            };
            graph.initializer(&Constant { dims: vec![], values })?
        }
    };
    let value = padded(graph, &value, &layout.arrange(&pairs), &filling)?;
    graph.define_stored(output, layout, value);
    Ok(())
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
    let layout = graph.layout(input);
    let mut value = graph.stored(input, layout)?;
    for axis in 0..graph.dims(input)?.len() {
        let Some(places) = places(axis)? else { continue };
        let places = graph.list(&places)?;
        let axis = Attribute::Int(layout.axis(axis) as i64);
        value = graph.node("Gather", &[&value, &places], vec![("axis", axis)]);
    }
    graph.define_stored(output, layout, value);
    Ok(())
}

pub(super) fn mirror_pad(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let takes_border = match op.options {
        BuiltinOptionsRef::MirrorPadOptions(options) => options.mode() == 1,
        _ => return Err(op.wrong_options()),
    };
    let input = op.input(0)?;
    let dims = graph.dims(input)?;
    let pairs = paddings(graph, op.input(1)?)?;
    let offset = if takes_border { 0 } else { 1 };
    pick(graph, op, |axis| {
        let ((before, after), extent) = (pairs[axis], dims[axis]);
        if before == 0 && after == 0 {
            return Ok(None);
        }
        check_side(before + extent + after)?;
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

pub(super) fn resize_bilinear(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let (aligns_corners, has_half_pixels) = match op.options {
        BuiltinOptionsRef::ResizeBilinearOptions(options) => {
            (options.align_corners(), options.half_pixel_centers())
        }
        _ => return Err(op.wrong_options()),
    };
    let (input, output) = (op.input(0)?, op.output()?);
    let [batch, height, width, channels] = graph.picture(output)?;
    // Corners cannot be aligned along a side of one pixel; TensorFlow Lite takes it as it comes then.
    let mode = match (aligns_corners && height.min(width) > 1, has_half_pixels) {
        (true, _) => "align_corners",
        (false, true) => "half_pixel",
        (false, false) => "asymmetric",
    };
    if aligns_corners && height.min(width) == 1 && height.max(width) > 1 {
        return Err(Error::unimplemented("it aligns corners of an image with a side of one pixel"));
    }
    let value = graph.float(input, Layout::ChannelsFirst)?;
    let attributes = vec![
        ("mode", Attribute::Text("linear")),
        ("coordinate_transformation_mode", Attribute::Text(mode)),
    ];
    let sizes = [batch, channels, height, width].map(|extent| extent as i64);
    let sizes = graph.list(&sizes)?;
    let result = graph.node("Resize", &[&value, "", "", &sizes], attributes);
    graph.define(output, Layout::ChannelsFirst, result)
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
    let [_, to_height, to_width, _] = graph.picture(op.output()?)?;
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
    pick(graph, op, |axis| {
        Ok(match axis {
            1 => Some(places(height, to_height)),
            2 => Some(places(width, to_width)),
            _ => None,
        })
    })
}

/// Sizes of blocks of rows and columns, and what goes on or comes off before and after.
fn blocks(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<[(usize, (usize, usize)); 2]> {
    let (sizes, pairs) = (graph.ints(op.input(1)?)?, paddings(graph, op.input(2)?)?);
    match (&sizes[..], &pairs[..]) {
        (&[rows, columns], &[vertical, horizontal]) => {
            Ok([(rows as usize, vertical), (columns as usize, horizontal)])
        }
        _ => Err(Error::unimplemented("only blocks of rows and columns have a translation")),
    }
}

pub(super) fn space_to_batch(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let (input, output) = (op.input(0)?, op.output()?);
    let [batch, .., channels] = graph.picture(input)?;
    let dims @ [_, height, width, _] = graph.picture(output)?;
    let [(rows, vertical), (columns, horizontal)] = blocks(graph, op)?;
    let value = graph.float(input, Layout::Plain)?;
    let zero = graph.number(0.0)?;
    let value = padded(graph, &value, &[(0, 0), vertical, horizontal, (0, 0)], &zero)?;
    let value = graph.reshape(&value, &[batch, height, rows, width, columns, channels])?;
    let order = Attribute::Ints(vec![2, 4, 0, 1, 3, 5]);
    let value = graph.node("Transpose", &[&value], vec![("perm", order)]);
    let value = graph.reshape(&value, &dims)?;
    graph.define(output, Layout::Plain, value)
}

pub(super) fn batch_to_space(graph: &mut Graph<'_>, op: &Op<'_>) -> Result<()> {
    let (input, output) = (op.input(0)?, op.output()?);
    let [_, height, width, channels] = graph.picture(input)?;
    let [batch, kept_height, kept_width, _] = graph.picture(output)?;
    let [(rows, vertical), (columns, horizontal)] = blocks(graph, op)?;
    let value = graph.float(input, Layout::Plain)?;
    let value = graph.reshape(&value, &[rows, columns, batch, height, width, channels])?;
    let order = Attribute::Ints(vec![2, 3, 0, 4, 1, 5]);
    let value = graph.node("Transpose", &[&value], vec![("perm", order)]);
    let value = graph.reshape(&value, &[batch, height * rows, width * columns, channels])?;
    let begins = graph.list(&[vertical.0 as i64, horizontal.0 as i64])?;
    let ends = [vertical.0 + kept_height, horizontal.0 + kept_width].map(|end| end as i64);
    let ends = graph.list(&ends)?;
    let axes = graph.list(&[1, 2])?;
    let value = graph.node("Slice", &[&value, &begins, &ends, &axes], vec![]);
    graph.define(output, Layout::Plain, value)
}
