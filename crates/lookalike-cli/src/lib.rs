//! `lookalike`: compare images, write their vectors, look into models.
//!
//! The program is [`main`]; what else is here lets its parts be tested on anything.

#![forbid(unsafe_code)]

mod args;
mod commands;
mod images;
mod output;
mod pipe;
mod signals;
mod temporary;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use lookalike::Embedding;

use crate::args::{Arguments, Command};

/// How a run ended: its exit code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Outcome {
    /// Success: 0.
    Done,
    /// Some input failed, or a check found a difference: 1.
    SomeFailed,
}

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    run_program(std::env::args_os()).into()
}

/// Runs the program with these arguments, its own name first, and returns its exit code. Help, and arguments that are wrong, end the process.
pub fn run_program(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    // Panics inside engines and decoders come back as errors; those of our own are reported below, on one line like any error.
    std::panic::set_hook(Box::new(|_| {}));
    let arguments = Arguments::parse_from(arguments);
    signals::end_with(end_early);
    let result = lookalike::contain_panics(|| run(&arguments.command))
        .unwrap_or_else(|panic| Err(anyhow::anyhow!("internal error, please report it: {panic}")));
    match result {
        Ok(Outcome::Done) => 0,
        Ok(Outcome::SomeFailed) => 1,
        Err(error) if pipe::is_closed(&error) => 0,
        Err(error) => {
            pipe::report(&error);
            2
        }
    }
}

/// What an interrupted program does: it leaves nothing half written behind.
#[expect(clippy::exit, reason = "the handler of a signal has no other way to end the program")]
fn end_early() {
    let _none_is_made = temporary::remove_all();
    std::process::exit(130);
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
            command.embedder.normalization.values()?;
            command.limits.limits().map(|_| ())
        }
        Command::Embed(command) => {
            command.image.processing()?;
            command.embedder.normalization.values()?;
            command.limits.limits().map(|_| ())
        }
        Command::Inspect(command) => {
            command.normalization.values()?;
            command.limits.limits().map(|_| ())
        }
        Command::Convert(command) => command.limits.limits().map(|_| ()),
        Command::Backends(_) | Command::Doctor(_) => Ok(()),
    }
}

/// Writes the vectors of images as `embed --output` does: the name of the file decides the format.
///
/// # Errors
///
/// The name ends in no known format, or the file cannot be written.
pub fn write_embeddings(
    file: &Path,
    images: impl IntoIterator<Item = (PathBuf, Vec<Embedding>)>,
) -> Result<()> {
    let mut output = output::open(Some(file))?;
    let mut count = 0;
    for (path, embeddings) in images {
        output.write(&output::Record::success(&path, 1, 1, false, embeddings))?;
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
        Command::Doctor(command) => commands::doctor::run(command),
    }
}
