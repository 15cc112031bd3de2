//! Weights of bytes for inputs of floats (dynamic-range quantization), against plain loops over XNNPACK's formulas.

use lookalike_core::Data;
use lookalike_schema::tflite::*;

use crate::models::{Draft, Numbers, Scale, floats, run_in_all_ways, tensor};

const ROWS: usize = 6;
const COLUMNS: usize = 5;
const CHANNELS: usize = 8;
const OUTPUTS: usize = 20;

/// A row as signed bytes: those less their zero point, and what a step is.
fn quantized(row: &[f32]) -> (Vec<i32>, f32) {
    let min = row.iter().copied().fold(0.0, f32::min);
    let max = row.iter().copied().fold(0.0, f32::max);
    let factor = if min == max { 1.0 } else { 255.0 / (max - min) };
    let (first, last) = (min * factor, max * factor);
    let is_first = (-128.0 + first) + (127.0 + last) > 0.0;
    let zero_point = if is_first { -128.0 - first } else { 127.0 - last };
    let zero_point = zero_point.clamp(-128.0, 127.0).round_ties_even();
    let step = |value: &f32| {
        ((value * factor).round_ties_even() + zero_point).clamp(-128.0, 127.0) - zero_point
    };
    (row.iter().map(|value| step(value) as i32).collect(), 1.0 / factor)
}

/// How a convolution moves over its images.
#[derive(Clone, Copy, Debug)]
struct Shape {
    batch: usize,
    size: usize,
    groups: usize,
    has_residual: bool,
}

impl Shape {
    fn image(&self) -> [usize; 4] {
        [self.batch, ROWS, COLUMNS, CHANNELS]
    }

    fn result(&self) -> [usize; 4] {
        [self.batch, ROWS, COLUMNS, OUTPUTS]
    }

    /// Channels that a channel of the result sees.
    fn seen(&self) -> usize {
        CHANNELS / self.groups
    }

    /// Pixels that have a scale together.
    fn pixels_of_row(&self) -> usize {
        if self.size == 1 && self.groups == 1 { 1 } else { ROWS * COLUMNS }
    }
}

struct Case {
    shape: Shape,
    image: Vec<f32>,
    residual: Vec<f32>,
    weights: Vec<u8>,
    scales: Vec<Scale>,
    bias: Vec<f32>,
}

impl Case {
    fn new(shape: Shape, seed: u64) -> Self {
        let mut numbers = Numbers(seed);
        let bytes = numbers.bytes(OUTPUTS * shape.size * shape.size * shape.seen());
        Self {
            shape,
            image: numbers.floats(shape.image().iter().product()),
            residual: numbers.floats(shape.result().iter().product()),
            weights: bytes.into_iter().map(|byte| if byte == 128 { 129 } else { byte }).collect(),
            scales: (0..OUTPUTS).map(|channel| (0.002 + 0.0003 * channel as f32, 0)).collect(),
            bias: numbers.floats(OUTPUTS),
        }
    }

    /// Convolution, sum with the residual, RELU6.
    fn expected(&self) -> Vec<f32> {
        let Shape { batch, size, groups, has_residual } = self.shape;
        let (seen, pixels_of_row) = (self.shape.seen(), self.shape.pixels_of_row());
        let rows: Vec<_> =
            self.image.chunks_exact(pixels_of_row * CHANNELS).map(quantized).collect();
        let steps: Vec<i32> = rows.iter().flat_map(|(steps, _)| steps.iter().copied()).collect();
        let mut expected = Vec::new();
        for pixel in 0..batch * ROWS * COLUMNS {
            let (image, row, column) =
                (pixel / (ROWS * COLUMNS), pixel / COLUMNS % ROWS, pixel % COLUMNS);
            for output in 0..OUTPUTS {
                let first = output / (OUTPUTS / groups) * seen;
                let mut sum = 0;
                for tap in 0..size * size {
                    let (down, across) = (row + tap / size, column + tap % size);
                    let (Some(down), Some(across)) =
                        (down.checked_sub(size / 2), across.checked_sub(size / 2))
                    else {
                        continue;
                    };
                    if down >= ROWS || across >= COLUMNS {
                        continue;
                    }
                    let taken = (image * ROWS + down) * COLUMNS + across;
                    for channel in 0..seen {
                        let weight = self.weights[(output * size * size + tap) * seen + channel];
                        let step = steps[taken * CHANNELS + first + channel];
                        sum += step * i32::from(weight as i8);
                    }
                }
                let step = rows[pixel / pixels_of_row].1;
                let value = (sum as f32 * step).mul_add(self.scales[output].0, self.bias[output]);
                let residual = self.residual[pixel * OUTPUTS + output];
                let value = if has_residual { value + residual } else { value };
                expected.push(value.clamp(0.0, 6.0));
            }
        }
        expected
    }

