//! Operators that move values and leave them as they are.

use lookalike_core::shapes::{SliceRange, axis, strided_ranges};
use lookalike_core::{Error, Result};
use lookalike_schema::tflite::{Activation as Fused, BuiltinOptionsRef};

use super::read::{Builder, Operator};
use super::{Element, OUTSIDE, Op, Remap, Value, ValueId};

/// Elements from one index of each dimension to the next.
pub(super) fn strides(dims: &[usize]) -> Vec<usize> {
    (0..dims.len()).map(|axis| dims[axis + 1..].iter().product()).collect()
}

/// The places of all indices of a dimension.
fn all(extent: usize, stride: usize) -> Vec<usize> {
    (0..extent).map(|index| index * stride).collect()
}

/// The places of those within a range.
fn within(range: &SliceRange, stride: usize) -> Vec<usize> {
    let place = |index: usize| range.begin as isize + index as isize * range.step;
    (0..range.count).map(|index| place(index) as usize * stride).collect()
}

/// What lies around a value: zeros, or what stands for them.
fn zero(value: &Value) -> Vec<u8> {
    let zero_point = value.scale.map_or(0, |scale| scale.zero_point);
    match value.element {
        Element::I8 | Element::U8 | Element::Bool => vec![zero_point as u8],
        Element::I16 => (zero_point as i16).to_ne_bytes().to_vec(),
        element => vec![0; element.size()],
    }
}

/// Adds a value made of another's elements, with zeros where none of them is.
pub(super) fn remap(
    graph: &mut Builder<'_>,
    input: ValueId,
    places: Vec<Vec<usize>>,
    dims: Vec<usize>,
) -> ValueId {
    let value = &graph.graph.values[input];
    let result = Value::new(dims, value.element, value.scale);
    let filling = zero(&result);
    graph.node(Op::Remap(Box::new(Remap { places, filling })), vec![input], result)
}

/// What a tensor holds once elements of a value have been moved there: they stand for what the tensor declares, whatever they stood for.
fn declared(graph: &Builder<'_>, tensor: usize, input: ValueId) -> Result<Value> {
    let (dims, value) = (graph.dims(tensor)?, &graph.graph.values[input]);
    Ok(Value::new(dims, value.element, graph.scale(tensor).or(value.scale)))
}

/// Moves elements to a tensor, with a filling where none of them is, which is zero unless given.
fn move_to(
    graph: &mut Builder<'_>,
    tensor: usize,
    input: ValueId,
    places: Vec<Vec<usize>>,
    filling: Option<Vec<u8>>,
) -> Result<()> {
    let result = declared(graph, tensor, input)?;
    let filling = filling.unwrap_or_else(|| zero(&result));
    let value = graph.node(Op::Remap(Box::new(Remap { places, filling })), vec![input], result);
    graph.set(tensor, value);
    Ok(())
}

/// The same for the first operand and the only result of an operator.
fn moved(graph: &mut Builder<'_>, op: &Operator<'_>, places: Vec<Vec<usize>>) -> Result<()> {
    let input = graph.stored(op.input(0)?)?;
    move_to(graph, op.output(), input, places, None)
}

pub(super) fn reshape(graph: &mut Builder<'_>, op: &Operator<'_>) -> Result<()> {
    let input = graph.stored(op.input(0)?)?;
    let result = declared(graph, op.output(), input)?;
    let value = graph.node(Op::Reshape, vec![input], result);
    graph.set(op.output(), value);
    Ok(())
}

pub(super) fn transpose(graph: &mut Builder<'_>, op: &Operator<'_>) -> Result<()> {
    let dims = graph.dims(op.input(0)?)?;
    let strides = strides(&dims);
    let order = graph.integers(op.input(1)?)?;
    let places = order.into_iter().map(|stated| {
        let axis = axis(stated, dims.len())?;
        Ok(all(dims[axis], strides[axis]))
    });
    let places = places.collect::<Result<_>>()?;
    moved(graph, op, places)
}

