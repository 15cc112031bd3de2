//! The parts of lookalike that all other parts depend on: traits, tensors, image views, options, results and errors, the
//! reader of TensorFlow Lite models and their metadata, and the arithmetic of embeddings.
//!
//! Nothing here does I/O, decodes images or runs models. See the `lookalike` crate for the whole.

#![forbid(unsafe_code)]

mod associated_files;
mod backend;
mod contain;
mod embedding;
mod error;
mod image;
mod instruction_set;
mod limits;
mod model;
mod options;
mod sampling;
mod spec;
mod tensor;

pub use lookalike_graph::{OperatorInfo, Quantization, SignatureDef, TensorInfo};
pub use lookalike_schema::{metadata, tflite::TensorType};

pub use crate::backend::{
    BackendInfo, InferenceBackend, InferenceSession, LoadedModel, Preprocessor,
};
pub use crate::contain::{contain_panics, one_line};
pub use crate::embedding::{
    Embedding, EmbeddingResult, FeatureVector, cosine, cosine_similarity, dequantize, l2_normalize,
    scalar_quantize,
};
pub use crate::error::{Error, ErrorKind, Result, SupportCode};
pub use crate::image::{Image, ImageView, Orientation, PixelFormat, Plane};
pub use crate::instruction_set::{InstructionSet, Isa};
pub use crate::limits::Limits;
pub use crate::model::{Model, ModelIo, OnnxModel, TfLiteModel};
pub use crate::options::{ImageProcessingOptions, PixelRect, Region, SessionOptions, Threads};
pub use crate::sampling::{ImageOutline, SampleGrid, SampledImage};
pub use crate::spec::{HeadSpec, InputElement, InputSpec, ModelRules, Normalization};
pub use crate::tensor::{Data, DataRef, MAX_RANK, Shape, Tensor, TensorRef};
