//! Sessions, threads and limits.

use lookalike_core::{Data, ErrorKind, InferenceBackend, SessionOptions, Tensor, Threads};
use lookalike_native::{InstructionSet, Native};
use lookalike_schema::tflite::*;

use crate::models::{Draft, Numbers, run, session, tensor};

fn conv_model(extent: usize) -> lookalike_core::Model {
    let mut numbers = Numbers(7);
    let mut draft = Draft::new();
    let input = draft.input(&[1, extent, extent, 8], TensorType::FLOAT32, &[]);
    let weights = numbers.floats(8 * 9 * 8);
    let weights = draft.floats(&[8, 3, 3, 8], &weights);
    let options = Conv2DOptions { stride_w: 1, stride_h: 1, ..Conv2DOptions::default() };
    let options = BuiltinOptions::Conv2DOptions(options);
    let output = draft.float(BuiltinOperator::CONV_2D, options, &[input, weights]);
    draft.model(output)
}

#[test]
fn sessions_share_a_plan_and_run_at_the_same_time() {
    // Miri looks for races, and takes a thousand times as long.
    let (extent, rounds) = if cfg!(miri) { (5, 2) } else { (24, 20) };
    let model = conv_model(extent);
    let values = Numbers(3).floats(extent * extent * 8);
    let input = tensor(&[1, extent, extent, 8], Data::F32(values));
    let expected = run(Native::new(), 1, &model, std::slice::from_ref(&input));
    let threads = Threads::from_num_threads(3).unwrap();
    let options = SessionOptions::default().with_threads(threads);
    let loaded = Native::new().load(&model, &options).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let mut session = loaded.session().unwrap();
            let (input, expected) = (&input, &expected);
            scope.spawn(move || {
                let mut outputs = [Tensor::empty()];
                for _ in 0..rounds {
                    session.run(&[input.as_ref()], &mut outputs).unwrap();
                    assert_eq!(&outputs[0], expected);
                }
            });
        }
    });
}

#[test]
fn a_session_can_be_used_after_an_error() {
    let model = conv_model(5);
    let mut session = session(Native::new(), 1, &model).unwrap();
    let wrong = tensor(&[1, 5, 5, 7], Data::F32(vec![0.0; 175]));
    let mut outputs = [Tensor::empty()];
    assert!(session.run(&[wrong.as_ref()], &mut outputs).is_err());
    let right = tensor(&[1, 5, 5, 8], Data::F32(vec![0.5; 200]));
    session.run(&[right.as_ref()], &mut outputs).unwrap();
}

#[test]
fn a_value_that_overflows_reaches_no_other() {
    let model = conv_model(6);
    let mut values = vec![0.25; 6 * 6 * 8];
    let expected =
        run(Native::new(), 1, &model, &[tensor(&[1, 6, 6, 8], Data::F32(values.clone()))]);
    let mut session = session(Native::new(), 1, &model).unwrap();
    let mut outputs = [Tensor::empty()];
    values[0] = f32::NAN;
    let broken = tensor(&[1, 6, 6, 8], Data::F32(values.clone()));
    session.run(&[broken.as_ref()], &mut outputs).unwrap();
    values[0] = 0.25;
    let sound = tensor(&[1, 6, 6, 8], Data::F32(values));
    session.run(&[sound.as_ref()], &mut outputs).unwrap();
    assert_eq!(outputs[0], expected);
}

#[test]
fn computed_weights_are_refused() {
    let mut draft = Draft::new();
    let input = draft.input(&[1, 4, 4, 2], TensorType::FLOAT32, &[]);
    let weights = draft.input(&[2, 1, 1, 2], TensorType::FLOAT32, &[]);
    let options = Conv2DOptions { stride_w: 1, stride_h: 1, ..Conv2DOptions::default() };
    let options = BuiltinOptions::Conv2DOptions(options);
    let output = draft.float(BuiltinOperator::CONV_2D, options, &[input, weights]);
    let error = session(Native::new(), 1, &draft.model(output)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unimplemented);
    assert!(error.to_string().contains("operator 0 (CONV_2D)"), "{error}");
}

#[test]
fn a_ring_of_rows_must_not_fill_the_memory() {
    // Rows far apart, of an image that is wide and high, and of many channels.
    let mut draft = Draft::new();
    let input = draft.input(&[1, 3000, 3000, 3], TensorType::FLOAT32, &[]);
    let window = draft.floats(&[1, 2, 2, 3], &[1.0; 12]);
    let bias = draft.floats(&[3], &[0.0; 3]);
    let options = DepthwiseConv2DOptions {
        stride_w: 30_000,
        stride_h: 30_000,
        depth_multiplier: 1,
        dilation_w_factor: 32_767,
        dilation_h_factor: 32_767,
        ..DepthwiseConv2DOptions::default()
    };
    let options = BuiltinOptions::DepthwiseConv2DOptions(options);
    let output = draft.float(BuiltinOperator::DEPTHWISE_CONV_2D, options, &[input, window, bias]);
    match session(Native::with_instructions(InstructionSet::PORTABLE), 1, &draft.model(output)) {
        Err(error) => assert_eq!(error.kind(), ErrorKind::ResourceExhausted),
        Ok(_) => panic!("a ring of 3000 rows of 32 768 pixels was made"),
    }
}

