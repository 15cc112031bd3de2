//! Results, and the arithmetic between an engine's output and them.

use std::ops::Deref;
use std::sync::Arc;

use crate::error::{Error, Result, SupportCode};

/// A vector that stands for an image.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(untagged))]
pub enum FeatureVector {
    /// Values in -1 to 1 times 128, rounded, between -128 and 127.
    Quantized(Vec<i8>),
    /// Real values.
    Float(Vec<f32>),
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

    /// The real values, `None` for a quantized vector.
    pub fn as_float(&self) -> Option<&[f32]> {
        match self {
            Self::Float(values) => Some(values),
            Self::Quantized(_) => None,
        }
    }

    /// The quantized values, `None` for a vector of real ones.
    pub fn as_quantized(&self) -> Option<&[i8]> {
        match self {
            Self::Float(_) => None,
            Self::Quantized(values) => Some(values),
        }
    }

    /// The real values, without a copy; `None` for a quantized vector.
    pub fn into_float(self) -> Option<Vec<f32>> {
        match self {
            Self::Float(values) => Some(values),
            Self::Quantized(_) => None,
        }
    }

    /// The quantized values, without a copy; `None` for a vector of real ones.
    pub fn into_quantized(self) -> Option<Vec<i8>> {
        match self {
            Self::Float(_) => None,
            Self::Quantized(values) => Some(values),
        }
    }

    /// Cosine similarity with another vector: see [`cosine_similarity`].
    ///
    /// # Errors
    ///
    /// As for [`cosine_similarity`].
    pub fn cosine(&self, other: &Self) -> Result<f64> {
        cosine_similarity(self, other)
    }
}

impl From<Vec<f32>> for FeatureVector {
    fn from(values: Vec<f32>) -> Self {
        Self::Float(values)
    }
}

impl From<Vec<i8>> for FeatureVector {
    fn from(values: Vec<i8>) -> Self {
        Self::Quantized(values)
    }
}

/// What one head of a model gave. It dereferences to its vector.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
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

impl Deref for Embedding {
    type Target = FeatureVector;

    fn deref(&self) -> &FeatureVector {
        &self.feature_vector
    }
}

/// What a model gave for one image: an iterator over its embeddings, too.
///
/// ```
/// use lookalike_core::{Embedding, EmbeddingResult, FeatureVector};
///
/// let result = EmbeddingResult::new(vec![Embedding::new(0, None, FeatureVector::Float(vec![0.5]))]);
/// assert_eq!(result.first().as_float(), Some(&[0.5][..]));
/// assert_eq!(result.into_iter().count(), 1);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[non_exhaustive]
pub struct EmbeddingResult {
    /// One embedding per head, in graph order.
    pub embeddings: Vec<Embedding>,
    /// When the frame of a stream was taken, in milliseconds; `None` for a still image.
    pub timestamp_ms: Option<i64>,
}

impl EmbeddingResult {
    /// The result of a still image.
    pub fn new(embeddings: Vec<Embedding>) -> Self {
        Self { embeddings, timestamp_ms: None }
    }

    /// The vector of the first head: the only one of most models. Empty if there is no head, which no embedder returns.
    pub fn first(&self) -> &FeatureVector {
        static NONE: FeatureVector = FeatureVector::Float(Vec::new());
        self.embeddings.first().map_or(&NONE, |embedding| &embedding.feature_vector)
    }
}

impl IntoIterator for EmbeddingResult {
    type Item = Embedding;
    type IntoIter = std::vec::IntoIter<Embedding>;

    fn into_iter(self) -> Self::IntoIter {
        self.embeddings.into_iter()
    }
}

impl<'a> IntoIterator for &'a EmbeddingResult {
    type Item = &'a Embedding;
    type IntoIter = std::slice::Iter<'a, Embedding>;

    fn into_iter(self) -> Self::IntoIter {
        self.embeddings.iter()
    }
}

/// Real values of stored ones: `scale * (stored - zero_point)` in f32 (Task Library, `Dequantize`).
pub fn dequantize(values: impl Iterator<Item = i32>, scale: f32, zero_point: i32) -> Vec<f32> {
    values.map(|value| scale * (value.wrapping_sub(zero_point)) as f32).collect()
}

