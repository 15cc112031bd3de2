//! Results, and the arithmetic between an engine's output and them.

use std::sync::Arc;

use crate::error::{Error, Result, SupportCode};

/// A vector that stands for a picture.
#[derive(Clone, Debug, PartialEq)]
pub enum FeatureVector {
    /// Real values.
    Float(Vec<f32>),
    /// Values in -1 to 1 times 128, rounded, between -128 and 127.
    Quantized(Vec<i8>),
}

impl FeatureVector {
    /// Number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::Float(values) => values.len(),
            Self::Quantized(values) => values.len(),
        }
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The real values, `None` for a quantised vector.
    pub fn as_float(&self) -> Option<&[f32]> {
        match self {
            Self::Float(values) => Some(values),
            Self::Quantized(_) => None,
        }
    }

    /// The quantised values, `None` for a vector of real ones.
    pub fn as_quantized(&self) -> Option<&[i8]> {
        match self {
            Self::Float(_) => None,
            Self::Quantized(values) => Some(values),
        }
    }
}

/// What one head of a model gave.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Embedding {
    /// Position of the head among the model's outputs.
    pub head_index: usize,
    /// Name of the head in the model's metadata, if it has one.
    pub head_name: Option<Arc<str>>,
    /// The vector.
    pub feature_vector: FeatureVector,
}

impl Embedding {
    /// The vector of a head.
    pub fn new(
        head_index: usize,
        head_name: Option<Arc<str>>,
        feature_vector: FeatureVector,
    ) -> Self {
        Self { head_index, head_name, feature_vector }
    }
}

/// What a model gave for one picture.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct EmbeddingResult {
    /// One embedding per head, in graph order.
    pub embeddings: Vec<Embedding>,
    /// When the frame of a stream was taken, in milliseconds; `None` for a still picture.
    pub timestamp_ms: Option<i64>,
}

impl EmbeddingResult {
    /// The result of a still picture.
    pub fn new(embeddings: Vec<Embedding>) -> Self {
        Self { embeddings, timestamp_ms: None }
    }
}

/// Real values of stored ones: `scale * (stored - zero_point)` in f32 (Task Library, `Dequantize`).
pub fn dequantize(values: impl Iterator<Item = i32>, scale: f32, zero_point: i32) -> Vec<f32> {
    values.map(|value| scale * (value.wrapping_sub(zero_point)) as f32).collect()
}

/// Divides a vector by its Euclidean norm; a zero vector stays as it is.
///
/// The sum of squares runs in f32 in index order, and the values are multiplied by the reciprocal of its root, as both
/// references do.
pub fn l2_normalize(values: &mut [f32]) {
    let sum = values.iter().fold(0.0f32, |sum, &value| sum + value * value);
    if sum == 0.0 {
        return;
    }
    let reciprocal = 1.0 / sum.sqrt();
    for value in values {
        *value *= reciprocal;
    }
}

/// Values times 128, rounded half away from zero and kept between -128 and 127; NaN becomes 0.
///
/// Only values in -1 to 1 keep their meaning, so vectors are usually normalised first.
pub fn scalar_quantize(values: &[f32]) -> Vec<i8> {
    values.iter().map(|&value| (value * 128.0).round() as i8).collect()
}

/// Cosine of the angle between two vectors, between -1 and 1 but for rounding; NaN if a value is NaN or overflows.
///
/// Products of floats are formed in f32 and summed in f64; those of quantised values are exact.
///
/// # Errors
///
/// The vectors differ in kind or length, are empty, or one of them has norm 0.
///
/// ```
/// use lookalike_core::{FeatureVector, cosine_similarity};
///
/// let u = FeatureVector::Float(vec![1.0, 0.0, 0.0, 0.0]);
/// let v = FeatureVector::Float(vec![0.5, 0.5, 0.5, 0.5]);
/// assert_eq!(cosine_similarity(&u, &v)?, 0.5);
/// # Ok::<(), lookalike_core::Error>(())
/// ```
pub fn cosine_similarity(u: &FeatureVector, v: &FeatureVector) -> Result<f64> {
    let fail = |message: String| {
        Err(Error::invalid_argument(message).with_support_code(SupportCode::InvalidArgument))
    };
    let kind = match (u, v) {
        (FeatureVector::Float(_), FeatureVector::Float(_)) => "float",
        (FeatureVector::Quantized(_), FeatureVector::Quantized(_)) => "quantized",
        _ => {
            return fail(
                "Cannot compute cosine similarity between quantized and float feature vectors"
                    .to_owned(),
            );
        }
    };
    if u.len() != v.len() {
        return fail(format!(
            "Cannot compute cosine similarity on {kind} feature vectors of different sizes ({} vs {})",
            u.len(),
            v.len()
        ));
    }
    if u.is_empty() {
        return fail("Cannot compute cosine similarity on empty feature vectors".to_owned());
    }
    let (dot, norm_u, norm_v) = match (u, v) {
        (FeatureVector::Float(u), FeatureVector::Float(v)) => {
            products(u.iter().zip(v), |&a, &b| f64::from(a * b))
        }
        (FeatureVector::Quantized(u), FeatureVector::Quantized(v)) => {
            products(u.iter().zip(v), |&a, &b| f64::from(i32::from(a) * i32::from(b)))
        }
        _ => return Err(Error::internal("feature vectors changed kind")),
    };
    if norm_u <= 0.0 || norm_v <= 0.0 {
        return fail("Cannot compute cosine similarity on feature vector with 0 norm".to_owned());
    }
    Ok(dot / (norm_u * norm_v).sqrt())
}

