#![doc = include_str!("../README.md")]
#![allow(unsafe_code, reason = "C programs hand over pointers; each use says what they promised")]

mod embedder;
mod handles;
mod image;
mod options;
mod result;
mod status;

pub use crate::embedder::{
    MpImageEmbedderClose, MpImageEmbedderCreate, MpImageEmbedderEmbedAsync,
    MpImageEmbedderEmbedForVideo, MpImageEmbedderEmbedImage, MpImageEmbedderInternal,
    MpImageEmbedderPtr,
};
pub use crate::image::{
    MpImageCreateFromFile, MpImageCreateFromFloatData, MpImageCreateFromImageFrame,
    MpImageCreateFromUint8Data, MpImageCreateFromUint16Data, MpImageDataFloat32, MpImageDataUint8,
    MpImageDataUint16, MpImageFree, MpImageGetByteDepth, MpImageGetChannels, MpImageGetFormat,
    MpImageGetHeight, MpImageGetValueFloat32, MpImageGetValueUint8, MpImageGetValueUint16,
    MpImageGetWidth, MpImageGetWidthStep, MpImageInternal, MpImageIsAligned, MpImageIsContiguous,
    MpImageIsEmpty, MpImagePtr, MpImageUsesGpu,
};
pub use crate::options::{
    ImageEmbedderOptions, MpBaseOptions, MpEmbedderOptions, MpImageProcessingOptions, MpRectF,
    ResultCallback,
};
pub use crate::result::{
    ImageEmbedderResult, MpEmbedding, MpImageEmbedderCloseResult, MpImageEmbedderCosineSimilarity,
};
pub use crate::status::{MpErrorFree, MpStatus, MpStringList, MpStringListFree};
