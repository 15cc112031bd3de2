//! Operators that look at windows of images.

use lookalike_schema::tflite::{BuiltinOptionsRef, Padding, TensorType};

use super::matrices::{Weights, check_weights};
use super::{Kind, Operator, REAL, activation};
use crate::error::{Error, Result};
use crate::op::{
    Block, Conv2d, Op, Pool, Sampling, TransposeConv2d, TransposedSide, Window2d, WindowSide,
};

/// How a window is to move along one side of an image, as a model states it.
#[derive(Clone, Copy)]
struct Stated {
    size: usize,
    stride: i32,
    dilation: i32,
}

impl Stated {
    /// The positions by TensorFlow's rules: with SAME padding as many as strides fit, and the odd pixel of padding at the end.
    ///
    /// Fails for a size, stride or dilation below 1, a stride or dilation above 32767, and a window that is too large to count, or larger
    /// than a side without padding.
    fn resolve(self, input: usize, padding: Padding) -> Result<WindowSide> {
        // Engines multiply two of them in 32 bits.
        const MAX: usize = i16::MAX as usize;
        let (Ok(stride @ 1..=MAX), Ok(dilation @ 1..=MAX), 1..) =
            (usize::try_from(self.stride), usize::try_from(self.dilation), self.size)
        else {
            return Err(Error::invalid(format!(
                "windows, strides and dilations must be at least 1, and the latter {MAX} at most"
            )));
        };
        let covered = (self.size - 1)
            .checked_mul(dilation)
            .and_then(|covered| covered.checked_add(1))
            .filter(|&covered| covered <= i32::MAX as usize)
            .ok_or_else(|| Error::invalid("its window is too large"))?;
        let (output, before, after) = match padding {
            Padding::SAME => {
                let output = input.div_ceil(stride);
                let needed = (output.saturating_sub(1) * stride + covered).saturating_sub(input);
                (output, needed / 2, needed - needed / 2)
            }
            Padding::VALID if input >= covered => ((input - covered) / stride + 1, 0, 0),
            Padding::VALID => {
                let message = format!("a window of {covered} does not fit into {input}");
                return Err(Error::invalid(message));
            }
            other => return Err(Error::invalid(format!("there is no padding {other}"))),
        };
        Ok(WindowSide { input, output, size: self.size, stride, dilation, before, after })
    }
}

/// The window over an image of these rows and columns.
fn window(
    [rows, columns]: [usize; 2],
    [vertical, horizontal]: [Stated; 2],
    padding: Padding,
) -> Result<Window2d> {
    let (rows, columns) = (vertical.resolve(rows, padding)?, horizontal.resolve(columns, padding)?);
    Ok(Window2d { rows, columns })
}

pub(super) fn conv(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity_with_bias()?;
    let BuiltinOptionsRef::Conv2DOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let (input, weights) = (op.input(0)?, op.input(1)?);
    let [outputs, height, width, depth] = op.image(weights)?;
    let [batch, rows, columns, channels] = op.image(input)?;
    let groups = channels.checked_div(depth).unwrap_or_default();
    if groups == 0 || !channels.is_multiple_of(depth) || !outputs.is_multiple_of(groups) {
        return Err(Error::invalid(format!(
            "its weights are for {depth} channels and {outputs} results, and its input has {channels}"
        )));
    }
    check_weights(op, Weights::new(outputs, 0))?;
    let activation = activation(options.fused_activation_function())?;
    let vertical =
        Stated { size: height, stride: options.stride_h(), dilation: options.dilation_h_factor() };
    let horizontal =
        Stated { size: width, stride: options.stride_w(), dilation: options.dilation_w_factor() };
    let window = window([rows, columns], [vertical, horizontal], options.padding())?;
    let (rows, columns) = (window.rows.output, window.columns.output);
    // Some engines copy all patches into one matrix, others keep an address for each of their pixels.
    op.scratch(&[batch, rows, columns, height, width, channels.max(2), size_of::<f32>()]);
    op.work(&[batch, rows, columns, height, width, depth, outputs])?;
    op.define(vec![batch, rows, columns, outputs])?;
    Ok(Op::Conv2d(Conv2d { window, outputs, groups, activation }))
}

