//! Operators on quantized values that only their scales tell apart, and at the ends of what integers hold.

use lookalike_core::Data;
use lookalike_native::Native;
use lookalike_schema::tflite::*;

use crate::models::{Draft, Numbers, Scale, bytes, floats, run, run_in_all_ways, session, tensor};

#[test]
fn elements_that_move_stand_for_what_their_new_place_declares() {
    let (from, to) = ((1.0 / 255.0, 3), (2.0, 7));
    let mut draft = Draft::new();
    let input = draft.input(&[1, 1, 2, 1], TensorType::UINT8, &[from]);
    let pads = draft.integers(&[0, 0, 0, 0, 1, 0, 0, 0]);
    let pads = draft.reshaped(pads, &[4, 2]);
    let padded = draft.operator(
        BuiltinOperator::PAD,
        BuiltinOptions::None,
        &[input, pads],
        TensorType::UINT8,
        &[to],
    );
    let axis = draft.integers(&[0]);
    let operands = [padded, axis];
    let same = draft.operator(
        BuiltinOperator::EXPAND_DIMS,
        BuiltinOptions::None,
        &operands,
        TensorType::UINT8,
        &[from],
    );
    let reals = draft.float(BuiltinOperator::DEQUANTIZE, BuiltinOptions::None, &[same]);
    let input = tensor(&[1, 1, 2, 1], Data::U8(vec![13, 103]));
    for (set, found) in run_in_all_ways(&draft.model(reals), &[input]) {
        // Zero of the first place, which is four steps of the second one.
        let expected = [4, 10, 100].map(|steps| steps as f32 * from.0);
        assert_eq!(floats(&found), expected, "{set}");
    }
}

#[test]
fn integers_without_a_scale_are_no_result_of_reals() {
    let mut draft = Draft::new();
    let input = draft.input(&[1, 4], TensorType::UINT8, &[(0.5, 0)]);
    let options = BuiltinOptions::ConcatenationOptions(ConcatenationOptions {
        axis: 1,
        ..ConcatenationOptions::default()
    });
    let operands = [input, input];
    let joined =
        draft.operator(BuiltinOperator::CONCATENATION, options, &operands, TensorType::UINT8, &[]);
    let error = session(Native::new(), 1, &draft.model(joined)).unwrap_err();
    assert!(error.to_string().contains("has no scale"), "{error}");
}

#[test]
#[cfg_attr(miri, ignore = "nine million pixels are too many for it")]
fn a_mean_of_more_bytes_than_32_bits_add_up() {
    let (size, byte) = (3_000, (1.0, 0));
    let mut draft = Draft::new();
    let dims = [1, size, size, 1];
    let input = draft.input(&dims, TensorType::UINT8, &[byte]);
    let options = BuiltinOptions::Pool2DOptions(Pool2DOptions {
        padding: Padding::VALID,
        stride_w: 1,
        stride_h: 1,
        filter_width: size as i32,
        filter_height: size as i32,
        ..Pool2DOptions::default()
    });
    let operator = BuiltinOperator::AVERAGE_POOL_2D;
    let mean = draft.operator(operator, options, &[input], TensorType::UINT8, &[byte]);
    let input = tensor(&dims, Data::U8(vec![255; size * size]));
    assert_eq!(bytes(&run(Native::new(), 1, &draft.model(mean), &[input])), [255]);
}

#[test]
fn a_gate_of_bytes_is_one_function_of_them() {
    let scales: [(f32, i64); 3] = [(0.05, 3), (1.0 / 256.0, -128), (0.03, -117)];
    let bytes_of = |inputs: [usize; 2]| {
        let mut draft = Draft::new();
        let value = draft.input(&[1, 256], TensorType::INT8, &[scales[0]]);
        let gate = draft.operator(
            BuiltinOperator::LOGISTIC,
            BuiltinOptions::None,
            &[value],
            TensorType::INT8,
            &[scales[1]],
        );
        let inputs = inputs.map(|index| [value, gate][index]);
        let options = BuiltinOptions::MulOptions(MulOptions::default());
        draft.operator(BuiltinOperator::MUL, options, &inputs, TensorType::INT8, &[scales[2]]);
        let output = gate + 1;
        let image = tensor(&[1, 256], Data::I8((-128..=127).collect()));
        run_in_all_ways(&draft.model(output), &[image])
    };
    for ((set, found), (_, swapped)) in bytes_of([0, 1]).into_iter().zip(bytes_of([1, 0])) {
        assert_eq!(found, swapped, "{set}");
        for (step, byte) in (-128_i64..).zip(bytes(&found)) {
            let value = (step - scales[0].1) as f64 * f64::from(scales[0].0);
            let expected = value / (1.0 + (-value).exp()) / f64::from(scales[2].0);
            let steps = f64::from(byte as i8) - scales[2].1 as f64;
            let limit = expected.min((127 - scales[2].1) as f64);
            assert!((steps - limit).abs() < 2.0, "{set}: {steps} for {limit}, of {step}");
        }
    }
}

