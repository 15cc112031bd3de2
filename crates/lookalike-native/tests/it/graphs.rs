//! Operators that are done together give the bits that they give one by one.

use lookalike_core::Data;
use lookalike_schema::tflite::*;
use proptest::prelude::*;

use crate::models::{Draft, Numbers, floats, run_in_all_ways, tensor};

fn conv(stride: i32) -> BuiltinOptions {
    let options = Conv2DOptions { stride_w: stride, stride_h: stride, ..Conv2DOptions::default() };
    BuiltinOptions::Conv2DOptions(options)
}

fn depthwise(stride: i32) -> BuiltinOptions {
    BuiltinOptions::DepthwiseConv2DOptions(DepthwiseConv2DOptions {
        stride_w: stride,
        stride_h: stride,
        depth_multiplier: 1,
        ..DepthwiseConv2DOptions::default()
    })
}

fn none() -> BuiltinOptions {
    BuiltinOptions::None
}

/// What is one row of pixels to a fully connected layer is an image to the operator behind it.
#[test]
fn an_image_of_a_fully_connected_layer() {
    let mut numbers = Numbers(5);
    let mut draft = Draft::new();
    let input = draft.input(&[1, 6, 4, 5], TensorType::FLOAT32, &[]);
    let (weights, window) = (numbers.floats(7 * 5), numbers.floats(9 * 7));
    let weights = draft.floats(&[7, 5], &weights);
    let options = FullyConnectedOptions { keep_num_dims: true, ..FullyConnectedOptions::default() };
    let options = BuiltinOptions::FullyConnectedOptions(options);
    let value = draft.float(BuiltinOperator::FULLY_CONNECTED, options, &[input, weights]);
    let window = draft.floats(&[1, 3, 3, 7], &window);
    let bias = draft.floats(&[7], &[0.5; 7]);
    let operands = [value, window, bias];
    let output = draft.float(BuiltinOperator::DEPTHWISE_CONV_2D, depthwise(1), &operands);
    let values = numbers.floats(6 * 4 * 5);
    run_in_all_ways(&draft.model(output), &[tensor(&[1, 6, 4, 5], Data::F32(values))]);
}

