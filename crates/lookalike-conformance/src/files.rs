//! Images and captured numbers.

use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lookalike::{DecodeOptions, Exif, Image, decode_file};

use crate::Folders;

/// Public files that the suite uses.
const PUBLIC: [&str; 11] = [
    "automl_labeler_model.tflite",
    "burger-224.png",
    "burger.jpg",
    "burger_crop.jpg",
    "dilated_conv.tflite",
    "mediapipe_embeddings.json",
    "mobilenet_v1_0.25_224_1_default_1.tflite",
    "mobilenet_v1_0.25_224_1_metadata_1.tflite",
    "mobilenet_v1_0.25_224_quant.tflite",
    "mobilenet_v3_small.tflite",
    "task_library_embeddings.json",
];

/// Those that are not there.
pub(crate) fn missing(folders: &Folders) -> Vec<&'static str> {
    PUBLIC.into_iter().filter(|name| !folders.cache.join(name).exists()).collect()
}

/// An image as the references decode it: without EXIF.
pub(crate) fn read_image(folder: &Path, name: &str) -> Result<Image> {
    let as_stored = DecodeOptions { exif: Exif::Ignore, ..DecodeOptions::default() };
    Ok(decode_file(folder.join(name), &as_stored)?)
}

/// Bytes of captured numbers.
pub(crate) fn from_base64(text: &str) -> Result<Vec<u8>> {
    BASE64_STANDARD.decode(text).context("captured numbers")
}

/// Captured floats.
pub(crate) fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
}
