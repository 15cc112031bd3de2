//! `lookalike embed`.

use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use anyhow::{Result, bail, ensure};
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use lookalike::{
    DecodeOptions, Embedding, ImageEmbedder, ImageProcessingOptions, MemoryBudget, map_ordered,
};

use crate::args::{EmbedArguments, head_index};
use crate::images::{self, ENDS_EARLY, Found};
use crate::output::{self, Record, RecordError};
use crate::{Outcome, pipe};

pub(crate) fn run(arguments: &EmbedArguments) -> Result<Outcome> {
    let processing = arguments.image.processing()?;
    let limits = arguments.limits.limits()?;
    let paths = paths(arguments)?;
    let embedder = arguments.embedder.embedder(&limits)?;
    let heads = chosen_heads(&embedder, arguments)?;
    // Before there is a temporary file in a folder that is searched.
    let (found, left_out) = images::find(&paths, arguments.hidden);
    if let Some(summary) = left_out.summary() {
        pipe::note("note", &summary);
    }
    ensure!(!found.is_empty(), "there is no image in {}", list(&paths));
    let mut output = output::open(arguments.output.as_deref())?;
    if output.takes_one_head() && heads.len() > 1 {
        bail!(
            "a .npy file holds one head, and {} are selected: choose one with --head",
            heads.len()
        );
    }
    let jobs = arguments.jobs.or_else(|| thread::available_parallelism().ok());
    let jobs = jobs.map_or(1, NonZeroUsize::get).min(found.len());
    let to_file = arguments.output.is_some();
    let progress = progress_bar(found.len(), to_file);
    let work = Work {
        embedder,
        heads,
        processing,
        options: arguments.image.decode_options(&limits),
        budget: MemoryBudget::new(limits.max_decoder_bytes),
    };
    let (work, total) = (Arc::new(work), found.len());
    let found: Vec<Arc<Found>> = found.into_iter().map(Arc::new).collect();
    let results = map_ordered(
        found.clone(),
        NonZeroUsize::new(jobs).unwrap_or(NonZeroUsize::MIN),
        move |found| work.record(&found),
    );
    let mut failures = 0;
    for (found, result) in found.iter().zip(results) {
        let record = result
            .unwrap_or_else(|panic| Record::failure(found.path(), RecordError::internal(&panic)));
        if let Some(error) = record.error() {
            failures += 1;
            // What goes to standard output holds the error itself.
            if to_file {
                progress.suspend(|| pipe::report(&error));
            }
        }
        if record.is_truncated() {
            progress.suspend(|| pipe::note("warning", &format!("{}: {ENDS_EARLY}", record.path())));
        }
        output.write(&record)?;
        progress.inc(1);
    }
    progress.finish_and_clear();
    output.finish(total - failures)?;
    Ok(if failures == 0 { Outcome::Done } else { Outcome::SomeFailed })
}

/// The paths on the command line, then those that are listed in a file.
fn paths(arguments: &EmbedArguments) -> Result<Vec<PathBuf>> {
    let stdin = arguments.paths.iter().chain(&arguments.files_from).map(PathBuf::as_path);
    images::check_stdin(stdin)?;
    let mut paths = arguments.paths.clone();
    if let Some(file) = &arguments.files_from {
        paths.extend(images::listed(file, arguments.null)?);
        ensure!(!paths.is_empty(), "{} lists no path", file.display());
    }
    Ok(paths)
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

/// What all jobs need.
struct Work {
    embedder: ImageEmbedder,
    heads: Vec<usize>,
    processing: ImageProcessingOptions,
    options: DecodeOptions,
    budget: MemoryBudget,
}

impl Work {
    fn record(&self, found: &Found) -> Record {
        match found {
            Found::File(path) => self
                .embed(path)
                .unwrap_or_else(|error| Record::failure(path, RecordError::from(error))),
            Found::Failure { path, message } => {
                Record::failure(path, RecordError::unreadable(message))
            }
        }
    }

    fn embed(&self, path: &Path) -> lookalike::Result<Record> {
        let bytes = images::bytes(path, &self.options)?;
        let embedded = self.embedder.embed_bytes_with(
            &bytes,
            &self.processing,
            &self.options,
            &self.budget,
        )?;
        let wanted = |embedding: &Embedding| self.heads.contains(&embedding.head_index);
        let embeddings = embedded.result.into_iter().filter(wanted).collect();
        Ok(Record::success(
            path,
            embedded.width,
            embedded.height,
            embedded.is_truncated,
            embeddings,
        ))
    }
}

/// Shown on a terminal, unless the results go to that terminal too.
fn progress_bar(length: usize, to_file: bool) -> ProgressBar {
    if length < 2 || (!to_file && std::io::stdout().is_terminal()) {
        return ProgressBar::hidden();
    }
    let rate = |state: &ProgressState, text: &mut dyn std::fmt::Write| {
        write!(text, "{:.0} a second", state.per_sec()).ok();
    };
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} images, {rate}, {eta} left");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length as u64).with_style(style.with_key("rate", rate))
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
