//! What two results differ by.

use anyhow::{Result, ensure};

/// The largest difference of two lists, each divided by its Euclidean norm.
pub(crate) fn after_l2(found: &[f32], expected: &[f32]) -> Result<f32> {
    ensure!(found.len() == expected.len(), "{} values instead of {}", found.len(), expected.len());
    let norm = |values: &[f32]| {
        values.iter().map(|&value| f64::from(value) * f64::from(value)).sum::<f64>().sqrt()
    };
    let (a, b) = (norm(found), norm(expected));
    if a == 0.0 && b == 0.0 {
        return Ok(0.0);
    }
    let difference = |(&x, &y): (&f32, &f32)| (f64::from(x) / a - f64::from(y) / b).abs() as f32;
    Ok(largest(found.iter().zip(expected).map(difference)))
}

/// The largest number; not a number if one is not.
pub(crate) fn largest(differences: impl Iterator<Item = f32>) -> f32 {
    differences.fold(0.0, |max, difference| if difference <= max { max } else { difference })
}
