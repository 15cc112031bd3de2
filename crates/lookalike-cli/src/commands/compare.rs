//! `lookalike compare`.

use std::path::Path;

use anyhow::Result;
use lookalike::{EmbeddingResult, MemoryBudget};
use serde::Serialize;

use crate::args::{CompareArguments, head_index};
use crate::images::{self, ENDS_EARLY};
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
    images::check_stdin([arguments.image_a.as_path(), &arguments.image_b])?;
    let embedder = arguments.embedder.embedder(&limits)?;
    let head = head_index(embedder.heads(), &arguments.head)?;
    let options = arguments.image.decode_options(&limits);
    let embed = |path: &Path| -> Result<EmbeddingResult> {
        let embed = || -> lookalike::Result<EmbeddingResult> {
            let bytes = images::bytes(path, &options)?;
            let budget = MemoryBudget::unlimited();
            let embedded = embedder.embed_bytes_with(&bytes, &processing, &options, &budget)?;
            if embedded.is_truncated {
                pipe::note("warning", &format!("{}: {ENDS_EARLY}", path.display()));
            }
            Ok(embedded.result)
        };
        embed().map_err(|error| pipe::about(path, error))
    };
    let similarity = || -> Result<f64> {
        let (a, b) = (embed(&arguments.image_a)?, embed(&arguments.image_b)?);
        Ok(a.embeddings[head].cosine(&b.embeddings[head])?)
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
