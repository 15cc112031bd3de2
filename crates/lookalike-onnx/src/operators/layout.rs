//! Operators that move elements and leave them as they are, and those that resample images.

use lookalike_core::{Error, Quantization, Result, TensorType};
use lookalike_graph::{Activation, Block, Node, Sampling, SliceRange, TensorId};

use super::activate;
use crate::constant::{Constant, Values, parameters};
use crate::graph::{Graph, Layout};
use crate::proto::Attribute;

/// Gives the result the elements of the input in their order, with another shape.
pub(super) fn reshape(graph: &mut Graph<'_>, node: &Node) -> Result<()> {
    let (input, output) = (node.input(0), node.output());
    let dims = graph.dims(output);
    if let Some(constant) = graph.constant(input)?.map(|constant| constant.reshaped(dims)) {
        return graph.fold(output, constant);
    }
    let value = graph.stored_in_order(input)?;
    let value = graph.reshape(&value, dims)?;
    graph.define_stored(output, Layout::Plain, value);
    Ok(())
}

pub(super) fn transpose(graph: &mut Graph<'_>, node: &Node, permutation: &[usize]) -> Result<()> {
    let (input, output) = (node.input(0), node.output());
    if let Some(constant) = graph.constant(input)?.map(|constant| constant.transposed(permutation))
    {
        return graph.fold(output, constant);
    }
    let value = graph.stored(input, Layout::Plain)?;
    let order = Attribute::Ints(permutation.iter().map(|&axis| axis as i64).collect());
    let value = graph.node("Transpose", &[&value], vec![("perm", order)]);
    graph.define_stored(output, Layout::Plain, value);
    Ok(())
}

/// Whether a value can be taken over as it is stored: both tensors' integers mean the same.
fn is_alike(graph: &Graph<'_>, one: TensorId, other: TensorId) -> bool {
    let meaning = |tensor: TensorId| {
        let of = |quantization: &Quantization| {
            let (scale, zero_point) = parameters(quantization);
            (scale.to_vec(), zero_point)
        };
        (graph.element_type(tensor), graph.quantization(tensor).map(of))
    };
    meaning(one) == meaning(other)
}

/// Lays inputs side by side along a dimension of the output, which those of lower rank do not have.
pub(super) fn concatenate(
    graph: &mut Graph<'_>,
    node: &Node,
    axis: usize,
    activation: Activation,
) -> Result<()> {
    let output = node.output();
    let inputs: Vec<TensorId> = node.inputs.iter().flatten().copied().collect();
    let rank = graph.dims(output).len();
    let keeps_dims = graph.dims(inputs[0]).len() == rank;
    let layout = if keeps_dims { graph.common_layout(&inputs)? } else { Layout::Plain };
    let is_stored = activation == Activation::None
        && inputs.iter().all(|&input| is_alike(graph, input, output));
    let mut values = Vec::new();
    for &input in &inputs {
        let mut part = graph.dims(input).to_vec();
        if !keeps_dims {
            part.insert(axis, 1);
        }
        values.push(match (keeps_dims, is_stored) {
            (true, true) => graph.stored(input, layout)?,
            (true, false) => graph.float(input, layout)?,
            (false, true) => {
                let value = graph.stored_in_order(input)?;
                graph.reshape(&value, &part)?
            }
            (false, false) => graph.reshaped_float(input, &part)?,
        });
    }
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let position = Attribute::Int(layout.axis(axis) as i64);
    let result = graph.node("Concat", &values, vec![("axis", position)]);
    if is_stored {
        graph.define_stored(output, layout, result);
        return Ok(());
    }
    let result = activate(graph, output, activation, result)?;
    graph.define(output, layout, result)
}

/// Splits a value into as many equal parts along a dimension as there are outputs.
fn split_evenly(
    graph: &mut Graph<'_>,
    node: &Node,
    input: TensorId,
    layout: Layout,
    axis: usize,
) -> Result<Vec<String>> {
    let count = node.outputs.len();
    let size = graph.dims(input)[axis] / count;
    let value = graph.stored(input, layout)?;
    let sizes = graph.list(&vec![size as i64; count])?;
    let position = Attribute::Int(layout.axis(axis) as i64);
    Ok(graph.node_of("Split", &[&value, &sizes], vec![("axis", position)], count))
}

pub(super) fn split(graph: &mut Graph<'_>, node: &Node, axis: usize) -> Result<()> {
    let input = node.input(1);
    let layout = graph.layout(input);
    let parts = split_evenly(graph, node, input, layout, axis)?;
    for (&output, part) in node.outputs.iter().zip(parts) {
        graph.define_stored(output, layout, part);
    }
    Ok(())
}

