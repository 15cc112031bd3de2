//! Reading models: what is in them, and what cannot be read.

use std::sync::Arc;

use lookalike_core::metadata::ModelMetadata;
use lookalike_core::{ErrorKind, Limits, Model, SupportCode, TensorType, TfLiteModel};
use lookalike_schema::tflite::*;

fn tensor(name: &str, buffer: u32) -> Tensor {
    Tensor { shape: vec![1, 2], buffer, name: Some(name.to_owned()), ..Tensor::default() }
}

fn model() -> lookalike_schema::tflite::Model {
    lookalike_schema::tflite::Model {
        version: 3,
        description: Some("test".to_owned()),
        operator_codes: vec![
            OperatorCode {
                deprecated_builtin_code: 3,
                builtin_code: BuiltinOperator::CONV_2D,
                ..OperatorCode::default()
            },
            // A file from before the wide field.
            OperatorCode { deprecated_builtin_code: 22, ..OperatorCode::default() },
            OperatorCode {
                deprecated_builtin_code: 32,
                builtin_code: BuiltinOperator::CUSTOM,
                custom_code: Some("Mine".to_owned()),
                version: 2,
            },
        ],
        subgraphs: vec![SubGraph {
            tensors: vec![
                tensor("in", 0),
                Tensor {
                    element_type: TensorType::UINT8,
                    quantization: Some(QuantizationParameters {
                        scale: vec![0.5],
                        zero_point: vec![7],
                        ..QuantizationParameters::default()
                    }),
                    ..tensor("out", 0)
                },
                tensor("weights", 1),
            ],
            inputs: vec![0],
            outputs: vec![1],
            operators: (0..3)
                .map(|opcode_index| Operator {
                    opcode_index,
                    inputs: vec![0, 2, -1],
                    outputs: vec![1],
                    ..Operator::default()
                })
                .collect(),
            name: None,
        }],
        buffers: vec![Buffer::default(), Buffer { data: vec![1; 8], ..Buffer::default() }],
        signature_defs: vec![SignatureDef {
            inputs: vec![TensorMap { name: Some("picture".to_owned()), tensor_index: 0 }],
            outputs: vec![TensorMap { name: Some("vector".to_owned()), tensor_index: 1 }],
            signature_key: Some("serving_default".to_owned()),
            subgraph_index: 0,
        }],
        ..lookalike_schema::tflite::Model::default()
    }
}

#[test]
fn a_model_is_read_as_written() {
    let model = TfLiteModel::from_bytes(model().to_bytes()).unwrap();
    let file = model.file();
    assert_eq!(file.description(), Some("test"));
    let signature = model.io();
    assert_eq!(
        (signature.inputs[0].name.as_str(), &signature.inputs[0].shape[..]),
        ("in", &[1, 2][..])
    );
    let output = &signature.outputs[0];
    assert_eq!(output.element_type, TensorType::UINT8);
    let quantization = output.quantization.as_ref().unwrap();
    assert_eq!((&quantization.scale[..], &quantization.zero_point[..]), (&[0.5][..], &[7][..]));
    let names: Vec<&str> = file.operators().iter().map(|operator| operator.name.as_ref()).collect();
    assert_eq!(names, ["CONV_2D", "RESHAPE", "Mine"]);
    assert!(file.operators()[2].is_custom && file.operators()[2].version == 2);
    assert_eq!(*file.operators()[0].inputs, [Some(0), Some(2), None]);
    assert_eq!(file.constant(2), [1; 8]);
    assert!(file.constant(0).is_empty());
    let entry = &file.signature_defs()[0];
    assert_eq!(entry.name, "serving_default");
    assert_eq!(
        (&entry.inputs[0], &entry.outputs[0]),
        (&("picture".to_owned(), 0), &("vector".to_owned(), 1))
    );
    assert!(model.metadata().is_none());
}

#[test]
fn bytes_behind_the_model_do_no_harm() {
    let mut bytes = model().to_bytes();
    bytes.extend(b"whatever comes behind");
    assert!(Model::from_bytes(bytes).is_ok());
}

