//! `lookalike`: compare pictures, write their vectors, look into models.

#![forbid(unsafe_code)]

mod args;
mod commands;
mod output;
mod pictures;
mod pipe;
mod temporary;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Arguments, Command};

/// How a run ended, as its exit code says it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Outcome {
    /// All well: 0.
    Done,
    /// Some input failed: 1.
    SomeFailed,
}

fn main() -> ExitCode {
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

fn run(command: &Command) -> anyhow::Result<Outcome> {
    match command {
        Command::Compare(command) => commands::compare::run(command),
        Command::Embed(command) => commands::embed::run(command),
        Command::Inspect(command) => commands::inspect::run(command),
        Command::Convert(command) => commands::convert::run(command),
        Command::Backends(command) => commands::backends::run(command),
    }
}
