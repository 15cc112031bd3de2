//! Errors of the library as one exception, which the Python layers turn into those that their users know.

use lookalike::Error;
use pyo3::exceptions::PyException;
use pyo3::{PyErr, create_exception};

create_exception!(
    _native,
    Failure,
    PyException,
    "A call failed: its arguments are the kind of the failure, its message, and the causes in one text, or None."
);

/// The exception for an error.
pub(crate) fn failure(error: &Error) -> PyErr {
    let (message, whole) = (error.to_string(), format!("{error:#}"));
    let causes = whole.strip_prefix(&message).and_then(|rest| rest.strip_prefix(": "));
    Failure::new_err((error.kind().name(), message.clone(), causes.map(str::to_owned)))
}