#[test]
fn empty_lanes_must_not_fill_the_memory() {
    // A group for each channel: vectors of which one lane is used.
    let (channels, size) = (2_000, 63);
    let mut draft = Draft::new();
    let input = draft.input(&[1, size, size, channels], TensorType::FLOAT32, &[]);
    let count = channels * size * size;
    let weights = draft.floats(&[channels, size, size, 1], &vec![0.0; count]);
    let options = Conv2DOptions { stride_w: 1, stride_h: 1, ..Conv2DOptions::default() };
    let options =
        BuiltinOptions::Conv2DOptions(Conv2DOptions { padding: Padding::VALID, ..options });
    let mut value = draft.float(BuiltinOperator::CONV_2D, options.clone(), &[input, weights]);
    for _ in 0..4 {
        let more = draft.float(BuiltinOperator::CONV_2D, options.clone(), &[input, weights]);
        value = draft.float(BuiltinOperator::ADD, BuiltinOptions::None, &[value, more]);
    }
    let error = session(Native::new(), 1, &draft.model(value)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted, "{error}");
}

#[test]
fn lists_of_places_must_not_fill_the_memory() {
    let mut draft = Draft::new();
    let mut value = draft.input(&[20_000_000], TensorType::FLOAT32, &[]);
    let axis = draft.integers(&[0]);
    value = draft.float(BuiltinOperator::EXPAND_DIMS, BuiltinOptions::None, &[value, axis]);
    let order = draft.integers(&[1, 0]);
    value = draft.float(BuiltinOperator::TRANSPOSE, BuiltinOptions::None, &[value, order]);
    let error = session(Native::new(), 1, &draft.model(value)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted, "{error}");
}

#[test]
fn places_that_an_operand_lists_must_not_fill_the_memory() {
    let mut draft = Draft::new();
    let input = draft.input(&[1], TensorType::FLOAT32, &[]);
    let indices = draft.integers(&[0; 1 << 20]);
    let indices = draft.reshaped(indices, &[128, 128, 64]);
    let options = BuiltinOptions::GatherOptions(GatherOptions::default());
    let results: Vec<i32> = (0..17)
        .map(|_| draft.float(BuiltinOperator::GATHER, options.clone(), &[input, indices]))
        .collect();
    let error = session(Native::new(), 1, &draft.model(results[0])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted, "{error}");
}

#[test]
fn sides_of_padded_images_must_not_fill_the_memory() {
    let mut draft = Draft::new();
    let byte = (1.0, 0);
    let input = draft.input(&[1, 1, 1, 1], TensorType::UINT8, &[byte]);
    let blocks = draft.integers(&[16_384, 1]);
    let pads = draft.integers(&[0, 12_800 * 16_384 - 1, 0, 0]);
    let pads = draft.reshaped(pads, &[2, 2]);
    let operands = [input, blocks, pads];
    let operator = BuiltinOperator::SPACE_TO_BATCH_ND;
    let output =
        draft.operator(operator, BuiltinOptions::None, &operands, TensorType::UINT8, &[byte]);
    let error = session(Native::new(), 1, &draft.model(output)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted, "{error}");
}

#[test]
fn padding_around_many_images_must_not_take_for_ever() {
    // A window that reaches 8 million pixels beyond each of 150 528 images of one pixel.
    let mut draft = Draft::new();
    let pictures = draft.input(&[150_528, 1, 1, 1], TensorType::FLOAT32, &[]);
    let window = draft.floats(&[1, 1, 256, 1], &[1.0; 256]);
    let bias = draft.floats(&[1], &[0.0]);
    let options = DepthwiseConv2DOptions {
        stride_w: 1,
        stride_h: 1,
        depth_multiplier: 1,
        dilation_w_factor: 32_767,
        dilation_h_factor: 1,
        ..DepthwiseConv2DOptions::default()
    };
    let options = BuiltinOptions::DepthwiseConv2DOptions(options);
    let operands = [pictures, window, bias];
    let output = draft.float(BuiltinOperator::DEPTHWISE_CONV_2D, options, &operands);
    let model = draft.model(output);
    for set in InstructionSet::available() {
        let error = session(Native::with_instructions(set), 1, &model).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceExhausted, "{error}");
    }
}

#[test]
fn every_set_says_its_name() {
    let sets = InstructionSet::available();
    assert_eq!(sets.first(), Some(&InstructionSet::detect()));
    assert_eq!(sets.last(), Some(&InstructionSet::PORTABLE));
    for set in sets {
        let info = Native::with_instructions(set).check().unwrap();
        assert!(info.version.contains(set.name()), "{info:?}");
    }
    let options = SessionOptions::default().with_threads(Threads::EngineChoice);
    assert!(Native::new().load(&conv_model(4), &options).is_ok());
}
