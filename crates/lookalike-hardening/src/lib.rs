//! What is thrown at lookalike: fuzz targets, mutations of models and pictures, and the campaign that runs them.

#![forbid(unsafe_code)]
#![cfg(unix)]

pub mod bombs;
pub mod campaign;
mod cases;
mod child;
mod mutate;
mod random;
pub mod stress;
pub mod subject;
mod subjects;
pub mod targets;

use anyhow::Result;

pub use crate::cases::Cases;

/// Does the cases of a subject from the first one on and says on standard output what becomes of each, within as many bytes of
/// address space.
///
/// # Errors
///
/// The subject cannot be read, or there is nobody to report to.
pub fn serve(subject: &subject::Subject, first: usize, max_bytes: u64) -> Result<()> {
    child::serve(subject, first, max_bytes)
}
