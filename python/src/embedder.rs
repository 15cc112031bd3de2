//! The embedder, for all layers above it.

use lookalike::{
    DecodeOptions, Embedding, EmbeddingResult, Error, FeatureVector, ImageEmbedder,
    ImageProcessingOptions, MemoryBudget, Region, Threads, preprocessor,
};
use numpy::{PyArray1, PyReadonlyArray1, PyReadonlyArray3};
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::errors::failure;
use crate::pixels::{Pixels, Source, exif_of, read};

/// An embedder: any number of threads may use it at a time.
#[pyclass(frozen, module = "lookalike._native")]
pub(crate) struct Embedder(ImageEmbedder);

/// A region in pixels (x, y, width, height), one in fractions (left, top, right, bottom), or neither.
type PixelRegion = Option<(i64, i64, i64, i64)>;
type FractionRegion = Option<(f32, f32, f32, f32)>;

#[pymethods]
impl Embedder {
    #[new]
    #[pyo3(signature = (model, *, backend = None, preprocess = "task-library", l2_normalize = false, quantize = false, num_threads = 1))]
    fn new(
        py: Python<'_>,
        model: Option<Source>,
        backend: Option<String>,
        preprocess: &str,
        l2_normalize: bool,
        quantize: bool,
        num_threads: i32,
    ) -> PyResult<Self> {
        let make = || {
            let mut options = ImageEmbedder::builder()
                .preprocessor(preprocessor(preprocess)?)
                .l2_normalize(l2_normalize)
                .quantize(quantize)
                .threads(Threads::from_num_threads(num_threads)?);
            options = match model {
                Some(Source::Bytes(bytes)) => options.model_bytes(bytes.to_vec()),
                Some(Source::Path(path)) => options.model_file(path),
                None => options,
            };
            if let Some(backend) = backend {
                options = options.backend(backend);
            }
            options.build()
        };
        py.detach(make).map(Self).map_err(|error| failure(&error))
    }

    /// Vectors of an array of rows, columns and channels: for each head the vector, its index and its name.
    #[pyo3(signature = (pixels, pixel_region = None, fraction_region = None, rotation_degrees = 0))]
    fn embed<'py>(
        &self,
        py: Python<'py>,
        pixels: PyReadonlyArray3<'py, u8>,
        pixel_region: PixelRegion,
        fraction_region: FractionRegion,
        rotation_degrees: i32,
    ) -> PyResult<Bound<'py, PyList>> {
        let processing = processing(pixel_region, fraction_region, rotation_degrees);
        let pixels = Pixels::new(pixels)?;
        let view = pixels.view().map_err(|error| failure(&error))?;
        let result = py.detach(|| self.0.embed_with(view, &processing));
        vectors(py, result)
    }

    /// Vectors of an image file, of which only those pixels are decoded that are looked at.
    #[pyo3(signature = (source, exif = "apply", pixel_region = None, fraction_region = None, rotation_degrees = 0))]
    fn embed_file<'py>(
        &self,
        py: Python<'py>,
        source: Source,
        exif: &str,
        pixel_region: PixelRegion,
        fraction_region: FractionRegion,
        rotation_degrees: i32,
    ) -> PyResult<Bound<'py, PyList>> {
        let processing = processing(pixel_region, fraction_region, rotation_degrees);
        let options = DecodeOptions { exif: exif_of(exif)?, ..DecodeOptions::default() };
        let result = py.detach(|| {
            let budget = MemoryBudget::unlimited();
            let bytes = read(&source, &options)?;
            let embedded = self.0.embed_bytes_with(&bytes, &processing, &options, &budget)?;
            Ok(embedded.result)
        });
        vectors(py, result)
    }

    /// Index, name and number of values of each head.
    fn heads(&self) -> Vec<(usize, Option<String>, usize)> {
        let heads = self.0.heads().iter();
        heads
            .map(|head| (head.index, head.name.as_deref().map(str::to_owned), head.dimension))
            .collect()
    }

    /// Rows and columns of the image that the model takes; None where it takes any number.
    fn input_size(&self) -> (Option<usize>, Option<usize>) {
        (self.0.input().height, self.0.input().width)
    }

    /// Engine, its version, and the library that it is in, if it is not part of this one.
    fn engine(&self) -> (&'static str, String, Option<String>) {
        let info = self.0.info();
        let library = info.engine.library.as_ref().map(|path| path.to_string_lossy().into_owned());
        (info.backend, info.engine.version.clone(), library)
    }

    /// Name of the preprocessing profile.
    fn preprocessor(&self) -> &'static str {
        self.0.preprocessor_name()
    }
}

fn processing(
    pixels: PixelRegion,
    fractions: FractionRegion,
    rotation_degrees: i32,
) -> ImageProcessingOptions {
    let pixels = pixels.map(|(x, y, width, height)| Region::Pixels { x, y, width, height });
    let region_of_interest = pixels.or_else(|| {
        fractions.map(|(left, top, right, bottom)| Region::Normalized { left, top, right, bottom })
    });
    ImageProcessingOptions { region_of_interest, rotation_degrees }
}

/// Arrays that own their values.
fn vectors(
    py: Python<'_>,
    result: lookalike::Result<EmbeddingResult>,
) -> PyResult<Bound<'_, PyList>> {
    let result = result.map_err(|error| failure(&error))?;
    let list = PyList::empty(py);
    for Embedding { head_index, head_name, feature_vector, .. } in result {
        let name = head_name.as_deref();
        match feature_vector {
            FeatureVector::Float(values) => {
                list.append((PyArray1::from_slice(py, &values), head_index, name))?;
            }
            FeatureVector::Quantized(values) => {
                list.append((PyArray1::from_slice(py, &values), head_index, name))?;
            }
        }
    }
    Ok(list)
}

/// A vector of real or of quantized values.
#[derive(FromPyObject)]
pub(crate) enum Vector<'py> {
    Float(PyReadonlyArray1<'py, f32>),
    Quantized(PyReadonlyArray1<'py, i8>),
}

impl Vector<'_> {
    fn to_feature_vector(&self) -> FeatureVector {
        match self {
            Self::Float(values) => FeatureVector::Float(values.as_array().to_vec()),
            Self::Quantized(values) => FeatureVector::Quantized(values.as_array().to_vec()),
        }
    }
}

/// Cosine of the angle between two vectors; products of floats are formed in 32 bits and summed in 64.
#[pyfunction]
pub(crate) fn cosine_similarity(u: Vector<'_>, v: Vector<'_>) -> PyResult<f64> {
    let (u, v) = (u.to_feature_vector(), v.to_feature_vector());
    lookalike::cosine_similarity(&u, &v).map_err(|error: Error| failure(&error))
}
