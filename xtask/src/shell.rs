//! Running other programs.

use std::env;
use std::ffi::OsStr;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::paths;

/// Runs a program in the workspace and fails if it does.
pub(crate) fn run(program: impl AsRef<OsStr>, arguments: &[&str]) -> Result<()> {
    run_with(program, arguments, &[])
}

/// Runs a program with variables added to its environment.
pub(crate) fn run_with(
    program: impl AsRef<OsStr>,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> Result<()> {
    let program = program.as_ref();
    let shown = format!("{} {}", program.to_string_lossy(), arguments.join(" "));
    println!("$ {shown}");
    let status = command(program)
        .args(arguments)
        .envs(environment.iter().copied())
        .current_dir(paths::root())
        .status()
        .with_context(|| format!("cannot start `{shown}`"))?;
    ensure!(status.success(), "`{shown}` failed: {status}");
    Ok(())
}

/// The standard output of a program.
pub(crate) fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let shown = format!("{program} {}", arguments.join(" "));
    let output = command(program)
        .args(arguments)
        .current_dir(paths::root())
        .output()
        .with_context(|| format!("cannot start `{shown}`"))?;
    ensure!(
        output.status.success(),
        "`{shown}` failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// A program that does not see what cargo says of this one: build scripts that look at it, as ring's does, would run again each time.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        let is_of_package =
            |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if name.to_str().is_some_and(is_of_package) {
            command.env_remove(name);
        }
    }
    command
}