pub(super) fn unpack(graph: &mut Graph<'_>, node: &Node, axis: usize) -> Result<()> {
    let parts = split_evenly(graph, node, node.input(0), Layout::Plain, axis)?;
    for (&output, part) in node.outputs.iter().zip(parts) {
        let part = graph.reshape(&part, graph.dims(output))?;
        graph.define_stored(output, Layout::Plain, part);
    }
    Ok(())
}

pub(super) fn tile(graph: &mut Graph<'_>, node: &Node, multiples: &[usize]) -> Result<()> {
    let multiples: Vec<i64> = multiples.iter().map(|&multiple| multiple as i64).collect();
    repeat(graph, node, "Tile", &multiples)
}

pub(super) fn broadcast_to(graph: &mut Graph<'_>, node: &Node) -> Result<()> {
    let dims: Vec<i64> = graph.dims(node.output()).iter().map(|&dim| dim as i64).collect();
    repeat(graph, node, "Expand", &dims)
}

/// Repeats elements as a list says.
fn repeat(graph: &mut Graph<'_>, node: &Node, operator: &str, list: &[i64]) -> Result<()> {
    let value = graph.stored(node.input(0), Layout::Plain)?;
    let list = graph.list(list)?;
    let value = graph.node(operator, &[&value, &list], vec![]);
    graph.define_stored(node.output(), Layout::Plain, value);
    Ok(())
}

/// Takes ranges of the input, and gives them the shape of the output.
pub(super) fn slice(graph: &mut Graph<'_>, node: &Node, ranges: &[SliceRange]) -> Result<()> {
    let (input, output) = (node.input(0), node.output());
    let dims = graph.dims(output);
    if let Some(constant) = graph.constant(input)? {
        let constant = constant.sliced(ranges).reshaped(dims);
        return graph.fold(output, constant);
    }
    let counts: Vec<usize> = ranges.iter().map(|range| range.count).collect();
    let layout = if dims == counts { graph.layout(input) } else { Layout::Plain };
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
    if dims != counts {
        value = graph.reshape(&value, dims)?;
    }
    graph.define_stored(output, layout, value);
    Ok(())
}

pub(super) fn gather(
    graph: &mut Graph<'_>,
    node: &Node,
    input: TensorId,
    indices: TensorId,
    axis: usize,
) -> Result<()> {
    let value = graph.stored(input, Layout::Plain)?;
    let indices = graph.stored(indices, Layout::Plain)?;
    let position = Attribute::Int(axis as i64);
    let value = graph.node("Gather", &[&value, &indices], vec![("axis", position)]);
    graph.define_stored(node.output(), Layout::Plain, value);
    Ok(())
}

/// Gathers slices of the first dimensions, which are one here.
pub(super) fn gather_nd(
    graph: &mut Graph<'_>,
    node: &Node,
    depth: usize,
    indices: &[usize],
) -> Result<()> {
    let (input, output) = (node.input(0), node.output());
    let (indexed, slice) = graph.dims(input).split_at(depth);
    let value = graph.stored(input, Layout::Plain)?;
    let value = graph.reshape(&value, &[&[indexed.iter().product()], slice].concat())?;
    let indices: Vec<i64> = indices.iter().map(|&index| index as i64).collect();
    let indices = graph.list(&indices)?;
    let value = graph.node("Gather", &[&value, &indices], vec![("axis", Attribute::Int(0))]);
    let value = graph.reshape(&value, graph.dims(output))?;
    graph.define_stored(output, Layout::Plain, value);
    Ok(())
}

