//! The embedder as its users see it, on the committed fixtures.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

mod behaviour;
mod golden;
mod stream;

use std::path::PathBuf;

use lookalike::{DecodeOptions, Exif, Image, decode_file};

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models/fixtures").join(name)
}

fn picture(name: &str) -> Image {
    decode_file(fixture(name), &DecodeOptions { exif: Exif::Ignore, ..DecodeOptions::default() })
        .unwrap()
}
