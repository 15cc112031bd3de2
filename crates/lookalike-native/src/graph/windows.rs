//! Operators that look at windows of images.

use std::sync::Arc;

use lookalike_core::shapes::Window;
use lookalike_core::{Error, Quantization, Result, TensorType};
use lookalike_schema::tflite::{Activation as Fused, BuiltinOptionsRef, Padding};

use super::read::{Builder, Operator};
use super::{ByteWeights, Constant, Conv, Element, Interpolation, Op, Side, Weights, Window2};
use crate::kernels::elementwise::Activation;
use crate::quantized::Quantized;

fn side(input: usize, window: Window, padding: Padding) -> Result<Side> {
    let places = window.positions(input, padding)?;
    let (stride, dilation) = (window.stride as usize, window.dilation as usize);
    let (output, before) = (places.count, places.before);
    Ok(Side { input, output, size: window.size, stride, dilation, before })
}

/// Windows that move down and across the image that is an operator's input.
fn window(
    graph: &Builder<'_>,
    op: &Operator<'_>,
    [vertical, horizontal]: [Window; 2],
    padding: Padding,
) -> Result<Window2> {
    let [batch, rows, columns, channels] = graph.picture(op.input(0)?)?;
    let rows = side(rows, vertical, padding)?;
    let columns = side(columns, horizontal, padding)?;
    Ok(Window2 { batch, rows, columns, channels })
}

/// What a convolution does but for its numbers.
pub(super) struct Geometry {
    pub(super) window: Window2,
    pub(super) outputs: usize,
    pub(super) groups: usize,
    pub(super) is_depthwise: bool,
}

pub(super) fn conv(graph: &mut Builder<'_>, op: &Operator<'_>) -> Result<()> {
    let BuiltinOptionsRef::Conv2DOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let [outputs, height, width, depth] = graph.picture(op.input(1)?)?;
    let vertical =
        Window { size: height, stride: options.stride_h(), dilation: options.dilation_h_factor() };
    let horizontal =
        Window { size: width, stride: options.stride_w(), dilation: options.dilation_w_factor() };
    let window = window(graph, op, [vertical, horizontal], options.padding())?;
    let geometry =
        Geometry { window, outputs, groups: window.channels / depth, is_depthwise: false };
    convolve(graph, op, geometry, options.fused_activation_function())
}

pub(super) fn depthwise_conv(graph: &mut Builder<'_>, op: &Operator<'_>) -> Result<()> {
    let BuiltinOptionsRef::DepthwiseConv2DOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let [_, height, width, outputs] = graph.picture(op.input(1)?)?;
    let vertical =
        Window { size: height, stride: options.stride_h(), dilation: options.dilation_h_factor() };
    let horizontal =
        Window { size: width, stride: options.stride_w(), dilation: options.dilation_w_factor() };
    let window = window(graph, op, [vertical, horizontal], options.padding())?;
    let geometry = Geometry { window, outputs, groups: 1, is_depthwise: true };
    convolve(graph, op, geometry, options.fused_activation_function())
}

/// How many products of two bytes less their zero points floats add up without rounding: integers up to 2^24 are floats. Depthwise
/// sums are floats; of larger windows they are those of a convolution of as many groups as there are channels, which are integers.
const EXACT_TAPS: usize = (1 << f32::MANTISSA_DIGITS) / (255 * 255);

