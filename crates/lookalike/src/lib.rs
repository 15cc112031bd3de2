#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod backends;
mod embedder;
#[cfg(feature = "decode")]
mod files;
mod model_file;
mod options;
mod ordered;
mod pool;
mod stream;

#[cfg(feature = "decode")]
pub use lookalike_decode::{
    DecodeOptions, Decoded, Exif, Format, ImageInfo, JpegInfo, MemoryBudget, Reservation, Sampled,
    Sniffed, decode, decode_file, decode_sampled, decode_within, inspect, read, read_file, sniff,
    upright,
};

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
#[cfg(feature = "tract-tflite")]
pub use lookalike_tract::TractTflite;

pub use lookalike_core::{
    BackendInfo, Data, DataRef, Embedding, EmbeddingResult, Error, ErrorKind, FeatureVector,
    HeadSpec, Image, ImageOutline, ImageProcessingOptions, ImageView, InferenceBackend,
    InferenceSession, InputElement, InputSpec, InstructionSet, Isa, Limits, LoadedModel, Model,
    ModelIo, ModelRules, Normalization, OnnxModel, OperatorInfo, Orientation, PixelFormat,
    PixelRect, Plane, Preprocessor, Quantization, Region, Result, SampleGrid, SampledImage,
    SessionOptions, Shape, SignatureDef, SupportCode, Tensor, TensorInfo, TensorRef, TensorType,
    TfLiteModel, Threads, contain_panics, cosine, cosine_similarity, metadata,
};
pub use lookalike_preprocess::{Antialias, MediaPipe, TaskLibrary};

pub use crate::backends::{KNOWN_BACKENDS, backend, backends};
pub use crate::embedder::{EmbedderInfo, ImageEmbedder};
#[cfg(feature = "decode")]
pub use crate::files::{EmbedFiles, EmbeddedFile};
pub use crate::model_file::{read_model, read_model_within};
pub use crate::options::{ImageEmbedderOptions, preprocessor, preprocessor_names};
pub use crate::ordered::{Ordered, map_ordered};
pub use crate::stream::{LiveStreamEmbedder, VideoEmbedder};
