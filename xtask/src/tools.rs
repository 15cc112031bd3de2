//! Programs from crates.io that tasks need.

use std::path::PathBuf;

use anyhow::Result;

use crate::{paths, shell};

/// A program of this version, installed into the target folder if it is not there.
pub(crate) fn cargo_tool(name: &str, version: &str) -> Result<PathBuf> {
    let root = paths::root().join("target/tools").join(format!("{name}-{version}"));
    let program = root.join("bin").join(name);
    if !program.exists() {
        let root = root.to_string_lossy();
        // Built without optimization they are there sooner, and fast enough.
        let arguments = ["install", "--locked", "--quiet", "--debug", name, "--version", version];
        shell::run("cargo", &[&arguments[..], &["--root", &root]].concat())?;
    }
    Ok(program)
}
