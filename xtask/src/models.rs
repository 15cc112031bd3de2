//! `models/cache/`: public files that are fetched, or taken from a folder, and checked.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::paths;

#[derive(Deserialize)]
struct Manifest {
    file: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    url: Option<String>,
    sha256: String,
    licence: String,
}

/// The largest file that is downloaded.
const LARGEST: u64 = 64 << 20;

/// Fills the cache: from a folder that is searched with the folders in it, else from the network.
pub(crate) fn fetch(from: Option<&Path>) -> Result<()> {
    fs::create_dir_all(paths::cache())?;
    let mut failures = 0;
    for entry in manifest()?.file {
        let path = paths::cache().join(&entry.name);
        if entry.matches(&path) {
            println!("{}: present", entry.name);
            continue;
        }
        match entry.bytes(from) {
            Ok(Some(bytes)) => {
                fs::write(&path, bytes)
                    .with_context(|| format!("cannot write {}", path.display()))?;
                println!("{}: fetched ({})", entry.name, entry.licence);
            }
            Ok(None) => println!("{}: skipped, it has no address", entry.name),
            Err(error) => {
                failures += 1;
                println!("{}: {error:#}", entry.name);
            }
        }
    }
    ensure!(failures == 0, "{failures} files could not be had");
    Ok(())
}

/// Checks what is in the cache, and that the committed fixtures are as built.
pub(crate) fn verify() -> Result<()> {
    for entry in manifest()?.file {
        let path = paths::cache().join(&entry.name);
        if path.exists() && !entry.matches(&path) {
            bail!("{} has another SHA-256 than models.toml says: delete it", path.display());
        }
    }
    crate::fixtures::verify()
}

/// Whether all public files are there.
pub(crate) fn is_cache_filled() -> Result<bool> {
    Ok(manifest()?.file.iter().all(|entry| paths::cache().join(&entry.name).exists()))
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn manifest() -> Result<Manifest> {
    let text = fs::read_to_string(paths::manifest()).context("cannot read models/models.toml")?;
    toml::from_str(&text).context("models/models.toml is not as expected")
}

impl Entry {
    fn matches(&self, path: &Path) -> bool {
        fs::read(path).is_ok_and(|bytes| self.is_hash_of(&bytes))
    }

    fn is_hash_of(&self, bytes: &[u8]) -> bool {
        sha256(bytes) == self.sha256
    }

    /// The file's contents; `None` if there is nowhere to look.
    fn bytes(&self, from: Option<&Path>) -> Result<Option<Vec<u8>>> {
        let bytes = match (from, &self.url) {
            (Some(folder), _) => {
                let path = find(folder, &self.name)?
                    .with_context(|| format!("not in {}", folder.display()))?;
                fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?
            }
            (None, Some(url)) => {
                let mut response = ureq::get(url).call()?;
                let mut bytes = Vec::new();
                response.body_mut().as_reader().take(LARGEST).read_to_end(&mut bytes)?;
                bytes
            }
            (None, None) => return Ok(None),
        };
        ensure!(self.is_hash_of(&bytes), "another SHA-256 than models.toml says");
        Ok(Some(bytes))
    }
}

/// A file of this name in a folder or in a folder of it.
fn find(folder: &Path, name: &str) -> Result<Option<PathBuf>> {
    let direct = folder.join(name);
    if direct.is_file() {
        return Ok(Some(direct));
    }
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path().join(name);
        if path.is_file() {
            return Ok(Some(path));
        }
    }
    Ok(None)
}
