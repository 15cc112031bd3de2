//! Benchmarks of lookalike; see `README.md` beside this package's manifest for figures.
