//! Codes of the rules a model can break; their words are compared with the reference's on the fixtures.

use lookalike_core::metadata::*;
use lookalike_core::{
    ErrorKind, HeadSpec, InputElement, InputSpec, Model, ModelRules, Normalization, SupportCode,
    TensorType,
};
use lookalike_schema::tflite;

/// A model of one input and one output, float by default.
struct Case {
    input_shape: Vec<i32>,
    shape_signature: Vec<i32>,
    input_type: TensorType,
    output_shape: Vec<i32>,
    output_type: TensorType,
    input_count: usize,
    metadata: Option<ModelMetadata>,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            input_shape: vec![1, 4, 5, 3],
            shape_signature: vec![],
            input_type: TensorType::FLOAT32,
            output_shape: vec![1, 8],
            output_type: TensorType::FLOAT32,
            input_count: 1,
            metadata: Some(metadata(vec![image()])),
        }
    }
}

fn metadata(input_tensor_metadata: Vec<TensorMetadata>) -> ModelMetadata {
    let graph = SubGraphMetadata { input_tensor_metadata, ..SubGraphMetadata::default() };
    ModelMetadata { subgraph_metadata: vec![graph], ..ModelMetadata::default() }
}

fn normalization(mean: &[f32], std: &[f32]) -> ProcessUnit {
    let options = NormalizationOptions { mean: mean.to_vec(), std: std.to_vec() };
    ProcessUnit { options: ProcessUnitOptions::NormalizationOptions(options) }
}

fn content(content_properties: ContentProperties) -> Option<Content> {
    Some(Content { content_properties, range: None })
}

fn coloured(color_space: ColorSpaceType) -> TensorMetadata {
    let properties = ImageProperties { color_space, default_size: None };
    TensorMetadata { content: content(ContentProperties::ImageProperties(properties)), ..image() }
}

fn image() -> TensorMetadata {
    TensorMetadata {
        name: Some("image".to_owned()),
        process_units: vec![normalization(&[127.5], &[127.5])],
        ..TensorMetadata::default()
    }
}

fn with_units(process_units: Vec<ProcessUnit>) -> Option<ModelMetadata> {
    Some(metadata(vec![TensorMetadata { process_units, ..image() }]))
}

impl Case {
    fn model(self) -> Model {
        let tensor = |shape: &[i32], element_type| tflite::Tensor {
            shape: shape.to_vec(),
            element_type,
            name: Some("tensor".to_owned()),
            ..tflite::Tensor::default()
        };
        let mut input = tensor(&self.input_shape, self.input_type);
        input.shape_signature = self.shape_signature;
        let mut tensors = vec![tensor(&self.output_shape, self.output_type)];
        tensors.resize(1 + self.input_count, input);
        // The rules are about what goes in and out: whatever lies between is an operator of which nothing is known.
        let inputs: Vec<i32> = (1..tensors.len() as i32).collect();
        let mut model = tflite::Model {
            version: 3,
            operator_codes: vec![tflite::OperatorCode {
                builtin_code: tflite::BuiltinOperator::CUSTOM,
                ..tflite::OperatorCode::default()
            }],
            subgraphs: vec![tflite::SubGraph {
                inputs: inputs.clone(),
                outputs: vec![0],
                tensors,
                operators: vec![tflite::Operator {
                    inputs,
                    outputs: vec![0],
                    ..tflite::Operator::default()
                }],
                ..tflite::SubGraph::default()
            }],
            buffers: vec![tflite::Buffer::default()],
            ..tflite::Model::default()
        };
        if let Some(metadata) = self.metadata {
            model
                .buffers
                .push(tflite::Buffer { data: metadata.to_bytes(), ..tflite::Buffer::default() });
            let name = Some(tflite::METADATA_NAME.to_owned());
            model.metadata = vec![tflite::Metadata { name, buffer: 1 }];
        }
        Model::from_bytes(model.to_bytes()).unwrap()
    }

    fn refusal(self) -> (ErrorKind, Option<SupportCode>) {
        let model = self.model();
        let rules = ModelRules::Reference;
        let result = InputSpec::from_model_by(&model, None, rules)
            .and_then(|_| HeadSpec::from_model_by(&model, rules));
        let error = result.unwrap_err();
        (error.kind(), error.support_code())
    }
}

