//! Operators that look at windows of images.

use std::sync::Arc;

use lookalike_core::{Error, Quantization, Result, TensorType};
use lookalike_graph::{
    Activation as Fused, Conv2d, Node, Pool, Sampling, TensorId, TransposeConv2d, TransposedSide,
    Window2d, WindowSide, elements,
};

use super::layout::{all, strides};
use super::{Lowering, clamp, quantized_bounds};
use crate::graph::{
    ByteWeights, Constant, Conv, DynamicWeights, Element, Interpolation, Op, PADDING,
    QuantizedRows, Side, Value, ValueId, Weights, Window2,
};
use crate::kernels::elementwise::Activation;
use crate::quantized::{EXACT_PRODUCTS, Quantized};

/// The tensors of a convolution.
pub(super) struct Source {
    pub(super) input: TensorId,
    pub(super) weights: TensorId,
    pub(super) bias: Option<TensorId>,
    /// Of a transposed convolution the offsets of the input with zeros between and around its pixels. Windows are rotated by 180 degrees.
    pub(super) spread: Option<Vec<Vec<usize>>>,
}

impl Source {
    /// Input, weights and bias in this order.
    pub(super) fn of(node: &Node) -> Self {
        let (input, weights) = (node.input(0), node.input(1));
        Self { input, weights, bias: node.optional_input(2), spread: None }
    }
}

/// What a convolution does but for its numbers.
pub(super) struct Geometry {
    pub(super) window: Window2,
    pub(super) outputs: usize,
    pub(super) groups: usize,
    pub(super) is_depthwise: bool,
}