/// PAD, and PADV2 with the value as third input.
pub(super) fn pad(graph: &mut Graph<'_>, node: &Node, padding: &[(usize, usize)]) -> Result<()> {
    let (input, output) = (node.input(0), node.output());
    let layout = graph.layout(input);
    let value = graph.stored(input, layout)?;
    let filling = match node.optional_input(2) {
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
    let value = padded(graph, &value, &layout.arrange(padding), &filling)?;
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

/// Picks elements along each dimension whose size changes. With the indices known here it is exact, and of any type.
fn pick(
    graph: &mut Graph<'_>,
    node: &Node,
    indices: impl Fn(usize) -> Result<Option<Vec<i64>>>,
) -> Result<()> {
    let (input, output) = (node.input(0), node.output());
    let layout = graph.layout(input);
    let mut value = graph.stored(input, layout)?;
    for axis in 0..graph.dims(input).len() {
        let Some(indices) = indices(axis)? else { continue };
        let indices = graph.list(&indices)?;
        let axis = Attribute::Int(layout.axis(axis) as i64);
        value = graph.node("Gather", &[&value, &indices], vec![("axis", axis)]);
    }
    graph.define_stored(output, layout, value);
    Ok(())
}

pub(super) fn mirror_pad(
    graph: &mut Graph<'_>,
    node: &Node,
    padding: &[(usize, usize)],
    offset: usize,
) -> Result<()> {
    let dims = graph.dims(node.input(0));
    pick(graph, node, |axis| {
        let ((before, after), size) = (padding[axis], dims[axis]);
        if before == 0 && after == 0 {
            return Ok(None);
        }
        check_side(before + size + after)?;
        let (before, after, size, offset) =
            (before as i64, after as i64, size as i64, offset as i64);
        let front = (0..before).map(|index| before - 1 - index + offset);
        let back = (0..after).map(|index| size - 1 - index - offset);
        Ok(Some(front.chain(0..size).chain(back).collect()))
    })
}

/// The longest side whose indices are listed: the list must not fill the memory.
const LONGEST_LISTED: usize = 1 << 20;

pub(super) fn check_side(length: usize) -> Result<()> {
    if length <= LONGEST_LISTED {
        return Ok(());
    }
    Err(Error::invalid_argument(format!("a side of {length} is longer than {LONGEST_LISTED}")))
}

pub(super) fn resize_bilinear(
    graph: &mut Graph<'_>,
    node: &Node,
    sampling: &Sampling,
) -> Result<()> {
    let &Sampling { aligns_corners, has_half_pixel_centers } = sampling;
    let (input, output) = (node.input(0), node.output());
    let [batch, height, width, channels] = graph.image_dims(output);
    // Corners cannot be aligned along a side of one pixel; TensorFlow Lite takes it as it comes then.
    let mode = match (aligns_corners && height.min(width) > 1, has_half_pixel_centers) {
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
    let sizes = [batch, channels, height, width].map(|length| length as i64);
    let sizes = graph.list(&sizes)?;
    let result = graph.node("Resize", &[&value, "", "", &sizes], attributes);
    graph.define(output, Layout::ChannelsFirst, result)
}

/// The nearest pixel as TensorFlow Lite finds it, in 32-bit floats.
pub(super) fn resize_nearest(
    graph: &mut Graph<'_>,
    node: &Node,
    sampling: &Sampling,
) -> Result<()> {
    let (from, to) = (graph.dims(node.input(0)), graph.dims(node.output()));
    check_side(to[1].max(to[2]))?;
    pick(graph, node, |axis| {
        let nearest = || sampling.nearest(from[axis], to[axis]).map(|index| index as i64);
        Ok(matches!(axis, 1 | 2).then(|| nearest().collect()))
    })
}

pub(super) fn space_to_batch(
    graph: &mut Graph<'_>,
    node: &Node,
    [rows, columns]: &[Block; 2],
) -> Result<()> {
    let (input, output) = (node.input(0), node.output());
    let [batch, .., channels] = graph.image_dims(input);
    let dims @ [_, height, width, _] = graph.image_dims(output);
    let value = graph.float(input, Layout::Plain)?;
    let zero = graph.number(0.0)?;
    let value = padded(
        graph,
        &value,
        &[(0, 0), (rows.before, rows.after), (columns.before, columns.after), (0, 0)],
        &zero,
    )?;
    let value =
        graph.reshape(&value, &[batch, height, rows.size, width, columns.size, channels])?;
    let order = Attribute::Ints(vec![2, 4, 0, 1, 3, 5]);
    let value = graph.node("Transpose", &[&value], vec![("perm", order)]);
    let value = graph.reshape(&value, &dims)?;
    graph.define(output, Layout::Plain, value)
}

pub(super) fn batch_to_space(
    graph: &mut Graph<'_>,
    node: &Node,
    [rows, columns]: &[Block; 2],
) -> Result<()> {
    let (input, output) = (node.input(0), node.output());
    let [_, height, width, channels] = graph.image_dims(input);
    let [batch, kept_height, kept_width, _] = graph.image_dims(output);
    let value = graph.float(input, Layout::Plain)?;
    let value =
        graph.reshape(&value, &[rows.size, columns.size, batch, height, width, channels])?;
    let order = Attribute::Ints(vec![2, 3, 0, 4, 1, 5]);
    let value = graph.node("Transpose", &[&value], vec![("perm", order)]);
    let value =
        graph.reshape(&value, &[batch, height * rows.size, width * columns.size, channels])?;
    let begins = graph.list(&[rows.before as i64, columns.before as i64])?;
    let ends = [rows.before + kept_height, columns.before + kept_width].map(|end| end as i64);
    let ends = graph.list(&ends)?;
    let axes = graph.list(&[1, 2])?;
    let value = graph.node("Slice", &[&value, &begins, &ends, &axes], vec![]);
    graph.define(output, Layout::Plain, value)
}
