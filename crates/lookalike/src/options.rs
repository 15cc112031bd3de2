//! What an embedder is made of.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use lookalike_core::{
    Error, ErrorKind, HeadSpec, InferenceBackend, Limits, Model, ModelRules, Normalization,
    Preprocessor, Result, SessionOptions, Threads,
};
#[cfg(feature = "decode")]
use lookalike_decode::DecodeOptions;
use lookalike_preprocess::{Antialias, MediaPipe, TaskLibrary};

use crate::backends::backend;
use crate::embedder::ImageEmbedder;
use crate::model_file::{no_model, parse_model, read_model_within};

/// Options of an [`ImageEmbedder`], and its builder.
///
/// ```
/// use lookalike::ImageEmbedder;
///
/// let embedder = ImageEmbedder::builder().backend("native").l2_normalize(true).build()?;
/// assert_eq!(embedder.embedding_dimension(0), Some(306));
/// # Ok::<(), lookalike::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ImageEmbedderOptions {
    model: ModelSource,
    backend: BackendChoice,
    preprocessor: Option<Arc<dyn Preprocessor>>,
    normalization: Option<(Vec<f32>, Vec<f32>)>,
    rules: ModelRules,
    heads: HeadChoice,
    l2_normalize: bool,
    quantize: bool,
    session: SessionOptions,
    limits: Limits,
    #[cfg(feature = "decode")]
    decode_options: DecodeOptions,
}

#[derive(Clone, Debug, Default)]
enum ModelSource {
    #[default]
    BuiltIn,
    Bytes(Cow<'static, [u8]>),
    File(PathBuf),
    Model(Model),
}

#[derive(Clone, Debug, Default)]
enum BackendChoice {
    #[default]
    Auto,
    Named(String),
    Given(Arc<dyn InferenceBackend>),
}

/// Which heads an embedder has.
#[derive(Clone, Debug, Default)]
pub(crate) enum HeadChoice {
    #[default]
    All,
    Only(Vec<String>),
    Without(Vec<String>),
}

impl HeadChoice {
    /// Keeps what was chosen; every name must be that of a head.
    pub(crate) fn apply(&self, mut heads: Vec<HeadSpec>) -> Result<Vec<HeadSpec>> {
        let (names, keeps_named) = match self {
            Self::All => return Ok(heads),
            Self::Only(names) => (names, true),
            Self::Without(names) => (names, false),
        };
        let is = |head: &HeadSpec, name: &String| head.name.as_deref() == Some(name.as_str());
        if let Some(unknown) = names.iter().find(|name| !heads.iter().any(|head| is(head, name))) {
            let known: Vec<&str> = heads.iter().filter_map(|head| head.name.as_deref()).collect();
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("the model has no head named `{unknown}`; it names: {}", known.join(", ")),
            ));
        }
        heads.retain(|head| names.iter().any(|name| is(head, name)) == keeps_named);
        if heads.is_empty() {
            return Err(Error::invalid_argument("no head of the model is left"));
        }
        Ok(heads)
    }
}

