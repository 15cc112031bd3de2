//! Images and captured numbers.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lookalike::{DecodeOptions, Exif, Image, decode_file};
use npyz::NpyFile;

use crate::Folders;

/// Public files that the suite uses.
const PUBLIC: [&str; 11] = [
    "automl_labeler_model.tflite",
    "burger-224.png",
    "decoded_burger.jpg.npy",
    "decoded_burger_crop.jpg.npy",
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

/// An image: as the reference decoded it where that was captured, else as it is decoded here.
pub(crate) fn read_image(folder: &Path, name: &str) -> Result<Image> {
    let captured = folder.join(format!("decoded_{name}.npy"));
    if !captured.exists() {
        let as_stored = DecodeOptions { exif: Exif::Ignore, ..DecodeOptions::default() };
        return Ok(decode_file(folder.join(name), &as_stored)?);
    }
    let bytes = fs::read(captured)?;
    let array = NpyFile::new(&bytes[..])?;
    let &[height, width, 3] = array.shape() else {
        bail!("{name} was captured with the shape {:?}", array.shape());
    };
    Ok(Image::rgb(array.into_vec()?, width as usize, height as usize)?)
}

/// Bytes of captured numbers.
pub(crate) fn from_base64(text: &str) -> Result<Vec<u8>> {
    BASE64_STANDARD.decode(text).context("captured numbers")
}

/// Captured floats.
pub(crate) fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
}