#[test]
fn every_broken_index_is_named() {
    let broken = |change: fn(&mut lookalike_schema::tflite::Model)| {
        let mut model = model();
        change(&mut model);
        let error = Model::from_bytes(model.to_bytes()).unwrap_err();
        assert_eq!(
            (error.kind(), error.support_code()),
            (ErrorKind::Unknown, Some(SupportCode::Error)),
            "{error}"
        );
        error.to_string()
    };
    for (change, words) in [
        (
            (|model| model.subgraphs.clear()) as fn(&mut lookalike_schema::tflite::Model),
            "no subgraph",
        ),
        (|model| model.subgraphs[0].inputs = vec![3], "input tensor 3"),
        (|model| model.subgraphs[0].outputs = vec![-1], "output tensor -1"),
        (|model| model.subgraphs[0].tensors[2].buffer = 9, "buffer 9"),
        (|model| model.subgraphs[0].operators[1].opcode_index = 7, "operator 1 has code 7"),
        (|model| model.subgraphs[0].operators[2].inputs = vec![-2], "operator 2 uses tensor -2"),
        (|model| model.subgraphs[0].operators[0].outputs = vec![99], "operator 0 uses tensor 99"),
        (|model| model.version = 4, "Invalid model version 4"),
    ] {
        let message = broken(change);
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn broken_metadata_is_refused() {
    let with_buffer = |buffer: u32, data: Vec<u8>| {
        let mut model = model();
        model.buffers.push(Buffer { data, ..Buffer::default() });
        let name = Some(METADATA_NAME.to_owned());
        model.metadata = vec![
            Metadata { name: Some("other".to_owned()), buffer: 77 },
            Metadata { name, buffer },
        ];
        Model::from_bytes(model.to_bytes())
    };
    let metadata = ModelMetadata { name: Some("name".to_owned()), ..ModelMetadata::default() };
    let good = with_buffer(2, metadata.to_bytes()).unwrap();
    assert_eq!(good.metadata(), Some(&metadata));
    for (buffer, data, code) in [
        (3, metadata.to_bytes(), SupportCode::InvalidFlatBuffer),
        (2, b"short".to_vec(), SupportCode::MetadataInvalidSchemaVersion),
        (2, b"\0\0\0\0M002\0\0\0\0".to_vec(), SupportCode::MetadataInvalidSchemaVersion),
        (2, b"\xff\xff\xff\xffM001\0\0\0\0".to_vec(), SupportCode::InvalidFlatBuffer),
    ] {
        let error = with_buffer(buffer, data).unwrap_err();
        assert_eq!(
            (error.kind(), error.support_code()),
            (ErrorKind::InvalidArgument, Some(code)),
            "{error}"
        );
    }
}

#[test]
fn shapes_and_buffers_that_cannot_be_are_refused() {
    let with_shape = |shape: &[i32]| {
        let mut broken = model();
        broken.subgraphs[0].tensors[2].shape = shape.to_vec();
        Model::from_bytes(broken.to_bytes())
    };
    assert!(with_shape(&[1, i32::MAX]).is_ok());
    for shape in [&[1 << 16, 1 << 15][..], &[-(1 << 16), -(1 << 15)], &[i32::MAX; 8]] {
        let error = with_shape(shape).unwrap_err();
        assert!(error.to_string().contains("tensor `weights`"), "{error}");
    }
    let mut elsewhere = model();
    elsewhere.buffers[1] = Buffer { data: Vec::new(), offset: 4096, size: 8 };
    let error = Model::from_bytes(elsewhere.to_bytes()).unwrap_err();
    assert!(error.to_string().contains("behind the flatbuffer"), "{error}");
}

#[test]
fn a_small_file_cannot_have_a_name_copied_many_times() {
    let mut repeating = model();
    repeating.operator_codes[2].custom_code = Some("name".repeat(1000));
    repeating.subgraphs[0].operators =
        vec![Operator { opcode_index: 2, ..Operator::default() }; 1000];
    let read = Model::from_bytes(repeating.to_bytes()).unwrap();
    let operators = read.operators();
    assert!(operators.len() == 1000);
    assert!(operators.iter().all(|operator| Arc::ptr_eq(&operator.name, &operators[0].name)));
    for repeat in
        [|graph: &mut SubGraph| graph.inputs.push(0), |graph: &mut SubGraph| graph.outputs.push(1)]
    {
        let mut repeating = model();
        repeat(&mut repeating.subgraphs[0]);
        let error = Model::from_bytes(repeating.to_bytes()).unwrap_err();
        assert!(error.to_string().contains("is listed twice"), "{error}");
    }
}

#[test]
fn every_flipped_byte_gives_a_model_or_an_error() {
    let bytes = model().to_bytes();
    for index in 0..bytes.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut broken = bytes.clone();
            broken[index] = value;
            if let Ok(model) = TfLiteModel::from_bytes(broken) {
                for tensor in 0..model.file().tensors().len() {
                    model.file().constant(tensor);
                }
                model.file().signature_defs();
            }
        }
    }
}

