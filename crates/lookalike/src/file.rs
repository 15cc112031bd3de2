//! Reading a model file.

use std::fs::File;
use std::io::{ErrorKind as IoErrorKind, Read};
use std::path::Path;

use lookalike_core::{Error, ErrorKind, Model, Result, SupportCode};

/// Reads and verifies a model file.
///
/// # Errors
///
/// The file is missing, unreadable, a directory or empty, or its contents are no valid model ([`Model::from_bytes`]).
pub fn read_model(path: impl AsRef<Path>) -> Result<Model> {
    let path = path.as_ref();
    if path.as_os_str().is_empty() {
        return Err(no_model());
    }
    let shown = path.display();
    let failure = |error: std::io::Error| {
        let (kind, support_code) = match error.kind() {
            IoErrorKind::NotFound => (ErrorKind::NotFound, SupportCode::FileNotFound),
            IoErrorKind::PermissionDenied => {
                (ErrorKind::PermissionDenied, SupportCode::FilePermissionDenied)
            }
            IoErrorKind::Interrupted => (ErrorKind::Unavailable, SupportCode::FileRead),
            _ => (ErrorKind::Unknown, SupportCode::FileRead),
        };
        Error::new(kind, format!("Unable to open file at {shown}"))
            .with_support_code(support_code)
            .with_source(error)
    };
    let mut file = File::open(path).map_err(failure)?;
    let details = file.metadata().map_err(failure)?;
    if details.is_dir() {
        return Err(Error::new(
            ErrorKind::Unknown,
            format!(
                "Unable to map file to memory buffer: {shown} is a directory; give a .tflite file"
            ),
        )
        .with_support_code(SupportCode::FileMmap));
    }
    // The file is read rather than mapped: a mapped file that someone else shortens would crash the program.
    let mut bytes =
        Vec::with_capacity(usize::try_from(details.len()).unwrap_or(0).min(LARGEST_GUESS));
    file.read_to_end(&mut bytes).map_err(failure)?;
    if bytes.is_empty() {
        return Err(Error::new(
            ErrorKind::Unknown,
            format!("Unable to get file size: {shown} is empty"),
        )
        .with_support_code(SupportCode::FileRead));
    }
    Model::from_bytes(bytes)
}

/// What is asked for at once; a longer file makes the buffer grow as it is read.
const LARGEST_GUESS: usize = 1 << 30;

/// The error for a model that was not given at all.
pub(crate) fn no_model() -> Error {
    Error::invalid_argument(
        "ExternalFile must specify at least one of 'file_content', 'file_name' or 'file_descriptor_meta': give a model",
    )
    .with_support_code(SupportCode::InvalidArgument)
}
