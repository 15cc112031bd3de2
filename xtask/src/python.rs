//! Python packages, in virtual environments below `target/`.

use std::path::PathBuf;

use anyhow::Result;

use crate::{paths, shell};

/// The interpreter of an environment that has these packages, made if it is not there.
pub(crate) fn environment(name: &str, packages: &[&str]) -> Result<PathBuf> {
    let environment = paths::root().join("target").join(name);
    let python = environment.join("bin/python");
    if !python.exists() {
        shell::run("python3", &["-m", "venv", &environment.to_string_lossy()])?;
    }
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    shell::run(&python, &[&install, packages].concat())?;
    Ok(python)
}
