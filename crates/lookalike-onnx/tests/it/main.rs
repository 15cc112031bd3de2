//! Graphs that ask for what cannot be: an error, not a panic, and no memory to speak of.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

use lookalike_core::{ErrorKind, Model};
use lookalike_onnx::{translate, translate_for};
use lookalike_schema::tflite::*;

/// A graph of one operator: an input of floats, integers as constants, a result.
fn model(
    operator: BuiltinOperator,
    options: BuiltinOptions,
    shape: &[i32],
    constants: &[&[i32]],
) -> Model {
    let tensor = |shape: &[i32], element_type, buffer| Tensor {
        shape: shape.to_vec(),
        element_type,
        buffer,
        ..Tensor::default()
    };
    let mut buffers = vec![Buffer::default()];
    let mut tensors = vec![tensor(shape, TensorType::FLOAT32, 0)];
    for values in constants {
        let data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        tensors.push(tensor(&[values.len() as i32], TensorType::INT32, buffers.len() as u32));
        buffers.push(Buffer { data, ..Buffer::default() });
    }
    let output = tensors.len() as i32;
    tensors.push(tensor(&[1], TensorType::FLOAT32, 0));
    let graph = SubGraph {
        tensors,
        inputs: vec![0],
        outputs: vec![output],
        operators: vec![Operator {
            inputs: (0..output).collect(),
            outputs: vec![output],
            builtin_options: options,
            ..Operator::default()
        }],
        ..SubGraph::default()
    };
    let code = OperatorCode {
        deprecated_builtin_code: operator.0.min(127) as i8,
        builtin_code: operator,
        version: 1,
        custom_code: None,
    };
    let model = lookalike_schema::tflite::Model {
        version: SCHEMA_VERSION,
        operator_codes: vec![code],
        subgraphs: vec![graph],
        buffers,
        ..lookalike_schema::tflite::Model::default()
    };
    Model::from_bytes(model.to_bytes()).unwrap()
}

#[test]
fn extents_that_overflow_are_refused() {
    const MAX: i32 = i32::MAX;
    let none = || BuiltinOptions::None;
    let resize = BuiltinOptions::ResizeNearestNeighborOptions(Default::default());
    let mirror = BuiltinOptions::MirrorPadOptions(Default::default());
    let strided = BuiltinOptions::StridedSliceOptions(Default::default());
    let pool = BuiltinOptions::Pool2DOptions(Pool2DOptions {
        stride_w: MAX,
        stride_h: -1,
        filter_width: MAX,
        filter_height: MAX,
        ..Pool2DOptions::default()
    });
    let picture = [1, 4, 4, 3];
    for model in [
        model(BuiltinOperator::RESHAPE, none(), &picture, &[&[MAX, MAX, MAX]]),
        model(BuiltinOperator::RESHAPE, none(), &picture, &[&[-1, -1]]),
        model(BuiltinOperator::RESHAPE, none(), &picture, &[&[-2, 0]]),
        model(BuiltinOperator::RESIZE_NEAREST_NEIGHBOR, resize, &picture, &[&[MAX, MAX]]),
        model(BuiltinOperator::MIRROR_PAD, mirror, &[1, MAX], &[&[0, 0, MAX - 1, 0]]),
        model(BuiltinOperator::STRIDED_SLICE, strided, &picture, &[&[0], &[MAX], &[0]]),
        model(BuiltinOperator::AVERAGE_POOL_2D, pool, &picture, &[]),
        model(BuiltinOperator::SLICE, none(), &picture, &[&[0; 4], &[MAX; 4]]),
        model(BuiltinOperator::TRANSPOSE, none(), &picture, &[&[0, 0, 1, 2]]),
        model(BuiltinOperator::MEAN, none(), &picture, &[&[4]]),
        model(BuiltinOperator::EXPAND_DIMS, none(), &picture, &[&[]]),
        model(BuiltinOperator::SPACE_TO_BATCH_ND, none(), &picture, &[&[MAX, MAX], &[0; 4]]),
        model(BuiltinOperator::BATCH_TO_SPACE_ND, none(), &picture, &[&[0, 0], &[0; 4]]),
        model(BuiltinOperator::CONV_2D, none(), &picture, &[]),
        model(BuiltinOperator::RESHAPE, none(), &[], &[&[2]]),
        // Empty, but not in every part.
        model(BuiltinOperator::RESHAPE, none(), &[0], &[&[MAX, MAX, 0]]),
    ] {
        let error = translate(&model).unwrap_err();
        assert!(error.to_string().starts_with("operator 0 ("), "{error}");
    }
}

#[test]
fn a_tensor_has_one_value() {
    let graph = model(BuiltinOperator::SHAPE, BuiltinOptions::None, &[4], &[]);
    // The shape of the input takes the input's place.
    let mut twice =
        lookalike_schema::VerifiedModel::new(graph.bytes().to_vec()).unwrap().root().to_owned();
    twice.subgraphs[0].operators[0].outputs = vec![0];
    let error = translate(&Model::from_bytes(twice.to_bytes()).unwrap()).unwrap_err();
    assert!(error.to_string().ends_with("is computed twice"), "{error}");
}

#[test]
fn there_are_extents_for_each_input() {
    let model = model(BuiltinOperator::RESHAPE, BuiltinOptions::None, &[1, 4, 4, 3], &[&[1, 48]]);
    assert!(translate(&model).is_ok());
    assert_eq!(translate_for(&model, &[]).unwrap_err().kind(), ErrorKind::InvalidArgument);
    assert!(translate_for(&model, &[vec![2, 24]]).is_ok());
    assert!(translate_for(&model, &[vec![usize::MAX, 2]]).is_err());
}
