//! Operators that look at windows of images.

use lookalike_schema::tflite::{Activation, BuiltinOptionsRef, Padding, TensorType};

use super::matrices::{Weights, check_weights};
use super::{Op, REAL};
use crate::error::{Error, Result};

/// How a window moves along one side of an image.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Window {
    /// Pixels of the window.
    pub size: usize,
    /// Pixels from one position to the next.
    pub stride: i32,
    /// Pixels from one tap of the window to the next.
    pub dilation: i32,
}

/// How many positions a window has along a side, and by how much the side is padded before and after.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct WindowPositions {
    /// Number of positions.
    pub count: usize,
    /// Padding before the first pixel.
    pub before: usize,
    /// Padding behind the last pixel.
    pub after: usize,
}

impl Window {
    /// The positions by TensorFlow's rules: with SAME padding as many as strides fit, and the odd pixel of padding at the end.
    ///
    /// # Errors
    ///
    /// A size, stride or dilation below 1, a stride or dilation above 32767, a window that is too large to count, or larger than a side without padding.
    pub fn positions(&self, extent: usize, padding: Padding) -> Result<WindowPositions> {
        // Engines multiply two of them in 32 bits.
        const LARGEST: usize = i16::MAX as usize;
        let (Ok(stride @ 1..=LARGEST), Ok(dilation @ 1..=LARGEST), 1..) =
            (usize::try_from(self.stride), usize::try_from(self.dilation), self.size)
        else {
            return Err(Error::invalid_argument(format!(
                "windows, strides and dilations must be at least 1, and the latter {LARGEST} at most"
            )));
        };
        let covered = (self.size - 1)
            .checked_mul(dilation)
            .and_then(|covered| covered.checked_add(1))
            .filter(|&covered| covered <= i32::MAX as usize)
            .ok_or_else(|| Error::invalid_argument("its window is too large"))?;
        match padding {
            Padding::SAME => {
                let count = extent.div_ceil(stride);
                let needed = (count.saturating_sub(1) * stride + covered).saturating_sub(extent);
                Ok(WindowPositions { count, before: needed / 2, after: needed - needed / 2 })
            }
            Padding::VALID if extent >= covered => {
                Ok(WindowPositions { count: (extent - covered) / stride + 1, before: 0, after: 0 })
            }
            Padding::VALID => Err(Error::invalid_argument(format!(
                "a window of {covered} does not fit into {extent}"
            ))),
            other => Err(Error::invalid_argument(format!("there is no padding {other}"))),
        }
    }
}

/// Rows and columns of what windows make of an image with these.
fn counts(
    [rows, columns]: [usize; 2],
    [vertical, horizontal]: [Window; 2],
    padding: Padding,
) -> Result<[usize; 2]> {
    Ok([vertical.positions(rows, padding)?.count, horizontal.positions(columns, padding)?.count])
}

/// Checks an activation that is part of an operator.
pub(super) fn check_activation(activation: Activation) -> Result<()> {
    match activation {
        Activation::NONE
        | Activation::RELU
        | Activation::RELU6
        | Activation::RELU_N1_TO_1
        | Activation::TANH => Ok(()),
        other => Err(Error::unimplemented(format!("its activation {other} is not supported"))),
    }
}

pub(super) fn conv(op: &mut Op<'_, '_>) -> Result<()> {
    op.arity_with_bias()?;
    let BuiltinOptionsRef::Conv2DOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let (input, weights) = (op.input(0)?, op.input(1)?);
    let [outputs, height, width, depth] = op.picture(weights)?;
    let [batch, rows, columns, channels] = op.picture(input)?;
    let groups = channels.checked_div(depth).unwrap_or_default();
    if groups == 0 || !channels.is_multiple_of(depth) || !outputs.is_multiple_of(groups) {
        return Err(Error::invalid_argument(format!(
            "its weights are for {depth} channels and {outputs} results, and its input has {channels}"
        )));
    }
    check_weights(op, Weights { outputs, axis: 0 })?;
    check_activation(options.fused_activation_function())?;
    let vertical =
        Window { size: height, stride: options.stride_h(), dilation: options.dilation_h_factor() };
    let horizontal =
        Window { size: width, stride: options.stride_w(), dilation: options.dilation_w_factor() };
    let [rows, columns] = counts([rows, columns], [vertical, horizontal], options.padding())?;
    // Some engines copy all patches into one matrix, others keep an address for each of their pixels.
    op.scratch(&[batch, rows, columns, height, width, channels.max(2), size_of::<f32>()]);
    op.work(&[batch, rows, columns, height, width, depth, outputs])?;
    op.define(vec![batch, rows, columns, outputs])
}

