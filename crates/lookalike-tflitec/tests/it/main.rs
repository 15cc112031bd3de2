//! Every operator of the fixtures on the library: sessions share a model, give equal bits, and end in any order.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::fs;
use std::path::Path;

use lookalike_core::{
    Data, ErrorKind, InferenceBackend, InferenceSession, Model, SessionOptions, Shape, Tensor,
    TensorType,
};
use lookalike_schema::VerifiedModel;
use lookalike_tflitec::TfLiteC;

fn models() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/fixtures/operators");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| {
            (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap())
        })
        .collect()
}

fn inputs(model: &Model) -> Vec<Tensor> {
    let input = |input: &lookalike_core::TensorInfo| {
        let shape = Shape::new(&input.dims().unwrap()).unwrap();
        let count = shape.element_count();
        let data = match input.element_type {
            TensorType::UINT8 => Data::U8(vec![130; count]),
            TensorType::INT8 => Data::I8(vec![-3; count]),
            _ => Data::F32(vec![0.25; count]),
        };
        Tensor::new(shape, data).unwrap()
    };
    model.io().inputs.iter().map(input).collect()
}

fn run(session: &mut dyn InferenceSession, count: usize, inputs: &[Tensor]) -> Vec<Tensor> {
    let inputs: Vec<_> = inputs.iter().map(Tensor::as_ref).collect();
    let mut outputs = vec![Tensor::empty(); count];
    session.run(&inputs, &mut outputs).unwrap();
    outputs
}

#[test]
fn sessions_of_every_operator_are_equal_and_outlive_one_another() {
    let models = models();
    assert!(models.len() > 100);
    for (name, bytes) in models {
        let model = Model::from_bytes(bytes).unwrap();
        let inputs = inputs(&model);
        let loaded = TfLiteC.load(&model, &SessionOptions::default());
        if name == "transpose_conv_of_odd_size.tflite" {
            assert!(loaded.unwrap_err().to_string().contains("with an activation"));
            continue;
        }
        let loaded = loaded.unwrap();
        let mut first = loaded.session().unwrap();
        let mut second = loaded.session().unwrap();
        let count = loaded.io().outputs.len();
        let expected = run(first.as_mut(), count, &inputs);
        drop((first, loaded, model));
        assert_eq!(run(second.as_mut(), count, &inputs), expected, "{name}");
    }
}

#[test]
fn what_would_end_the_process_is_refused() {
    let (_, bytes) =
        models().into_iter().find(|(name, _)| name == "depthwise_same.tflite").unwrap();
    let mut model = VerifiedModel::new(bytes).unwrap().root().to_owned();
    model.subgraphs[0].operators[0].inputs.pop();
    let model = Model::from_bytes(model.to_bytes()).unwrap();
    let error = TfLiteC.load(&model, &SessionOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unimplemented);
    assert!(error.to_string().contains("without a bias"), "{error}");
}

#[test]
fn a_choice_along_many_dimensions_is_refused() {
    use lookalike_schema::tflite::*;
    let tensor = |shape: &[i32], element_type, buffer| Tensor {
        shape: shape.to_vec(),
        element_type,
        buffer,
        ..Tensor::default()
    };
    let values = [1, 1, 1, 1, 2, 2];
    let code = OperatorCode { builtin_code: BuiltinOperator::SELECT_V2, ..OperatorCode::default() };
    let operator = Operator { inputs: vec![1, 0, 0], outputs: vec![2], ..Operator::default() };
    let graph = SubGraph {
        tensors: vec![
            tensor(&values, TensorType::FLOAT32, 0),
            tensor(&[1, 1, 1, 1, 1, 2], TensorType::BOOL, 1),
            tensor(&values, TensorType::FLOAT32, 0),
        ],
        inputs: vec![0],
        outputs: vec![2],
        operators: vec![operator],
        ..SubGraph::default()
    };
    let model = Model {
        version: SCHEMA_VERSION,
        operator_codes: vec![code],
        subgraphs: vec![graph],
        buffers: vec![Buffer::default(), Buffer { data: vec![1, 0], ..Buffer::default() }],
        ..Model::default()
    };
    let model = lookalike_core::Model::from_bytes(model.to_bytes()).unwrap();
    let error = TfLiteC.load(&model, &SessionOptions::default()).unwrap_err();
    assert!(error.to_string().contains("broadcasts along more than 4 dimensions"), "{error}");
}

