//! ONNX models as they are: what goes in and comes out, and what they say of themselves.

use std::borrow::Cow;
use std::collections::HashSet;

use lookalike_core::metadata::{
    ModelMetadata, NormalizationOptions, ProcessUnit, ProcessUnitOptions, SubGraphMetadata,
    TensorMetadata,
};
use lookalike_core::{
    Error, Model, ModelIo, OnnxModel, OperatorInfo, Result, SupportCode, TensorInfo, TensorType,
};
use prost::Message;

use crate::proto::{GraphOutline, ModelOutline, StringStringEntryProto, ValueInfoProto, element};

/// Keys of the metadata properties that tell how pixels are normalized, in units of 0 to 255: one number, or three for R, G, B.
pub(crate) const MEAN: &str = "mean";
pub(crate) const STD: &str = "std";

/// Weights in another file, by the format's number.
const EXTERNAL: i32 = 1;

/// Whether bytes look like an ONNX model, which has no mark of its own: they are a message with a graph and operator sets.
pub fn is_onnx(bytes: &[u8]) -> bool {
    let outline = ModelOutline::decode(bytes);
    outline.is_ok_and(|outline| outline.graph.is_some() && !outline.opset_import.is_empty())
}

/// Reads an ONNX model; its weights are not copied.
///
/// An image whose channels come first, such as `[1, 3, 224, 224]`, is listed in [`Model::io`] with its channels last, and so does a
/// result such as `[1, 512, 1, 1]`. Outputs name the heads. The metadata properties `mean` and `std`, each one number or three
/// with commas between them, tell the normalization of pixels of 0 to 255.
///
/// # Errors
///
/// The bytes are no ONNX model, its weights are in other files, or an input or output is no tensor of a known type.
pub fn read(bytes: impl Into<Cow<'static, [u8]>>) -> Result<Model> {
    let bytes = bytes.into();
    let invalid = |message: &str| {
        Error::invalid_argument(format!("The model is not a valid ONNX model: {message}"))
            .with_support_code(SupportCode::InvalidFlatBuffer)
    };
    let outline = ModelOutline::decode(&bytes[..]).map_err(|error| invalid(&error.to_string()))?;
    let graph = outline.graph.ok_or_else(|| invalid("it has no graph"))?;
    if graph.initializer.iter().any(|tensor| tensor.data_location == EXTERNAL) {
        return Err(Error::unimplemented(
            "the weights of the ONNX model are in other files; save it with its weights inside",
        ));
    }
    let signature = ModelIo::new(inputs(&graph)?, outputs(&graph)?);
    let operators = graph.node.into_iter().map(|node| OperatorInfo::named(node.op_type)).collect();
    let metadata = metadata(&outline.metadata_props, &signature)?;
    Ok(Model::Onnx(OnnxModel::new(bytes, signature, operators, metadata)))
}

/// Inputs without those that the model itself gives values to.
fn inputs(graph: &GraphOutline) -> Result<Vec<TensorInfo>> {
    let given: HashSet<&str> =
        graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    graph
        .input
        .iter()
        .filter(|value| !given.contains(value.name.as_str()))
        .map(|value| {
            let mut shape = shape(value)?;
            if has_channels_first(&shape) {
                shape = vec![shape[0], shape[2], shape[3], shape[1]];
            }
            tensor(value, shape)
        })
        .collect()
}

fn outputs(graph: &GraphOutline) -> Result<Vec<TensorInfo>> {
    graph
        .output
        .iter()
        .map(|value| {
            let mut shape = shape(value)?;
            if let [_, channels, 1, 1] = shape[..] {
                shape = vec![shape[0], 1, 1, channels];
            }
            tensor(value, shape)
        })
        .collect()
}

/// Whether a shape is that of an image with channels first.
pub fn has_channels_first(shape: &[i32]) -> bool {
    matches!(shape, [_, 3, _, last] if *last != 3)
}

