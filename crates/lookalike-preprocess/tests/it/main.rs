//! The profiles against captured numbers and against slow, plain code.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

mod antialias;
mod golden;
mod mediapipe;
mod property;
