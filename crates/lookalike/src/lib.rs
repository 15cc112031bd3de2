#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod backends;
mod embedder;
mod file;
mod frame;
mod options;
mod pool;
mod stream;

#[cfg(feature = "decode")]
pub use lookalike_decode::{Exif, Picture, decode, decode_file};

#[cfg(feature = "native")]
pub use lookalike_native as native;
#[cfg(feature = "onnx")]
pub use lookalike_onnx as onnx;
#[cfg(feature = "ort")]
pub use lookalike_ort::Ort;
#[cfg(feature = "tflitec")]
pub use lookalike_tflitec::TfLiteC;
#[cfg(feature = "tract")]
pub use lookalike_tract::Tract;

pub use lookalike_core::{
    BackendInfo, Data, DataRef, Embedding, EmbeddingResult, Error, ErrorKind, FeatureVector,
    HeadSpec, ImageProcessingOptions, ImageView, InferenceBackend, InferenceSession, InputElement,
    InputSpec, Limits, Model, ModelFormat, ModelIo, Normalization, OperatorInfo, Orientation,
    PixelFormat, Plane, Preprocessor, Quantization, Region, Result, SessionOptions, Shape,
    SignatureDef, SupportCode, Tensor, TensorInfo, TensorRef, TensorType, contain_panics,
    cosine_similarity, metadata,
};
pub use lookalike_preprocess::{Antialias, InstructionSet, MediaPipe, TaskLibrary};

pub use crate::backends::{backend, backends};
pub use crate::embedder::{EmbedderInfo, ImageEmbedder};
pub use crate::file::{read_model, read_model_within};
pub use crate::frame::Frame;
pub use crate::options::{ImageEmbedderOptions, preprocessor, preprocessor_names};
pub use crate::stream::{LiveStreamEmbedder, VideoEmbedder};
