//! A file that appears under its name only when it is complete.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tempfile::NamedTempFile;

/// A file that is written beside its place and moved there at the end.
pub(crate) struct TemporaryFile {
    writer: BufWriter<NamedTempFile>,
    path: PathBuf,
}

impl TemporaryFile {
    pub(crate) fn new(path: &Path) -> Result<Self> {
        // Where a link leads to is replaced, not the link. What is no file would be replaced by one, and whoever reads from it would wait for
        // ever.
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
        let file = builder()
            .tempfile_in(directory)
            .with_context(|| format!("cannot write to {}", directory.display()))?;
        Ok(Self { writer: BufWriter::new(file), path })
    }

    pub(crate) fn persist(self) -> Result<()> {
        let shown = self.path.display();
        let file = self.writer.into_inner().map_err(|error| error.into_error());
        let file = file.with_context(|| format!("cannot write {shown}"))?;
        file.persist(&self.path).with_context(|| format!("cannot write {shown}"))?;
        Ok(())
    }
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
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.writer.flush()
    }
}
