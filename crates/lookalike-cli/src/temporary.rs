//! Files that appear under their names only when they are complete.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail};
use tempfile::NamedTempFile;

/// Temporary files that there are, for whoever ends the program early.
static FILES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn files() -> MutexGuard<'static, Vec<PathBuf>> {
    FILES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes all temporary files: the program is about to end without dropping them. While the guard is there, no other is made.
pub(crate) fn remove_all() -> MutexGuard<'static, Vec<PathBuf>> {
    let mut files = files();
    for path in files.drain(..) {
        fs::remove_file(path).ok();
    }
    files
}

/// A file that is written beside its place and moved there at the end.
pub(crate) struct TemporaryFile {
    writer: BufWriter<NamedTempFile>,
    path: PathBuf,
}

impl TemporaryFile {
    pub(crate) fn new(path: &Path) -> Result<Self> {
        // Where a link leads to is replaced, not the link, unless it leads nowhere. What is no file would be replaced by one, and whoever
        // reads from it would wait for ever.
        let path = match fs::metadata(path) {
            Ok(found) if found.is_file() => fs::canonicalize(path)
                .with_context(|| format!("cannot write to {}", path.display()))?,
            Ok(_) => bail!("{} is a folder, a device or a pipe: name a file", path.display()),
            Err(_) => path.to_path_buf(),
        };
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let mut files = files();
        let file = builder().tempfile_in(directory).map_err(|error| describe(&path, &error))?;
        files.push(file.path().to_path_buf());
        Ok(Self { writer: BufWriter::new(file), path })
    }

    /// The name under which the file will appear.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn persist(self) -> Result<()> {
        let failure = |error| describe(&self.path, &error);
        let file = self.writer.into_inner().map_err(|error| failure(error.into_error()))?;
        let temporary = file.path().to_path_buf();
        if let Ok(replaced) = fs::metadata(&self.path) {
            keep_access(&file, &replaced).map_err(failure)?;
        }
        file.persist(&self.path).map_err(|error| failure(error.error))?;
        files().retain(|path| *path != temporary);
        Ok(())
    }
}

/// The error of a temporary file, under the name of the file that it was to become.
fn describe(path: &Path, error: &io::Error) -> io::Error {
    let text = error.to_string();
    let reason = text.split(" at path ").next().unwrap_or_default();
    io::Error::new(error.kind(), format!("cannot write {}: {reason}", path.display()))
}

/// Gives a file the mode, and where possible the owner, of the one that it replaces.
#[cfg(unix)]
fn keep_access(file: &NamedTempFile, replaced: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    // Only a privileged user may give a file away; others keep it, with its mode.
    fchown(file.as_file(), Some(replaced.uid()), Some(replaced.gid())).ok();
    file.as_file().set_permissions(replaced.permissions())
}

#[cfg(not(unix))]
fn keep_access(_: &NamedTempFile, _: &fs::Metadata) -> io::Result<()> {
    Ok(())
}

/// Temporary files are their owner's alone by default; this one is as open as the user's mask lets new files be.
#[cfg(unix)]
fn builder() -> tempfile::Builder<'static, 'static> {
    use std::os::unix::fs::PermissionsExt;
    let mut builder = tempfile::Builder::new();
    builder.permissions(fs::Permissions::from_mode(0o666));
    builder
}

#[cfg(not(unix))]
fn builder() -> tempfile::Builder<'static, 'static> {
    tempfile::Builder::new()
}

impl Write for TemporaryFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes).map_err(|error| describe(&self.path, &error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush().map_err(|error| describe(&self.path, &error))
    }
}