pub(super) fn depthwise_conv(op: &mut Op<'_, '_>) -> Result<()> {
    op.arity_with_bias()?;
    let BuiltinOptionsRef::DepthwiseConv2DOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let (input, weights) = (op.input(0)?, op.input(1)?);
    let [one, height, width, outputs] = op.picture(weights)?;
    let [batch, rows, columns, channels] = op.picture(input)?;
    // Of 0 the reference's own kernels take what follows from the shape.
    let multiplier = match usize::try_from(options.depth_multiplier()) {
        Ok(0) => outputs / channels,
        Ok(multiplier) => multiplier,
        Err(_) => 0,
    };
    if one != 1 || multiplier == 0 || channels.checked_mul(multiplier) != Some(outputs) {
        return Err(Error::invalid_argument(format!(
            "its weights are for {outputs} channels of the result, and its input has {channels} of which each becomes {}",
            options.depth_multiplier()
        )));
    }
    check_weights(op, Weights { outputs, axis: 3 })?;
    check_activation(options.fused_activation_function())?;
    let vertical =
        Window { size: height, stride: options.stride_h(), dilation: options.dilation_h_factor() };
    let horizontal =
        Window { size: width, stride: options.stride_w(), dilation: options.dilation_w_factor() };
    let [rows, columns] = counts([rows, columns], [vertical, horizontal], options.padding())?;
    op.scratch(&[rows, columns, height, width, size_of::<usize>()]);
    op.work(&[batch, rows, columns, height, width, outputs])?;
    op.define(vec![batch, rows, columns, outputs])
}

pub(super) fn pool(op: &mut Op<'_, '_>) -> Result<()> {
    op.arity(1..=1, 1)?;
    let BuiltinOptionsRef::Pool2DOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let (input, output) = (op.input(0)?, op.output());
    op.alike(&[input, output], REAL)?;
    check_activation(options.fused_activation_function())?;
    let [batch, rows, columns, channels] = op.picture(input)?;
    let window = |size: i32, stride: i32| Window {
        size: usize::try_from(size).unwrap_or_default(),
        stride,
        dilation: 1,
    };
    let vertical = window(options.filter_height(), options.stride_h());
    let horizontal = window(options.filter_width(), options.stride_w());
    let [rows, columns] = counts([rows, columns], [vertical, horizontal], options.padding())?;
    op.scratch(&[rows, columns, vertical.size, horizontal.size, size_of::<usize>()]);
    op.work(&[batch, rows, columns, vertical.size, horizontal.size, channels])?;
    op.define(vec![batch, rows, columns, channels])
}

/// Height and width that a resizing operator is to give.
fn target(op: &Op<'_, '_>) -> Result<[usize; 2]> {
    let size = op.integers(op.input(1)?)?;
    let extent = |extent: i64| i32::try_from(extent).ok().filter(|&extent| extent > 0);
    match size[..] {
        [height, width] => extent(height).zip(extent(width)),
        _ => None,
    }
    .map(|(height, width)| [height as usize, width as usize])
    .ok_or_else(|| Error::invalid_argument(format!("an image cannot have the size {size:?}")))
}

