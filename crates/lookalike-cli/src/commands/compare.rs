//! `lookalike compare`.

use std::path::Path;

use anyhow::{Context, Result};
use lookalike::{
    FeatureVector, ImageEmbedder, ImageProcessingOptions, Limits, cosine_similarity, decode_file,
};
use serde::Serialize;

use crate::args::{CompareArguments, head_index};
use crate::{Outcome, pipe};

#[derive(Serialize)]
struct Comparison {
    cosine_similarity: f64,
    backend: &'static str,
    model: String,
    preprocess: String,
}

pub(crate) fn run(arguments: &CompareArguments) -> Result<Outcome> {
    let processing = arguments.image.processing()?;
    let limits = arguments.limits.limits()?;
    let embedder = arguments.embedder.embedder(&limits)?;
    let head = head_index(embedder.heads(), &arguments.head)?;
    let similarity = || -> Result<f64> {
        let vector = |path| vector(&embedder, head, path, arguments, &processing, &limits);
        Ok(cosine_similarity(&vector(&arguments.image_a)?, &vector(&arguments.image_b)?)?)
    };
    let cosine_similarity = match similarity() {
        Ok(similarity) => similarity,
        Err(error) => {
            pipe::report(&error);
            return Ok(Outcome::SomeFailed);
        }
    };
    if arguments.json {
        pipe::json(&Comparison {
            cosine_similarity,
            backend: embedder.backend_name(),
            model: arguments.embedder.model_name(),
            preprocess: embedder.preprocessor_name().to_owned(),
        })?;
    } else {
        pipe::line(&format!("Cosine similarity: {cosine_similarity:.6}"))?;
    }
    Ok(Outcome::Done)
}

fn vector(
    embedder: &ImageEmbedder,
    head: usize,
    path: &Path,
    arguments: &CompareArguments,
    processing: &ImageProcessingOptions,
    limits: &Limits,
) -> Result<FeatureVector> {
    let embed = || -> Result<FeatureVector> {
        let picture = decode_file(path, arguments.image.exif(), limits)?;
        let mut result = embedder.embed_with(&picture.view()?, processing)?;
        Ok(result.embeddings.swap_remove(head).feature_vector)
    };
    embed().with_context(|| path.display().to_string())
}
