//! From images to vectors.

use std::path::Path;
use std::sync::Arc;

use lookalike_core::{
    BackendInfo, Embedding, EmbeddingResult, HeadSpec, ImageOutline, ImageProcessingOptions,
    ImageView, InferenceBackend, InputSpec, Model, ModelRules, Normalization, Preprocessor, Result,
    SampleGrid, SampledImage, SessionOptions, Tensor,
};
#[cfg(feature = "decode")]
use lookalike_decode::DecodeOptions;
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::backends::{self, Loaded};
use crate::options::{HeadChoice, ImageEmbedderOptions};
use crate::pool::SessionPool;

/// Turns images into feature vectors.
///
/// One embedder serves any number of threads at a time; each gets a session of its own, and equal images give equal bits
/// whichever thread asks. A clone is the same embedder.
///
/// ```
/// use lookalike::ImageEmbedder;
///
/// let embedder = ImageEmbedder::builder().l2_normalize(true).build()?;
/// let landscape = embedder.embed_file("../../models/fixtures/landscape.png")?;
/// let crop = embedder.embed_file("../../models/fixtures/landscape_crop.jpg")?;
/// assert!(landscape.first().cosine(crop.first())? > 0.9);
/// # Ok::<(), lookalike::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ImageEmbedder(Arc<Inner>);

const _: () = {
    const fn is_shared_by_threads<T: Send + Sync>() {}
    is_shared_by_threads::<ImageEmbedder>();
};

#[derive(Debug)]
struct Inner {
    model: Model,
    info: EmbedderInfo,
    preprocessor: Arc<dyn Preprocessor>,
    input: InputSpec,
    heads: Vec<HeadSpec>,
    pool: SessionPool,
    l2_normalize: bool,
    quantize: bool,
    #[cfg(feature = "decode")]
    decode_options: DecodeOptions,
}

