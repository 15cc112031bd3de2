//! From pictures to vectors.

use std::path::Path;
use std::sync::Arc;

use lookalike_core::{
    BackendInfo, Embedding, EmbeddingResult, Error, HeadSpec, ImageProcessingOptions, ImageView,
    InferenceBackend, InputSpec, Model, Normalization, Preprocessor, Result, SessionOptions,
    Tensor,
};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::backends::{self, Loaded};
use crate::options::{HeadChoice, ImageEmbedderOptions};
use crate::pool::SessionPool;

/// Turns pictures into feature vectors.
///
/// One embedder serves any number of threads at a time; each gets a session of its own, and equal pictures give equal bits
/// whichever thread asks.
///
/// ```
/// use lookalike::{Exif, ImageEmbedder, Limits, cosine_similarity, decode_file};
///
/// let embedder = ImageEmbedder::builder().l2_normalize(true).build()?;
/// let vector = |name: &str| {
///     let path = format!("../../models/fixtures/{name}");
///     let picture = decode_file(path, Exif::Apply, &Limits::default())?;
///     let result = embedder.embed(&picture.view()?)?;
///     Ok::<_, lookalike::Error>(result.embeddings[0].feature_vector.clone())
/// };
/// let similarity = cosine_similarity(&vector("landscape.png")?, &vector("landscape_crop.jpg")?)?;
/// assert!(similarity > 0.9);
/// # Ok::<(), lookalike::Error>(())
/// ```
#[derive(Debug)]
pub struct ImageEmbedder {
    model: Model,
    info: EmbedderInfo,
    preprocessor: Arc<dyn Preprocessor>,
    input: InputSpec,
    heads: Vec<HeadSpec>,
    pool: SessionPool,
    l2_normalize: bool,
    quantize: bool,
}

/// What an embedder consists of.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct EmbedderInfo {
    /// Name of the engine that runs the model, asked for or not.
    pub backend: &'static str,
    /// What the engine says of itself.
    pub engine: BackendInfo,
    /// Name of the preprocessing profile.
    pub preprocessor: &'static str,
}

impl ImageEmbedder {
    /// Options to choose from; [`build`](ImageEmbedderOptions::build) makes the embedder.
    pub fn builder() -> ImageEmbedderOptions {
        ImageEmbedderOptions::new()
    }

    /// An embedder of a model file, with all options at their defaults.
    ///
    /// # Errors
    ///
    /// As for [`ImageEmbedderOptions::build`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        Self::builder().model_file(path.as_ref()).build()
    }

    pub(crate) fn new(
        model: Model,
        backend: Option<&dyn InferenceBackend>,
        session_options: &SessionOptions,
        preprocessor: Arc<dyn Preprocessor>,
        normalization: Option<Normalization>,
        head_choice: &HeadChoice,
        l2_normalize: bool,
        quantize: bool,
    ) -> Result<Self> {
        if let Some(backend) = backend {
            backend.check()?;
        }
        let loaded = match backend {
            Some(backend) => backends::load(backend, &model, session_options),
            None => backends::load_on_first(backends::backends(), &model, session_options),
        };
        // An engine that is missing, and an operator that it lacks, is told before a rule that the model breaks, as in the reference,
        // and anything else that the engine says of the model after.
        let loaded = match loaded {
            Err(error) if backends::is_lacking(&error) => return Err(error),
            loaded => loaded,
        };
        let input = InputSpec::from_model(&model, normalization)?;
        let heads = head_choice.apply(HeadSpec::from_model(&model)?)?;
        let Loaded { backend, info, session } = loaded?;
        let pool = SessionPool::new(session);
        let info = EmbedderInfo { backend, engine: info, preprocessor: preprocessor.name() };
        Ok(Self { model, info, preprocessor, input, heads, pool, l2_normalize, quantize })
    }

    /// Embeds a whole picture, turned as its orientation says.
    ///
    /// # Errors
    ///
    /// The preprocessing profile cannot prepare the picture, or the engine fails. The embedder can be used again.
    pub fn embed(&self, image: &ImageView<'_>) -> Result<EmbeddingResult> {
        self.embed_with(image, &ImageProcessingOptions::default())
    }

    /// Embeds a region of a picture, or a picture that is to be turned.
    ///
    /// # Errors
    ///
    /// The region does not lie within the picture, the rotation is not a multiple of 90 degrees, or as for
    /// [`embed`](Self::embed).
    pub fn embed_with(
        &self,
        image: &ImageView<'_>,
        processing: &ImageProcessingOptions,
    ) -> Result<EmbeddingResult> {
        self.pool.with_worker(|worker| {
            self.preprocessor.prepare(image, processing, &self.input, &mut worker.input)?;
            worker.session.run(&[worker.input.as_ref()], &mut worker.outputs)?;
            // There is an output for each head of the model, chosen or not.
            let embeddings =
                self.heads.iter().map(|head| self.embedding(head, &worker.outputs[head.index]));
            Ok(EmbeddingResult::new(embeddings.collect::<Result<_>>()?))
        })
    }

    /// Embeds many pictures on the threads of the current rayon pool: one result for each, in their order, whatever becomes
    /// of the others.
    ///
    /// ```
    /// use lookalike::{ImageEmbedder, ImageView};
    ///
    /// let embedder = ImageEmbedder::builder().build()?;
    /// let pictures = [vec![0; 48], vec![255; 48]];
    /// let views = pictures.iter().map(|pixels| ImageView::rgb(pixels, 4, 4)).collect::<Result<Vec<_>, _>>()?;
    /// assert_eq!(embedder.embed_batch(views).len(), 2);
    /// # Ok::<(), lookalike::Error>(())
    /// ```
    pub fn embed_batch<'a>(
        &self,
        images: impl IntoIterator<Item = ImageView<'a>>,
    ) -> Vec<Result<EmbeddingResult>> {
        let images: Vec<ImageView<'a>> = images.into_iter().collect();
        images.into_par_iter().map(|image| self.embed(&image)).collect()
    }

    fn embedding(&self, head: &HeadSpec, output: &Tensor) -> Result<Embedding> {
        let values = output.shape().element_count();
        if values < head.dimension {
            return Err(Error::internal(format!(
                "the backend `{}` gave {values} values for output {} of {}",
                self.info.backend, head.index, head.dimension
            )));
        }
        let vector = head.feature_vector(output.as_ref(), self.l2_normalize, self.quantize);
        Ok(Embedding::new(head.index, head.name.clone(), vector))
    }

    /// Number of values that a head gives, `None` if there is no head of this index or it was not chosen.
    pub fn embedding_dimension(&self, head_index: usize) -> Option<usize> {
        self.heads.iter().find(|head| head.index == head_index).map(|head| head.dimension)
    }

    /// Number of heads, of those that were chosen.
    pub fn number_of_output_layers(&self) -> usize {
        self.heads.len()
    }

    /// The heads that were chosen, in graph order.
    pub fn heads(&self) -> &[HeadSpec] {
        &self.heads
    }

    /// The picture that the model takes.
    pub fn input(&self) -> &InputSpec {
        &self.input
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Name of the engine that runs the model.
    pub fn backend_name(&self) -> &'static str {
        self.info.backend
    }

    /// What runs the model, and what prepares its pictures.
    pub fn info(&self) -> &EmbedderInfo {
        &self.info
    }

    /// Name of the preprocessing profile.
    pub fn preprocessor_name(&self) -> &'static str {
        self.preprocessor.name()
    }
}
