//! The interface as C programs use it and misuse it: its functions called directly, and programs that are compiled and run.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]
#![allow(unsafe_code, reason = "what is tested takes pointers")]
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "each call is either right or wrong on purpose"
)]

mod calls;
mod images;
mod programs;
