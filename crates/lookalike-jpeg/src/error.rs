//! Why a file is not decoded.

use std::fmt;

/// What [`Error`] is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The bytes are no JPEG file, or a damaged one.
    Invalid,
    /// The file ends before its end-of-image marker.
    Truncated,
    /// The file is of a kind that this crate does not decode: arithmetic coding, 12 bits a sample, lossless or hierarchical.
    Unsupported,
    /// The image would exceed a limit of [`Options`](crate::Options).
    Limit,
}

/// Why a file is not decoded. Where stb_image reports the same damage, the message is stb_image's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

/// The outcome of decoding.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn invalid(message: &str) -> Self {
        Self { kind: ErrorKind::Invalid, message: message.to_owned() }
    }

    /// The file ended early, which showed as what the message says.
    pub(crate) fn truncated(message: &str) -> Self {
        Self { kind: ErrorKind::Truncated, message: format!("{message}: the file ends early") }
    }

    pub(crate) fn unsupported(what: &str) -> Self {
        Self {
            kind: ErrorKind::Unsupported,
            message: format!("JPEG files with {what} are not supported"),
        }
    }

    pub(crate) fn limit(message: String) -> Self {
        Self { kind: ErrorKind::Limit, message }
    }

    /// What went wrong, to decide by.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
