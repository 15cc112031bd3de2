//! `lookalike embed`.

use std::io::IsTerminal;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use lookalike::{Embedding, ImageEmbedder, ImageProcessingOptions, Limits, decode_file};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use crate::Outcome;
use crate::args::{EmbedArguments, head_index};
use crate::output::{Output, Record, RecordError};
use crate::pictures::{Found, find};

/// Pictures for each job between two writes: enough that no job waits long for the slowest picture of a round.
const ROUND: usize = 8;

pub(crate) fn run(arguments: &EmbedArguments) -> Result<Outcome> {
    let processing = arguments.image.processing()?;
    let mut output = Output::new(arguments.output.as_deref())?;
    let limits = arguments.limits.limits()?;
    let embedder = arguments.embedder.embedder(&limits)?;
    let heads = chosen_heads(&embedder, arguments)?;
    if output.takes_one_head() && heads.len() > 1 {
        bail!("an array holds one head, and these are {}: choose one with --head", heads.len());
    }
    let found = find(&arguments.paths);
    ensure!(!found.is_empty(), "there is no picture in {}", list(&arguments.paths));
    let jobs = match arguments.jobs {
        Some(0) => bail!("--jobs takes a number from 1"),
        Some(jobs) => jobs,
        None => std::thread::available_parallelism().map_or(1, usize::from),
    }
    .min(found.len());
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(jobs)
        .build()
        .context("cannot start threads")?;
    let progress = progress_bar(found.len(), arguments.output.is_some());
    let mut failures = 0;
    for round in found.chunks(jobs.saturating_mul(ROUND)) {
        let records: Vec<Record> = pool.install(|| {
            round
                .par_iter()
                .map(|found| record(found, &embedder, &heads, arguments, &processing, &limits))
                .collect()
        });
        for record in &records {
            failures += usize::from(record.is_error());
            output.write(record)?;
        }
        progress.inc(records.len() as u64);
    }
    progress.finish_and_clear();
    output.finish(found.len() - failures)?;
    Ok(if failures == 0 { Outcome::Done } else { Outcome::SomeFailed })
}

/// Indices of the heads to write.
fn chosen_heads(embedder: &ImageEmbedder, arguments: &EmbedArguments) -> Result<Vec<usize>> {
    let indices = |names: &[String]| -> Result<Vec<usize>> {
        names.iter().map(|name| head_index(embedder.heads(), name)).collect()
    };
    let all = embedder.heads().iter().map(|head| head.index);
    let (only, without) = (indices(&arguments.head)?, indices(&arguments.without_head)?);
    let chosen: Vec<usize> = all
        .filter(|head| (only.is_empty() || only.contains(head)) && !without.contains(head))
        .collect();
    ensure!(!chosen.is_empty(), "no head of the model is left");
    Ok(chosen)
}

fn record(
    found: &Found,
    embedder: &ImageEmbedder,
    heads: &[usize],
    arguments: &EmbedArguments,
    processing: &ImageProcessingOptions,
    limits: &Limits,
) -> Record {
    match found {
        Found::File(path) => embed(path, embedder, heads, arguments, processing, limits)
            .unwrap_or_else(|error| Record::failure(path, RecordError::from(error))),
        Found::Failure { path, message } => Record::failure(path, RecordError::unreadable(message)),
    }
}

fn embed(
    path: &Path,
    embedder: &ImageEmbedder,
    heads: &[usize],
    arguments: &EmbedArguments,
    processing: &ImageProcessingOptions,
    limits: &Limits,
) -> lookalike::Result<Record> {
    let picture = decode_file(path, arguments.image.exif(), limits)?;
    let result = embedder.embed_with(&picture.view()?, processing)?;
    let wanted = |embedding: &Embedding| heads.contains(&embedding.head_index);
    let embeddings = result.embeddings.into_iter().filter(wanted).collect();
    Ok(Record::success(path, picture.width(), picture.height(), embeddings))
}

/// Shown on a terminal, unless the results go to that terminal too.
fn progress_bar(length: usize, to_file: bool) -> ProgressBar {
    if length < 2 || (!to_file && std::io::stdout().is_terminal()) {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template("{wide_bar} {pos}/{len} pictures, {per_sec}, {eta} left");
    ProgressBar::new(length as u64)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn list(paths: &[std::path::PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
