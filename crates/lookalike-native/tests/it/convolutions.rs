//! Convolutions of all shapes, against reference ops in doubles and in integers.

use lookalike_core::Data;
use lookalike_schema::tflite::*;
use proptest::prelude::*;

use crate::models::{Draft, Numbers, bytes, floats, run_in_all_ways, tensor};

/// What a convolution looks like.
#[derive(Clone, Debug)]
struct Shape {
    batch: usize,
    sides: [Side; 2],
    channels: usize,
    /// Channels of the result; for a depthwise one how many each channel makes.
    outputs: usize,
    groups: usize,
    is_depthwise: bool,
    padding: Padding,
    activation: Activation,
    has_bias: bool,
    seed: u64,
}

#[derive(Clone, Copy, Debug)]
struct Side {
    extent: usize,
    size: usize,
    stride: i32,
    dilation: i32,
}

/// How many positions a window has along a side, and the padding before the first pixel.
struct Positions {
    count: usize,
    before: usize,
}

impl Side {
    fn positions(self, padding: Padding) -> Positions {
        let (stride, covered) =
            (self.stride as usize, (self.size - 1) * self.dilation as usize + 1);
        if padding == Padding::VALID {
            return Positions { count: (self.extent - covered) / stride + 1, before: 0 };
        }
        let count = self.extent.div_ceil(stride);
        let needed = ((count - 1) * stride + covered).saturating_sub(self.extent);
        Positions { count, before: needed / 2 }
    }
}

impl Shape {
    fn results(&self) -> usize {
        if self.is_depthwise { self.channels * self.outputs } else { self.outputs * self.groups }
    }

    /// Channels that a channel of the result sees.
    fn seen(&self) -> usize {
        if self.is_depthwise { 1 } else { self.channels / self.groups }
    }

    fn weight_shape(&self) -> [usize; 4] {
        let [rows, columns] = self.sides.map(|side| side.size);
        if self.is_depthwise {
            [1, rows, columns, self.results()]
        } else {
            [self.results(), rows, columns, self.seen()]
        }
    }

    fn weight(&self, result: usize, row: usize, column: usize, seen: usize) -> usize {
        let [_, _, width, last] = self.weight_shape();
        if self.is_depthwise {
            (row * width + column) * last + result
        } else {
            ((result * self.sides[0].size + row) * width + column) * last + seen
        }
    }

    fn options(&self, activation: Activation) -> (BuiltinOperator, BuiltinOptions) {
        let [rows, columns] = self.sides;
        if self.is_depthwise {
            let options = DepthwiseConv2DOptions {
                padding: self.padding,
                stride_w: columns.stride,
                stride_h: rows.stride,
                depth_multiplier: self.outputs as i32,
                fused_activation_function: activation,
                dilation_w_factor: columns.dilation,
                dilation_h_factor: rows.dilation,
            };
            (BuiltinOperator::DEPTHWISE_CONV_2D, BuiltinOptions::DepthwiseConv2DOptions(options))
        } else {
            let options = Conv2DOptions {
                padding: self.padding,
                stride_w: columns.stride,
                stride_h: rows.stride,
                fused_activation_function: activation,
                dilation_w_factor: columns.dilation,
                dilation_h_factor: rows.dilation,
            };
            (BuiltinOperator::CONV_2D, BuiltinOptions::Conv2DOptions(options))
        }
    }

