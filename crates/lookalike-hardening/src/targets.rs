//! The bodies of the fuzz targets: each takes any bytes and panics only if lookalike is wrong.
//!
//! They stand here, and not beside libFuzzer, so that plain `cargo test` can replay what was found.

mod command_line;
mod metadata;
mod models;
mod pictures;
mod tensors;

pub use command_line::{parse_arguments, write_vectors};
pub use metadata::read_metadata;
pub use models::{read_model, run, run_model, translate_model};
pub use pictures::decode_picture;
pub use tensors::prepare_tensor;

/// A fuzz target.
pub type Target = fn(&[u8]);

/// All targets by name, which is also that of their folders of seeds and of regressions.
pub const TARGETS: &[(&str, Target)] = &[
    ("decode_picture", decode_picture),
    ("parse_arguments", parse_arguments),
    ("prepare_tensor", prepare_tensor),
    ("read_metadata", read_metadata),
    ("read_model", read_model),
    ("run_model", run_model),
    ("translate_model", translate_model),
    ("write_vectors", write_vectors),
];