/// Adds a convolution with constant weights: of bytes if its input is, otherwise of floats.
pub(super) fn convolve(
    graph: &mut Builder<'_>,
    op: &Operator<'_>,
    mut geometry: Geometry,
    fused: Fused,
) -> Result<()> {
    let (input, output) = (op.input(0)?, op.output());
    let is_byte = matches!(graph.tensor(input).element_type, TensorType::INT8 | TensorType::UINT8);
    let (weights, activation) = if is_byte {
        let mut bytes = byte_weights(graph, op, geometry.outputs, fused)?;
        let taps = bytes.weights.len() / geometry.outputs;
        if geometry.is_depthwise && taps > EXACT_TAPS {
            let of_output = |output| bytes.weights[output..].iter().step_by(geometry.outputs);
            bytes.weights = (0..geometry.outputs).flat_map(of_output).copied().collect();
            geometry.is_depthwise = false;
            geometry.groups = geometry.window.channels;
        }
        (Weights::Bytes(Box::new(bytes)), Activation::None)
    } else {
        // What has no bounds is applied afterwards.
        let bounds = if fused == Fused::TANH { Activation::None } else { Builder::fused(fused)? };
        (float_weights(graph, op, geometry.outputs)?, bounds)
    };
    let conv = Box::new(Conv {
        window: geometry.window,
        outputs: geometry.outputs,
        is_depthwise: geometry.is_depthwise,
        groups: geometry.groups,
        weights,
        activation,
        post_add_bounds: None,
        affine: None,
    });
    let node = if geometry.is_depthwise {
        Op::DepthwiseConv { conv, expansion: None }
    } else {
        Op::Conv(conv)
    };
    if is_byte {
        let (stored, declared) = (graph.stored(input)?, graph.declared(output)?);
        let value = graph.node(node, vec![stored], declared);
        graph.set(output, value);
        return Ok(());
    }
    let (floats, dims) = (graph.floats(input)?, graph.dims(output)?);
    let mut result = graph.float_node(node, vec![floats], dims);
    if fused == Fused::TANH {
        result = graph.activated(fused, result)?;
    }
    graph.define(output, result)
}

fn computed_weights() -> Error {
    Error::unimplemented("its weights or its bias are computed, which `native` does not support")
}

fn float_weights(graph: &mut Builder<'_>, op: &Operator<'_>, outputs: usize) -> Result<Weights> {
    let weights = graph.constant_floats(op.input(1)?)?.ok_or_else(computed_weights)?;
    let bias = match op.optional_input(2) {
        None => None,
        Some(bias) if graph.tensor(bias).element_type == TensorType::FLOAT32 => {
            Some(graph.constant_floats(bias)?.ok_or_else(computed_weights)?)
        }
        Some(bias) => {
            let scales = sum_scales(graph, op, outputs)?;
            let integers = bias_integers(graph, bias)?;
            let reals =
                integers.iter().zip(scales).map(|(&bias, scale)| (bias as f64 * scale) as f32);
            Some(Arc::new(Constant::Floats(reals.collect())))
        }
    };
    Ok(Weights::Floats { weights, bias })
}

/// What a step of the sums stands for, for each channel of the result.
fn sum_scales(graph: &Builder<'_>, op: &Operator<'_>, outputs: usize) -> Result<Vec<f64>> {
    let (input, weights) = (op.input(0)?, op.input(1)?);
    let of_weights = graph.tensor(weights).quantization.as_ref().map(|found| &found.scale[..]);
    let (Some(input), Some(of_weights)) = (graph.scale(input), of_weights) else {
        return Err(Error::invalid_argument("its operands have no scales"));
    };
    let scale = |channel: usize| {
        let of_weights = of_weights[if of_weights.len() == 1 { 0 } else { channel }];
        f64::from(input.scale) * f64::from(of_weights)
    };
    Ok((0..outputs).map(scale).collect())
}

fn bias_integers(graph: &Builder<'_>, tensor: usize) -> Result<Vec<i64>> {
    graph.integers(tensor).map_err(|_| computed_weights())
}