    fn check(&self) {
        let Shape { size, has_residual, .. } = self.shape;
        let mut draft = Draft::new();
        let image = draft.input(&self.shape.image(), TensorType::FLOAT32, &[]);
        let residual = draft.input(&self.shape.result(), TensorType::FLOAT32, &[]);
        let shape = [OUTPUTS, size, size, self.shape.seen()];
        let weights = draft.bytes(&shape, TensorType::INT8, &self.scales, 0, &self.weights);
        let bias = draft.floats(&[OUTPUTS], &self.bias);
        let mut output =
            draft.float(BuiltinOperator::CONV_2D, each_pixel(), &[image, weights, bias]);
        if has_residual {
            let options = BuiltinOptions::AddOptions(AddOptions::default());
            output = draft.float(BuiltinOperator::ADD, options, &[output, residual]);
        }
        let output = draft.float(BuiltinOperator::RELU6, BuiltinOptions::None, &[output]);
        let inputs = [
            tensor(&self.shape.image(), Data::F32(self.image.clone())),
            tensor(&self.shape.result(), Data::F32(self.residual.clone())),
        ];
        let expected = self.expected();
        for (set, found) in run_in_all_ways(&draft.model(output), &inputs) {
            assert_eq!(floats(&found).len(), expected.len());
            for (found, expected) in floats(&found).iter().zip(&expected) {
                let shape = self.shape;
                assert!((found - expected).abs() < 1e-5, "{set} {shape:?}: {found} for {expected}");
            }
        }
    }
}

/// A window that stands at each pixel once.
fn each_pixel() -> BuiltinOptions {
    BuiltinOptions::Conv2DOptions(Conv2DOptions {
        stride_w: 1,
        stride_h: 1,
        ..Conv2DOptions::default()
    })
}

#[test]
fn rows_are_quantized_as_they_come() {
    for (size, groups) in [(1, 1), (3, 1), (1, 2), (3, 4)] {
        for (batch, has_residual) in [(1, false), (1, true), (2, false), (3, true)] {
            for seed in 1..4 {
                Case::new(Shape { batch, size, groups, has_residual }, seed).check();
            }
        }
    }
}

#[test]
fn zeros_stay_zeros() {
    for has_residual in [false, true] {
        let mut case = Case::new(Shape { batch: 1, size: 1, groups: 1, has_residual }, 5);
        case.image.fill(0.0);
        case.check();
    }
}

