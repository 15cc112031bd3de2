//! Where things are in the checkout.

use std::path::PathBuf;

/// The workspace.
pub(crate) fn root() -> PathBuf {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().map_or(manifest.clone(), PathBuf::from)
}

/// Small models and images that are committed.
pub(crate) fn fixtures() -> PathBuf {
    root().join("models/fixtures")
}

/// Models of one operator each.
pub(crate) fn operators() -> PathBuf {
    fixtures().join("operators")
}

/// Numbers captured from the reference library on the fixtures.
pub(crate) fn golden() -> PathBuf {
    fixtures().join("golden")
}

/// JPEG files of all kinds, and what the reference makes of them.
pub(crate) fn jpegs() -> PathBuf {
    root().join("crates/lookalike-jpeg/tests/golden")
}

/// Public models and images that are not committed.
pub(crate) fn cache() -> PathBuf {
    root().join("models/cache")
}

/// Shared libraries of the optional backends.
pub(crate) fn runtimes() -> PathBuf {
    root().join("runtimes")
}

/// The list of what belongs in the cache.
pub(crate) fn manifest() -> PathBuf {
    root().join("models/models.toml")
}

/// The model that is part of the library; `models/gist.tflite` is a link to it.
pub(crate) fn built_in_model() -> PathBuf {
    root().join("crates/lookalike/models/gist.tflite")
}
