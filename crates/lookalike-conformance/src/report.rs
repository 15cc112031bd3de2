//! The table of models and backends.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::bounds::Bounds;
use crate::subjects::{Query, Subject};
use crate::{Backend, Exceptions, Folders, subjects, vectors};

/// What each backend does with each model.
#[derive(Debug)]
pub struct Report {
    backends: Vec<String>,
    rows: Vec<(String, Vec<Cell>)>,
}

#[derive(Debug)]
enum Cell {
    Agrees { load: Duration, run: Duration, worst: f32, unit: &'static str },
    Differs(String),
    Refused(String),
}

impl Report {
    /// Loads every model on every backend that can run here, compares what it gives, and takes the median time of so many runs, one at
    /// least.
    ///
    /// # Errors
    ///
    /// A file is missing or unreadable.
    pub fn new(
        backends: &[Backend],
        folders: &Folders,
        exceptions: &Exceptions,
        runs: usize,
    ) -> Result<Self> {
        let usable: Vec<Backend> =
            backends.iter().copied().filter(|backend| backend.check().is_ok()).collect();
        let rows = subjects::all(folders)?
            .into_iter()
            .map(|subject| {
                let runners = exceptions.runners(&usable, &subject.name);
                let cells =
                    usable.iter().map(|&backend| Cell::new(&subject, backend, &runners, runs));
                (subject.name.clone(), cells.collect())
            })
            .collect();
        Ok(Self {
            backends: usable.iter().map(|backend| backend.name().to_owned()).collect(),
            rows,
        })
    }

    /// Checks that another report, as it was written, says the same but for figures.
    ///
    /// # Errors
    ///
    /// A verdict differs, or the reports are not of the same models and backends.
    pub fn check_verdicts(&self, written: &str) -> Result<()> {
        let verdicts = |report: &str| -> Vec<String> {
            let rows = report.lines().filter(|line| line.starts_with('|'));
            rows.map(|row| {
                let cells =
                    row.split('|').map(|cell| cell.split(':').next().unwrap_or_default().trim());
                cells.collect::<Vec<_>>().join("|")
            })
            .collect()
        };
        let (found, expected) = (verdicts(&self.to_string()), verdicts(written));
        for (found, expected) in found.iter().zip(&expected) {
            ensure!(found == expected, "the report says `{expected}`, and now it is `{found}`");
        }
        ensure!(found.len() == expected.len(), "the report has other models than there are");
        Ok(())
    }
}

impl Cell {
    fn new(subject: &Arc<Subject>, backend: Backend, usable: &[Backend], runs: usize) -> Self {
        let start = Instant::now();
        let embedder = match subject.options(backend).build() {
            Ok(embedder) => embedder,
            Err(error) => return Self::Refused(error.to_string()),
        };
        let load = start.elapsed();
        match worst(subject, backend, usable) {
            Err(error) => Self::Differs(format!("{error:#}")),
            Ok(worst) => {
                let query = Query::of(subject.pair[0]);
                let mut times = Vec::new();
                for _ in 0..runs.max(1) {
                    let start = Instant::now();
                    if let Err(error) = subject.embed_on(&embedder, &query) {
                        return Self::Differs(format!("{error:#}"));
                    }
                    times.push(start.elapsed());
                }
                times.sort_unstable();
                let unit = if subject.is_quantized { "steps" } else { "after L2" };
                Self::Agrees { load, run: times[times.len() / 2], worst, unit }
            }
        }
    }
}

/// The largest difference from the captured vectors, or from the other backends where nothing was captured.
fn worst(subject: &Subject, backend: Backend, usable: &[Backend]) -> Result<f32> {
    let mut worst = 0f32;
    let plain = |query: &Query| !query.quantize;
    for (query, expected) in subject.captured.iter().filter(|(query, _)| plain(query)) {
        let found = subject.embed(backend, query)?;
        worst = worst.max(vectors::compare(
            subject,
            backend,
            query,
            &found,
            expected,
            &Bounds::default(),
        )?);
    }
    if subject.captured.is_empty() {
        for photo in subject.photos() {
            let query = Query::of(photo);
            let found = subject.embed(backend, &query)?;
            for &other in usable.iter().filter(|other| other.name() != backend.name()) {
                let expected = subject.embed(other, &query)?;
                worst = worst.max(vectors::compare(
                    subject,
                    backend,
                    &query,
                    &found,
                    &expected,
                    &Bounds::default(),
                )?);
            }
        }
    }
    Ok(worst)
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "| model | {} |", self.backends.join(" | "))?;
        writeln!(formatter, "|---|{}", "---|".repeat(self.backends.len()))?;
        for (model, cells) in &self.rows {
            write!(formatter, "| {model} |")?;
            for cell in cells {
                write!(formatter, " {cell} |")?;
            }
            writeln!(formatter)?;
        }
        Ok(())
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = |duration: &Duration| duration.as_secs_f64() * 1e3;
        match self {
            Self::Agrees { load, run, worst, unit } => write!(
                formatter,
                "agrees: {worst:.1e} {unit}; loaded in {:.1} ms; {:.2} ms",
                milliseconds(load),
                milliseconds(run)
            ),
            Self::Differs(reason) => write!(formatter, "differs: {reason}"),
            Self::Refused(reason) => write!(formatter, "refused: {reason}"),
        }
    }
}