/// Inputs of 16 bits have a scale already: nothing is quantized when the model runs.
#[test]
fn inputs_of_16_bits_are_not_quantized_again() {
    const SCALE: f32 = 0.01;
    /// Of the result.
    const STEP: f32 = 0.5;
    let mut numbers = Numbers(3);
    let words: Vec<i16> = (0..ROWS * COLUMNS * CHANNELS).map(|_| numbers.next() as i16).collect();
    let reals: Vec<f32> = words.iter().map(|&word| f32::from(word) * SCALE).collect();
    let bytes = numbers.bytes(OUTPUTS * CHANNELS);
    let weight_scales: Vec<Scale> = (0..OUTPUTS).map(|_| (0.02, 0)).collect();
    let fully_connected = BuiltinOptions::FullyConnectedOptions(FullyConnectedOptions::default());
    for (operator, options, image_dims, weight_dims) in [
        (
            BuiltinOperator::CONV_2D,
            each_pixel(),
            &[1, ROWS, COLUMNS, CHANNELS][..],
            &[OUTPUTS, 1, 1, CHANNELS][..],
        ),
        (
            BuiltinOperator::FULLY_CONNECTED,
            fully_connected,
            &[ROWS * COLUMNS, CHANNELS],
            &[OUTPUTS, CHANNELS],
        ),
    ] {
        let mut draft = Draft::new();
        let image = draft.input(image_dims, TensorType::FLOAT32, &[]);
        let scale = [(SCALE, 0)];
        let image = draft.operator(
            BuiltinOperator::QUANTIZE,
            BuiltinOptions::None,
            &[image],
            TensorType::INT16,
            &scale,
        );
        let weights = draft.bytes(weight_dims, TensorType::INT8, &weight_scales, 0, &bytes);
        let inputs = &[image, weights];
        let sums = draft.operator(operator, options, inputs, TensorType::INT16, &[(STEP, 0)]);
        let output = draft.float(BuiltinOperator::DEQUANTIZE, BuiltinOptions::None, &[sums]);
        let inputs = [tensor(image_dims, Data::F32(reals.clone()))];
        for (set, found) in run_in_all_ways(&draft.model(output), &inputs) {
            let results = words.chunks_exact(CHANNELS).flat_map(|pixel| {
                bytes.chunks_exact(CHANNELS).map(move |weights| {
                    let products = pixel.iter().zip(weights);
                    let product =
                        |(&word, &byte): (&i16, &u8)| f64::from(word) * f64::from(byte as i8);
                    products.map(product).sum::<f64>() * f64::from(SCALE) * 0.02
                })
            });
            for (&found, expected) in floats(&found).iter().zip(results) {
                let error = (f64::from(found) - expected).abs();
                assert!(
                    error < 0.51 * f64::from(STEP),
                    "{set} {operator:?}: {found} for {expected}"
                );
            }
        }
    }
}

/// How constants are read must not depend on which operator comes first.
#[test]
fn weights_that_another_operator_has_taken_as_bytes() {
    // With a zero point inputs are not quantized, and the weights are floats.
    const SCALE: Scale = (0.02, 3);
    let mut numbers = Numbers(4);
    let (image, bytes) = (numbers.floats(ROWS * COLUMNS), numbers.bytes(OUTPUTS));
    let image_dims = [1, ROWS, COLUMNS, 1];
    let mut draft = Draft::new();
    let input = draft.input(&image_dims, TensorType::FLOAT32, &[]);
    let weights = draft.bytes(&[OUTPUTS, 1, 1, 1], TensorType::INT8, &[SCALE], 0, &bytes);
    let reshape =
        BuiltinOptions::ReshapeOptions(ReshapeOptions { new_shape: vec![OUTPUTS as i32] });
    let operator = BuiltinOperator::RESHAPE;
    let row = draft.operator(operator, reshape, &[weights], TensorType::INT8, &[SCALE]);
    let row = draft.float(BuiltinOperator::DEQUANTIZE, BuiltinOptions::None, &[row]);
    let products = draft.float(BuiltinOperator::CONV_2D, each_pixel(), &[input, weights]);
    let options = BuiltinOptions::AddOptions(AddOptions::default());
    let output = draft.float(BuiltinOperator::ADD, options, &[products, row]);
    let inputs = [tensor(&image_dims, Data::F32(image.clone()))];
    for (set, found) in run_in_all_ways(&draft.model(output), &inputs) {
        let weight = |&byte: &u8| (f32::from(byte as i8) - 3.0) * SCALE.0;
        let sums =
            image.iter().flat_map(|x| bytes.iter().map(move |byte| (x + 1.0) * weight(byte)));
        for (found, expected) in floats(&found).iter().zip(sums) {
            assert!((found - expected).abs() < 1e-5, "{set}: {found} for {expected}");
        }
    }
}
