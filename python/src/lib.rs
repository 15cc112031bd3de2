//! `lookalike._native`: what the Python package `lookalike` is made of. Everything that Python programs see is in `package/lookalike`.

mod embedder;
mod errors;
mod pixels;

use pyo3::pymodule;

/// The compiled part of lookalike.
#[pymodule(gil_used = false)]
mod _native {
    use std::ffi::OsString;

    use lookalike::{KNOWN_BACKENDS, backends, preprocessor_names};
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::embedder::{Embedder, cosine_similarity};
    #[pymodule_export]
    use crate::errors::Failure;
    #[pymodule_export]
    use crate::pixels::decode;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        let backends: Vec<&str> = backends().iter().map(|backend| backend.name()).collect();
        module.add("BACKENDS", backends)?;
        module.add("KNOWN_BACKENDS", KNOWN_BACKENDS.to_vec())?;
        module.add("PREPROCESSORS", preprocessor_names().collect::<Vec<_>>())
    }

    /// Runs the command line with these arguments, the program's name first; returns its exit code.
    #[pyfunction]
    fn run_command_line(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
        py.detach(|| lookalike_cli::run_program(arguments))
    }
}
