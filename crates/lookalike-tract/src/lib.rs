//! The backends `tract` and `tract-tflite`: inference in pure Rust, one thread per session.
//!
//! `tract` reads the ONNX translation of a model, which covers all that the translation does. `tract-tflite` is the same engine with its
//! own reader of TensorFlow Lite models, for those models that it reads right.

#![forbid(unsafe_code)]

#[cfg(feature = "onnx")]
mod onnx;
mod session;
#[cfg(feature = "tflite")]
mod tflite;

#[cfg(feature = "onnx")]
pub use crate::onnx::Tract;
#[cfg(feature = "tflite")]
pub use crate::tflite::TractTflite;

use lookalike_core::{Error, Result, SupportCode, contain_panics, one_line};
use tract_core::prelude::TractResult;

/// Version of tract this crate is built on.
const TRACT_VERSION: &str = "0.23.9";

/// Runs engine code; an error of the engine, and a panic inside it, becomes an error of ours.
fn contain<T>(what: &str, run: impl FnOnce() -> TractResult<T>) -> Result<T> {
    let failure = |cause: &str| {
        Error::internal(format!("tract could not {what}: {cause}"))
            .with_support_code(SupportCode::Error)
    };
    contain_panics(|| run().map_err(|error| failure(&one_line(&error.root_cause().to_string()))))
        .unwrap_or_else(|panic| Err(failure(&format!("it panicked: {panic}"))))
}

#[cfg(test)]
mod tests {
    use lookalike_core::ErrorKind;

    use super::*;

    #[test]
    fn a_panic_becomes_an_error() {
        let error = contain::<()>("run", || panic!("broken\n  thing")).unwrap_err();
        assert_eq!(error.to_string(), "tract could not run: it panicked: broken thing");
        assert_eq!(error.kind(), ErrorKind::Internal);
    }
}
