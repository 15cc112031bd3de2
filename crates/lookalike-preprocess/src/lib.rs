//! Preprocessing profiles: from a picture to the input tensor of a model.
//!
//! [`TaskLibrary`] gives the tensors of the TensorFlow Lite Task Library 0.4.4 (x86-64), bit for bit: crop, fixed-point
//! bilinear resize, orientation, normalisation.

mod geometry;
mod kernels;
mod packed;
mod plane;
mod target;
mod task_library;
mod yuv;

pub use crate::kernels::InstructionSet;
pub use crate::task_library::TaskLibrary;