    /// For each value of the result, in order, calls with its channel and with the places of the input and the weights that it is
    /// made of.
    fn each_result(&self, mut found: impl FnMut(usize, &[(usize, usize)])) {
        let [rows, columns] = self.sides;
        let (down, across) = (rows.positions(self.padding), columns.positions(self.padding));
        for batch in 0..self.batch {
            for row in 0..down.count {
                for column in 0..across.count {
                    for result in 0..self.results() {
                        let first = if self.is_depthwise {
                            result / self.outputs
                        } else {
                            result / self.outputs * self.seen()
                        };
                        let mut taps = Vec::new();
                        for y in 0..rows.size {
                            for x in 0..columns.size {
                                let place =
                                    |index: usize, side: Side, tap: usize, before: usize| {
                                        (index * side.stride as usize
                                            + tap * side.dilation as usize)
                                            .checked_sub(before)
                                            .filter(|&place| place < side.extent)
                                    };
                                let (Some(from_row), Some(from_column)) = (
                                    place(row, rows, y, down.before),
                                    place(column, columns, x, across.before),
                                ) else {
                                    continue;
                                };
                                let pixel =
                                    (batch * rows.extent + from_row) * columns.extent + from_column;
                                taps.extend((0..self.seen()).map(|seen| {
                                    let value = pixel * self.channels + first + seen;
                                    (value, self.weight(result, y, x, seen))
                                }));
                            }
                        }
                        found(result, &taps);
                    }
                }
            }
        }
    }
}

fn side() -> impl Strategy<Value = Side> {
    (1..PIXELS / 2, 1..6usize, 1..4i32, 1..3i32).prop_map(|(extent, size, stride, dilation)| {
        // A window that does not fit is refused before it comes here.
        let extent = extent.max((size - 1) * dilation as usize + 1);
        Side { extent, size, stride, dilation }
    })
}

/// Channels and pixels across that are not reached. Miri, which takes a thousand times as long, is given what has the same kinds of ends.
const CHANNELS: usize = if cfg!(miri) { 19 } else { 65 };
const PIXELS: usize = if cfg!(miri) { 10 } else { 30 };
const CASES: u32 = if cfg!(miri) { 6 } else { 96 };

