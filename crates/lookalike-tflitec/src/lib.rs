//! The `tflitec` backend: TensorFlow Lite's C library, with XNNPACK.

#![forbid(unsafe_code)]

mod session;
mod stderr_capture;

use std::sync::Arc;

use lookalike_core::{
    BackendInfo, Error, ErrorKind, InferenceBackend, LoadedModel, Model, OperatorInfo, Result,
    SessionOptions,
};

use crate::session::LoadedTfLite;

const NAME: &str = "The backend `tflitec`";

/// The engine. XNNPACK runs what it can of a model, the library's own kernels the rest.
#[derive(Clone, Copy, Debug, Default)]
pub struct TfLiteC;

impl InferenceBackend for TfLiteC {
    fn name(&self) -> &'static str {
        "tflitec"
    }

    fn check(&self) -> Result<BackendInfo> {
        let mut info = BackendInfo::built_in(tflitec::tf_lite_version());
        info.library = library();
        // The options of the XNNPACK delegate have another layout in later versions.
        if !info.version.starts_with("2.9.") {
            let position = info.library.map(|path| format!(" ({})", path.display()));
            return Err(Error::new(
                ErrorKind::FailedPrecondition,
                format!(
                    "the TensorFlow Lite library{} has version {}, and this build needs 2.9; run `cargo xtask runtimes`",
                    position.unwrap_or_default(),
                    info.version
                ),
            ));
        }
        Ok(info)
    }

    /// The library has more of them, but no operator is run whose inputs cannot be checked.
    fn has_operator(&self, operator: &OperatorInfo) -> bool {
        operator.is_known()
    }

    fn load(&self, model: &Model, options: &SessionOptions) -> Result<Arc<dyn LoadedModel>> {
        self.check()?;
        let model = model.require_tflite(NAME)?;
        model.check_operators(NAME, |operator| self.has_operator(operator))?;
        Ok(Arc::new(LoadedTfLite::load(model, options)?))
    }
}

/// Where the library was loaded from, as far as the system reports it.
fn library() -> Option<std::path::PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let path = maps.lines().find(|line| line.contains("tensorflowlite_c"))?;
    path.find('/').map(|start| path[start..].into())
}
