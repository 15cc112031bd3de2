//! The whole workspace, always with the same features: what they ask of dependencies is then built once for all tasks. These tasks stay
//! outside, as cargo has built them already, by themselves.

use std::env;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{paths, runtimes, shell};

/// Programs and tests that run on every backend.
const ON_EVERY_BACKEND: [&str; 3] =
    ["lookalike-cli", "lookalike-conformance", "lookalike-hardening"];

/// What tells cargo to take all packages, with these of the optional backends.
pub(crate) fn selection(backends: &[&str]) -> Vec<String> {
    let mut arguments: Vec<String> =
        ["--workspace", "--exclude", "xtask", "--locked"].map(str::to_owned).to_vec();
    // What the examples need, and conversions that have tests of their own.
    arguments.extend(["--features", "lookalike/serde,lookalike/image"].map(str::to_owned));
    for (package, backend) in
        ON_EVERY_BACKEND.iter().flat_map(|package| backends.iter().map(move |it| (package, it)))
    {
        arguments.extend(["--features".to_owned(), format!("{package}/{backend}")]);
    }
    for backend in runtimes::BACKENDS {
        if !backends.contains(&backend.feature) {
            arguments.extend(["--exclude".to_owned(), backend.package.to_owned()]);
        }
    }
    arguments
}

/// Has cargo do something with all packages.
pub(crate) fn cargo(
    command: &[&str],
    backends: &[&str],
    options: &[&str],
    environment: &[(&str, &str)],
) -> Result<()> {
    let selection = selection(backends);
    let mut arguments = command.to_vec();
    arguments.extend(selection.iter().map(String::as_str));
    arguments.extend(options);
    shell::run_with("cargo", &arguments, environment)
}

/// Runs a program of the workspace.
pub(crate) fn run(program: &str, backends: &[&str], arguments: &[&str]) -> Result<()> {
    let mut command = command(program, backends)?;
    let status = command.args(arguments).status()?;
    ensure!(status.success(), "`{program} {}` failed: {status}", arguments.join(" "));
    Ok(())
}

/// Builds the programs of the workspace, to start one of them in its folder.
pub(crate) fn command(program: &str, backends: &[&str]) -> Result<Command> {
    // An example counts what tests depend on: without one, cargo would build tract a second time, with fewer features of its dependencies.
    cargo(&["build", "--quiet", "--bins", "--examples"], backends, &[], &[])?;
    // Cargo has put it beside the program that runs here.
    let path = env::current_exe().context("where is this program?")?.with_file_name(program);
    let mut command = Command::new(path.with_extension(env::consts::EXE_EXTENSION));
    command.envs(runtimes::environment()).current_dir(paths::root());
    Ok(command)
}
