//! How close results must be.

use anyhow::{Result, ensure};
use serde::Deserialize;

/// How close vectors and cosines of whole models must be. A listed exception widens what it names.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(default)]
pub(crate) struct Bounds {
    /// Largest difference of two values of an operator's floats, relative to those above 1.
    pub(crate) operator: f32,
    /// Largest difference of two values of L2-normalized vectors of a float model.
    pub(crate) float_value: f32,
    /// Largest difference of two cosines of a float model.
    pub(crate) float_cosine: f64,
    /// Largest difference of two cosines of a quantized model, and of quantized vectors.
    pub(crate) quantized_cosine: f64,
    /// Steps that integers may be apart.
    pub(crate) steps: f32,
    /// Part of a quantized result's integers that may be further apart.
    pub(crate) far_part: f64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            operator: 1e-5,
            float_value: 1e-5,
            float_cosine: 1e-6,
            quantized_cosine: 1e-3,
            steps: 1.0,
            far_part: 0.01,
        }
    }
}

impl Bounds {
    /// Checks integers, given as whole numbers. Returns the largest difference.
    pub(crate) fn check_steps(&self, found: &[f32], expected: &[f32]) -> Result<f32> {
        ensure!(
            found.len() == expected.len(),
            "{} values instead of {}",
            found.len(),
            expected.len()
        );
        let differences = || found.iter().zip(expected).map(|(a, b)| (a - b).abs());
        let far = differences().filter(|&difference| difference > self.steps + 0.5).count();
        let max = crate::compared::largest(differences());
        ensure!(
            far as f64 <= self.far_part * found.len() as f64,
            "{far} of {} values are more than {} steps off, by {max} at most",
            found.len(),
            self.steps
        );
        Ok(max)
    }

    /// Checks two cosines.
    pub(crate) fn check_cosine(&self, is_coarse: bool, found: f64, expected: f64) -> Result<()> {
        let bound = if is_coarse { self.quantized_cosine } else { self.float_cosine };
        let difference = (found - expected).abs();
        ensure!(
            difference <= bound,
            "the cosine {found} instead of {expected}, which is {difference:e} off"
        );
        Ok(())
    }
}
