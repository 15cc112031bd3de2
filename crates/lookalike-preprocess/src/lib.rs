//! Preprocessing profiles: from an image to the input tensor of a model.
//!
//! [`TaskLibrary`] gives the tensors of the TensorFlow Lite Task Library 0.4.4 (x86-64), bit for bit: crop, fixed-point
//! bilinear resize, orientation, normalization. [`MediaPipe`] gives those of MediaPipe Tasks 1.2.2.
//! [`Antialias`] gives tensors of antialiased images, which match no reference.

mod antialias;
mod geometry;
mod kernels;
mod mediapipe;
mod packed;
mod plane;
mod target;
mod task_library;
mod upright;
mod yuv;

pub use crate::antialias::Antialias;
pub use crate::mediapipe::MediaPipe;
pub use crate::task_library::TaskLibrary;
