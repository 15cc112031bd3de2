//! The model reader and its rules on models built for each test.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

mod reader;
mod rules;
mod values;