pub(super) fn resize(op: &mut Op<'_, '_>) -> Result<()> {
    op.arity(2..=2, 1)?;
    let (aligns_corners, has_half_pixels) = match op.options {
        BuiltinOptionsRef::ResizeBilinearOptions(options) => {
            (options.align_corners(), options.half_pixel_centers())
        }
        BuiltinOptionsRef::ResizeNearestNeighborOptions(options) => {
            (options.align_corners(), options.half_pixel_centers())
        }
        _ => return Err(op.wrong_options()),
    };
    if aligns_corners && has_half_pixels {
        return Err(Error::invalid_argument(
            "it sets both `align_corners` and `half_pixel_centers`",
        ));
    }
    let input = op.input(0)?;
    op.alike(&[input, op.output()], REAL)?;
    let [batch, .., channels] = op.picture(input)?;
    let [height, width] = target(op)?;
    op.scratch(&[height, width, 4 * size_of::<usize>()]);
    op.define(vec![batch, height, width, channels])
}

/// Sizes of blocks of rows and columns, each at least 1, and what goes on or comes off before and after.
fn blocks(op: &Op<'_, '_>) -> Result<[(usize, (usize, usize)); 2]> {
    let (sizes, pads) = (op.integers(op.input(1)?)?, op.integers(op.input(2)?)?);
    if op.element_type(op.input(1)?) != TensorType::INT32
        || op.element_type(op.input(2)?) != TensorType::INT32
        || op.dims(op.input(2)?)? != [2, 2]
    {
        return Err(Error::invalid_argument("its blocks and borders must be 32-bit integers"));
    }
    let number = |number: i64| usize::try_from(i32::try_from(number).ok()?).ok();
    let block = |axis: usize| {
        let size = number(*sizes.get(axis)?).filter(|&size| size > 0)?;
        Some((size, (number(*pads.get(2 * axis)?)?, number(*pads.get(2 * axis + 1)?)?)))
    };
    match (block(0), block(1), sizes.len(), pads.len()) {
        (Some(rows), Some(columns), 2, 4) => Ok([rows, columns]),
        _ => Err(Error::unimplemented("only blocks of rows and columns are supported")),
    }
}

pub(super) fn space_to_batch(op: &mut Op<'_, '_>) -> Result<()> {
    op.arity(3..=3, 1)?;
    let input = op.input(0)?;
    op.alike(&[input, op.output()], REAL)?;
    let [batch, height, width, channels] = op.picture(input)?;
    let [(rows, vertical), (columns, horizontal)] = blocks(op)?;
    let padded = |extent: usize, (before, after): (usize, usize)| {
        extent.saturating_add(before).saturating_add(after)
    };
    let (height, width) = (padded(height, vertical), padded(width, horizontal));
    if !height.is_multiple_of(rows) || !width.is_multiple_of(columns) {
        return Err(Error::invalid_argument(format!(
            "{height} x {width} does not consist of blocks of {rows} x {columns}"
        )));
    }
    op.scratch(&[batch, height, width, channels, size_of::<f32>()]);
    let batches = batch.saturating_mul(rows).saturating_mul(columns);
    op.define(vec![batches, height / rows, width / columns, channels])
}

pub(super) fn batch_to_space(op: &mut Op<'_, '_>) -> Result<()> {
    op.arity(3..=3, 1)?;
    let input = op.input(0)?;
    op.alike(&[input, op.output()], REAL)?;
    let [batches, height, width, channels] = op.picture(input)?;
    let [(rows, vertical), (columns, horizontal)] = blocks(op)?;
    let count = rows.saturating_mul(columns);
    if !batches.is_multiple_of(count) {
        return Err(Error::invalid_argument(format!("{batches} batches are no blocks of {count}")));
    }
    let kept = |extent: usize, size: usize, (before, after): (usize, usize)| {
        extent.saturating_mul(size).checked_sub(before + after).filter(|&kept| kept > 0)
    };
    let (Some(height), Some(width)) =
        (kept(height, rows, vertical), kept(width, columns, horizontal))
    else {
        return Err(Error::invalid_argument("it takes away more than there is"));
    };
    op.scratch(&[op.count(input)?, size_of::<f32>()]);
    op.define(vec![batches / count, height, width, channels])
}
