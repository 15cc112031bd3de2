//! The traits between the parts: an engine, a loaded model, a preprocessing profile.

use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;

use lookalike_graph::OperatorInfo;

use crate::error::{Error, Result};
use crate::image::ImageView;
use crate::model::{Model, ModelIo};
use crate::options::{ImageProcessingOptions, SessionOptions};
use crate::sampling::{ImageOutline, SampleGrid, SampledImage};
use crate::spec::InputSpec;
use crate::tensor::{Tensor, TensorRef};

/// An inference engine, without state.
///
/// # Contract
///
/// `name` is constant, lower case and unique. `check` touches no model. `load` may be called from many threads at once and
/// never panics, whatever the model.
pub trait InferenceBackend: Debug + Send + Sync {
    /// The name users give the engine, such as `tract`.
    fn name(&self) -> &'static str;

    /// Whether the engine can run here and now.
    ///
    /// # Errors
    ///
    /// What is missing, and how to get it.
    fn check(&self) -> Result<BackendInfo>;

    /// Whether the engine has an operator of a TensorFlow Lite model, in the forms that are known.
    fn has_operator(&self, operator: &OperatorInfo) -> bool;

    /// Loads a model.
    ///
    /// # Errors
    ///
    /// The engine lacks an operator of the model, or cannot prepare it.
    fn load(&self, model: &Model, options: &SessionOptions) -> Result<Arc<dyn LoadedModel>>;
}

/// Version and library of an engine.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct BackendInfo {
    /// Version of the engine.
    pub version: String,
    /// The shared library it runs from; `None` if it is part of the program.
    pub library: Option<PathBuf>,
}

impl BackendInfo {
    /// An engine that is part of the program.
    pub fn built_in(version: impl Into<String>) -> Self {
        Self { version: version.into(), library: None }
    }

    /// An engine in a shared library.
    pub fn from_library(version: impl Into<String>, library: impl Into<PathBuf>) -> Self {
        Self { version: version.into(), library: Some(library.into()) }
    }
}

/// A model that an engine has loaded: weights, plans, and whatever else its sessions share.
///
/// # Contract
///
/// `session` may be called from many threads at once and never panics.
pub trait LoadedModel: Debug + Send + Sync {
    /// Inputs and outputs of the model.
    fn io(&self) -> &ModelIo;

    /// A session for one caller at a time, with memory of its own.
    ///
    /// # Errors
    ///
    /// The engine has no room for another session.
    fn session(&self) -> Result<Box<dyn InferenceSession>>;
}

/// Runs a loaded model for one caller at a time; what it allocates, it keeps from run to run.
///
/// # Contract
///
/// Equal inputs give bit-equal outputs, run after run and session after session. After an error the session can be used
/// again. `run` never panics.
pub trait InferenceSession: Debug + Send {
    /// Runs the model once.
    ///
    /// There is one input and one output tensor for each of [`ModelIo`], in its order. Outputs take shape and type of
    /// the result; their allocations are reused.
    ///
    /// # Errors
    ///
    /// An input has another shape or type than the model's, or the engine fails.
    fn run(&mut self, inputs: &[TensorRef<'_>], outputs: &mut [Tensor]) -> Result<()>;
}

/// A preprocessing profile: from an image to an input tensor.
///
/// # Contract
///
/// `name` is constant and unique. `prepare` depends on its arguments alone and never panics.
pub trait Preprocessor: Debug + Send + Sync {
    /// The name users give the profile, such as `task-library`.
    fn name(&self) -> &'static str;

    /// Crops, rotates, resizes and normalizes an image into the input tensor, whose allocation is reused.
    ///
    /// # Errors
    ///
    /// The region of interest does not lie within the image, the rotation is not a multiple of 90, or the profile cannot
    /// bring the image to the size asked for.
    fn prepare(
        &self,
        image: &ImageView<'_>,
        processing: &ImageProcessingOptions,
        spec: &InputSpec,
        input: &mut Tensor,
    ) -> Result<()>;

    /// The rows and columns of an image that [`prepare`](Self::prepare) looks at, so that the others need not be decoded. `None` stands for all:
    /// where most pixels count, and for profiles that look at every pixel.
    fn sampling(
        &self,
        _image: ImageOutline,
        _processing: &ImageProcessingOptions,
        _spec: &InputSpec,
    ) -> Option<SampleGrid> {
        None
    }

    /// Fills the input tensor as [`prepare`](Self::prepare) would from the whole image, to the bit, from the pixels of its
    /// [`sampling`](Self::sampling).
    ///
    /// # Errors
    ///
    /// As [`prepare`](Self::prepare), or the grid is not that of the profile.
    fn prepare_sampled(
        &self,
        _image: &SampledImage<'_>,
        _processing: &ImageProcessingOptions,
        _spec: &InputSpec,
        _input: &mut Tensor,
    ) -> Result<()> {
        Err(Error::unimplemented(format!("the profile {} needs all pixels", self.name())))
    }
}
