//! How close results must be.

/// Largest difference of two values of L2-normalised vectors of a float model.
pub(crate) const FLOAT_VALUE: f32 = 1e-5;
/// Largest difference of two cosines of a float model.
pub(crate) const FLOAT_COSINE: f64 = 1e-6;
/// Largest difference of two cosines of a quantised model, and of quantised vectors.
pub(crate) const QUANTIZED_COSINE: f64 = 1e-3;
/// Part of a quantised result's integers that may be more than one step apart.
pub(crate) const FAR_PART: f64 = 0.01;
/// Largest difference of the result of one operator of floats, relative to values above 1.
pub(crate) const OPERATOR: f32 = 1e-5;
