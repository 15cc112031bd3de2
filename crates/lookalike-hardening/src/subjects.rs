//! What is mutated: the models and images of the checkout.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use lookalike_schema::VerifiedModel;
use lookalike_schema::tflite::Model;

/// The folder of the fixtures.
pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/fixtures")
}

/// JPEG files of all kinds.
pub(crate) fn jpegs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../lookalike-jpeg/tests/golden")
}

/// Files of a folder with one of these endings, in the order of their names.
///
/// # Errors
///
/// The folder cannot be read.
pub(crate) fn files(folder: &Path, endings: &[&str]) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if endings.contains(&ending) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The sound models among the fixtures, as values that can be changed. They are read once.
pub(crate) fn sound_models() -> &'static [Model] {
    static MODELS: OnceLock<Vec<Model>> = OnceLock::new();
    MODELS.get_or_init(|| {
        let folders = [fixtures().join("operators"), fixtures()];
        let files =
            folders.iter().flat_map(|folder| files(folder, &["tflite"]).unwrap_or_default());
        files
            .filter_map(|path| fs::read(path).ok())
            .filter(|bytes| bytes.len() < 1 << 16)
            .filter(|bytes| lookalike::Model::from_bytes(bytes.clone()).is_ok())
            .filter_map(|bytes| Some(VerifiedModel::new(bytes).ok()?.root().to_owned()))
            .collect()
    })
}
