//! The profiles against captured numbers and against slow, plain code.

mod golden;
mod property;