impl Lowering<'_> {
    /// A window over the image that is an operator's input.
    fn window(&self, node: &Node, window: &Window2d) -> Window2 {
        let [batch, _, _, channels] = self.source.image_dims(node.input(0));
        let side = |side: &WindowSide| {
            let &WindowSide { input, output, size, stride, dilation, before, .. } = side;
            Side { input, output, size, stride, dilation, before }
        };
        Window2 { batch, rows: side(&window.rows), columns: side(&window.columns), channels }
    }

    /// A transposed convolution: one whose window, rotated by 180 degrees, moves over the input with zeros between its pixels.
    pub(super) fn transpose_conv(&mut self, node: &Node, conv: &TransposeConv2d) -> Result<()> {
        let &TransposeConv2d { rows, columns, activation } = conv;
        let (input, weights) = (node.input(2), node.input(1));
        let dims @ [batch, _, _, channels] = self.source.image_dims(input);
        let [outputs, ..] = self.source.image_dims(weights);
        let spread = |side: TransposedSide, stride: usize| {
            let first = side.size - 1 - side.before;
            let offset = |pixel: usize| match pixel.checked_sub(first) {
                Some(pixel) if pixel % side.stride == 0 && pixel / side.stride < side.input => {
                    pixel / side.stride * stride
                }
                _ => PADDING,
            };
            (0..side.output + side.size - 1).map(offset).collect::<Vec<usize>>()
        };
        self.spend_positions(rows.output + rows.size + columns.output + columns.size)?;
        let strides = strides(&dims);
        let offsets = vec![
            all(batch, strides[0]),
            spread(rows, strides[1]),
            spread(columns, strides[2]),
            all(channels, 1),
        ];
        let side = |side: TransposedSide| Side {
            input: side.output + side.size - 1,
            output: side.output,
            size: side.size,
            stride: 1,
            dilation: 1,
            before: 0,
        };
        let window = Window2 { batch, rows: side(rows), columns: side(columns), channels };
        let geometry = Geometry { window, outputs, groups: 1, is_depthwise: false };
        let source = Source { input, weights, bias: node.optional_input(3), spread: Some(offsets) };
        self.convolve(node, source, geometry, activation)
    }

    pub(super) fn conv(&mut self, node: &Node, conv: &Conv2d, is_depthwise: bool) -> Result<()> {
        let window = self.window(node, &conv.window);
        let groups = if is_depthwise { 1 } else { conv.groups };
        let geometry = Geometry { window, outputs: conv.outputs, groups, is_depthwise };
        self.convolve(node, Source::of(node), geometry, conv.activation)
    }

    /// Adds a convolution with constant weights: of bytes if its input is, otherwise of floats.
    pub(super) fn convolve(
        &mut self,
        node: &Node,
        source: Source,
        mut geometry: Geometry,
        fused: Fused,
    ) -> Result<()> {
        let input = source.input;
        let element_type = self.source.tensor(input).element_type;
        let is_byte = matches!(element_type, TensorType::INT8 | TensorType::UINT8);
        let is_dynamic = element_type == TensorType::FLOAT32
            && source.spread.is_none()
            && self.is_dynamic(source.weights);
        let (weights, activation) = if is_byte {
            let mut bytes = self.byte_weights(node, &source, geometry.outputs, fused)?;
            let taps = bytes.weights.len() / geometry.outputs;
            // Depthwise sums are floats; of larger windows they are those of a convolution of as many groups as there are channels,
            // which are integers.
            if geometry.is_depthwise && taps > EXACT_PRODUCTS {
                let of_output = |output| bytes.weights[output..].iter().step_by(geometry.outputs);
                bytes.weights = (0..geometry.outputs).flat_map(of_output).copied().collect();
                geometry.is_depthwise = false;
                geometry.groups = geometry.window.channels;
            }
            (Weights::Bytes(Box::new(bytes)), Activation::None)
        } else if is_dynamic {
            (self.dynamic_weights(&source, &geometry)?, clamp(fused))
        } else {
            (self.float_weights(&source, geometry.outputs)?, clamp(fused))
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
        if is_byte {
            let stored = self.stored(input)?;
            let stored = self.spread(stored, source.spread);
            return self.define_stored(node, conv_op(conv), vec![stored]);
        }
        let floats = self.floats(input)?;
        let mut floats = self.spread(floats, source.spread);
        if let Weights::Dynamic(weights) = &conv.weights {
            let rows = weights.rows;
            floats = if geometry.is_depthwise {
                self.float_node(Op::StepRows(rows), vec![floats], vec![rows.floats()])
            } else {
                let quantized = Value::new(vec![rows.bytes()], Element::U8, None);
                self.node(Op::QuantizeRows(rows), vec![floats], quantized)
            };
        }
        self.define(node, conv_op(conv), vec![floats], unbounded(fused))
    }

    /// What a convolution looks at: the input, or what is made of it first.
    fn spread(&mut self, input: ValueId, spread: Option<Vec<Vec<usize>>>) -> ValueId {
        let Some(offsets) = spread else { return input };
        let dims = offsets.iter().map(Vec::len).collect();
        self.remap(input, offsets, dims)
    }

    /// Whether an input of floats is quantized when the model runs: the weights are constant bytes without a zero point (dynamic-range
    /// quantization).
    fn is_dynamic(&self, tensor: TensorId) -> bool {
        let weights = self.source.tensor(tensor);
        let is_symmetric = |found: &Quantization| found.zero_point.iter().all(|&zero| zero == 0);
        weights.element_type == TensorType::INT8
            && weights.quantization.as_ref().is_some_and(is_symmetric)
            && !self.source.constant(tensor).is_empty()
    }

    /// What the reference quantizes together: a pixel where the window is one pixel, an image where it is larger, or does not stand at each pixel.
    fn dynamic_weights(&mut self, source: &Source, geometry: &Geometry) -> Result<Weights> {
        let Window2 { batch, rows, columns, channels } = geometry.window;
        let is_matrix = !geometry.is_depthwise
            && rows.is_pointwise()
            && columns.is_pointwise()
            && geometry.groups == 1;
        let rows = if is_matrix {
            QuantizedRows { rows: batch * rows.input * columns.input, length: channels }
        } else {
            QuantizedRows { rows: batch, length: geometry.window.image_len() }
        };
        let bias = match source.bias {
            Some(bias) => Some(self.constant_floats(bias)?.ok_or_else(computed_weights)?),
            None => None,
        };
        Ok(Weights::Dynamic(Box::new(DynamicWeights {
            weights: elements(self.source.constant(source.weights), |[byte]| byte as i8),
            scales: self.weight_scales(source, geometry.outputs)?.collect(),
            bias,
            rows,
        })))
    }

    fn float_weights(&mut self, source: &Source, outputs: usize) -> Result<Weights> {
        let mut weights = self.constant_floats(source.weights)?.ok_or_else(computed_weights)?;
        if source.spread.is_some() {
            weights = Arc::new(Constant::Floats(self.rotated(source.weights, weights.floats())));
        }
        let bias = match source.bias {
            None => None,
            Some(bias) if self.source.tensor(bias).element_type == TensorType::FLOAT32 => {
                Some(self.constant_floats(bias)?.ok_or_else(computed_weights)?)
            }
            Some(bias) => {
                let scales = self.sum_scales(source, outputs)?;
                let integers = self.bias_integers(bias)?;
                let reals =
                    integers.iter().zip(scales).map(|(&bias, scale)| (bias as f64 * scale) as f32);
                Some(Arc::new(Constant::Floats(reals.collect())))
            }
        };
        Ok(Weights::Floats { weights, bias })
    }

    /// What a step of the sums stands for, for each channel of the result.
    fn sum_scales(&self, source: &Source, outputs: usize) -> Result<Vec<f64>> {
        let input = self.scale(source.input).ok_or_else(missing_scales)?;
        let scale = |weight: f32| f64::from(input.scale) * f64::from(weight);
        Ok(self.weight_scales(source, outputs)?.map(scale).collect())
    }

    /// The scale of the weights, for each channel of the result.
    fn weight_scales(&self, source: &Source, outputs: usize) -> Result<impl Iterator<Item = f32>> {
        let weights = &self.source.tensor(source.weights).quantization;
        let scales = &weights.as_ref().ok_or_else(missing_scales)?.scale;
        Ok((0..outputs).map(|channel| scales[if scales.len() == 1 { 0 } else { channel }]))
    }

    /// Weights whose windows are rotated by 180 degrees: their pixels are in the opposite order.
    fn rotated<T: Copy>(&self, tensor: TensorId, weights: &[T]) -> Vec<T> {
        let [_, height, width, channels] = self.source.image_dims(tensor);
        let windows = weights.chunks_exact(height * width * channels);
        windows.flat_map(|window| window.chunks_exact(channels).rev()).flatten().copied().collect()
    }

    fn bias_integers(&self, tensor: TensorId) -> Result<Vec<i64>> {
        self.source.integers(tensor).map(|bias| bias.into_owned()).ok_or_else(computed_weights)
    }

    fn byte_weights(
        &mut self,
        node: &Node,
        source: &Source,
        outputs: usize,
        fused: Fused,
    ) -> Result<ByteWeights> {
        let (input, weights, output) = (source.input, source.weights, node.output());
        let info = self.source.tensor(weights);
        let is_unsigned = info.element_type == TensorType::UINT8;
        let bytes = self.source.constant(weights);
        if bytes.is_empty() {
            return Err(computed_weights());
        }
        let sign_mask = if is_unsigned { 0x80 } else { 0 };
        let zero_point = match &info.quantization {
            Some(Quantization { zero_point, .. }) if zero_point.len() == 1 => zero_point[0] as i32,
            Some(Quantization { zero_point, .. }) if zero_point.iter().all(|&zero| zero == 0) => 0,
            _ => return Err(Error::unimplemented("its weights have several zero points")),
        };
        let bias = match source.bias {
            Some(bias) => self.bias_integers(bias)?.into_iter().map(|bias| bias as i32).collect(),
            None => vec![0; outputs],
        };
        let (Some(from), Some(to)) = (self.scale(input), self.scale(output)) else {
            return Err(missing_scales());
        };
        let is_signed = self.source.tensor(output).element_type == TensorType::INT8;
        let mut signed: Vec<i8> = bytes.iter().map(|byte| (byte ^ sign_mask) as i8).collect();
        if source.spread.is_some() {
            signed = self.rotated(weights, &signed);
        }
        Ok(ByteWeights {
            weights: signed,
            zero_point: zero_point - if is_unsigned { 128 } else { 0 },
            bias,
            factors: self
                .weight_scales(source, outputs)?
                .map(|scale| from.scale * scale / to.scale)
                .collect(),
            input_zero_point: from.zero_point,
            is_signed,
            output_zero_point: to.zero_point,
            bounds: quantized_bounds(fused, Quantized { is_signed, scale: to }),
        })
    }

    pub(super) fn pool(
        &mut self,
        node: &Node,
        pool: Pool,
        window: &Window2d,
        fused: Fused,
    ) -> Result<()> {
        let window = self.window(node, window);
        let input = node.input(0);
        if self.quantized(node.output()).is_some()
            && fused == Fused::None
            && self.scale(input) == self.scale(node.output())
        {
            let stored = self.stored(input)?;
            let op = Op::Pool { pool, window, activation: Activation::None };
            return self.define_stored(node, op, vec![stored]);
        }
        let floats = self.floats(input)?;
        let op = Op::Pool { pool, window, activation: clamp(fused) };
        self.define(node, op, vec![floats], unbounded(fused))
    }

    /// Between the four pixels around, as TensorFlow Lite finds them.
    pub(super) fn resize_bilinear(&mut self, node: &Node, sampling: &Sampling) -> Result<()> {
        let input = node.input(0);
        let [_, rows, columns, _] = self.source.image_dims(input);
        let [_, to_rows, to_columns, _] = self.source.image_dims(node.output());
        let interpolation = |from: usize, to: usize| {
            let step = sampling.step(from, to);
            let tap = |target: usize| {
                let position = if sampling.has_half_pixel_centers {
                    (target as f32 + 0.5) * step - 0.5
                } else {
                    target as f32 * step
                };
                let first = (position.floor().max(0.0) as usize).min(from - 1);
                let second = (position.ceil().max(0.0) as usize).min(from - 1);
                (first, second, position - first as f32)
            };
            Interpolation { taps: (0..to).map(tap).collect() }
        };
        let resize = Op::Resize {
            rows: interpolation(rows, to_rows),
            columns: interpolation(columns, to_columns),
        };
        if let Some((from, to)) = self.quantized_pair(node)
            && from == to
        {
            let stored = self.stored(input)?;
            return self.define_stored(node, resize, vec![stored]);
        }
        let floats = self.floats(input)?;
        self.define(node, resize, vec![floats], Fused::None)
    }
}

fn conv_op(conv: Box<Conv>) -> Op {
    if conv.is_depthwise { Op::DepthwiseConv { conv, producer: None } } else { Op::Conv(conv) }
}

/// What is left of an activation once the operator itself has bounded its result.
fn unbounded(activation: Fused) -> Fused {
    if activation.bounds().is_some() { Fused::None } else { activation }
}

fn missing_scales() -> Error {
    Error::invalid_argument("its inputs, weights or outputs have no scales")
}

fn computed_weights() -> Error {
    Error::unimplemented("its weights or its bias are computed, which `native` does not support")
}
