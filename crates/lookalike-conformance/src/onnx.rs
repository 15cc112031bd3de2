//! ONNX models, run as they are by the backends that can.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use lookalike::{FeatureVector, ImageEmbedder, onnx};

use crate::bounds::Bounds;
use crate::files::read_image;
use crate::subjects::{Query, Subject};
use crate::{Backend, Case, Folders};

/// Backends that take ONNX models.
const TAKERS: [&str; 1] = ["ort"];

pub(crate) fn cases(
    backends: &[Backend],
    subjects: &[Arc<Subject>],
    folders: &Folders,
) -> Vec<Case> {
    let mut cases = Vec::new();
    for &backend in backends.iter().filter(|backend| TAKERS.contains(&backend.name())) {
        for subject in subjects {
            let each = Arc::clone(subject);
            cases.push(Case::of(backend, &format!("onnx/{}", subject.name), move |_| {
                converted_is_equal(&each, backend)
            }));
        }
        let fixtures = folders.fixtures.clone();
        cases.push(Case::of(backend, "onnx/channels_first.onnx", move |_| {
            colors_are_taken_apart(backend, &fixtures)
        }));
    }
    cases
}

/// A model that was converted before gives what it gives when it is converted in memory.
fn converted_is_equal(subject: &Subject, backend: Backend) -> Result<()> {
    let model = subject.options(backend).read_model()?;
    if model.require_tflite("the suite")?.fixed_input_dims().is_none() {
        let error = onnx::translate(&model).err().context("a model of open size is translated")?;
        let message = error.to_string();
        ensure!(message.contains("convert the model with a fixed input size"), "{message}");
        return Ok(());
    }
    let query = Query::of(subject.pair[0]);
    let expected = subject.embed(backend, &query)?;
    let embedder = subject.options(backend).model_bytes(onnx::translate(&model)?).build()?;
    let found = subject.embed_on(&embedder, &query)?;
    if subject.is_quantized {
        // ONNX says nothing of what an output's integers stand for.
        ensure!(found.len() == expected.len(), "{} heads", found.len());
        return Ok(());
    }
    crate::vectors::compare(subject, backend, &query, &found, &expected, &Bounds::default())
        .map(|_| ())
}

/// The same values as those of a model that gives its image back, but one color after the other.
fn colors_are_taken_apart(backend: Backend, fixtures: &Path) -> Result<()> {
    let photo = read_image(fixtures, "landscape.png")?;
    let vector = |model: &str| -> Result<Vec<f32>> {
        let options =
            ImageEmbedder::builder().model_file(fixtures.join(model)).backend(backend.name());
        let mut result = options.build()?.embed(&photo)?;
        match result.embeddings.pop().map(|embedding| embedding.feature_vector) {
            Some(FeatureVector::Float(values)) => Ok(values),
            other => Err(anyhow::anyhow!("{other:?}")),
        }
    };
    let plain = vector("echo_f32.tflite").context("echo_f32.tflite")?;
    let apart = vector("channels_first.onnx")?;
    let expected: Vec<f32> =
        (0..3).flat_map(|color| plain.iter().skip(color).step_by(3).copied()).collect();
    ensure!(apart == expected, "the values are not those of the image");
    Ok(())
}
