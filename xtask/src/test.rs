//! Every test.

use anyhow::Result;

use crate::{models, runtimes, shell};

/// Fetches the runtimes, checks the fixtures and runs all tests, on every backend that can be had; those that need public
/// files which are not there are listed as ignored.
pub(crate) fn run() -> Result<()> {
    let backends = runtimes::fetch()?;
    models::verify()?;
    let mut arguments = vec!["test", "--workspace", "--locked"];
    for backend in runtimes::BACKENDS {
        if backends.contains(&backend.feature) {
            arguments.extend(["--features", backend.facade_feature]);
        } else {
            arguments.extend(["--exclude", backend.package]);
        }
    }
    shell::run("cargo", &arguments)
}
