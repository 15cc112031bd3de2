//! The `ort` backend: ONNX Runtime, from a shared library that is loaded when the program runs.
//!
//! TensorFlow Lite models are translated in memory, ONNX models taken as they are.

mod library;
mod session;

use std::path::PathBuf;
use std::sync::Arc;

use lookalike_core::{
    BackendInfo, Error, InferenceBackend, LoadedModel, Model, OperatorInfo, Result, SessionOptions,
    SupportCode, contain_panics, one_line,
};

use crate::library::Library;
use crate::session::LoadedOrt;

/// The engine. By default it runs from the library that the environment variable `ORT_DYLIB_PATH` names, else from
/// `libonnxruntime.so` (`onnxruntime.dll`, `libonnxruntime.dylib`) beside the program, else from wherever the system finds it.
///
/// A process has one library: the first one that is used stays.
#[derive(Clone, Debug, Default)]
pub struct Ort {
    library: Option<PathBuf>,
}

impl Ort {
    /// The engine in this library, such as `capi/libonnxruntime.so.1.32.0` of PyPI's `onnxruntime`.
    pub fn with_library(path: impl Into<PathBuf>) -> Self {
        Self { library: Some(path.into()) }
    }

    /// The engine wherever it is found.
    pub const fn new() -> Self {
        Self { library: None }
    }
}

impl InferenceBackend for Ort {
    fn name(&self) -> &'static str {
        "ort"
    }

    fn check(&self) -> Result<BackendInfo> {
        let library = Library::load(self.library.as_deref())?;
        Ok(BackendInfo::from_library(library.version(), library.path()))
    }

    fn has_operator(&self, operator: &OperatorInfo) -> bool {
        lookalike_onnx::has_translation(operator)
    }

    fn load(&self, model: &Model, options: &SessionOptions) -> Result<Arc<dyn LoadedModel>> {
        if let Model::TfLite(model) = model {
            model.check_operators("The backend `ort`", |operator| self.has_operator(operator))?;
        }
        let library = Library::load(self.library.as_deref())?;
        Ok(Arc::new(LoadedOrt::load(library, model, options)?))
    }
}

/// Runs engine code; an error of the engine, and a panic inside its bindings, becomes an error of ours.
fn contain<T>(what: &str, run: impl FnOnce() -> ort::Result<T>) -> Result<T> {
    let failure = |cause: &str| {
        Error::internal(format!("ONNX Runtime could not {what}: {cause}"))
            .with_support_code(SupportCode::Error)
    };
    contain_panics(|| run().map_err(|error| failure(&one_line(&error.to_string()))))
        .unwrap_or_else(|panic| Err(failure(&format!("its bindings panicked: {panic}"))))
}
