//! The bodies of the fuzz targets: each takes any bytes and panics only if lookalike is wrong.
//!
//! They stand here, and not beside libFuzzer, so that plain `cargo test` can replay what was found.

mod metadata;
mod pictures;
mod tensors;

pub use metadata::read_metadata;
pub use pictures::decode_picture;
pub use tensors::prepare_tensor;

/// A fuzz target.
pub type Target = fn(&[u8]);

/// All targets by name, which is also that of their folders of seeds and of regressions.
pub const TARGETS: &[(&str, Target)] = &[
    ("decode_picture", decode_picture),
    ("prepare_tensor", prepare_tensor),
    ("read_metadata", read_metadata),
];