/// Divides a vector by its Euclidean norm; a zero vector stays as it is.
///
/// The sum of squares runs in f32 in index order, and the values are multiplied by the reciprocal of its root, as both
/// references do. Where that sum overflows, which turns the references' vectors into zeros, it runs in f64.
pub fn l2_normalize(values: &mut [f32]) {
    let sum = values.iter().fold(0.0f32, |sum, &value| sum + value * value);
    if sum == 0.0 {
        return;
    }
    if sum.is_infinite() {
        let norm = values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
        values.iter_mut().for_each(|value| *value = (f64::from(*value) / norm) as f32);
        return;
    }
    let reciprocal = 1.0 / sum.sqrt();
    for value in values {
        *value *= reciprocal;
    }
}

/// Values times 128, rounded half away from zero and kept between -128 and 127; NaN becomes 0.
///
/// Only values in -1 to 1 keep their meaning, so vectors are usually normalized first.
pub fn scalar_quantize(values: &[f32]) -> Vec<i8> {
    let quantize = |&value: &f32| {
        // What `round` does, in operations that compilers make vectors of.
        let scaled = (value * 128.0).clamp(-128.0, 127.0);
        let whole = scaled as i32;
        let rest = scaled - whole as f32;
        (whole + i32::from(rest >= 0.5) - i32::from(rest <= -0.5)) as i8
    };
    values.iter().map(quantize).collect()
}

/// Cosine of the angle between two vectors, between -1 and 1 but for rounding.
///
/// Products of floats are formed in f32 and summed in f64, as in the references; where a product overflows, they are formed in f64.
/// Those of quantized values are exact.
///
/// # Errors
///
/// The vectors differ in kind or length, are empty, hold a value that is not finite, or one of them has norm 0.
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
    let sums = match (u, v) {
        (FeatureVector::Float(u), FeatureVector::Float(v)) => {
            let sums = products(u.iter().zip(v), |&a, &b| f64::from(a * b));
            if sums.are_finite() {
                sums
            } else {
                products(u.iter().zip(v), |&a, &b| f64::from(a) * f64::from(b))
            }
        }
        (FeatureVector::Quantized(u), FeatureVector::Quantized(v)) => {
            products(u.iter().zip(v), |&a, &b| f64::from(i32::from(a) * i32::from(b)))
        }
        _ => return Err(Error::internal("feature vectors changed kind")),
    };
    if !sums.are_finite() {
        return fail(
            "Cannot compute cosine similarity on feature vectors with values that are not finite"
                .to_owned(),
        );
    }
    if sums.u_u <= 0.0 || sums.v_v <= 0.0 {
        return fail("Cannot compute cosine similarity on feature vector with 0 norm".to_owned());
    }
    Ok(sums.u_v / (sums.u_u * sums.v_v).sqrt())
}

/// [`cosine_similarity`] of two slices of real values.
///
/// # Errors
///
/// As for [`cosine_similarity`].
///
/// ```
/// assert_eq!(lookalike_core::cosine(&[1.0, 0.0, 0.0, 0.0], &[0.5; 4])?, 0.5);
/// # Ok::<(), lookalike_core::Error>(())
/// ```
pub fn cosine(u: &[f32], v: &[f32]) -> Result<f64> {
    cosine_similarity(&u.to_vec().into(), &v.to_vec().into())
}

/// The three sums of products that a cosine consists of.
struct Products {
    u_v: f64,
    u_u: f64,
    v_v: f64,
}

impl Products {
    fn are_finite(&self) -> bool {
        self.u_v.is_finite() && self.u_u.is_finite() && self.v_v.is_finite()
    }
}

/// u·v, u·u and v·v, each summed in index order.
fn products<'a, T: 'a>(
    pairs: impl Iterator<Item = (&'a T, &'a T)>,
    product: impl Fn(&T, &T) -> f64,
) -> Products {
    pairs.fold(Products { u_v: 0.0, u_u: 0.0, v_v: 0.0 }, |sums, (a, b)| Products {
        u_v: sums.u_v + product(a, b),
        u_u: sums.u_u + product(a, a),
        v_v: sums.v_v + product(b, b),
    })
}