/// What an embedder consists of.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct EmbedderInfo {
    /// Name of the engine that runs the model, asked for or not.
    pub backend: &'static str,
    /// Version and library of the engine.
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
        rules: ModelRules,
        head_choice: &HeadChoice,
        l2_normalize: bool,
        quantize: bool,
        #[cfg(feature = "decode")] decode_options: DecodeOptions,
    ) -> Result<Self> {
        if let Some(backend) = backend {
            backend.check()?;
        }
        let loaded = match backend {
            Some(backend) => backends::load(backend, &model, session_options),
            None => backends::load_on_first(backends::backends(), &model, session_options),
        };
        // Report missing engines and unsupported operators before rule violations, as the reference does; anything else that the engine
        // reports comes after.
        let loaded = match loaded {
            Err(error) if backends::lacks_operators(&error) => return Err(error),
            loaded => loaded,
        };
        let input = InputSpec::from_model_by(&model, normalization, rules)?;
        let heads = head_choice.apply(HeadSpec::from_model_by(&model, rules)?)?;
        let Loaded { backend, info, model: loaded } = loaded?;
        let pool = SessionPool::new(loaded);
        let info = EmbedderInfo { backend, engine: info, preprocessor: preprocessor.name() };
        Ok(Self(Arc::new(Inner {
            model,
            info,
            preprocessor,
            input,
            heads,
            pool,
            l2_normalize,
            quantize,
            #[cfg(feature = "decode")]
            decode_options,
        })))
    }

    /// Embeds a whole image, rotated as its orientation says: an [`ImageView`], or a reference to an [`Image`](crate::Image).
    ///
    /// # Errors
    ///
    /// The preprocessing profile cannot prepare the image, the engine fails, or the model gives values that are not finite. The embedder
    /// can be used again.
    pub fn embed<'a>(&self, image: impl Into<ImageView<'a>>) -> Result<EmbeddingResult> {
        self.embed_with(image, &ImageProcessingOptions::default())
    }

    /// Embeds a region of an image, or an image that is to be rotated.
    ///
    /// # Errors
    ///
    /// The region does not lie within the image, the rotation is not a multiple of 90 degrees, or as for
    /// [`embed`](Self::embed).
    pub fn embed_with<'a>(
        &self,
        image: impl Into<ImageView<'a>>,
        processing: &ImageProcessingOptions,
    ) -> Result<EmbeddingResult> {
        self.embed_view(&image.into(), processing)
    }

    fn embed_view(
        &self,
        image: &ImageView<'_>,
        processing: &ImageProcessingOptions,
    ) -> Result<EmbeddingResult> {
        let Inner { preprocessor, input, .. } = &*self.0;
        self.embed_prepared(|tensor| preprocessor.prepare(image, processing, input, tensor))
    }

    /// Runs the model on the tensor that `prepare` fills.
    fn embed_prepared(
        &self,
        prepare: impl FnOnce(&mut Tensor) -> Result<()>,
    ) -> Result<EmbeddingResult> {
        let Inner { heads, pool, .. } = &*self.0;
        pool.with_worker(|worker| {
            prepare(&mut worker.input)?;
            worker.session.run(&[worker.input.as_ref()], &mut worker.outputs)?;
            // There is an output for each head of the model, chosen or not.
            let embeddings =
                heads.iter().map(|head| self.embedding(head, &worker.outputs[head.index]));
            Ok(EmbeddingResult::new(embeddings.collect::<Result<_>>()?))
        })
    }

    /// Rows and columns of an image that the preprocessing profile looks at; `None` stands for all. What is decoded there alone goes to
    /// [`embed_sampled`](Self::embed_sampled).
    pub fn sampling(
        &self,
        image: ImageOutline,
        processing: &ImageProcessingOptions,
    ) -> Option<SampleGrid> {
        self.0.preprocessor.sampling(image, processing, &self.0.input)
    }

    /// Embeds an image of which there are only the pixels of its [`sampling`](Self::sampling). The vectors are those of the whole image.
    ///
    /// # Errors
    ///
    /// The grid is not the one of the profile, or as for [`embed_with`](Self::embed_with).
    pub fn embed_sampled(
        &self,
        image: &SampledImage<'_>,
        processing: &ImageProcessingOptions,
    ) -> Result<EmbeddingResult> {
        let Inner { preprocessor, input, .. } = &*self.0;
        self.embed_prepared(|tensor| preprocessor.prepare_sampled(image, processing, input, tensor))
    }

    /// Embeds many images on the threads of the current rayon pool: one result for each, in their order, whatever becomes
    /// of the others.
    ///
    /// ```
    /// use lookalike::{ImageEmbedder, ImageView};
    ///
    /// let embedder = ImageEmbedder::builder().build()?;
    /// let images = [vec![0; 48], vec![255; 48]];
    /// let views = images.iter().map(|pixels| ImageView::rgb(pixels, 4, 4)).collect::<Result<Vec<_>, _>>()?;
    /// assert_eq!(embedder.embed_batch(views).len(), 2);
    /// # Ok::<(), lookalike::Error>(())
    /// ```
    pub fn embed_batch<'a>(
        &self,
        images: impl IntoIterator<Item = ImageView<'a>>,
    ) -> Vec<Result<EmbeddingResult>> {
        let images: Vec<ImageView<'a>> = images.into_iter().collect();
        images.into_par_iter().map(|image| self.embed(image)).collect()
    }

    fn embedding(&self, head: &HeadSpec, output: &Tensor) -> Result<Embedding> {
        let vector = head.feature_vector(output.as_ref(), self.0.l2_normalize, self.0.quantize)?;
        Ok(Embedding::new(head.index, head.name.clone(), vector))
    }

    /// How files are decoded.
    #[cfg(feature = "decode")]
    pub fn decode_options(&self) -> &DecodeOptions {
        &self.0.decode_options
    }

    /// Number of values that a head gives, `None` if there is no head of this index or it was not chosen.
    pub fn embedding_dimension(&self, head_index: usize) -> Option<usize> {
        self.0.heads.iter().find(|head| head.index == head_index).map(|head| head.dimension)
    }

    /// Number of heads, of those that were chosen.
    pub fn number_of_output_layers(&self) -> usize {
        self.0.heads.len()
    }

    /// The heads that were chosen, in graph order.
    pub fn heads(&self) -> &[HeadSpec] {
        &self.0.heads
    }

    /// The image that the model takes.
    pub fn input(&self) -> &InputSpec {
        &self.0.input
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.0.model
    }

    /// Name of the engine that runs the model.
    pub fn backend_name(&self) -> &'static str {
        self.0.info.backend
    }

    /// What runs the model, and what prepares its images.
    pub fn info(&self) -> &EmbedderInfo {
        &self.0.info
    }

    /// Name of the preprocessing profile.
    pub fn preprocessor_name(&self) -> &'static str {
        self.0.preprocessor.name()
    }
}
