//! The one error type of every crate of the workspace.

use std::borrow::Cow;
use std::path::Path;
use std::{fmt, io};

/// Result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong: a status kind, the references' support code, a message, and the cause if there is one.
///
/// `{}` prints the message of this level only, `{:#}` adds the causes, and `{:?}`, which is what `main` prints, adds the kind as well.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    support_code: Option<SupportCode>,
    message: Cow<'static, str>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error without a support code.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner { kind, support_code: None, message: message.into(), source: None }))
    }

    /// The error with a support code.
    #[must_use]
    pub fn with_support_code(mut self, support_code: SupportCode) -> Self {
        self.0.support_code = Some(support_code);
        self
    }

    /// The error with its cause.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Which status code the references give this kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The Task Library's finer code, where it attaches one.
    pub fn support_code(&self) -> Option<SupportCode> {
        self.0.support_code
    }

    /// An argument is not valid.
    pub fn invalid_argument(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::InvalidArgument, message)
    }

    /// A valid request that is not implemented.
    pub fn unimplemented(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Unimplemented, message)
    }

    /// A file that could not be opened or read; kind and support code follow from the system's reason.
    pub fn file(path: &Path, error: io::Error) -> Self {
        let (kind, support_code) = match error.kind() {
            io::ErrorKind::NotFound => (ErrorKind::NotFound, SupportCode::FileNotFound),
            io::ErrorKind::PermissionDenied => {
                (ErrorKind::PermissionDenied, SupportCode::FilePermissionDenied)
            }
            io::ErrorKind::Interrupted => (ErrorKind::Unavailable, SupportCode::FileRead),
            _ => (ErrorKind::Unknown, SupportCode::FileRead),
        };
        Self::new(kind, format!("Unable to open file at {}", path.display()))
            .with_support_code(support_code)
            .with_source(error)
    }

    /// Something inside failed that the caller could not have known.
    pub fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.message)?;
        if formatter.alternate() {
            let mut source = std::error::Error::source(self);
            while let Some(cause) = source {
                write!(formatter, ": {cause}")?;
                source = cause.source();
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self:#} ({}", self.0.kind)?;
        if let Some(code) = self.0.support_code {
            write!(formatter, ", support code {}", code.code())?;
        }
        formatter.write_str(")")
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.source {
            Some(source) => Some(source.as_ref()),
            None => None,
        }
    }
}

impl From<lookalike_graph::Error> for Error {
    fn from(error: lookalike_graph::Error) -> Self {
        let kind = match error {
            lookalike_graph::Error::Invalid(_) => ErrorKind::InvalidArgument,
            lookalike_graph::Error::Unsupported(_) => ErrorKind::Unimplemented,
            lookalike_graph::Error::LimitExceeded(_) => ErrorKind::ResourceExhausted,
        };
        Self::new(kind, error.to_string())
    }
}

/// Kind of failure, one to one with the status codes of both reference libraries.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The call was cancelled.
    Cancelled,
    /// The state of the system does not allow the call.
    FailedPrecondition,
    /// An invariant broke, or an engine failed.
    Internal,
    /// An argument, a model or an image is not valid.
    InvalidArgument,
    /// A file or a needed piece of metadata is missing.
    NotFound,
    /// The system refused access.
    PermissionDenied,
    /// A limit on size or memory was reached.
    ResourceExhausted,
    /// The call may succeed if tried again.
    Unavailable,
    /// The request is understood and not supported.
    Unimplemented,
    /// Anything else.
    Unknown,
}

impl ErrorKind {
    /// The kind in snake case, as the command line prints it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::FailedPrecondition => "failed_precondition",
            Self::Internal => "internal",
            Self::InvalidArgument => "invalid_argument",
            Self::NotFound => "not_found",
            Self::PermissionDenied => "permission_denied",
            Self::ResourceExhausted => "resource_exhausted",
            Self::Unavailable => "unavailable",
            Self::Unimplemented => "unimplemented",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The Task Library's `TfLiteSupportStatus`; the numbers are its own.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names are the reference's own and say it all")]
pub enum SupportCode {
    Error = 1,
    InvalidArgument = 2,
    InvalidFlatBuffer = 3,
    UnsupportedBuiltinOp = 4,
    UnsupportedCustomOp = 5,
    FileNotFound = 100,
    FilePermissionDenied = 101,
    FileRead = 102,
    FileMmap = 103,
    MetadataInvalidSchemaVersion = 200,
    MetadataAssociatedFileNotFound = 201,
    MetadataAssociatedFileZip = 202,
    MetadataInconsistency = 203,
    MetadataInvalidProcessUnits = 204,
    MetadataNumLabelsMismatch = 205,
    MetadataMalformedScoreCalibration = 206,
    MetadataInvalidNumSubgraphs = 207,
    MetadataMissingNormalizationOptions = 208,
    MetadataInvalidContentProperties = 209,
    MetadataNotFound = 210,
    MetadataMissingLabels = 211,
    MetadataInvalidTokenizer = 212,
    InvalidNumInputTensors = 300,
    InvalidInputTensorDimensions = 301,
    InvalidInputTensorType = 302,
    InvalidInputTensorSize = 303,
    InputTensorNotFound = 304,
    InvalidOutputTensorDimensions = 400,
    InvalidOutputTensorType = 401,
    OutputTensorNotFound = 402,
    InvalidNumOutputTensors = 403,
    ImageProcessing = 500,
    ImageProcessingInvalidArgument = 501,
    ImageProcessingBackend = 502,
}

impl SupportCode {
    /// The number the reference gives it.
    pub fn code(self) -> u16 {
        self as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_read_well_however_they_are_printed() {
        let cause = io::Error::new(io::ErrorKind::NotFound, "gone");
        let error = Error::file(Path::new("a.png"), cause);
        assert_eq!(error.to_string(), "Unable to open file at a.png");
        assert_eq!(format!("{error:#}"), "Unable to open file at a.png: gone");
        assert_eq!(
            format!("{error:?}"),
            "Unable to open file at a.png: gone (not_found, support code 100)"
        );
    }
}