/// The batch is 1 if it is left open.
fn shape(value: &ValueInfoProto) -> Result<Vec<i32>> {
    let tensor_type = value.r#type.as_ref().and_then(|of| of.tensor_type.as_ref());
    let Some(shape) = tensor_type.and_then(|of| of.shape.as_ref()) else {
        return Err(Error::invalid_argument(format!("`{}` has no known shape", value.name)));
    };
    let size = |(axis, size): (usize, Option<i64>)| match size.map(i32::try_from) {
        Some(Ok(size)) if size >= 0 => Ok(size),
        None => Ok(if axis == 0 { 1 } else { -1 }),
        _ => Err(Error::invalid_argument(format!("`{}` has the extent {size:?}", value.name))),
    };
    shape.dim.iter().map(|dim| dim.dim_value).enumerate().map(size).collect()
}

fn tensor(value: &ValueInfoProto, shape: Vec<i32>) -> Result<TensorInfo> {
    let code = value.r#type.as_ref().and_then(|of| of.tensor_type.as_ref()).map(|of| of.elem_type);
    let element_type = match code {
        Some(element::FLOAT) => TensorType::FLOAT32,
        Some(element::UINT8) => TensorType::UINT8,
        Some(element::INT8) => TensorType::INT8,
        Some(element::INT32) => TensorType::INT32,
        Some(element::INT64) => TensorType::INT64,
        Some(element::BOOL) => TensorType::BOOL,
        other => {
            return Err(Error::unimplemented(format!(
                "`{}` is of the element type {other:?} of ONNX, which is not supported",
                value.name
            )));
        }
    };
    Ok(TensorInfo::new(value.name.clone(), shape, element_type))
}

/// What the properties say, in the terms of TensorFlow Lite's metadata.
fn metadata(properties: &[StringStringEntryProto], signature: &ModelIo) -> Result<ModelMetadata> {
    let numbers = |key: &str| -> Result<Option<Vec<f32>>> {
        let Some(entry) = properties.iter().find(|entry| entry.key == key) else { return Ok(None) };
        // Any more than three are as wrong as four.
        let numbers = entry.value.split(',').take(4).map(|number| number.trim().parse());
        numbers.collect::<Result<_, _>>().map(Some).map_err(|_| {
            Error::invalid_argument(format!(
                "the property `{key}` of the model is `{}`, and must be numbers with commas between them",
                entry.value
            ))
        })
    };
    let process_units = match (numbers(MEAN)?, numbers(STD)?) {
        (Some(mean), Some(std)) => {
            let options = NormalizationOptions { mean, std };
            vec![ProcessUnit { options: ProcessUnitOptions::NormalizationOptions(options) }]
        }
        (None, None) => Vec::new(),
        _ => {
            return Err(Error::invalid_argument(
                "the model has only one of the properties `mean` and `std`: both belong together",
            ));
        }
    };
    let named = |tensor: &TensorInfo, process_units| TensorMetadata {
        name: Some(tensor.name.clone()),
        process_units,
        ..TensorMetadata::default()
    };
    let inputs = signature.inputs.iter().map(|input| named(input, process_units.clone()));
    let outputs = signature.outputs.iter().map(|output| named(output, Vec::new()));
    let graph = SubGraphMetadata {
        input_tensor_metadata: inputs.collect(),
        output_tensor_metadata: outputs.collect(),
        ..SubGraphMetadata::default()
    };
    Ok(ModelMetadata { subgraph_metadata: vec![graph], ..ModelMetadata::default() })
}