#[test]
fn what_a_model_costs_is_limited() {
    let bytes = model().to_bytes();
    for (name, limit) in
        [("max_model_bytes", bytes.len() as u64), ("max_tensors", 3), ("max_operators", 3)]
    {
        let mut limits = Limits::default();
        limits.set(name, limit).unwrap();
        assert!(Model::from_bytes_within(bytes.clone(), &limits).is_ok(), "{name}");
        limits.set(name, limit - 1).unwrap();
        let error = Model::from_bytes_within(bytes.clone(), &limits).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn a_model_hands_out_what_it_holds() {
    let bytes = model().to_bytes();
    let read = Model::from_bytes(bytes.clone()).unwrap();
    assert_eq!(read.bytes(), bytes);
    assert!(Model::is_tflite(&bytes) && !Model::is_tflite(b"\x08\x08ONNX pb"));
    let model = read.require_tflite("a reader").unwrap();
    assert!(format!("{model:?}").contains("io: ModelIo"));
    assert_eq!(
        (model.associated_files().count(), model.associated_file("labels").is_err()),
        (0, true)
    );
    // The last of its three operators is one of its own.
    let error = model.check_operators("a reader", |operator| !operator.is_custom).unwrap_err();
    assert!(error.to_string().contains("custom op: Mine"), "{error}");
    assert_eq!(error.support_code(), Some(SupportCode::UnsupportedCustomOp));
    let error = model.check_operators("a reader", |operator| operator.is_custom).unwrap_err();
    assert!(error.to_string().contains("of the model: CONV_2D, RESHAPE"), "{error}");
    assert!(model.check_operators("a reader", |_| true).is_ok());
}

#[test]
fn the_graph_of_a_fixed_size_is_shared() {
    let rows = |open: bool| {
        let tensor = |name| Tensor {
            shape_signature: if open { vec![1, -1] } else { vec![] },
            ..tensor(name, 0)
        };
        let code = OperatorCode { builtin_code: BuiltinOperator::ABS, ..OperatorCode::default() };
        let operator = Operator { inputs: vec![0], outputs: vec![1], ..Operator::default() };
        let model = lookalike_schema::tflite::Model {
            version: 3,
            operator_codes: vec![code],
            subgraphs: vec![SubGraph {
                tensors: vec![tensor("in"), tensor("out")],
                inputs: vec![0],
                outputs: vec![1],
                operators: vec![operator],
                name: None,
            }],
            buffers: vec![Buffer::default()],
            ..lookalike_schema::tflite::Model::default()
        };
        TfLiteModel::from_bytes(model.to_bytes()).unwrap()
    };
    let model = rows(false);
    assert_eq!(model.fixed_input_dims(), Some(vec![vec![1, 2]]));
    let graph = |dims: &[usize]| model.graph_for(&[dims.to_vec()]).unwrap();
    assert!(Arc::ptr_eq(&graph(&[1, 2]), &graph(&[1, 2])));
    assert!(!Arc::ptr_eq(&graph(&[1, 3]), &graph(&[1, 2])));
    assert_eq!(graph(&[1, 3]).dims(1), [1, 3]);
    assert_eq!(rows(true).fixed_input_dims(), None);
}

#[test]
fn files_behind_a_model_are_handed_out() {
    use std::io::Write;
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    archive.start_file("labels.txt", stored).unwrap();
    archive.write_all(b"cat").unwrap();
    // They are read of a model with metadata, which name them.
    let mut model = model();
    model.buffers.push(Buffer { data: ModelMetadata::default().to_bytes(), ..Buffer::default() });
    model.metadata = vec![Metadata { name: Some(METADATA_NAME.to_owned()), buffer: 2 }];
    let mut bytes = model.to_bytes();
    bytes.extend(archive.finish().unwrap().into_inner());
    let model = TfLiteModel::from_bytes(bytes).unwrap();
    assert_eq!(model.associated_files().collect::<Vec<_>>(), ["labels.txt"]);
    assert_eq!(model.associated_file("labels.txt").unwrap(), b"cat");
}