/// u·v, u·u and v·v, each summed in index order.
fn products<'a, T: 'a>(
    pairs: impl Iterator<Item = (&'a T, &'a T)>,
    product: impl Fn(&T, &T) -> f64,
) -> (f64, f64, f64) {
    pairs.fold((0.0, 0.0, 0.0), |(dot, norm_u, norm_v), (a, b)| {
        (dot + product(a, b), norm_u + product(a, a), norm_v + product(b, b))
    })
}

#[cfg(test)]
mod tests {
    use super::FeatureVector::{Float, Quantized};
    use super::*;

    #[test]
    fn cosine_similarity_of_known_vectors() {
        for (u, v, expected) in [
            (Float(vec![1.0, 0.0, 0.0, 0.0]), Float(vec![0.5; 4]), 0.5),
            (Quantized(vec![127, 0, 0, 0]), Quantized(vec![-128, 0, 0, 0]), -1.0),
        ] {
            assert_eq!(cosine_similarity(&u, &v).unwrap(), expected);
        }
    }

    #[test]
    fn cosine_similarity_refuses_what_has_no_angle() {
        for (u, v, message) in [
            (
                Float(vec![0.1]),
                Quantized(vec![1]),
                "Cannot compute cosine similarity between quantized and float feature vectors",
            ),
            (
                Float(vec![0.1]),
                Float(vec![0.1, 0.2]),
                "Cannot compute cosine similarity on float feature vectors of different sizes (1 vs 2)",
            ),
            (
                Quantized(vec![1]),
                Quantized(vec![1, 2]),
                "Cannot compute cosine similarity on quantized feature vectors of different sizes (1 vs 2)",
            ),
            (
                Float(vec![]),
                Float(vec![]),
                "Cannot compute cosine similarity on empty feature vectors",
            ),
            (
                Float(vec![0.1, 0.2]),
                Float(vec![0.0, 0.0]),
                "Cannot compute cosine similarity on feature vector with 0 norm",
            ),
            (
                Quantized(vec![0, 0]),
                Quantized(vec![1, 2]),
                "Cannot compute cosine similarity on feature vector with 0 norm",
            ),
            // The squares underflow in f32.
            (
                Float(vec![1e-30]),
                Float(vec![1e-30]),
                "Cannot compute cosine similarity on feature vector with 0 norm",
            ),
        ] {
            let error = cosine_similarity(&u, &v).unwrap_err();
            assert_eq!(error.to_string(), message);
            assert_eq!(error.support_code(), Some(SupportCode::InvalidArgument));
        }
    }

    #[test]
    fn cosine_similarity_of_overflowing_values_is_nan() {
        let v = Float(vec![1e30, 1.0]);
        assert!(cosine_similarity(&v, &v).unwrap().is_nan());
    }

    #[test]
    fn products_of_floats_are_rounded_to_f32() {
        let (a, b) = (0.1f32, 0.3f32);
        let expected = f64::from(a * b) / (f64::from(a * a) * f64::from(b * b)).sqrt();
        assert_eq!(cosine_similarity(&Float(vec![a]), &Float(vec![b])).unwrap(), expected);
    }

    #[test]
    fn quantisation_rounds_half_away_from_zero_and_saturates() {
        let values = [0.5 / 128.0, -0.5 / 128.0, 1.0, -1.0, 7.0, -7.0, 0.499 / 128.0, f32::NAN];
        assert_eq!(scalar_quantize(&values), [1, -1, 127, -128, 127, -128, 0, 0]);
    }

    #[test]
    fn l2_normalisation_keeps_a_zero_vector() {
        let mut zero = [0.0; 3];
        l2_normalize(&mut zero);
        assert_eq!(zero, [0.0; 3]);
        let mut values = [0.1, 0.2];
        l2_normalize(&mut values);
        assert_eq!(values, [0.447_213_56, 0.894_427_1]);
    }

    #[test]
    fn dequantisation_without_parameters_gives_zeros() {
        assert_eq!(dequantize([0, 3, 255].into_iter(), 0.0, 0), [0.0; 3]);
        assert_eq!(dequantize([0, 3, 255].into_iter(), 0.5, 1), [-0.5, 1.0, 127.0]);
    }
}