/// The places of ranges of all dimensions.
fn ranges_of(dims: &[usize], ranges: &[SliceRange]) -> Vec<Vec<usize>> {
    ranges.iter().zip(strides(dims)).map(|(range, stride)| within(range, stride)).collect()
}

pub(super) fn slice(graph: &mut Builder<'_>, op: &Operator<'_>) -> Result<()> {
    let (dims, kept) = (graph.dims(op.input(0)?)?, graph.dims(op.output())?);
    let begins = graph.integers(op.input(1)?)?;
    let range =
        |(&begin, &count): (&i64, &usize)| SliceRange { begin: begin as usize, step: 1, count };
    let ranges: Vec<SliceRange> = begins.iter().zip(&kept).map(range).collect();
    moved(graph, op, ranges_of(&dims, &ranges))
}

pub(super) fn strided_slice(graph: &mut Builder<'_>, op: &Operator<'_>) -> Result<()> {
    let BuiltinOptionsRef::StridedSliceOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let dims = graph.dims(op.input(0)?)?;
    let list = |place: usize| graph.integers(op.input(place)?);
    let (begins, ends, steps) = (list(1)?, list(2)?, list(3)?);
    let (ranges, _) = strided_ranges(&dims, [&begins, &ends, &steps], options)?;
    moved(graph, op, ranges_of(&dims, &ranges))
}

pub(super) fn gather(graph: &mut Builder<'_>, op: &Operator<'_>) -> Result<()> {
    let stated = match op.options {
        BuiltinOptionsRef::GatherOptions(options) => options.axis(),
        _ => 0,
    };
    let dims = graph.dims(op.input(0)?)?;
    let axis = axis(stated.into(), dims.len())?;
    let indices = graph.integers(op.input(1)?)?;
    graph.spend_places(indices.len())?;
    let place = |(at, (&extent, stride)): (usize, (&usize, usize))| {
        if at == axis {
            indices.iter().map(|&index| index as usize * stride).collect()
        } else {
            all(extent, stride)
        }
    };
    let places = dims.iter().zip(strides(&dims)).enumerate().map(place).collect();
    moved(graph, op, places)
}

/// Gives each result its part of the operand along a dimension.
fn cut(graph: &mut Builder<'_>, op: &Operator<'_>, input: usize, axis: usize) -> Result<()> {
    let dims = graph.dims(input)?;
    let stored = graph.stored(input)?;
    let count = dims[axis] / op.info.outputs.len();
    for (part, &output) in op.info.outputs.iter().enumerate() {
        let mut ranges: Vec<SliceRange> =
            dims.iter().map(|&extent| SliceRange::all(extent)).collect();
        ranges[axis] = SliceRange { begin: part * count, step: 1, count };
        move_to(graph, output, stored, ranges_of(&dims, &ranges), None)?;
    }
    Ok(())
}

pub(super) fn split(graph: &mut Builder<'_>, op: &Operator<'_>) -> Result<()> {
    let input = op.input(1)?;
    let stated = graph.integers(op.input(0)?)?;
    let rank = graph.dims(input)?.len();
    let axis = axis(stated.first().copied().unwrap_or_default(), rank)?;
    cut(graph, op, input, axis)
}

pub(super) fn unpack(graph: &mut Builder<'_>, op: &Operator<'_>) -> Result<()> {
    let BuiltinOptionsRef::UnpackOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let input = op.input(0)?;
    let axis = axis(options.axis().into(), graph.dims(input)?.len())?;
    cut(graph, op, input, axis)
}

