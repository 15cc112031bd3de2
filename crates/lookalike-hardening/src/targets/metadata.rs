//! What a model describes, and the files packed behind it.

use lookalike::{HeadSpec, InputSpec, Model, TfLiteModel};
use lookalike_schema::tflite;

/// Reads the first part of the bytes as the metadata of a model, and the rest as what lies behind the model.
///
/// The first two bytes tell how long the first part is.
pub fn read_metadata(data: &[u8]) {
    let Some((length, rest)) = data.split_first_chunk() else { return };
    let (metadata, tail) = rest.split_at(usize::from(u16::from_le_bytes(*length)).min(rest.len()));
    let tensor = |name: &str, shape: &[i32]| tflite::Tensor {
        name: Some(name.to_owned()),
        shape: shape.to_vec(),
        ..tflite::Tensor::default()
    };
    let model = tflite::Model {
        version: tflite::SCHEMA_VERSION,
        subgraphs: vec![tflite::SubGraph {
            tensors: vec![tensor("image", &[1, 1, 1, 3])],
            inputs: vec![0],
            outputs: vec![0],
            ..tflite::SubGraph::default()
        }],
        buffers: vec![
            tflite::Buffer::default(),
            tflite::Buffer { data: metadata.to_vec(), ..tflite::Buffer::default() },
        ],
        metadata: vec![tflite::Metadata {
            name: Some(tflite::METADATA_NAME.to_owned()),
            buffer: 1,
        }],
        ..tflite::Model::default()
    };
    let mut bytes = model.to_bytes();
    bytes.extend(tail);
    let Ok(model) = TfLiteModel::from_bytes(bytes) else { return };
    for name in model.associated_files() {
        model.associated_file(name).expect("a file that is listed is there");
    }
    let model = Model::TfLite(model);
    let heads = HeadSpec::from_model(&model).expect("the output is a vector");
    assert_eq!(heads.len(), 1);
    InputSpec::from_model(&model, None).ok();
}
