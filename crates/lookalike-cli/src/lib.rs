//! `lookalike`: compare pictures, write their vectors, look into models.
//!
//! The program is [`main`]; what else is here lets its parts be tested on anything.

#![forbid(unsafe_code)]

mod args;
mod commands;
mod output;
mod pictures;
mod pipe;
mod temporary;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use lookalike::Embedding;

use crate::args::{Arguments, Command};

/// How a run ended, as its exit code says it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Outcome {
    /// All well: 0.
    Done,
    /// Some input failed: 1.
    SomeFailed,
}

/// Does what the arguments of the process say.
pub fn main() -> ExitCode {
    // Panics inside engines and decoders come back as errors; those of our own are reported below, on one line like any error.
    std::panic::set_hook(Box::new(|_| {}));
    let arguments = Arguments::parse();
    let result = lookalike::contain_panics(|| run(&arguments.command))
        .unwrap_or_else(|panic| Err(anyhow::anyhow!("internal error, please report it: {panic}")));
    match result {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::SomeFailed) => ExitCode::from(1),
        Err(error) if pipe::is_closed(&error) => ExitCode::SUCCESS,
        Err(error) => {
            pipe::report(&error);
            ExitCode::from(2)
        }
    }
}

/// Checks arguments, the program's name first, as far as they can be checked without a file.
///
/// # Errors
///
/// What the program would say before it looks at a file.
pub fn check_arguments(arguments: impl IntoIterator<Item = OsString>) -> Result<()> {
    match Arguments::try_parse_from(arguments)?.command {
        Command::Compare(command) => {
            command.image.processing()?;
            command.limits.limits().map(|_| ())
        }
        Command::Embed(command) => {
            command.image.processing()?;
            command.limits.limits().map(|_| ())
        }
        Command::Inspect(command) => command.limits.limits().map(|_| ()),
        Command::Convert(command) => command.limits.limits().map(|_| ()),
        Command::Backends(_) => Ok(()),
    }
}

/// Writes the vectors of pictures as `embed --output` does: the name of the file decides the format.
///
/// # Errors
///
/// The name ends in no known format, or the file cannot be written.
pub fn write_embeddings(
    file: &Path,
    pictures: impl IntoIterator<Item = (PathBuf, Vec<Embedding>)>,
) -> Result<()> {
    let mut output = output::Output::new(Some(file))?;
    let mut count = 0;
    for (path, embeddings) in pictures {
        output.write(&output::Record::success(&path, 1, 1, embeddings))?;
        count += 1;
    }
    output.finish(count)
}

fn run(command: &Command) -> Result<Outcome> {
    match command {
        Command::Compare(command) => commands::compare::run(command),
        Command::Embed(command) => commands::embed::run(command),
        Command::Inspect(command) => commands::inspect::run(command),
        Command::Convert(command) => commands::convert::run(command),
        Command::Backends(command) => commands::backends::run(command),
    }
}