pub(super) fn depthwise_conv(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity_with_bias()?;
    let BuiltinOptionsRef::DepthwiseConv2DOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let (input, weights) = (op.input(0)?, op.input(1)?);
    let [one, height, width, outputs] = op.image(weights)?;
    let [batch, rows, columns, channels] = op.image(input)?;
    // Of 0 the reference's own kernels take what follows from the shape.
    let multiplier = match usize::try_from(options.depth_multiplier()) {
        Ok(0) => outputs / channels,
        Ok(multiplier) => multiplier,
        Err(_) => 0,
    };
    if one != 1 || multiplier == 0 || channels.checked_mul(multiplier) != Some(outputs) {
        return Err(Error::invalid(format!(
            "its weights are for {outputs} channels of the result, and its input has {channels} of which each becomes {}",
            options.depth_multiplier()
        )));
    }
    check_weights(op, Weights::new(outputs, 3))?;
    let activation = activation(options.fused_activation_function())?;
    let vertical =
        Stated { size: height, stride: options.stride_h(), dilation: options.dilation_h_factor() };
    let horizontal =
        Stated { size: width, stride: options.stride_w(), dilation: options.dilation_w_factor() };
    let window = window([rows, columns], [vertical, horizontal], options.padding())?;
    let (rows, columns) = (window.rows.output, window.columns.output);
    op.scratch(&[rows, columns, height, width, size_of::<usize>()]);
    op.work(&[batch, rows, columns, height, width, outputs])?;
    op.define(vec![batch, rows, columns, outputs])?;
    Ok(Op::DepthwiseConv2d(Conv2d { window, outputs, groups: channels, activation }))
}

/// One side of a transposed convolution: its input must be what a convolution makes of its output.
fn transposed(
    stated: Stated,
    input: usize,
    output: usize,
    padding: Padding,
) -> Result<TransposedSide> {
    let WindowSide { output: expected, size, stride, before, .. } =
        stated.resolve(output, padding)?;
    if expected != input {
        return Err(Error::invalid(format!(
            "{output} pixels of its output go with {expected} of its input, which has {input}"
        )));
    }
    Ok(TransposedSide { input, output, size, stride, before })
}

pub(super) fn transpose_conv(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.check_counts(3..=4, 1)?;
    let BuiltinOptionsRef::TransposeConvOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let (stated, weights, input) = (op.input(0)?, op.input(1)?, op.input(2)?);
    let [outputs, height, width, depth] = op.image(weights)?;
    let [batch, rows, columns, channels] = op.image(input)?;
    if depth != channels {
        return Err(Error::invalid(format!(
            "its weights are for {depth} channels, and its input has {channels}"
        )));
    }
    check_weights(op, Weights { outputs, axis: 0, positions: [2, 1, 3] })?;
    let activation = activation(options.fused_activation_function())?;
    op.require(stated, &[Kind::Integer])?;
    let shape = op.integers(stated)?;
    let size = |position: usize| {
        let size = shape.get(position).copied().and_then(|size| i32::try_from(size).ok());
        size.and_then(|size| usize::try_from(size).ok()).filter(|&size| size > 0)
    };
    let (Some(to_rows), Some(to_columns), 4) = (size(1), size(2), shape.len()) else {
        return Err(Error::invalid(format!("an image cannot have the shape {shape:?}")));
    };
    if size(0) != Some(batch) || size(3) != Some(outputs) {
        return Err(Error::invalid(format!(
            "its output cannot have the shape {shape:?}: it has {batch} images of {outputs} channels"
        )));
    }
    let vertical = Stated { size: height, stride: options.stride_h(), dilation: 1 };
    let horizontal = Stated { size: width, stride: options.stride_w(), dilation: 1 };
    let padding = options.padding();
    let rows = transposed(vertical, rows, to_rows, padding)?;
    let columns = transposed(horizontal, columns, to_columns, padding)?;
    // Some engines multiply all pixels with the window first, others put zeros between them.
    let spread = |side: TransposedSide| side.output.saturating_add(2 * side.size);
    op.scratch(&[batch, rows.input, columns.input, height, width, outputs, size_of::<f32>()]);
    op.scratch_too(&[batch, spread(rows), spread(columns), channels, size_of::<f32>()]);
    op.work(&[batch, to_rows, to_columns, height, width, depth, outputs])?;
    op.define(vec![batch, to_rows, to_columns, outputs])?;
    Ok(Op::TransposeConv2d(TransposeConv2d { rows, columns, activation }))
}

pub(super) fn pool(op: &mut Operator<'_, '_>, pool: Pool) -> Result<Op> {
    op.arity(1..=1, 1)?;
    let BuiltinOptionsRef::Pool2DOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let (input, output) = (op.input(0)?, op.output());
    op.alike(&[input, output], REAL)?;
    let activation = activation(options.fused_activation_function())?;
    let [batch, rows, columns, channels] = op.image(input)?;
    let side = |size: i32, stride: i32| Stated {
        size: usize::try_from(size).unwrap_or_default(),
        stride,
        dilation: 1,
    };
    let vertical = side(options.filter_height(), options.stride_h());
    let horizontal = side(options.filter_width(), options.stride_w());
    let window = window([rows, columns], [vertical, horizontal], options.padding())?;
    let (rows, columns) = (window.rows.output, window.columns.output);
    op.scratch(&[rows, columns, vertical.size, horizontal.size, size_of::<usize>()]);
    op.work(&[batch, rows, columns, vertical.size, horizontal.size, channels])?;
    op.define(vec![batch, rows, columns, channels])?;
    Ok(Op::Pool2d { pool, window, activation })
}

