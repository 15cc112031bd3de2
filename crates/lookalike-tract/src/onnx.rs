//! The backend `tract`, on the ONNX translation.

use std::io::Cursor;
use std::sync::Arc;

use lookalike_core::{
    BackendInfo, InferenceBackend, LoadedModel, Model, OperatorInfo, Result, SessionOptions,
    TfLiteModel,
};
use tract_core::prelude::{Framework, TypedModel};
use tract_onnx::prelude::InferenceModelExt;

use crate::session::LoadedTract;
use crate::{TRACT_VERSION, contain};

/// The engine. One inference runs on one thread whatever [`SessionOptions::threads`] says; sessions run in parallel.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tract;

const NAME: &str = "The backend `tract`";

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
        let model = model.require_tflite(NAME)?;
        model.check_operators(NAME, |operator| self.has_operator(operator))?;
        Ok(Arc::new(LoadedTract::load(model, read)?))
    }
}

fn read(model: &TfLiteModel, input_dims: &[Vec<usize>]) -> Result<TypedModel> {
    let translation = lookalike_onnx::translate_for(model, input_dims)?;
    contain("load the model", || {
        tract_onnx::onnx().model_for_read(&mut Cursor::new(translation))?.into_typed()
    })
}
