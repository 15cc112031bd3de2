//! Why a model has no graph.

use std::fmt;

/// Result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a model, or one of its operators, is refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Error {
    /// The model contradicts itself.
    Invalid(String),
    /// The model is sound and asks for what is not supported.
    Unsupported(String),
    /// The model costs more than its limits allow.
    LimitExceeded(String),
}

impl Error {
    /// The model contradicts itself.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }

    /// The model asks for what is not supported.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::Unsupported(message.into())
    }

    /// The error for what costs more than the limit of this name allows.
    pub(crate) fn exceeded(what: impl fmt::Display, name: &str, limit: u64) -> Self {
        Self::LimitExceeded(format!("{what}, and {name} is {limit}"))
    }

    /// The error with what it is about in front of its message.
    #[must_use]
    pub(crate) fn at(self, what: impl fmt::Display) -> Self {
        match self {
            Self::Invalid(message) => Self::Invalid(format!("{what}: {message}")),
            Self::Unsupported(message) => Self::Unsupported(format!("{what}: {message}")),
            Self::LimitExceeded(message) => Self::LimitExceeded(format!("{what}: {message}")),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Invalid(message) | Self::Unsupported(message) | Self::LimitExceeded(message)) =
            self;
        formatter.write_str(message)
    }
}

impl std::error::Error for Error {}
