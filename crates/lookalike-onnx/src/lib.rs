//! TensorFlow Lite models translated to ONNX.
//!
//! The inputs and outputs of the ONNX model are those of the TensorFlow Lite model: names, types, shapes, channels last. In
//! between, images have their channels first where ONNX's operators want them so; a transposition stands only where the
//! order really changes, so that a convolutional network has one behind its input and at most one before its output.
//! Quantized models become `QuantizeLinear` and `DequantizeLinear` around operators of floats, which engines fuse into
//! operators of integers. Quantized weights of an operator that computes with floats stand for their real values.
//!
//! ```no_run
//! let model = lookalike_core::Model::from_bytes(std::fs::read("model.tflite")?)?;
//! std::fs::write("model.onnx", lookalike_onnx::translate(&model)?)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod constant;
mod graph;
mod operators;
mod proto;
mod read;

use lookalike_core::{Error, Model, OperatorInfo, Result, TfLiteModel};
use prost::Message;

pub use crate::read::{has_channels_first, is_onnx, read};

use crate::graph::Graph;
use crate::proto::{ModelProto, OperatorSetIdProto};

/// Version of the operator set that translations are written in.
pub const OPSET: i64 = 17;

/// Version of the file format that came with this operator set.
const IR_VERSION: i64 = 8;

/// What messages call the translation.
const READER: &str = "The translation to ONNX";

/// Translates a model whose inputs have the sizes it declares; an open batch is 1.
///
/// # Errors
///
/// The model has operators that have no translation, all of which are named; it uses one in a form that has none; it
/// contradicts itself; or it leaves dimensions other than the batch open, for which there is [`translate_for`].
pub fn translate(model: &Model) -> Result<Vec<u8>> {
    let model = model.require_tflite(READER)?;
    let input_dims = model.fixed_input_dims().ok_or_else(|| {
        let open = model.io().inputs.iter().find(|input| input.has_open_size());
        let shape = open.map(|input| format!(" ({:?})", input.shape_signature)).unwrap_or_default();
        Error::unimplemented(format!(
            "the model leaves the size of its input open{shape}, and a translation needs a fixed one: convert the model with a fixed input size, or embed with the model as it is: `native`, `tract` and `ort` take images of any size"
        ))
    })?;
    translate_for(model, &input_dims)
}

/// Translates a model for inputs of these shapes, one for each input.
///
/// # Errors
///
/// As [`translate`]; or there is not a list for each input.
pub fn translate_for(model: &TfLiteModel, input_dims: &[Vec<usize>]) -> Result<Vec<u8>> {
    model.check_operators(READER, has_translation)?;
    let source = model.graph_for(input_dims)?;
    let mut graph = Graph::new(&source);
    for node in source.nodes_to_run() {
        graph.translate(node).map_err(|error| {
            Error::new(error.kind(), format!("{}: {error}", source.describe(node)))
        })?;
    }
    let metadata_props = read::properties(model.metadata());
    let model = ModelProto {
        ir_version: IR_VERSION,
        producer_name: env!("CARGO_PKG_NAME").to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(graph.finish()?),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
        metadata_props,
    };
    Ok(model.encode_to_vec())
}

/// Whether an operator has a translation, in the forms that are known.
pub fn has_translation(operator: &OperatorInfo) -> bool {
    operator.is_known() && !operators::UNSUPPORTED.contains(&&*operator.name)
}