#[test]
fn products_of_bytes_have_columns_of_several_blocks() {
    const DEPTH: usize = 300;
    let scales: [(f32, i64); 3] = [(0.02, 3), (0.01, -5), (0.4, 1)];
    for (rows, columns) in [(5, 24), (1, 40), (3, 80), (2, 197)] {
        let (left_dims, right_dims) = ([2, rows, DEPTH], [2, DEPTH, columns]);
        let mut draft = Draft::new();
        let left = draft.input(&left_dims, TensorType::INT8, &[scales[0]]);
        let right = draft.input(&right_dims, TensorType::INT8, &[scales[1]]);
        let options = BuiltinOptions::BatchMatMulOptions(BatchMatMulOptions::default());
        let operator = BuiltinOperator::BATCH_MATMUL;
        let output =
            draft.operator(operator, options, &[left, right], TensorType::INT8, &[scales[2]]);
        let mut numbers = Numbers(columns as u64);
        let mut image = |dims: &[usize]| -> Vec<i8> {
            let bytes = numbers.bytes(dims.iter().product());
            bytes.into_iter().map(|byte| byte as i8).collect()
        };
        let (left, right) = (image(&left_dims), image(&right_dims));
        let inputs = [
            tensor(&left_dims, Data::I8(left.clone())),
            tensor(&right_dims, Data::I8(right.clone())),
        ];
        let reals = |bytes: &[i8], (scale, zero_point): (f32, i64)| -> Vec<f64> {
            let real = |&byte: &i8| (i64::from(byte) - zero_point) as f64 * f64::from(scale);
            bytes.iter().map(real).collect()
        };
        let (left, right) = (reals(&left, scales[0]), reals(&right, scales[1]));
        for (set, found) in run_in_all_ways(&draft.model(output), &inputs) {
            for (index, byte) in bytes(&found).into_iter().enumerate() {
                let (row, column) = (index / columns, index % columns);
                let products = (0..DEPTH).map(|place| {
                    let right_row = row / rows * DEPTH + place;
                    left[row * DEPTH + place] * right[right_row * columns + column]
                });
                let expected = products.sum::<f64>() / f64::from(scales[2].0) + scales[2].1 as f64;
                let error = f64::from(byte as i8) - expected.clamp(-128.0, 127.0);
                assert!(error.abs() <= 1.0, "{set}, {columns} columns: {byte}, not {expected}");
            }
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "nine million pixels are too many for it")]
fn means_of_large_and_of_split_images() {
    let mean = |dims: &[usize], axes: &[i32], data: Vec<u8>| {
        let mut draft = Draft::new();
        let input = draft.input(dims, TensorType::UINT8, &[(1.0, 0)]);
        let axes = draft.integers(axes);
        let options = BuiltinOptions::ReducerOptions(ReducerOptions::default());
        let operator = BuiltinOperator::MEAN;
        let output =
            draft.operator(operator, options, &[input, axes], TensorType::UINT8, &[(1.0, 0)]);
        bytes(&run(Native::new(), 1, &draft.model(output), &[tensor(dims, Data::U8(data))]))
    };
    // Their sum is more than signed integers hold.
    assert_eq!(mean(&[1, 3000, 3000, 1], &[1, 2], vec![255; 9_000_000]), [255]);
    // Axes with another one between.
    assert_eq!(mean(&[2, 2, 3], &[0, 2], (1..=12).collect()), [5, 8]);
}

/// Vectors look bytes up in rows of sixteen; what is left is looked up one by one.
#[test]
fn each_byte_becomes_what_a_table_says() {
    const COUNT: usize = 3 * 256 + 7;
    let scale: Scale = (1.0 / 128.0, -5);
    let mut draft = Draft::new();
    let input = draft.input(&[1, COUNT], TensorType::INT8, &[scale]);
    let options = BuiltinOptions::None;
    let output =
        draft.operator(BuiltinOperator::NEG, options, &[input], TensorType::INT8, &[scale]);
    let stored: Vec<u8> = (0..COUNT).map(|index| (index * 5) as u8).collect();
    let inputs = [tensor(&[1, COUNT], Data::I8(stored.iter().map(|&byte| byte as i8).collect()))];
    for (set, found) in run_in_all_ways(&draft.model(output), &inputs) {
        for (&from, to) in stored.iter().zip(bytes(&found)) {
            let expected = (-(i32::from(from as i8) + 5) - 5).clamp(-128, 127);
            assert_eq!(to as i8, expected as i8, "{set} {}", from as i8);
        }
    }
}
