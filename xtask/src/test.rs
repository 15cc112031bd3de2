//! Every test.

use anyhow::Result;

use crate::{conformance, models, runtimes, shell};

/// Fetches the runtimes, checks the fixtures and runs all tests and the conformance suite, on every backend that can be had;
/// those that need public files which are not there are listed as ignored.
pub(crate) fn run() -> Result<()> {
    let backends = runtimes::fetch()?;
    models::verify()?;
    let features: Vec<String> = backends
        .iter()
        .flat_map(|backend| {
            ["lookalike-cli", "lookalike-conformance", "lookalike-hardening"]
                .map(|package| format!("{package}/{backend}"))
        })
        .collect();
    let mut arguments = vec!["test", "--workspace", "--locked"];
    for feature in &features {
        arguments.extend(["--features", feature]);
    }
    for backend in runtimes::BACKENDS {
        if !backends.contains(&backend.feature) {
            arguments.extend(["--exclude", backend.package]);
        }
    }
    shell::run("cargo", &arguments)?;
    conformance::run(&backends, &[])
}
