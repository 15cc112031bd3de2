//! Every test.

use anyhow::Result;

use crate::{models, shell};

/// Checks the fixtures and runs all tests; those that need public files which are not there are listed as ignored.
pub(crate) fn run() -> Result<()> {
    models::verify()?;
    shell::run("cargo", &["test", "--workspace", "--locked"])
}