fn shape() -> impl Strategy<Value = Shape> {
    let pointwise = (1..PIXELS).prop_map(|extent| Side { extent, size: 1, stride: 1, dilation: 1 });
    let sides = prop_oneof![
        2 => [side(), side()].prop_map(|sides| sides),
        1 => [pointwise.clone(), pointwise].prop_map(|sides| sides),
    ];
    let activations =
        prop::sample::select(vec![Activation::NONE, Activation::RELU, Activation::RELU6]);
    let kind =
        prop_oneof![Just((1usize, false)), Just((1, true)), Just((2, false)), Just((3, false))];
    let extents = (1..3usize, 1..CHANNELS, 1..CHANNELS, kind);
    let rest = (any::<bool>(), activations, any::<bool>(), any::<u64>());
    (sides, extents, rest).prop_map(|(sides, (batch, channels, outputs, kind), rest)| {
        let (groups, is_depthwise) = kind;
        let (is_same, activation, has_bias, seed) = rest;
        let outputs = if is_depthwise { outputs % 3 + 1 } else { outputs };
        let padding = if is_same { Padding::SAME } else { Padding::VALID };
        let channels = if groups > 1 { channels % 9 * groups + groups } else { channels };
        Shape {
            batch,
            sides,
            channels,
            outputs,
            groups,
            is_depthwise,
            padding,
            activation,
            has_bias,
            seed,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn of_floats(shape in shape()) {
        check_floats(&shape);
    }

    #[test]
    fn of_bytes(shape in shape(), is_signed in any::<bool>(), is_sliced in any::<bool>()) {
        check_bytes(&shape, is_signed, is_sliced);
    }
}

fn check_floats(shape: &Shape) {
    let mut numbers = Numbers(shape.seed);
    let mut draft = Draft::new();
    let dims = [shape.batch, shape.sides[0].extent, shape.sides[1].extent, shape.channels];
    let values = numbers.floats(dims.iter().product());
    let weights = numbers.floats(shape.weight_shape().iter().product());
    let bias = numbers.floats(shape.results());
    let mut operands = vec![draft.input(&dims, TensorType::FLOAT32, &[])];
    operands.push(draft.floats(&shape.weight_shape(), &weights));
    if shape.has_bias {
        operands.push(draft.floats(&[bias.len()], &bias));
    }
    let (operator, options) = shape.options(shape.activation);
    let output = draft.float(operator, options, &operands);
    let model = draft.model(output);
    let mut expected = Vec::new();
    shape.each_result(|result, taps| {
        let start = if shape.has_bias { f64::from(bias[result]) } else { 0.0 };
        let products = || {
            taps.iter()
                .map(|&(value, weight)| f64::from(values[value]) * f64::from(weights[weight]))
        };
        let sum: f64 = products().sum();
        // Sums are rounded as they grow, however small they end: n roundings of halves of a last place go about as far as the square root
        // of n of them in one direction (Higham and Mary, 2019), here of all that was added up.
        let roundings = 2.0 * (taps.len() as f64 + 1.0).sqrt() * f64::from(f32::EPSILON / 2.0);
        let bound = roundings * (start.abs() + products().map(f64::abs).sum::<f64>());
        let (low, high) = match shape.activation {
            Activation::RELU => (0.0, f64::INFINITY),
            Activation::RELU6 => (0.0, 6.0),
            _ => (f64::NEG_INFINITY, f64::INFINITY),
        };
        expected.push(((start + sum).clamp(low, high), bound));
    });
    for (set, found) in run_in_all_ways(&model, &[tensor(&dims, Data::F32(values))]) {
        let found = floats(&found);
        assert_eq!(found.len(), expected.len());
        for (found, (expected, bound)) in found.iter().zip(&expected) {
            assert!(
                (f64::from(*found) - expected).abs() <= *bound,
                "{}: {} for {} within {}",
                set,
                found,
                expected,
                bound
            );
        }
    }
}

fn check_bytes(shape: &Shape, is_signed: bool, is_sliced: bool) {
    let mut numbers = Numbers(shape.seed);
    let mut draft = Draft::new();
    let dims = [shape.batch, shape.sides[0].extent, shape.sides[1].extent, shape.channels];
    let element_type = if is_signed { TensorType::INT8 } else { TensorType::UINT8 };
    let offset = if is_signed { 128 } else { 0 };
    let zero = |numbers: &mut Numbers| i64::from(numbers.next() % 256) - offset;
    let (from, to) = ((0.05, zero(&mut numbers)), (0.5, zero(&mut numbers)));
    let is_sliced = is_signed && is_sliced;
    let scales: Vec<(f32, i64)> = if is_sliced {
        (0..shape.results()).map(|_| (0.01 + numbers.float().abs() / 50.0, 0)).collect()
    } else {
        vec![(0.02, zero(&mut numbers))]
    };
    let values = numbers.bytes(dims.iter().product());
    let weights = numbers.bytes(shape.weight_shape().iter().product());
    let bias: Vec<i32> =
        (0..shape.results()).map(|_| numbers.next() as i32 % 20_000 - 10_000).collect();
    let axis = if shape.is_depthwise { 3 } else { 0 };
    let mut operands = vec![draft.input(&dims, element_type, &[from])];
    operands.push(draft.bytes(&shape.weight_shape(), element_type, &scales, axis, &weights));
    if shape.has_bias {
        operands.push(draft.integers(&bias));
    }
    let (operator, options) = shape.options(shape.activation);
    let output = draft.operator(operator, options, &operands, element_type, &[to]);
    let model = draft.model(output);
    let integer = |byte: u8| if is_signed { i64::from(byte as i8) } else { i64::from(byte) };
    let mut expected = Vec::new();
    shape.each_result(|result, taps| {
        let scale = scales[if is_sliced { result } else { 0 }];
        let mut sum = if shape.has_bias { i64::from(bias[result]) } else { 0 };
        for &(value, weight) in taps {
            sum += (integer(values[value]) - from.1) * (integer(weights[weight]) - scale.1);
        }
        let factor = (f64::from(from.0) * f64::from(scale.0) / f64::from(to.0)) as f32;
        let steps = (sum as f32 * factor).round_ties_even() as i64 + to.1;
        let limits = if is_signed { (-128, 127) } else { (0, 255) };
        let bounds = match shape.activation {
            Activation::RELU => (to.1, limits.1),
            Activation::RELU6 => (to.1, limits.1.min(to.1 + 12)),
            _ => limits,
        };
        expected.push(steps.clamp(bounds.0, bounds.1) as u8);
    });
    let data = if is_signed {
        Data::I8(values.iter().map(|&byte| byte as i8).collect())
    } else {
        Data::U8(values)
    };
    for (set, found) in run_in_all_ways(&model, &[tensor(&dims, data)]) {
        assert_eq!(bytes(&found), expected.clone(), "{}", set);
    }
}

/// Weights that do not fit into the second cache are multiplied with several rows at a time.
#[test]
#[cfg_attr(miri, ignore = "takes hours")]
fn of_weights_that_fill_the_second_cache() {
    let side = |extent, stride, dilation| Side { extent, size: 3, stride, dilation };
    let shape = |sides, channels, outputs, groups, batch, padding| Shape {
        batch,
        sides,
        channels,
        outputs,
        groups,
        is_depthwise: false,
        padding,
        activation: Activation::NONE,
        has_bias: true,
        seed: 7,
    };
    let (same, valid) = (Padding::SAME, Padding::VALID);
    for shape in [
        shape([side(6, 1, 1), side(6, 1, 1)], 96, 96, 1, 2, same),
        shape([side(9, 2, 1), side(9, 1, 2)], 96, 96, 1, 1, same),
        shape([side(9, 1, 2), side(7, 2, 1)], 140, 70, 2, 1, valid),
        shape([side(9, 3, 1), side(5, 1, 1)], 96, 96, 1, 1, valid),
        // The rows do not fit either: some are taken at a time.
        shape([side(7, 1, 1), side(54, 1, 1)], 200, 38, 1, 1, same),
        shape([side(11, 2, 1), side(54, 2, 1)], 200, 38, 1, 1, same),
    ] {
        check_floats(&shape);
    }
    check_bytes(&shape([side(6, 1, 1), side(6, 1, 1)], 192, 192, 1, 2, same), true, true);
    check_bytes(&shape([side(8, 1, 1), side(60, 1, 1)], 800, 38, 1, 1, valid), true, false);
}

/// Of one result for each channel the sum is far beyond the integers that are floats one by one, and near zero with the bias.
#[test]
fn of_more_bytes_than_floats_add_up() {
    let side = Side { extent: 25, size: 25, stride: 1, dilation: 1 };
    let shape = Shape {
        batch: 1,
        sides: [side; 2],
        channels: 3,
        outputs: 2,
        groups: 1,
        is_depthwise: true,
        padding: Padding::VALID,
        activation: Activation::NONE,
        has_bias: true,
        seed: 5,
    };
    let mut numbers = Numbers(shape.seed);
    let mut large = |count: usize| -> Vec<u8> {
        numbers.bytes(count).into_iter().map(|byte| byte | 0xf0).collect()
    };
    let (values, weights) = (large(25 * 25 * 3), large(25 * 25 * 6));
    let mut bias = Vec::new();
    shape.each_result(|_, taps| {
        let product = |&(value, weight): &(usize, usize)| {
            i32::from(values[value]) * i32::from(weights[weight])
        };
        bias.push(100 + bias.len() as i32 - taps.iter().map(product).sum::<i32>());
    });
    let mut draft = Draft::new();
    let (one, dims) = ((1.0, 0), [1, 25, 25, 3]);
    let input = draft.input(&dims, TensorType::UINT8, &[one]);
    let weights = draft.bytes(&shape.weight_shape(), TensorType::UINT8, &[one], 3, &weights);
    let operands = [input, weights, draft.integers(&bias)];
    let (operator, options) = shape.options(shape.activation);
    let output = draft.operator(operator, options, &operands, TensorType::UINT8, &[one]);
    let model = draft.model(output);
    for (set, found) in run_in_all_ways(&model, &[tensor(&dims, Data::U8(values))]) {
        assert_eq!(bytes(&found), [100, 101, 102, 103, 104, 105], "{set}");
    }
}