#[test]
fn a_described_model_is_accepted() {
    let spec = InputSpec::from_model(&Case::default().model(), None).unwrap();
    assert_eq!((spec.height, spec.width), (Some(4), Some(5)));
    let normalization = Normalization::new(&[127.5], &[127.5]).unwrap();
    assert_eq!(spec.element, InputElement::F32(normalization));
    let metadata = metadata(vec![coloured(ColorSpaceType::RGB)]);
    let case = Case { metadata: Some(metadata), ..Case::default() };
    assert!(InputSpec::from_model(&case.model(), None).is_ok());
}

#[test]
fn each_input_rule_has_its_code() {
    let invalid = |code| (ErrorKind::InvalidArgument, Some(code));
    let case = Case::default;
    let audio = ContentProperties::AudioProperties(AudioProperties::default());
    for (case, expected) in [
        (
            Case { metadata: Some(metadata(vec![])), ..case() },
            invalid(SupportCode::InvalidNumInputTensors),
        ),
        (
            Case { metadata: Some(metadata(vec![image(), image()])), ..case() },
            invalid(SupportCode::InvalidNumInputTensors),
        ),
        (
            Case {
                metadata: Some(metadata(vec![TensorMetadata {
                    content: content(audio),
                    ..image()
                }])),
                ..case()
            },
            invalid(SupportCode::MetadataInvalidContentProperties),
        ),
        (
            Case { metadata: with_units(vec![normalization(&[0.0], &[1.0]); 2]), ..case() },
            invalid(SupportCode::MetadataInvalidProcessUnits),
        ),
        (
            Case { metadata: with_units(vec![normalization(&[0.0; 3], &[1.0])]), ..case() },
            invalid(SupportCode::MetadataInvalidProcessUnits),
        ),
        (
            Case { metadata: with_units(vec![normalization(&[0.0; 4], &[1.0; 4])]), ..case() },
            invalid(SupportCode::MetadataInvalidProcessUnits),
        ),
        (Case { input_count: 2, ..case() }, invalid(SupportCode::InvalidNumInputTensors)),
        (Case { input_count: 0, ..case() }, invalid(SupportCode::InvalidNumInputTensors)),
        (
            Case { input_shape: vec![1, 4, 5], ..case() },
            invalid(SupportCode::InvalidInputTensorDimensions),
        ),
        (
            Case { input_type: TensorType::INT8, ..case() },
            invalid(SupportCode::InvalidInputTensorType),
        ),
        (
            Case { metadata: Some(metadata(vec![coloured(ColorSpaceType::GRAYSCALE)])), ..case() },
            invalid(SupportCode::InvalidArgument),
        ),
        (
            Case { metadata: Some(metadata(vec![coloured(ColorSpaceType::UNKNOWN)])), ..case() },
            invalid(SupportCode::InvalidArgument),
        ),
        (
            Case { input_shape: vec![2, 4, 5, 3], ..case() },
            invalid(SupportCode::InvalidInputTensorDimensions),
        ),
        (
            Case { input_shape: vec![1, 4, 5, 4], ..case() },
            invalid(SupportCode::InvalidInputTensorDimensions),
        ),
        (
            Case { metadata: with_units(vec![]), ..case() },
            (ErrorKind::NotFound, Some(SupportCode::MetadataMissingNormalizationOptions)),
        ),
        (
            Case { metadata: None, ..case() },
            (ErrorKind::NotFound, Some(SupportCode::MetadataMissingNormalizationOptions)),
        ),
        (
            Case { input_shape: vec![1, 0, 5, 3], ..case() },
            invalid(SupportCode::InvalidInputTensorDimensions),
        ),
        (
            Case { input_shape: vec![1, 4, -5, 3], ..case() },
            invalid(SupportCode::InvalidInputTensorDimensions),
        ),
    ] {
        assert_eq!(case.refusal(), expected);
    }
}

