//! The conformance suite and its table.

use std::path::Path;

use anyhow::Result;

use crate::{models, runtimes, shell};

/// The table that is committed.
const REPORT: &str = "docs/conformance.md";

/// Runs the suite on tract and on these optional backends.
pub(crate) fn run(backends: &[&str], arguments: &[&str]) -> Result<()> {
    run_profile(backends, &[], arguments)
}

/// Writes the table, of a build that is fit to be timed.
pub(crate) fn report(file: &Path) -> Result<()> {
    let backends = runtimes::fetch()?;
    run_profile(&backends, &["--release"], &["--report", &file.to_string_lossy()])
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

fn run_profile(backends: &[&str], profile: &[&str], arguments: &[&str]) -> Result<()> {
    let features = backends.join(",");
    let mut all = vec!["run", "--quiet", "--locked", "--package", "lookalike-conformance"];
    all.extend(["--features", &features]);
    all.extend(profile);
    all.push("--");
    all.extend(arguments);
    shell::run("cargo", &all)
}
