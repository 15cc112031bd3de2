//! Everything in `models/fixtures/` and the built-in model, made from code so that it can be checked against it.

mod gist;
mod graph;
mod images;
mod metadata;
mod models;
mod onnx;
mod operators;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::paths;

/// Writes all files.
pub(crate) fn build() -> Result<()> {
    for (path, bytes) in files()? {
        write_if_changed(&path, &bytes)?;
    }
    Ok(())
}

/// Fails if a committed file differs from what would be built, or is not built at all.
pub(crate) fn verify() -> Result<()> {
    let files = files()?;
    for (path, bytes) in &files {
        let found = fs::read(path).with_context(|| format!("{} is missing", path.display()))?;
        ensure!(
            found == *bytes,
            "{} differs from what `cargo xtask models build` writes",
            path.display()
        );
    }
    let built: BTreeSet<&Path> = files.iter().map(|(path, _)| path.as_path()).collect();
    let folders = [fs::read_dir(paths::fixtures())?, fs::read_dir(paths::operators())?];
    for entry in folders.into_iter().flatten() {
        let path = entry?.path();
        ensure!(
            path.is_dir() || built.contains(path.as_path()),
            "{} is not made by `cargo xtask models build`",
            path.display()
        );
    }
    println!("{} fixtures are as built", files.len());
    Ok(())
}

fn files() -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut files = vec![(paths::built_in_model(), gist::model().to_bytes())];
    let fixtures = models::all()?.into_iter().chain(images::all()?).chain(onnx::all());
    files.extend(fixtures.map(|(name, bytes)| (paths::fixtures().join(name), bytes)));
    let operators = operators::all().into_iter();
    files.extend(operators.map(|(name, bytes)| (paths::operators().join(name), bytes)));
    Ok(files)
}

fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|found| found == bytes) {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    println!("wrote {} ({} bytes)", path.display(), bytes.len());
    Ok(())
}
