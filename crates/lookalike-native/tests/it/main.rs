//! The engine on models that are made here: every instruction set, fused and not, with one thread and several, against reference ops.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

mod allocations;
mod convolutions;
mod dynamic;
mod goldens;
mod graphs;
mod models;
mod quantities;
mod sessions;