/// Lays operands side by side along a dimension of the result.
fn join(graph: &mut Builder<'_>, op: &Operator<'_>, axis: usize, activation: Fused) -> Result<()> {
    let output = op.output();
    let declared = graph.declared(output)?;
    let tensors: Vec<usize> = op.info.inputs.iter().flatten().copied().collect();
    let outer: usize = declared.dims[..axis].iter().product();
    let is_as_it_is = activation == Fused::NONE
        && tensors.iter().all(|&tensor| graph.scale(tensor) == declared.scale);
    let mut inputs = Vec::new();
    for &tensor in &tensors {
        inputs.push(if is_as_it_is { graph.stored(tensor)? } else { graph.floats(tensor)? });
    }
    let inner = inputs.iter().map(|&input| graph.graph.values[input].count() / outer).collect();
    let op = Op::Concatenation { outer, inner };
    if is_as_it_is {
        let value = graph.node(op, inputs, declared);
        graph.set(output, value);
        return Ok(());
    }
    let joined = graph.float_node(op, inputs, declared.dims);
    let joined = graph.activated(activation, joined)?;
    graph.define(output, joined)
}

pub(super) fn concatenation(graph: &mut Builder<'_>, op: &Operator<'_>) -> Result<()> {
    let BuiltinOptionsRef::ConcatenationOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let axis = axis(options.axis().into(), graph.dims(op.output())?.len())?;
    join(graph, op, axis, options.fused_activation_function())
}

pub(super) fn pack(graph: &mut Builder<'_>, op: &Operator<'_>) -> Result<()> {
    let BuiltinOptionsRef::PackOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let axis = axis(options.axis().into(), graph.dims(op.output())?.len())?;
    join(graph, op, axis, Fused::NONE)
}

/// Before and after each dimension.
fn paddings(graph: &Builder<'_>, tensor: usize) -> Result<Vec<(usize, usize)>> {
    let pads = graph.integers(tensor)?;
    let pairs = pads.as_chunks().0.iter();
    Ok(pairs.map(|&[before, after]| (before as usize, after as usize)).collect())
}

fn padded(dims: &[usize], pairs: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let places = |((&extent, stride), &(before, after)): ((&usize, usize), &(usize, usize))| {
        let mut places = vec![OUTSIDE; before];
        places.extend(all(extent, stride));
        places.resize(before + extent + after, OUTSIDE);
        places
    };
    dims.iter().zip(strides(dims)).zip(pairs).map(places).collect()
}

/// PAD, and PADV2 with the filling as third operand.
pub(super) fn pad(graph: &mut Builder<'_>, op: &Operator<'_>) -> Result<()> {
    let pairs = paddings(graph, op.input(1)?)?;
    let places = padded(&graph.dims(op.input(0)?)?, &pairs);
    let Some(filling) = op.optional_input(2) else { return moved(graph, op, places) };
    let filling = graph.stored(filling)?;
    let Some(filling) = graph.graph.values[filling].constant.clone() else {
        return Err(Error::unimplemented("it pads with what is computed"));
    };
    let input = graph.stored(op.input(0)?)?;
    move_to(graph, op.output(), input, places, Some(filling.bytes().to_vec()))
}

pub(super) fn mirror_pad(graph: &mut Builder<'_>, op: &Operator<'_>) -> Result<()> {
    let offset = match op.options {
        BuiltinOptionsRef::MirrorPadOptions(options) if options.mode() == 1 => 0,
        BuiltinOptionsRef::MirrorPadOptions(_) => 1,
        _ => return Err(op.wrong_options()),
    };
    let dims = graph.dims(op.input(0)?)?;
    let pairs = paddings(graph, op.input(1)?)?;
    let places = |((&extent, stride), &(before, after)): ((&usize, usize), &(usize, usize))| {
        let front = (0..before).map(|place| before - 1 - place + offset);
        let back = (0..after).map(|place| extent - 1 - place - offset);
        front.chain(0..extent).chain(back).map(|place| place * stride).collect()
    };
    let places = dims.iter().zip(strides(&dims)).zip(&pairs).map(places).collect();
    moved(graph, op, places)
}