/// How many blocks are made, and what their pixels across and their channels do not reach; Miri takes a thousand times as long for each.
const CASES: u32 = if cfg!(miri) { 3 } else { 48 };
const PIXELS: usize = if cfg!(miri) { 6 } else { 20 };
const CHANNELS: usize = if cfg!(miri) { 10 } else { 40 };

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    /// What MobileNets are made of: an image is normalized, a first convolution, then blocks that widen, look at windows, are gated by
    /// their own means, narrow, and are added to what they began with.
    #[test]
    fn blocks(
        (rows, columns) in (1..PIXELS, 1..PIXELS),
        (channels, wide, squeezed) in (1..CHANNELS, 1..CHANNELS * 7 / 4, 1..10usize),
        size in prop::sample::select(vec![1usize, 3, 5]),
        (first_stride, stride) in (1..3i32, 1..3i32),
        is_read_twice in any::<bool>(),
        seed in any::<u64>(),
    ) {
        use BuiltinOperator as Op;
        let mut numbers = Numbers(seed);
        let mut draft = Draft::new();
        let input = draft.input(&[1, rows, columns, 3], TensorType::FLOAT32, &[]);
        let values = numbers.floats(rows * columns * 3);
        let (factor, shift) = (draft.floats(&[], &[2.0]), draft.floats(&[], &[0.7]));
        let scaled = draft.float(Op::MUL, none(), &[input, factor]);
        let scaled = draft.float(Op::SUB, none(), &[scaled, shift]);
        let weights = |draft: &mut Draft, numbers: &mut Numbers, shape: [usize; 4]| {
            let weights = numbers.floats(shape.iter().product());
            let bias = numbers.floats(shape[if shape[0] == 1 && shape[1] > 1 { 3 } else { 0 }]);
            [draft.floats(&shape, &weights), draft.floats(&[bias.len()], &bias)]
        };
        let [stem, bias] = weights(&mut draft, &mut numbers, [channels.max(2), 3, 3, 3]);
        let stem = draft.float(Op::CONV_2D, conv(first_stride), &[scaled, stem, bias]);
        let stem = draft.float(Op::HARD_SWISH, none(), &[stem]);
        let [up, bias] = weights(&mut draft, &mut numbers, [wide.max(2), 1, 1, channels.max(2)]);
        let widened = draft.float(Op::CONV_2D, conv(1), &[stem, up, bias]);
        let widened = draft.float(Op::RELU6, none(), &[widened]);
        let window = numbers.floats(size * size * wide.max(2));
        let (window, bias) = (
            draft.floats(&[1, size, size, wide.max(2)], &window),
            { let bias = numbers.floats(wide.max(2)); draft.floats(&[wide.max(2)], &bias) },
        );
        let looked = draft.float(Op::DEPTHWISE_CONV_2D, depthwise(stride), &[widened, window, bias]);
        let looked = draft.float(Op::HARD_SWISH, none(), &[looked]);
        let axes = draft.integers(&[1, 2]);
        let keep = BuiltinOptions::ReducerOptions(ReducerOptions { keep_dims: true });
        let mean = draft.float(Op::MEAN, keep.clone(), &[looked, axes]);
        let [down, bias] = weights(&mut draft, &mut numbers, [squeezed + 1, 1, 1, wide.max(2)]);
        let gate = draft.float(Op::CONV_2D, conv(1), &[mean, down, bias]);
        let gate = draft.float(Op::RELU, none(), &[gate]);
        let [up, bias] = weights(&mut draft, &mut numbers, [wide.max(2), 1, 1, squeezed + 1]);
        let gate = draft.float(Op::CONV_2D, conv(1), &[gate, up, bias]);
        let gate = draft.float(Op::LOGISTIC, none(), &[gate]);
        let gated = draft.float(Op::MUL, none(), &[looked, gate]);
        let [narrow, bias] = weights(&mut draft, &mut numbers, [channels.max(2), 1, 1, wide.max(2)]);
        let narrow = draft.float(Op::CONV_2D, conv(1), &[gated, narrow, bias]);
        let mut output = if stride == 1 { draft.float(Op::ADD, none(), &[narrow, stem]) } else { narrow };
        if is_read_twice {
            // What two operators read must be there for both.
            output = draft.float(Op::ADD, none(), &[output, narrow]);
            let mean = draft.float(Op::MEAN, keep, &[widened, axes]);
            let [weights, bias] = weights(&mut draft, &mut numbers, [channels.max(2), 1, 1, wide.max(2)]);
            let mean = draft.float(Op::CONV_2D, conv(1), &[mean, weights, bias]);
            output = draft.float(Op::MUL, none(), &[output, mean]);
        }
        let model = draft.model(output);
        let results = run_in_all_ways(&model, &[tensor(&[1, rows, columns, 3], Data::F32(values))]);
        let (_, expected) = results.last().unwrap();
        let largest = floats(expected).iter().fold(1.0f32, |most, value| most.max(value.abs()));
        for (set, found) in &results {
            for (found, expected) in floats(found).iter().zip(floats(expected)) {
                prop_assert!((found - expected).abs() <= 2e-5 * largest, "{}: {} for {} of {}", set, found, expected, largest);
            }
        }
    }
}

#[test]
fn logistic_and_its_product_are_zero_where_floats_end() {
    let values =
        [-f32::MAX, -1e6, -88.0, -87.0, -80.0, -20.0, -0.5, 0.0, 0.5, 20.0, 87.0, 1e6, f32::MAX];
    let mut draft = Draft::new();
    let input = draft.input(&[1, values.len()], TensorType::FLOAT32, &[]);
    let gate = draft.float(BuiltinOperator::LOGISTIC, none(), &[input]);
    let options = BuiltinOptions::MulOptions(MulOptions::default());
    let product = draft.float(BuiltinOperator::MUL, options, &[gate, input]);
    let inputs = [tensor(&[1, values.len()], Data::F32(values.to_vec()))];
    for (set, found) in run_in_all_ways(&draft.model(product), &inputs) {
        for (found, value) in floats(&found).iter().zip(values) {
            let exact = f64::from(value) / (1.0 + (-f64::from(value)).exp());
            if value <= -87.0 {
                assert_eq!(*found, 0.0, "{set}: {value}");
            } else {
                let error = (f64::from(*found) - exact).abs();
                // What is taken off is a thousandth of the function at -80, which is 1e-35.
                assert!(error <= 3e-7 * exact.abs() + 2e-36, "{set}: {found} for {value}");
            }
        }
    }
}