#[test]
fn faults_of_metadata_refuse_models_of_bytes_too() {
    let metadata = with_units(vec![normalization(&[0.0; 3], &[1.0])]);
    let case = Case { input_type: TensorType::UINT8, metadata, ..Case::default() };
    assert_eq!(case.refusal().1, Some(SupportCode::MetadataInvalidProcessUnits));
    let case = Case { input_type: TensorType::UINT8, metadata: None, ..Case::default() };
    assert_eq!(InputSpec::from_model(&case.model(), None).unwrap().element, InputElement::U8);
}

#[test]
fn the_callers_normalization_takes_the_place_of_the_models() {
    let own = Normalization::new(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]).unwrap();
    for metadata in [None, Some(metadata(vec![image()]))] {
        let case = Case { metadata, ..Case::default() };
        let spec = InputSpec::from_model(&case.model(), Some(own)).unwrap();
        assert_eq!(spec.element, InputElement::F32(own));
    }
}

#[test]
fn an_open_size_is_left_open() {
    let case = Case {
        input_shape: vec![1, 1, 1, 3],
        shape_signature: vec![-1, -1, -1, 3],
        ..Case::default()
    };
    let spec = InputSpec::from_model(&case.model(), None).unwrap();
    assert_eq!((spec.height, spec.width), (None, None));
}

#[test]
fn each_output_rule_has_its_code() {
    let dimensions = SupportCode::InvalidOutputTensorDimensions;
    for (output_shape, output_type, expected) in [
        (vec![1, 2, 1, 8], TensorType::FLOAT32, dimensions),
        (vec![1, 1, 2, 8], TensorType::FLOAT32, dimensions),
        (vec![8], TensorType::FLOAT32, dimensions),
        (vec![1, 1, 8], TensorType::FLOAT32, dimensions),
        (vec![2, 8], TensorType::FLOAT32, dimensions),
        (vec![2, 1, 1, 8], TensorType::FLOAT32, dimensions),
        (vec![1, 0], TensorType::FLOAT32, dimensions),
        (vec![1, 8], TensorType::INT8, SupportCode::InvalidOutputTensorType),
        (vec![1, 8], TensorType::INT32, SupportCode::InvalidOutputTensorType),
    ] {
        let case = Case { output_shape, output_type, ..Case::default() };
        assert_eq!(case.refusal(), (ErrorKind::InvalidArgument, Some(expected)));
    }
    let case = Case { output_shape: vec![1, 1, 1, 8], ..Case::default() };
    assert_eq!(HeadSpec::from_model(&case.model()).unwrap()[0].dimension, 8);
}

#[test]
fn other_elements_are_taken_beyond_the_reference() {
    // Without a normalization there is no way from pixels to values, nor without a scale.
    let case = Case { input_type: TensorType::INT8, metadata: None, ..Case::default() };
    let error = InputSpec::from_model(&case.model(), None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("kTfLiteInt8"), "{error}");
    let case = Case { input_type: TensorType::INT8, ..Case::default() };
    let error = InputSpec::from_model(&case.model(), None).unwrap_err();
    assert_eq!(error.support_code(), Some(SupportCode::InvalidInputTensorType));
    assert!(error.to_string().contains("no scale"), "{error}");
    let case = Case { input_type: TensorType::FLOAT16, metadata: None, ..Case::default() };
    let model = case.model();
    let error = InputSpec::from_model(&model, None).unwrap_err();
    assert!(error.to_string().contains("kTfLiteFloat16"), "{error}");
    let own = Normalization::new(&[1.0], &[2.0]).unwrap();
    let spec = InputSpec::from_model(&model, Some(own)).unwrap();
    assert_eq!(spec.element, InputElement::F16(own));
    let error = InputSpec::from_model_by(&model, Some(own), ModelRules::Reference).unwrap_err();
    assert_eq!(error.support_code(), Some(SupportCode::InvalidInputTensorType));
    let case = Case { output_type: TensorType::FLOAT16, ..Case::default() };
    assert!(HeadSpec::from_model(&case.model()).is_err());
    let case = Case { output_type: TensorType::INT8, ..Case::default() };
    let error = HeadSpec::from_model(&case.model()).unwrap_err();
    assert_eq!(error.support_code(), Some(SupportCode::InvalidOutputTensorType));
    assert!(error.to_string().contains("stand for nothing"), "{error}");
}