/// Height and width that a resizing operator is to give.
fn target(op: &Operator<'_, '_>) -> Result<[usize; 2]> {
    let size = op.integers(op.input(1)?)?;
    let length = |length: i64| i32::try_from(length).ok().filter(|&length| length > 0);
    match size[..] {
        [height, width] => length(height).zip(length(width)),
        _ => None,
    }
    .map(|(height, width)| [height as usize, width as usize])
    .ok_or_else(|| Error::invalid(format!("an image cannot have the size {size:?}")))
}

pub(super) fn resize_bilinear(op: &mut Operator<'_, '_>) -> Result<Op> {
    let BuiltinOptionsRef::ResizeBilinearOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let sampling = Sampling {
        aligns_corners: options.align_corners(),
        has_half_pixel_centers: options.half_pixel_centers(),
    };
    resize(op, sampling)?;
    Ok(Op::ResizeBilinear(sampling))
}

pub(super) fn resize_nearest(op: &mut Operator<'_, '_>) -> Result<Op> {
    let BuiltinOptionsRef::ResizeNearestNeighborOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let sampling = Sampling {
        aligns_corners: options.align_corners(),
        has_half_pixel_centers: options.half_pixel_centers(),
    };
    resize(op, sampling)?;
    Ok(Op::ResizeNearestNeighbor(sampling))
}

fn resize(op: &mut Operator<'_, '_>, sampling: Sampling) -> Result<()> {
    op.arity(2..=2, 1)?;
    if sampling.aligns_corners && sampling.has_half_pixel_centers {
        return Err(Error::invalid("it sets both `align_corners` and `half_pixel_centers`"));
    }
    let input = op.input(0)?;
    op.alike(&[input, op.output()], REAL)?;
    let [batch, .., channels] = op.image(input)?;
    let [height, width] = target(op)?;
    op.scratch(&[height, width, 4 * size_of::<usize>()]);
    op.define(vec![batch, height, width, channels])
}

/// Blocks of rows and of columns.
fn blocks(op: &Operator<'_, '_>) -> Result<[Block; 2]> {
    let (sizes, pads) = (op.integers(op.input(1)?)?, op.integers(op.input(2)?)?);
    if op.element_type(op.input(1)?) != TensorType::INT32
        || op.element_type(op.input(2)?) != TensorType::INT32
        || op.dims(op.input(2)?)? != [2, 2]
    {
        return Err(Error::invalid("its blocks and borders must be 32-bit integers"));
    }
    let number = |number: i64| usize::try_from(i32::try_from(number).ok()?).ok();
    let block = |axis: usize| {
        let size = number(*sizes.get(axis)?).filter(|&size| size > 0)?;
        let (before, after) = (number(*pads.get(2 * axis)?)?, number(*pads.get(2 * axis + 1)?)?);
        Some(Block { size, before, after })
    };
    match (block(0), block(1), sizes.len(), pads.len()) {
        (Some(rows), Some(columns), 2, 4) => Ok([rows, columns]),
        _ => Err(Error::unsupported("only blocks of rows and columns are supported")),
    }
}

pub(super) fn space_to_batch(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity(3..=3, 1)?;
    let input = op.input(0)?;
    op.alike(&[input, op.output()], REAL)?;
    let [batch, height, width, channels] = op.image(input)?;
    let blocks @ [rows, columns] = blocks(op)?;
    let padded =
        |size: usize, block: Block| size.saturating_add(block.before).saturating_add(block.after);
    let (height, width) = (padded(height, rows), padded(width, columns));
    if !height.is_multiple_of(rows.size) || !width.is_multiple_of(columns.size) {
        return Err(Error::invalid(format!(
            "{height} x {width} does not consist of blocks of {} x {}",
            rows.size, columns.size
        )));
    }
    op.scratch(&[batch, height, width, channels, size_of::<f32>()]);
    let batches = batch.saturating_mul(rows.size).saturating_mul(columns.size);
    op.define(vec![batches, height / rows.size, width / columns.size, channels])?;
    Ok(Op::SpaceToBatch { blocks })
}

pub(super) fn batch_to_space(op: &mut Operator<'_, '_>) -> Result<Op> {
    op.arity(3..=3, 1)?;
    let input = op.input(0)?;
    op.alike(&[input, op.output()], REAL)?;
    let [batches, height, width, channels] = op.image(input)?;
    let blocks @ [rows, columns] = blocks(op)?;
    let count = rows.size.saturating_mul(columns.size);
    if !batches.is_multiple_of(count) {
        return Err(Error::invalid(format!("{batches} batches are no blocks of {count}")));
    }
    let kept = |size: usize, block: Block| {
        size.saturating_mul(block.size)
            .checked_sub(block.before + block.after)
            .filter(|&kept| kept > 0)
    };
    let (Some(height), Some(width)) = (kept(height, rows), kept(width, columns)) else {
        return Err(Error::invalid("it takes away more than there is"));
    };
    op.scratch(&[op.count(input)?, size_of::<f32>()]);
    op.define(vec![batches / count, height, width, channels])?;
    Ok(Op::BatchToSpace { blocks })
}
