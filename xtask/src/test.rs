//! Every test.

use anyhow::Result;

use crate::{conformance, models, runtimes, shell, workspace};

/// Fetches the runtimes, checks the fixtures and runs all tests and the conformance suite, on every backend that can be had;
/// those that need public files which are not there are listed as ignored.
pub(crate) fn run() -> Result<()> {
    let backends = runtimes::fetch()?;
    models::verify()?;
    shell::run("cargo", &["test", "--locked", "--package", "xtask"])?;
    workspace::cargo(&["test"], &backends, &[], &[])?;
    conformance::run(&backends, &[])
}
