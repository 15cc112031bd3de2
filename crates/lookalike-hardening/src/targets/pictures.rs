//! Picture files.

use lookalike::{Exif, Limits, decode};

/// Decodes the bytes as a picture file, EXIF data included, within small limits.
pub fn decode_picture(data: &[u8]) {
    let mut limits = Limits::default();
    limits.max_pixels = 1 << 20;
    limits.max_decoder_bytes = 64 << 20;
    let Ok(picture) = decode(data, Exif::Apply, &limits) else { return };
    assert!(picture.width() * picture.height() <= 1 << 20, "more pixels than allowed");
    let view = picture.view().expect("a decoded picture has the pixels it says");
    assert_eq!((view.width(), view.height()), (picture.width(), picture.height()));
    let stored =
        decode(data, Exif::Ignore, &limits).expect("EXIF data decides nothing but the turn");
    assert!(stored.pixels() == picture.pixels(), "a picture is decoded in two ways");
}
