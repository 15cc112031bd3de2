//! Runs the campaign, a part of it, or one fuzz target on files.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use lookalike_hardening::subject::{self, Kind, Subject};
use lookalike_hardening::{bombs, campaign, serve, stress, targets};
use lookalike_schema::VerifiedModel;

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Mutate models and images and see what becomes of them
    Campaign {
        /// Mutations of each model
        #[arg(long, value_name = "N", default_value_t = 5000)]
        models: usize,
        /// Mutations of each image; as many as of models by default
        #[arg(long, value_name = "N")]
        images: Option<usize>,
        /// Take as many truncations as mutations at most
        #[arg(long)]
        thin: bool,
        /// Children at a time
        #[arg(long, value_name = "N", default_value_t = 2)]
        jobs: usize,
        /// Write the table to this file too
        #[arg(long, value_name = "FILE")]
        report: Option<PathBuf>,
        /// Only files whose group and name, such as `operators/conv_u8.tflite`, contain this
        filter: Option<String>,
    },
    /// Share an embedder of each backend among 64 threads
    Stress {
        /// For how long, each
        #[arg(long, value_name = "N", default_value_t = 60)]
        seconds: u64,
    },
    /// Run a fuzz target on files
    Replay {
        /// Name of the target
        target: String,
        /// Inputs
        files: Vec<PathBuf>,
    },
    /// Write one case of a file, and show the graphs of a model
    Case {
        file: PathBuf,
        index: usize,
        output: PathBuf,
        #[arg(long, default_value_t = 5000)]
        mutations: usize,
        #[arg(long)]
        thin: bool,
    },
    /// Do the cases of a file and report each one: a process of the campaign
    #[command(hide = true)]
    Child {
        file: PathBuf,
        #[arg(long)]
        from: usize,
        #[arg(long)]
        mutations: usize,
        #[arg(long)]
        thin: bool,
        #[arg(long)]
        image: bool,
    },
}

fn main() -> Result<ExitCode> {
    match Arguments::parse().command {
        Command::Campaign { models, images, thin, jobs, report, filter } => {
            let mut subjects = subject::all(models, thin)?;
            for subject in &mut subjects {
                if subject.kind == Kind::Image {
                    subject.mutations = images.unwrap_or(models);
                }
            }
            let folder = tempfile::tempdir().context("no folder for temporary files")?;
            for (name, bytes) in bombs::all() {
                let path = folder.path().join(name);
                fs::write(&path, bytes)?;
                let mutations = images.unwrap_or(models).min(50);
                let (kind, group) = (Kind::Image, "bombs");
                subjects.push(Subject { kind, path, group, mutations, thin: true });
            }
            subjects.retain(|subject| {
                let name = format!("{}/{}", subject.group, subject.name());
                filter.as_ref().is_none_or(|filter| name.contains(filter))
            });
            run_campaign(&subjects, jobs, report)
        }
        Command::Stress { seconds } => {
            let time = Duration::from_secs(seconds);
            for (name, options) in stress::subjects() {
                let count = stress::stress(&options, time).with_context(|| name.clone())?;
                println!("{name}: {count} equal vectors in {seconds} s");
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Replay { target, files } => {
            let Some((_, target)) = targets::TARGETS.iter().find(|(name, _)| *name == target)
            else {
                bail!("there is no target `{target}`");
            };
            for file in files {
                target(&fs::read(&file).with_context(|| file.display().to_string())?);
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Case { file, index, output, mutations, thin } => {
            let subject = Subject { kind: Kind::Model, path: file, group: "", mutations, thin };
            let bytes = subject.cases()?.bytes(index);
            if let Ok(model) = VerifiedModel::new(bytes.clone()) {
                for graph in model.root().to_owned().subgraphs {
                    println!("{graph:#?}");
                }
            }
            fs::write(output, bytes)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Child { file, from, mutations, thin, image } => {
            let kind = if image { Kind::Image } else { Kind::Model };
            let subject = Subject { kind, path: file, group: "", mutations, thin };
            serve(&subject, from, campaign::MAX_BYTES)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn run_campaign(subjects: &[Subject], jobs: usize, report: Option<PathBuf>) -> Result<ExitCode> {
    let (start, done) = (Instant::now(), AtomicUsize::new(0));
    let program = std::env::current_exe()?;
    let tallies = campaign::run_all(&program, subjects, jobs, |subject, tally| {
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        let (name, cases, seconds) = (subject.name(), tally.cases, tally.seconds);
        eprintln!("{done}/{}: {name}: {cases} cases in {seconds:.1} s", subjects.len());
        for fault in &tally.faults {
            println!("fault: {fault}");
        }
    })?;
    let table = campaign::table(subjects, &tallies);
    println!("{table}\n{:.0} s", start.elapsed().as_secs_f64());
    if let Some(report) = report {
        fs::write(&report, &table).with_context(|| report.display().to_string())?;
    }
    let faults = tallies.iter().map(|tally| tally.faults.len()).sum::<usize>();
    Ok(if faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
