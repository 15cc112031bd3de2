//! The `tract` backend: inference in pure Rust, one thread per session.
//!
//! tract reads the ONNX translation of a model: of the two formats it knows, that is the one it covers well.

#![forbid(unsafe_code)]

mod session;

use std::sync::Arc;

use lookalike_core::{
    BackendInfo, Error, InferenceBackend, LoadedModel, Model, ModelFormat, OperatorInfo, Result,
    SessionOptions, SupportCode, contain_panics, one_line,
};
use tract_onnx::prelude::TractResult;

use crate::session::LoadedTract;

/// Version of tract this crate is built on.
const TRACT_VERSION: &str = "0.23.9";

/// The engine. One inference runs on one thread whatever [`SessionOptions::threads`] says; sessions run in parallel.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tract;

impl InferenceBackend for Tract {
    fn name(&self) -> &'static str {
        "tract"
    }

    fn check(&self) -> Result<BackendInfo> {
        Ok(BackendInfo::built_in(TRACT_VERSION))
    }

    fn has_operator(&self, operator: &OperatorInfo) -> bool {
        lookalike_onnx::has_translation(operator)
    }

    fn load(&self, model: &Model, _options: &SessionOptions) -> Result<Arc<dyn LoadedModel>> {
        model.require_format("The backend `tract`", ModelFormat::TfLite)?;
        model.check_operators("The backend `tract`", |operator| self.has_operator(operator))?;
        Ok(Arc::new(LoadedTract::load(model)?))
    }
}

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