/// Properties that tell the normalization of a model that declares one.
pub(crate) fn properties(metadata: Option<&ModelMetadata>) -> Vec<StringStringEntryProto> {
    let graph = metadata.and_then(|metadata| metadata.subgraph_metadata.first());
    let input = graph.and_then(|graph| graph.input_tensor_metadata.first());
    let units = input.map(|input| input.process_units.as_slice()).unwrap_or_default();
    let normalization = units.iter().find_map(|unit| match &unit.options {
        ProcessUnitOptions::NormalizationOptions(options) => Some(options),
        _ => None,
    });
    let text = |values: &[f32]| values.iter().map(f32::to_string).collect::<Vec<_>>().join(",");
    let entry = |key: &str, values: &[f32]| StringStringEntryProto {
        key: key.to_owned(),
        value: text(values),
    };
    // A list without a number has no property that could be read.
    normalization
        .filter(|options| !options.mean.is_empty() && !options.std.is_empty())
        .map(|options| vec![entry(MEAN, &options.mean), entry(STD, &options.std)])
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use lookalike_core::ErrorKind;

    use super::*;
    use crate::proto::{
        DimensionProto, NodeOutline, OperatorSetIdProto, TensorOutline, TensorShapeProto,
        TensorTypeProto, TypeProto,
    };

    fn value(name: &str, dims: &[Option<i64>]) -> ValueInfoProto {
        let dim = dims.iter().map(|&dim_value| DimensionProto { dim_value }).collect();
        let shape = Some(TensorShapeProto { dim });
        let tensor_type = Some(TensorTypeProto { elem_type: element::FLOAT, shape });
        ValueInfoProto { name: name.to_owned(), r#type: Some(TypeProto { tensor_type }) }
    }

    fn outline(input: &[Option<i64>], output: &[Option<i64>]) -> ModelOutline {
        let graph = GraphOutline {
            node: vec![NodeOutline { op_type: "Conv".to_owned() }],
            initializer: vec![TensorOutline { name: "weights".to_owned(), data_location: 0 }],
            input: vec![value("image", input), value("weights", &[Some(8)])],
            output: vec![value("vector", output)],
        };
        ModelOutline {
            graph: Some(graph),
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
            metadata_props: vec![],
        }
    }

    fn shapes(outline: &ModelOutline) -> (Vec<i32>, Vec<i32>) {
        let model = read(outline.encode_to_vec()).unwrap();
        let signature = model.io();
        assert_eq!((signature.inputs.len(), signature.outputs.len()), (1, 1));
        (signature.inputs[0].shape_signature.clone(), signature.outputs[0].shape_signature.clone())
    }

    #[test]
    fn colors_come_last_in_the_signature() {
        let image = |dims: [i64; 4]| dims.map(Some);
        let first = outline(&image([1, 3, 224, 200]), &image([1, 512, 1, 1]));
        assert_eq!(shapes(&first), (vec![1, 224, 200, 3], vec![1, 1, 1, 512]));
        let last = outline(&image([1, 224, 200, 3]), &[Some(1), Some(512)]);
        assert_eq!(shapes(&last), (vec![1, 224, 200, 3], vec![1, 512]));
        // Three rows of three pixels: TensorFlow Lite's order is the one that is not recognized but assumed.
        let both = outline(&image([1, 3, 3, 3]), &[Some(1), Some(512)]);
        assert_eq!(shapes(&both).0, [1, 3, 3, 3]);
    }

    #[test]
    fn an_open_batch_is_one() {
        let open = outline(&[None, Some(3), None, None], &[None, Some(512)]);
        assert_eq!(shapes(&open), (vec![1, -1, -1, 3], vec![1, 512]));
    }

    #[test]
    fn properties_are_the_normalization() {
        let with = |properties: &[(&str, &str)]| {
            let entry = |&(key, value): &(&str, &str)| StringStringEntryProto {
                key: key.to_owned(),
                value: value.to_owned(),
            };
            let mut outline = outline(&[Some(1), Some(3), Some(8), Some(8)], &[Some(1), Some(4)]);
            outline.metadata_props = properties.iter().map(entry).collect();
            read(outline.encode_to_vec())
        };
        let model = with(&[("mean", "1, 2,3"), ("std", "4")]).unwrap();
        assert_eq!(properties(model.metadata())[0].value, "1,2,3");
        assert_eq!(properties(model.metadata())[1].value, "4");
        for wrong in [&[("mean", "1")][..], &[("mean", "one"), ("std", "1")]] {
            assert_eq!(with(wrong).unwrap_err().kind(), ErrorKind::InvalidArgument);
        }
    }

    #[test]
    fn what_is_no_model_is_refused() {
        for bytes in [&b""[..], b"text", b"\x3a\x00", &[0xff; 64]] {
            assert!(!is_onnx(bytes), "{bytes:?}");
        }
        assert!(read(&b"text"[..]).is_err());
        let mut outline = outline(&[Some(1)], &[Some(1)]);
        assert!(is_onnx(&outline.encode_to_vec()));
        outline.graph.as_mut().unwrap().initializer[0].data_location = EXTERNAL;
        assert_eq!(read(outline.encode_to_vec()).unwrap_err().kind(), ErrorKind::Unimplemented);
    }
}