#[cfg(test)]
mod tests {
    use super::FeatureVector::{Float, Quantized};
    use super::*;

    #[test]
    fn vectors_are_taken_out_as_what_they_are() {
        let (float, quantized) = (Float(vec![0.5]), Quantized(vec![64]));
        assert_eq!((float.as_float(), float.as_quantized()), (Some(&[0.5][..]), None));
        assert_eq!((quantized.as_float(), quantized.as_quantized()), (None, Some(&[64][..])));
        assert_eq!((float.clone().into_float(), float.into_quantized()), (Some(vec![0.5]), None));
        assert_eq!(
            (quantized.clone().into_float(), quantized.into_quantized()),
            (None, Some(vec![64]))
        );
    }

    #[test]
    fn quantizing_rounds_half_away_from_zero() {
        let near = |value: f32| [value.next_down(), value, value.next_up()];
        let mut values: Vec<f32> =
            (-600..=600).flat_map(|half| near(half as f32 / 256.0)).collect();
        values.extend([f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MIN, f32::MAX, -0.0]);
        values.extend([f32::MIN_POSITIVE, 0.49999997 / 128.0, -0.49999997 / 128.0]);
        let rounded: Vec<i8> = values.iter().map(|value| (value * 128.0).round() as i8).collect();
        assert_eq!(scalar_quantize(&values), rounded);
    }

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
    fn products_that_overflow_are_formed_in_f64() {
        let (u, v) = (Float(vec![1e30, 1.0]), Float(vec![1e30; 3]));
        assert_eq!(cosine_similarity(&u, &u).unwrap(), 1.0);
        assert_eq!(cosine_similarity(&v, &v).unwrap(), 1.0);
        let mut values = [3e30, 4e30];
        l2_normalize(&mut values);
        assert!((values[0] - 0.6).abs() < 1e-6 && (values[1] - 0.8).abs() < 1e-6, "{values:?}");
    }

    #[test]
    fn values_that_are_not_finite_have_no_cosine() {
        for value in [f32::NAN, f32::INFINITY] {
            let error = cosine(&[value, 1.0], &[1.0, 1.0]).unwrap_err();
            assert!(error.to_string().contains("not finite"), "{error}");
        }
    }

    #[test]
    #[cfg(feature = "serde")]
    fn results_survive_serialization() {
        for vector in [Float(vec![0.5, -1.25]), Quantized(vec![1, -128])] {
            let result = EmbeddingResult::new(vec![Embedding::new(1, Some("head".into()), vector)]);
            let text = serde_json::to_string(&result).unwrap();
            assert_eq!(serde_json::from_str::<EmbeddingResult>(&text).unwrap(), result, "{text}");
        }
    }

    #[test]
    fn products_of_floats_are_rounded_to_f32() {
        let (a, b) = (0.1f32, 0.3f32);
        let expected = f64::from(a * b) / (f64::from(a * a) * f64::from(b * b)).sqrt();
        assert_eq!(cosine_similarity(&Float(vec![a]), &Float(vec![b])).unwrap(), expected);
    }

    #[test]
    fn quantization_rounds_half_away_from_zero_and_saturates() {
        let values = [0.5 / 128.0, -0.5 / 128.0, 1.0, -1.0, 7.0, -7.0, 0.499 / 128.0, f32::NAN];
        assert_eq!(scalar_quantize(&values), [1, -1, 127, -128, 127, -128, 0, 0]);
    }

    #[test]
    fn l2_normalization_keeps_a_zero_vector() {
        let mut zero = [0.0; 3];
        l2_normalize(&mut zero);
        assert_eq!(zero, [0.0; 3]);
        let mut values = [0.1, 0.2];
        l2_normalize(&mut values);
        assert_eq!(values, [0.447_213_56, 0.894_427_1]);
    }

    #[test]
    fn dequantization_without_parameters_gives_zeros() {
        assert_eq!(dequantize([0, 3, 255].into_iter(), 0.0, 0), [0.0; 3]);
        assert_eq!(dequantize([0, 3, 255].into_iter(), 0.5, 1), [-0.5, 1.0, 127.0]);
    }
}
