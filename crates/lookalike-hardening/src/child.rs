//! One process of the campaign: it does the cases of a file one after the other and says which one it is at.

use std::io::Write;

use anyhow::{Context, Result};
use lookalike::{DecodeOptions, InferenceBackend, Limits, Model, backends, decode, onnx};
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::subject::{Kind, Subject};
use crate::targets::run;

/// What became of a case on a backend.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// It was refused before any engine saw it.
    Refused = b'r' as isize,
    /// The engine refused it.
    Failed = b'f' as isize,
    /// It gave a result.
    Done = b'd' as isize,
}

impl Outcome {
    fn letter(self) -> char {
        self as u8 as char
    }

    /// The outcome of a letter.
    pub(crate) fn of(letter: char) -> Option<Self> {
        [Self::Refused, Self::Failed, Self::Done].into_iter().find(|of| of.letter() == letter)
    }
}

/// What a model may cost in the campaign: enough for the largest subject, and little enough that no case takes long.
fn limits() -> Limits {
    Limits {
        max_arena_bytes: 256 << 20,
        max_multiplications: 1_000_000_000,
        max_decoder_bytes: 256 << 20,
        ..Limits::default()
    }
}

/// Does the cases of a subject from the first one on and says on standard output what becomes of each, within as many bytes of
/// address space.
///
/// # Errors
///
/// The subject cannot be read, or there is nobody to report to.
pub fn serve(subject: &Subject, first: usize, max_bytes: u64) -> Result<()> {
    let limit = |bytes| Rlimit { current: Some(bytes), maximum: Some(bytes) };
    setrlimit(Resource::As, limit(max_bytes)).context("cannot limit the memory")?;
    setrlimit(Resource::Core, limit(0)).context("cannot do without core files")?;
    let cases = subject.cases()?;
    let mut report = std::io::stdout().lock();
    // What comes before does not count as the first case's time.
    writeln!(report, "ready")?;
    for index in first..cases.count() {
        write!(report, "{index} ")?;
        report.flush()?;
        let bytes = cases.bytes(index);
        match subject.kind {
            Kind::Image => {
                let decoded = decode(&bytes, &options());
                let outcome = if decoded.is_ok() { Outcome::Done } else { Outcome::Refused };
                write!(report, "{}", outcome.letter())?;
            }
            Kind::Model => {
                let model = read(bytes);
                for backend in backends() {
                    let outcome = match &model {
                        None => Outcome::Refused,
                        Some(model) => on_backend(*backend, model),
                    };
                    write!(report, "{}", outcome.letter())?;
                    report.flush()?;
                }
            }
        }
        writeln!(report)?;
    }
    report.flush()?;
    Ok(())
}

/// Within the limits of the campaign; files that end early are decoded as far as they go.
fn options() -> DecodeOptions {
    DecodeOptions { limits: limits(), allow_truncated: true, ..DecodeOptions::default() }
}

fn read(bytes: Vec<u8>) -> Option<Model> {
    if !Model::is_tflite(&bytes) && onnx::is_onnx(&bytes) {
        return onnx::read(bytes).ok();
    }
    Model::from_bytes_within(bytes, &limits()).ok()
}

fn on_backend(backend: &dyn InferenceBackend, model: &Model) -> Outcome {
    match run(backend, model) {
        Ok(_) => Outcome::Done,
        Err(_) => Outcome::Failed,
    }
}
