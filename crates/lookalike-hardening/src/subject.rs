//! A file that the campaign is about.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cases::Cases;
use crate::subjects::{files, fixtures, jpegs};

/// What a file is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A model, for every backend.
    Model,
    /// An image, for the decoders.
    Image,
}

/// A file, and how much is done to it.
#[derive(Clone, Debug)]
pub struct Subject {
    /// What it is.
    pub kind: Kind,
    /// Where it is.
    pub path: PathBuf,
    /// Where it belongs in the table.
    pub group: &'static str,
    /// Number of mutations.
    pub mutations: usize,
    /// Whether truncations are thinned out to as many as there are mutations.
    pub thin: bool,
}

const MODELS: &[&str] = &["tflite", "onnx"];
const IMAGES: &[&str] = &["bmp", "gif", "jpg", "pgm", "png", "ppm", "tif", "webp"];

impl Subject {
    /// The cases of the file.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn cases(&self) -> Result<Cases> {
        let bytes = fs::read(&self.path).with_context(|| self.path.display().to_string())?;
        Ok(Cases::new(&self.path, bytes, self.mutations, self.thin))
    }

    /// The file's name.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// All models and images of the checkout, the public ones included where they are there.
///
/// # Errors
///
/// A folder of the checkout cannot be read.
pub fn all(mutations: usize, thin: bool) -> Result<Vec<Subject>> {
    let folder = |group, path: &Path| -> Result<Vec<Subject>> {
        let subjects = |kind, endings: &[&str]| -> Result<Vec<Subject>> {
            let found = files(path, endings).with_context(|| path.display().to_string())?;
            let subject = |path| Subject { kind, path, group, mutations, thin };
            Ok(found.into_iter().map(subject).collect())
        };
        Ok([subjects(Kind::Model, MODELS)?, subjects(Kind::Image, IMAGES)?].concat())
    };
    let mut all = folder("operators", &fixtures().join("operators"))?;
    all.extend(folder("fixtures", &fixtures())?);
    all.extend(folder("JPEG files of all kinds", &jpegs())?);
    let cache = fixtures().join("../cache");
    if cache.is_dir() {
        all.extend(folder("public", &cache)?);
    }
    all.push(Subject {
        kind: Kind::Model,
        path: fixtures().join("../gist.tflite"),
        group: "built-in",
        mutations,
        thin,
    });
    Ok(all)
}
