//! Weights of bytes for inputs of floats (dynamic-range quantization), against plain loops over XNNPACK's formulas.

use lookalike_core::Data;
use lookalike_schema::tflite::*;

use crate::models::{Draft, Numbers, Scale, floats, run_in_all_ways, tensor};

const ROWS: usize = 6;
const COLUMNS: usize = 5;
const CHANNELS: usize = 8;
const OUTPUTS: usize = 19;

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

struct Case {
    image: Vec<f32>,
    residual: Vec<f32>,
    weights: Vec<u8>,
    scales: Vec<Scale>,
    bias: Vec<f32>,
}

impl Case {
    fn new(size: usize, seed: u64) -> Self {
        let mut numbers = Numbers(seed);
        let bytes = numbers.bytes(OUTPUTS * size * size * CHANNELS);
        Self {
            image: numbers.floats(ROWS * COLUMNS * CHANNELS),
            residual: numbers.floats(ROWS * COLUMNS * OUTPUTS),
            weights: bytes.into_iter().map(|byte| if byte == 128 { 129 } else { byte }).collect(),
            scales: (0..OUTPUTS).map(|channel| (0.002 + 0.0003 * channel as f32, 0)).collect(),
            bias: numbers.floats(OUTPUTS),
        }
    }

    /// Convolution, sum with the residual, RELU6.
    fn expected(&self, size: usize, has_residual: bool) -> Vec<f32> {
        let length = if size == 1 { CHANNELS } else { self.image.len() };
        let rows: Vec<_> = self.image.chunks_exact(length).map(quantized).collect();
        let steps: Vec<i32> = rows.iter().flat_map(|(steps, _)| steps.iter().copied()).collect();
        let mut expected = Vec::new();
        for row in 0..ROWS {
            for column in 0..COLUMNS {
                for output in 0..OUTPUTS {
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
                        for channel in 0..CHANNELS {
                            let weight =
                                self.weights[(output * size * size + tap) * CHANNELS + channel];
                            let step = steps[(down * COLUMNS + across) * CHANNELS + channel];
                            sum += step * i32::from(weight as i8);
                        }
                    }
                    let pixel = row * COLUMNS + column;
                    let step = if size == 1 { rows[pixel].1 } else { rows[0].1 };
                    let value =
                        (sum as f32 * step).mul_add(self.scales[output].0, self.bias[output]);
                    let residual = self.residual[pixel * OUTPUTS + output];
                    let value = if has_residual { value + residual } else { value };
                    expected.push(value.clamp(0.0, 6.0));
                }
            }
        }
        expected
    }

    fn check(&self, size: usize, has_residual: bool) {
        let mut draft = Draft::new();
        let image = draft.input(&[1, ROWS, COLUMNS, CHANNELS], TensorType::FLOAT32, &[]);
        let residual = draft.input(&[1, ROWS, COLUMNS, OUTPUTS], TensorType::FLOAT32, &[]);
        let shape = [OUTPUTS, size, size, CHANNELS];
        let weights = draft.bytes(&shape, TensorType::INT8, &self.scales, 0, &self.weights);
        let bias = draft.floats(&[OUTPUTS], &self.bias);
        let options = BuiltinOptions::Conv2DOptions(Conv2DOptions {
            stride_w: 1,
            stride_h: 1,
            ..Conv2DOptions::default()
        });
        let mut output = draft.float(BuiltinOperator::CONV_2D, options, &[image, weights, bias]);
        if has_residual {
            let options = BuiltinOptions::AddOptions(AddOptions::default());
            output = draft.float(BuiltinOperator::ADD, options, &[output, residual]);
        }
        let output = draft.float(BuiltinOperator::RELU6, BuiltinOptions::None, &[output]);
        let inputs = [
            tensor(&[1, ROWS, COLUMNS, CHANNELS], Data::F32(self.image.clone())),
            tensor(&[1, ROWS, COLUMNS, OUTPUTS], Data::F32(self.residual.clone())),
        ];
        let expected = self.expected(size, has_residual);
        for (set, found) in run_in_all_ways(&draft.model(output), &inputs) {
            for (found, expected) in floats(&found).iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-5, "{set} {size}: {found} for {expected}");
            }
        }
    }
}

#[test]
fn rows_are_quantized_as_they_come() {
    for size in [1, 3] {
        for has_residual in [false, true] {
            for seed in 1..4 {
                Case::new(size, seed).check(size, has_residual);
            }
        }
    }
}

#[test]
fn zeros_stay_zeros() {
    let mut case = Case::new(1, 5);
    case.image.fill(0.0);
    case.check(1, false);
    case.check(1, true);
}
