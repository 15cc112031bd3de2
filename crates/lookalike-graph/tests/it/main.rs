//! Parsing graphs that are made here.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

mod draft;
mod graphs;
mod lookups;
mod operators;
mod values;
