//! Pictures and captured numbers.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lookalike::{Exif, ImageView, Limits, Picture, decode_file};
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

/// A picture: as the reference decoded it where that was captured, else as it is decoded here.
#[derive(Debug)]
pub(crate) enum Pixels {
    Captured { rgb: Vec<u8>, width: usize, height: usize },
    Decoded(Picture),
}

impl Pixels {
    pub(crate) fn read(folder: &Path, name: &str) -> Result<Self> {
        let captured = folder.join(format!("decoded_{name}.npy"));
        if !captured.exists() {
            let limits = Limits::default();
            return Ok(Self::Decoded(decode_file(folder.join(name), Exif::Ignore, &limits)?));
        }
        let bytes = fs::read(captured)?;
        let array = NpyFile::new(&bytes[..])?;
        let &[height, width, 3] = array.shape() else {
            bail!("{name} was captured with the extents {:?}", array.shape());
        };
        let (width, height) = (width as usize, height as usize);
        Ok(Self::Captured { rgb: array.into_vec()?, width, height })
    }

    pub(crate) fn view(&self) -> Result<ImageView<'_>> {
        Ok(match self {
            Self::Captured { rgb, width, height } => ImageView::rgb(rgb, *width, *height)?,
            Self::Decoded(picture) => picture.view()?,
        })
    }
}

/// Bytes of captured numbers.
pub(crate) fn from_base64(text: &str) -> Result<Vec<u8>> {
    BASE64_STANDARD.decode(text).context("captured numbers")
}

/// The same, for capturing.
pub(crate) fn to_base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

/// Captured floats.
pub(crate) fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
}