fn byte_weights(
    graph: &mut Builder<'_>,
    op: &Operator<'_>,
    outputs: usize,
    fused: Fused,
) -> Result<ByteWeights> {
    let (input, weights, output) = (op.input(0)?, op.input(1)?, op.output());
    let info = graph.tensor(weights);
    let is_unsigned = info.element_type == TensorType::UINT8;
    let bytes = graph.model.constant(info);
    if bytes.is_empty() {
        return Err(computed_weights());
    }
    let flip = if is_unsigned { 0x80 } else { 0 };
    let zero_point = match &info.quantization {
        Some(Quantization { zero_point, .. }) if zero_point.len() == 1 => zero_point[0] as i32,
        Some(Quantization { zero_point, .. }) if zero_point.iter().all(|&zero| zero == 0) => 0,
        _ => return Err(Error::unimplemented("its weights have several zero points")),
    };
    let bias = match op.optional_input(2) {
        Some(bias) => bias_integers(graph, bias)?.into_iter().map(|bias| bias as i32).collect(),
        None => vec![0; outputs],
    };
    let (Some(from), Some(to)) = (graph.scale(input), graph.scale(output)) else {
        return Err(Error::invalid_argument("its operands have no scales"));
    };
    let scales = sum_scales(graph, op, outputs)?;
    let is_signed = graph.tensor(output).element_type == TensorType::INT8;
    let bounds = Builder::quantized_bounds(fused, Quantized { is_signed, scale: to })?;
    Ok(ByteWeights {
        weights: bytes.iter().map(|byte| (byte ^ flip) as i8).collect(),
        zero_point: zero_point - if is_unsigned { 128 } else { 0 },
        bias,
        factors: scales.iter().map(|scale| (scale / f64::from(to.scale)) as f32).collect(),
        input_zero_point: from.zero_point,
        is_signed,
        output_zero_point: to.zero_point,
        bounds,
    })
}

pub(super) fn pool(graph: &mut Builder<'_>, op: &Operator<'_>, most: bool) -> Result<()> {
    let BuiltinOptionsRef::Pool2DOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let (input, output) = (op.input(0)?, op.output());
    let of = |size: i32, stride: i32| Window { size: size as usize, stride, dilation: 1 };
    let vertical = of(options.filter_height(), options.stride_h());
    let horizontal = of(options.filter_width(), options.stride_w());
    let window = window(graph, op, [vertical, horizontal], options.padding())?;
    let fused = options.fused_activation_function();
    let declared = graph.declared(output)?;
    let is_byte = matches!(declared.element, Element::I8 | Element::U8);
    if is_byte && fused == Fused::NONE && graph.scale(input) == declared.scale {
        let stored = graph.stored(input)?;
        let op = Op::Pool { window, most, activation: Activation::None };
        let value = graph.node(op, vec![stored], declared);
        graph.set(output, value);
        return Ok(());
    }
    let floats = graph.floats(input)?;
    let activation = if fused == Fused::TANH { Activation::None } else { Builder::fused(fused)? };
    let pool = Op::Pool { window, most, activation };
    let mut result = graph.float_node(pool, vec![floats], declared.dims);
    if fused == Fused::TANH {
        result = graph.activated(fused, result)?;
    }
    graph.define(output, result)
}

/// Between the four pixels around, as TensorFlow Lite finds them.
pub(super) fn resize_bilinear(graph: &mut Builder<'_>, op: &Operator<'_>) -> Result<()> {
    let BuiltinOptionsRef::ResizeBilinearOptions(options) = op.options else {
        return Err(op.wrong_options());
    };
    let [_, rows, columns, _] = graph.picture(op.input(0)?)?;
    let [_, to_rows, to_columns, _] = graph.picture(op.output())?;
    let interpolation = |from: usize, to: usize| {
        let aligns = options.align_corners() && to > 1;
        let scale =
            if aligns { (from - 1) as f32 / (to - 1) as f32 } else { from as f32 / to as f32 };
        let tap = |target: usize| {
            let place = if options.half_pixel_centers() {
                (target as f32 + 0.5) * scale - 0.5
            } else {
                target as f32 * scale
            };
            let first = (place.floor().max(0.0) as usize).min(from - 1);
            let second = (place.ceil().max(0.0) as usize).min(from - 1);
            (first, second, place - first as f32)
        };
        Interpolation { taps: (0..to).map(tap).collect() }
    };
    let resize = Op::Resize {
        rows: interpolation(rows, to_rows),
        columns: interpolation(columns, to_columns),
    };
    let declared = graph.declared(op.output())?;
    let output = declared.quantized();
    if output.is_some() && graph.quantized(op.input(0)?)? == output {
        let stored = graph.stored(op.input(0)?)?;
        let value = graph.node(resize, vec![stored], declared);
        graph.set(op.output(), value);
        return Ok(());
    }
    let (floats, dims) = (graph.floats(op.input(0)?)?, graph.dims(op.output())?);
    let result = graph.float_node(resize, vec![floats], dims);
    graph.define(op.output(), result)
}
