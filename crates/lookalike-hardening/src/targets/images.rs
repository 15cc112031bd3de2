//! Image files.

use lookalike::{DecodeOptions, Exif, Limits, decode};

/// Decodes the bytes as an image file, EXIF data included, within small limits.
pub fn decode_image(data: &[u8]) {
    let limits = Limits { max_pixels: 1 << 20, max_decoder_bytes: 64 << 20, ..Limits::default() };
    let options = DecodeOptions { limits, ..DecodeOptions::default() };
    let truncated = decode(data, &DecodeOptions { allow_truncated: true, ..options });
    let Ok(image) = decode(data, &options) else { return };
    assert!(image.width() * image.height() <= 1 << 20, "more pixels than allowed");
    let stored = decode(data, &DecodeOptions { exif: Exif::Ignore, ..options })
        .expect("EXIF data decides nothing but the orientation");
    assert!(stored.pixels() == image.pixels(), "an image is decoded in two ways");
    assert!(truncated.is_ok_and(|found| found == image), "a whole image is taken for another one");
    let composed = decode(data, &DecodeOptions { background: Some([1, 2, 3]), ..options })
        .expect("a background decides nothing but colors");
    assert_eq!((composed.width(), composed.height()), (image.width(), image.height()));
}