#[test]
fn a_result_that_nobody_reads_does_no_harm() {
    let (_, bytes) = models().into_iter().find(|(name, _)| name == "abs.tflite").unwrap();
    let mut model = VerifiedModel::new(bytes).unwrap().root().to_owned();
    let graph = &mut model.subgraphs[0];
    graph.outputs = graph.inputs.clone();
    let model = Model::from_bytes(model.to_bytes()).unwrap();
    let inputs = inputs(&model);
    let loaded = TfLiteC.load(&model, &SessionOptions::default()).unwrap();
    let mut session = loaded.session().unwrap();
    assert_eq!(run(session.as_mut(), 1, &inputs), inputs);
}

#[test]
fn a_graph_that_is_not_run_does_no_harm() {
    let find = |wanted: &str| {
        let (_, bytes) = models().into_iter().find(|(name, _)| name == wanted).unwrap();
        VerifiedModel::new(bytes).unwrap().root().to_owned()
    };
    let mut model = find("abs.tflite");
    let expected = {
        let model = Model::from_bytes(model.to_bytes()).unwrap();
        let loaded = TfLiteC.load(&model, &SessionOptions::default()).unwrap();
        let mut session = loaded.session().unwrap();
        run(session.as_mut(), 1, &inputs(&model))
    };
    // Behind the graph, one whose operator ends the process when it is prepared: a reshape to the shape in tensor -1.
    let mut other = find("reshape.tflite");
    let code = model.operator_codes.len() as u32;
    model.operator_codes.append(&mut other.operator_codes);
    let (mut graph, buffers) = (other.subgraphs.remove(0), model.buffers.len() as u32);
    model.buffers.append(&mut other.buffers);
    graph.tensors.iter_mut().for_each(|tensor| tensor.buffer += buffers);
    graph.operators[0].opcode_index += code;
    graph.operators[0].inputs.truncate(1);
    graph.operators[0].inputs.push(-1);
    // With the size of its input left open it is not verified either.
    graph.tensors[graph.inputs[0] as usize].shape_signature = vec![-1; 4];
    model.subgraphs.push(graph);
    let model = Model::from_bytes(model.to_bytes()).unwrap();
    let loaded = TfLiteC.load(&model, &SessionOptions::default()).unwrap();
    let mut session = loaded.session().unwrap();
    assert_eq!(run(session.as_mut(), 1, &inputs(&model)), expected);
}

#[test]
fn a_slope_may_be_shared_by_all_channels() {
    let (_, bytes) = models().into_iter().find(|(name, _)| name == "prelu.tflite").unwrap();
    let mut model = VerifiedModel::new(bytes).unwrap().root().to_owned();
    let slope = &mut model.subgraphs[0].tensors[1];
    slope.shape = vec![1];
    model.buffers[slope.buffer as usize].data = 0.5f32.to_le_bytes().to_vec();
    let model = Model::from_bytes(model.to_bytes()).unwrap();
    let mut inputs = inputs(&model);
    let shape = *inputs[0].shape();
    inputs[0].reset_f32(shape).fill(-2.0);
    let loaded = TfLiteC.load(&model, &SessionOptions::default()).unwrap();
    let mut session = loaded.session().unwrap();
    let outputs = run(session.as_mut(), 1, &inputs);
    assert_eq!(outputs[0].data(), &Data::F32(vec![-1.0; shape.element_count()]));
}