impl ImageEmbedderOptions {
    /// The built-in model on the preferred engine, vectors as the model gives them.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the model from a file.
    #[must_use]
    pub fn model_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.model = ModelSource::File(path.into());
        self
    }

    /// Takes the model from the contents of a file, which are kept and not copied.
    #[must_use]
    pub fn model_bytes(mut self, bytes: impl Into<Cow<'static, [u8]>>) -> Self {
        self.model = ModelSource::Bytes(bytes.into());
        self
    }

    /// Takes a model that was read before.
    #[must_use]
    pub fn model(mut self, model: Model) -> Self {
        self.model = ModelSource::Model(model);
        self
    }

    /// Runs on the engine of this name, and on no other.
    #[must_use]
    pub fn backend(mut self, name: impl Into<String>) -> Self {
        self.backend = BackendChoice::Named(name.into());
        self
    }

    /// Runs on an engine of the caller's.
    #[must_use]
    pub fn custom_backend(mut self, backend: Arc<dyn InferenceBackend>) -> Self {
        self.backend = BackendChoice::Given(backend);
        self
    }

    /// Prepares images in this way; as the Task Library does by default.
    #[must_use]
    pub fn preprocessor(mut self, preprocessor: Arc<dyn Preprocessor>) -> Self {
        self.preprocessor = Some(preprocessor);
        self
    }

    /// Normalizes pixels with these means and standard deviations, in units of 0 to 255, instead of the model's own.
    ///
    /// One value for all channels, or three for R, G and B. Needed for a float model without metadata; models that take bytes
    /// have no use for it.
    #[must_use]
    pub fn normalization(mut self, mean: impl Into<Vec<f32>>, std: impl Into<Vec<f32>>) -> Self {
        self.normalization = Some((mean.into(), std.into()));
        self
    }

    /// Whether only models are taken that the Task Library takes. Otherwise, as by default, images and results of signed bytes (int8) are,
    /// too.
    #[must_use]
    pub fn reference_rules(mut self, reference_rules: bool) -> Self {
        self.rules = if reference_rules { ModelRules::Reference } else { ModelRules::Extended };
        self
    }

    /// Takes the heads of these names only; they keep their indices and their order. Takes the place of a
    /// [`head_denylist`](Self::head_denylist).
    ///
    /// ```no_run
    /// use lookalike::ImageEmbedder;
    ///
    /// let embedder = ImageEmbedder::builder()
    ///     .model_file("mobilenet_v3_small.tflite")
    ///     .head_allowlist(["feature"])
    ///     .build()?;
    /// # Ok::<(), lookalike::Error>(())
    /// ```
    #[must_use]
    pub fn head_allowlist(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.heads = HeadChoice::Only(names.into_iter().map(Into::into).collect());
        self
    }

    /// Leaves out the heads of these names. Takes the place of a [`head_allowlist`](Self::head_allowlist).
    #[must_use]
    pub fn head_denylist(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.heads = HeadChoice::Without(names.into_iter().map(Into::into).collect());
        self
    }

    /// Whether each vector is divided by its Euclidean norm. Default false.
    #[must_use]
    pub fn l2_normalize(mut self, l2_normalize: bool) -> Self {
        self.l2_normalize = l2_normalize;
        self
    }

    /// Whether values in -1 to 1 become integers of -128 to 127. Default false.
    ///
    /// Values beyond saturate, so this goes with [`l2_normalize`](Self::l2_normalize) unless the model's own values are small.
    #[must_use]
    pub fn quantize(mut self, quantize: bool) -> Self {
        self.quantize = quantize;
        self
    }

    /// Threads within one inference. Default [`Threads::One`].
    #[must_use]
    pub fn threads(mut self, threads: Threads) -> Self {
        self.session.threads = threads;
        self
    }

    /// Whether an engine that prints to standard error has it redirected while it loads the model: see
    /// [`SessionOptions::captures_stderr`]. Default false.
    #[must_use]
    pub fn captures_stderr(mut self, captures_stderr: bool) -> Self {
        self.session.captures_stderr = captures_stderr;
        self
    }

    /// How [`embed_file`](ImageEmbedder::embed_file) and its like decode files. These limits are of images; those of a model are
    /// [`limits`](Self::limits).
    #[cfg(feature = "decode")]
    #[must_use]
    pub fn decode_options(mut self, decode_options: DecodeOptions) -> Self {
        self.decode_options = decode_options;
        self
    }

    /// What a model that is read here may cost; it is refused if it costs more. Of an ONNX model only the bytes are counted, and one
    /// that was [read before](Self::model) keeps its limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Reads the model.
    ///
    /// # Errors
    ///
    /// The model cannot be read or verified.
    pub fn read_model(&self) -> Result<Model> {
        self.model.clone().load(&self.limits)
    }

    /// Loads the model and makes the embedder.
    ///
    /// # Errors
    ///
    /// The model cannot be read, breaks a rule of the Task Library, or lacks normalization that was not given; the engine is
    /// not in this build, cannot run here or lacks operators of the model; a head was chosen that the model has not, or none was left.
    pub fn build(self) -> Result<ImageEmbedder> {
        let model = self.model.load(&self.limits)?;
        let normalization = match &self.normalization {
            Some((mean, std)) => Some(given_normalization(mean, std)?),
            None => None,
        };
        let backend: Option<&dyn InferenceBackend> = match &self.backend {
            BackendChoice::Auto => None,
            BackendChoice::Named(name) => Some(backend(name)?),
            BackendChoice::Given(backend) => Some(backend.as_ref()),
        };
        let preprocessor = self.preprocessor.unwrap_or_else(|| Arc::new(TaskLibrary::new()));
        ImageEmbedder::new(
            model,
            backend,
            &self.session,
            preprocessor,
            normalization,
            self.rules,
            &self.heads,
            self.l2_normalize,
            self.quantize,
            #[cfg(feature = "decode")]
            self.decode_options,
        )
    }
}

impl ModelSource {
    fn load(self, limits: &Limits) -> Result<Model> {
        match self {
            Self::BuiltIn => built_in_model(),
            Self::Bytes(bytes) if bytes.is_empty() => Err(no_model()),
            Self::Bytes(bytes) => parse_model(bytes, limits),
            Self::File(path) => read_model_within(path, limits),
            Self::Model(model) => Ok(model),
        }
    }
}

#[cfg(feature = "built-in-model")]
fn built_in_model() -> Result<Model> {
    const BYTES: &[u8] = include_bytes!("../models/gist.tflite");
    Model::from_bytes(BYTES)
}

#[cfg(not(feature = "built-in-model"))]
fn built_in_model() -> Result<Model> {
    Err(no_model())
}

/// What the caller gives must be of use. A model's own deviations of 0 are refused when an image is prepared, as the reference does.
fn given_normalization(mean: &[f32], std: &[f32]) -> Result<Normalization> {
    if let Some(value) = std.iter().find(|std| std.abs() < f32::EPSILON) {
        return Err(Error::invalid_argument(format!(
            "a standard deviation of {value} is too close to 0: pixels are divided by it"
        )));
    }
    Normalization::new(mean, std)
}

/// A preprocessing profile: its name, and how it is made.
type Profile = (&'static str, fn() -> Arc<dyn Preprocessor>);

/// The preprocessing profiles, the default first.
const PROFILES: [Profile; 3] = [
    ("task-library", || Arc::new(TaskLibrary::new())),
    ("mediapipe", || Arc::new(MediaPipe::new())),
    ("antialias", || Arc::new(Antialias::new())),
];

/// Names of the preprocessing profiles, the default first.
pub fn preprocessor_names() -> impl Iterator<Item = &'static str> {
    PROFILES.iter().map(|(name, _)| *name)
}

/// The preprocessing profile of this name.
///
/// # Errors
///
/// There is no such profile; the message names those there are.
pub fn preprocessor(name: &str) -> Result<Arc<dyn Preprocessor>> {
    match PROFILES.iter().find(|(known, _)| *known == name) {
        Some((_, make)) => Ok(make()),
        None => Err(Error::new(
            ErrorKind::NotFound,
            format!(
                "there is no preprocessing profile `{name}`; there is: {}",
                preprocessor_names().collect::<Vec<_>>().join(", ")
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_found_by_the_names_they_have() {
        for name in preprocessor_names() {
            assert_eq!(preprocessor(name).unwrap().name(), name);
        }
    }
}
