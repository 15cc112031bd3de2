//! The engines that are compiled in, in order of preference.

use lookalike_core::{Error, ErrorKind, InferenceBackend, Result};

#[cfg(feature = "ort")]
static ORT: lookalike_ort::Ort = lookalike_ort::Ort::new();

#[cfg(feature = "native")]
static NATIVE: lookalike_native::Native = lookalike_native::Native::new();

static BACKENDS: &[&dyn InferenceBackend] = &[
    #[cfg(feature = "native")]
    &NATIVE,
    #[cfg(feature = "tract")]
    &lookalike_tract::Tract,
    #[cfg(feature = "tflitec")]
    &lookalike_tflitec::TfLiteC,
    #[cfg(feature = "ort")]
    &ORT,
];

/// All engines that this build has; the first one is taken when none is asked for.
pub fn backends() -> &'static [&'static dyn InferenceBackend] {
    BACKENDS
}

/// The engine of this name.
///
/// # Errors
///
/// This build has no such engine; the message names those it has.
pub fn backend(name: &str) -> Result<&'static dyn InferenceBackend> {
    match backends().iter().find(|backend| backend.name() == name) {
        Some(backend) => Ok(*backend),
        None => Err(Error::new(
            ErrorKind::NotFound,
            format!("there is no backend `{name}` in this build; it has: {}", names()),
        )),
    }
}

/// The engine to take when none is asked for.
pub(crate) fn default_backend() -> Result<&'static dyn InferenceBackend> {
    backends().first().copied().ok_or_else(|| {
        Error::new(
            ErrorKind::NotFound,
            "this build has no backend; enable a feature of the crate `lookalike`, such as `tract`",
        )
    })
}

fn names() -> String {
    let names: Vec<String> =
        backends().iter().map(|backend| format!("`{}`", backend.name())).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
