//! What is thrown at lookalike: fuzz targets, mutations of models and images, and the campaign that runs them.

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

pub use crate::cases::Cases;
pub use crate::child::serve;
