//! The backend `tract-tflite`, on tract's own reader of TensorFlow Lite models.

use std::io::Cursor;
use std::sync::Arc;

use lookalike_core::{
    BackendInfo, Error, InferenceBackend, LoadedModel, Model, ModelFormat, OperatorInfo, Result,
    SessionOptions,
};
use tract_core::prelude::{Framework, TypedModel};

use crate::session::LoadedTract;
use crate::{TRACT_VERSION, contain};

/// The engine. One inference runs on one thread whatever [`SessionOptions::threads`] says; sessions run in parallel.
///
/// It refuses what tract's reader lacks or reads otherwise than TensorFlow Lite, by name of operator and form; [`Tract`](crate::Tract)
/// runs those models.
#[derive(Clone, Copy, Debug, Default)]
pub struct TractTflite;

const NAME: &str = "The backend `tract-tflite`";

impl InferenceBackend for TractTflite {
    fn name(&self) -> &'static str {
        "tract-tflite"
    }

    fn check(&self) -> Result<BackendInfo> {
        Ok(BackendInfo::built_in(TRACT_VERSION))
    }

    fn has_operator(&self, operator: &OperatorInfo) -> bool {
        operator.is_known()
    }

    fn load(&self, model: &Model, _options: &SessionOptions) -> Result<Arc<dyn LoadedModel>> {
        model.require_format(NAME, ModelFormat::TfLite)?;
        model.check_operators(NAME, |operator| self.has_operator(operator))?;
        if model.fixed_input_dims().is_none() {
            return Err(Error::unimplemented(format!(
                "{NAME} runs no models that leave the size of their input open; take `tract`"
            )));
        }
        Ok(Arc::new(LoadedTract::load(model, read)?))
    }
}

fn read(model: &Model, input_dims: &[Vec<usize>]) -> Result<TypedModel> {
    // What an inference costs is checked with the shapes.
    model.shapes_for(input_dims)?;
    contain("load the model", || {
        tract_tflite::tflite().model_for_read(&mut Cursor::new(model.bytes()))
    })
}
