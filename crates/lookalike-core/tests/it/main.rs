//! The model reader and its rules on models built for each test.

mod reader;
mod rules;