/// The nearest pixel as TensorFlow Lite finds it, in 32-bit floats.
pub(super) fn resize_nearest(graph: &mut Builder<'_>, op: &Operator<'_>) -> Result<()> {
    let (aligns_corners, has_half_pixels) = match op.options {
        BuiltinOptionsRef::ResizeNearestNeighborOptions(options) => {
            (options.align_corners(), options.half_pixel_centers())
        }
        _ => return Err(op.wrong_options()),
    };
    let (dims, to) = (graph.dims(op.input(0)?)?, graph.dims(op.output())?);
    let offset = if has_half_pixels { 0.5 } else { 0.0 };
    let place = |from: usize, to: usize, target: usize| {
        let aligns = aligns_corners && to > 1;
        let scale =
            if aligns { (from - 1) as f32 / (to - 1) as f32 } else { from as f32 / to as f32 };
        let place = (target as f32 + offset) * scale;
        let place = if aligns_corners { place.round() } else { place.floor() };
        (place as usize).min(from - 1)
    };
    let places = (0..dims.len()).zip(strides(&dims)).map(|(axis, stride)| {
        let place = |target| match axis {
            1 | 2 => place(dims[axis], to[axis], target),
            _ => target,
        };
        (0..to[axis]).map(|target| place(target) * stride).collect()
    });
    let places = places.collect();
    moved(graph, op, places)
}

/// Sizes of blocks of rows and columns, and what goes on or comes off before and after.
type Blocks = [(usize, (usize, usize)); 2];

fn blocks(graph: &Builder<'_>, op: &Operator<'_>) -> Result<Blocks> {
    let (sizes, pairs) = (graph.integers(op.input(1)?)?, paddings(graph, op.input(2)?)?);
    match (&sizes[..], &pairs[..]) {
        (&[rows, columns], &[vertical, horizontal]) => {
            Ok([(rows as usize, vertical), (columns as usize, horizontal)])
        }
        _ => Err(Error::unimplemented("only blocks of rows and columns are supported")),
    }
}

pub(super) fn space_to_batch(graph: &mut Builder<'_>, op: &Operator<'_>) -> Result<()> {
    let [batch, rows, columns, channels] = graph.picture(op.input(0)?)?;
    let [_, places_down, places_across, _] = graph.picture(op.output())?;
    let [(down, vertical), (across, horizontal)] = blocks(graph, op)?;
    // The padded image may have far longer sides than what is made of it.
    graph.spend_places(down * places_down + across * places_across)?;
    let input = graph.stored(op.input(0)?)?;
    let places = padded(&[batch, rows, columns, channels], &[(0, 0), vertical, horizontal, (0, 0)]);
    let dims: Vec<usize> = places.iter().map(Vec::len).collect();
    let strides = strides(&dims);
    let input = remap(graph, input, places, dims);
    // Of the padded image: first which pixel of a block, then which image and which block.
    let places = vec![
        all(down, strides[1]),
        all(across, strides[2]),
        all(batch, strides[0]),
        all(places_down, down * strides[1]),
        all(places_across, across * strides[2]),
        all(channels, 1),
    ];
    move_to(graph, op.output(), input, places, None)
}

pub(super) fn batch_to_space(graph: &mut Builder<'_>, op: &Operator<'_>) -> Result<()> {
    let from @ [_, _, _, channels] = graph.picture(op.input(0)?)?;
    let [batch, rows, columns, _] = graph.picture(op.output())?;
    let [(down, vertical), (across, horizontal)] = blocks(graph, op)?;
    let strides = strides(&from);
    // A pixel of the result is a pixel of a block, which is an image of the operand.
    let side = |count: usize, size: usize, cut: usize, pictures: usize, stride: usize| {
        let place = |index: usize| {
            let index = index + cut;
            index % size * pictures * strides[0] + index / size * stride
        };
        (0..count).map(place).collect::<Vec<usize>>()
    };
    let places = vec![
        all(batch, strides[0]),
        side(rows, down, vertical.0, across * batch, strides[1]),
        side(columns, across, horizontal.0, batch, strides[2]),
        all(channels, 1),
    ];
    moved(graph, op, places)
}
