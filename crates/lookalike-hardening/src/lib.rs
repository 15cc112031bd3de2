//! What is thrown at lookalike: fuzz targets, mutations of models and pictures, and the campaign that runs them.

#![forbid(unsafe_code)]

pub mod targets;
