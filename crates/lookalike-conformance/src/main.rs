//! Runs the suite on every backend that is compiled in.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a program for people")]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use lookalike::{backend, backends};
use lookalike_conformance::{Backend, Exceptions, Folders, Report, Requirements, trials};

/// Check that backends give the same numbers, and the reference's.
#[derive(Parser)]
struct Options {
    /// Run on this backend only; may be given several times
    #[arg(long, value_name = "NAME")]
    backend: Vec<String>,
    /// Write the table of models and backends to this file
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Fail if the table in this file has other verdicts than there are now
    #[arg(long, value_name = "FILE")]
    check_report: Option<PathBuf>,
    #[command(flatten)]
    tests: libtest_mimic::Arguments,
}

/// Runs that a time in the table is the median of.
const RUNS: usize = 25;

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folders = Folders::of_checkout(root);
    let mut chosen: Vec<Backend> = Vec::new();
    for name in &options.backend {
        chosen.push(backend(name)?);
    }
    if chosen.is_empty() {
        chosen = backends().to_vec();
    }
    if let Some(file) = &options.report {
        let head = fs::read_to_string(file).unwrap_or_default();
        let head: Vec<&str> = head.lines().take_while(|line| !line.starts_with('|')).collect();
        let report = Report::new(&chosen, &folders, &Exceptions::listed()?, RUNS)?;
        fs::write(file, format!("{}\n{report}", head.join("\n")))?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(file) = &options.check_report {
        let written = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        // Verdicts have no times.
        Report::new(&chosen, &folders, &Exceptions::listed()?, 1)?.check_verdicts(&written)?;
        println!("{} is current", file.display());
        return Ok(ExitCode::SUCCESS);
    }
    let required = env::var("LOOKALIKE_REQUIRE_BACKENDS").unwrap_or_default();
    let names = required.split(',').filter(|name| !name.is_empty());
    let requirements = Requirements {
        backends: names.map(str::to_owned).collect(),
        models: env::var_os("LOOKALIKE_REQUIRE_MODELS").is_some(),
    };
    let trials = trials(&chosen, &folders, &Exceptions::listed()?, &requirements)?;
    Ok(libtest_mimic::run(&options.tests, trials).exit_code())
}
