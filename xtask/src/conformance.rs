//! The conformance suite and its table.

use std::path::Path;

use anyhow::Result;

use crate::{models, runtimes, shell, workspace};

/// The table that is committed.
const REPORT: &str = "docs/conformance.md";

/// Runs the suite on these of the optional backends and on the others.
pub(crate) fn run(backends: &[&str], arguments: &[&str]) -> Result<()> {
    workspace::run("lookalike-conformance", backends, arguments)
}

/// Writes the table, of a build that is fit to be timed.
pub(crate) fn report(file: &Path) -> Result<()> {
    let features = runtimes::fetch()?.join(",");
    let mut arguments = vec!["run", "--quiet", "--locked", "--release"];
    arguments.extend(["--package", "lookalike-conformance", "--features", &features]);
    let file = file.to_string_lossy();
    arguments.extend(["--", "--report", &file]);
    shell::run("cargo", &arguments)
}

/// Fails if the committed table has other verdicts than there are now. It tells of all backends and models, so that nothing can
/// be said where one is missing.
pub(crate) fn check_report(backends: &[&str]) -> Result<()> {
    if backends.len() < runtimes::BACKENDS.len() || !models::is_cache_filled()? {
        println!("{REPORT} is not checked: a backend or a public model is missing");
        return Ok(());
    }
    run(backends, &["--check-report", REPORT])
}
