//! Finding the images that paths on the command line stand for, and reading them.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use lookalike::{DecodeOptions, Error, Sniffed, read, read_file, sniff};
use walkdir::{DirEntry, WalkDir};

/// File name endings that make a file in a folder an image, whatever it begins with.
const ENDINGS: [&str; 15] = [
    "bmp", "gif", "jfif", "jpe", "jpeg", "jpg", "pam", "pbm", "pgm", "png", "pnm", "ppm", "tif",
    "tiff", "webp",
];

/// The path that stands for standard input.
const STDIN: &str = "-";

/// A file to embed, or a place that could not be searched.
#[derive(Debug)]
pub(crate) enum Found {
    File(PathBuf),
    Failure { path: PathBuf, message: String },
}

impl Found {
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Failure { path, .. } => path,
        }
    }
}

/// Files in folders that were left out.
#[derive(Debug, Default)]
pub(crate) struct LeftOut {
    hidden: usize,
    unsupported: usize,
    no_image: usize,
    unreadable: usize,
}

impl LeftOut {
    /// What to tell the user, if anything.
    pub(crate) fn summary(&self) -> Option<String> {
        let reasons = [
            (self.hidden, "hidden (--hidden takes them)"),
            (self.unsupported, "in an image format that is not supported"),
            (self.no_image, "in no known image format"),
            (self.unreadable, "that cannot be read"),
        ];
        let total: usize = reasons.iter().map(|(count, _)| count).sum();
        let reasons = reasons.into_iter().filter(|(count, _)| *count > 0);
        let reasons: Vec<String> =
            reasons.map(|(count, reason)| format!("{count} {reason}")).collect();
        let files = if total == 1 { "file" } else { "files" };
        (total > 0).then(|| format!("left out {total} {files} in folders: {}", reasons.join(", ")))
    }
}

/// The files themselves, and the images in folders in the order of their names.
///
/// Symbolic links to folders are not followed within a folder, so that a loop of links ends.
pub(crate) fn find(paths: &[PathBuf], takes_hidden: bool) -> (Vec<Found>, LeftOut) {
    let (mut found, mut left_out) = (Vec::new(), LeftOut::default());
    for path in paths {
        if path == Path::new(STDIN) || !path.is_dir() {
            found.push(Found::File(path.clone()));
            continue;
        }
        let is_hidden = |entry: &DirEntry| {
            entry.depth() > 0 && entry.file_name().as_encoded_bytes().starts_with(b".")
        };
        let mut hidden = 0;
        let entries = WalkDir::new(path).sort_by_file_name().into_iter().filter_entry(|entry| {
            let is_left_out = !takes_hidden && is_hidden(entry);
            hidden += usize::from(is_left_out);
            !is_left_out
        });
        for entry in entries {
            match entry {
                Ok(entry) => take(entry, &mut found, &mut left_out),
                Err(error) => found.push(Found::Failure {
                    path: error.path().unwrap_or(path).to_path_buf(),
                    message: error
                        .io_error()
                        .map_or_else(|| error.to_string(), io::Error::to_string),
                }),
            }
        }
        left_out.hidden += hidden;
    }
    (found, left_out)
}

/// Takes a file that looks like an image, by its name or by its first bytes.
fn take(entry: DirEntry, found: &mut Vec<Found>, left_out: &mut LeftOut) {
    let path = entry.into_path();
    match path.metadata() {
        // Pipes and devices may never end.
        Ok(target) if !target.is_file() => return,
        // A link that leads nowhere is reported when it is opened.
        _ if has_ending(&path) => {}
        Ok(_) => match sniff_file(&path) {
            Ok(Sniffed::Readable(_)) => {}
            Ok(Sniffed::Unsupported(_)) => return left_out.unsupported += 1,
            Ok(_) => return left_out.no_image += 1,
            Err(_) => return left_out.unreadable += 1,
        },
        Err(_) => return,
    }
    found.push(Found::File(path));
}

/// What the first bytes of a file say of its format.
pub(crate) fn sniff_file(path: &Path) -> io::Result<Sniffed> {
    let mut first = Vec::new();
    File::open(path)?.take(64).read_to_end(&mut first)?;
    Ok(sniff(&first))
}

/// Whether a file is an image that this build reads.
pub(crate) fn is_image(path: &Path) -> bool {
    matches!(sniff_file(path), Ok(Sniffed::Readable(_)))
}

fn has_ending(path: &Path) -> bool {
    path.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| {
        let ending = ending.to_ascii_lowercase();
        ENDINGS.contains(&ending.as_str())
    })
}

/// The paths that a file lists, each at the end of a line or before a NUL byte.
pub(crate) fn listed(file: &Path, is_null_separated: bool) -> Result<Vec<PathBuf>> {
    let mut bytes = Vec::new();
    if file == Path::new(STDIN) {
        io::stdin().lock().read_to_end(&mut bytes).context("cannot read standard input")?;
    } else {
        let read = File::open(file).and_then(|mut file| file.read_to_end(&mut bytes));
        read.with_context(|| format!("cannot read {}", file.display()))?;
    }
    // A byte order mark belongs to the list, not to its first path.
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
    let separator = if is_null_separated { 0 } else { b'\n' };
    let paths = bytes.split(|&byte| byte == separator);
    let paths = paths.map(|path| match path.strip_suffix(b"\r") {
        Some(path) if !is_null_separated => path,
        _ => path,
    });
    // A listed `-` is a file of that name: standard input may be what the list comes from.
    let paths = paths.filter(|path| !path.is_empty());
    paths.map(|path| from_bytes(if path == b"-" { b"./-" } else { path })).collect()
}

#[cfg(unix)]
fn from_bytes(path: &[u8]) -> Result<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    Ok(std::ffi::OsStr::from_bytes(path).into())
}

#[cfg(not(unix))]
fn from_bytes(path: &[u8]) -> Result<PathBuf> {
    match std::str::from_utf8(path) {
        Ok(path) => Ok(path.into()),
        Err(_) => bail!("a listed path is not UTF-8: {}", String::from_utf8_lossy(path)),
    }
}

/// Fails if standard input would be read twice.
pub(crate) fn check_stdin<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Result<()> {
    if paths.into_iter().filter(|path| *path == Path::new(STDIN)).count() > 1 {
        bail!("standard input (`-`) can be read once only");
    }
    Ok(())
}

/// The bytes of a file, or of standard input.
pub(crate) fn bytes(path: &Path, options: &DecodeOptions) -> lookalike::Result<Vec<u8>> {
    if path == Path::new(STDIN) {
        return read(io::stdin().lock(), options).map_err(|error| Error::file(path, error));
    }
    read_file(path, options)
}

/// What is said of a file that ended early and was embedded all the same.
pub(crate) const ENDS_EARLY: &str = "the file ends early; the missing pixels are gray or black";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_out_is_counted_by_reason() {
        assert_eq!(LeftOut::default().summary(), None);
        let left_out = LeftOut { hidden: 2, unsupported: 0, no_image: 1, unreadable: 1 };
        assert_eq!(
            left_out.summary().unwrap(),
            "left out 4 files in folders: 2 hidden (--hidden takes them), 1 in no known image format, 1 that cannot be read"
        );
    }
}
