//! What two results differ by.

use anyhow::{Result, ensure};

use crate::bounds::FAR_PART;

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
    differences.fold(0.0, |most, difference| if difference <= most { most } else { difference })
}

/// Checks integers, given as whole numbers: but for a few, none may be more than one step off. Returns the largest difference.
pub(crate) fn steps(found: &[f32], expected: &[f32]) -> Result<f32> {
    ensure!(found.len() == expected.len(), "{} values instead of {}", found.len(), expected.len());
    let differences = || found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    let far = differences().filter(|&difference| difference > 1.5).count();
    let most = largest(differences());
    ensure!(
        far as f64 <= FAR_PART * found.len() as f64,
        "{far} of {} values are more than one step off, by {most} at most",
        found.len()
    );
    Ok(most)
}
