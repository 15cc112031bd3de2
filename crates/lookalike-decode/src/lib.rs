//! Picture files to pixels.
//!
//! | stored | becomes |
//! |---|---|
//! | grey of 1, 2, 4 or 8 bits | grey, scaled to 0..255 |
//! | grey with alpha | grey; alpha is dropped |
//! | RGB, palette, CMYK, YCbCr | RGB |
//! | RGBA, palette with transparency, GIF | RGBA; alpha is dropped when a tensor is filled, nothing is composited |
//! | 16 bits a sample | the high byte |
//! | floating point | 0..1 scaled to 0..255, rounded, clamped |
//! | animation | the first frame |
//!
//! Colour profiles and gamma are ignored, as both references do. EXIF orientation is applied or ignored as the caller says.
//!
//! ```
//! use lookalike_core::Limits;
//! use lookalike_decode::{Exif, decode};
//!
//! let picture = decode(b"P5 2 1 255 \x00\xff", Exif::Apply, &Limits::default())?;
//! assert_eq!((picture.width(), picture.height()), (2, 1));
//! # Ok::<(), lookalike_core::Error>(())
//! ```

#![forbid(unsafe_code)]

#[cfg(any(feature = "tiff", feature = "webp"))]
mod containers;

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use image::{ColorType, ImageDecoder, ImageError, ImageFormat, ImageReader};
use lookalike_core::{
    Error, ErrorKind, ImageView, Limits, Orientation, PixelFormat, Result, SupportCode,
    contain_panics, one_line,
};

/// Whether the orientation that a file's EXIF data asks for is taken over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exif {
    /// Turned as the camera says, in whichever format it says so.
    Apply,
    /// Turned in JPEG files only, as MediaPipe does.
    ApplyToJpeg,
    /// Taken as stored, as the Task Library does.
    Ignore,
}

/// A decoded picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    pixels: Vec<u8>,
    width: usize,
    height: usize,
    format: PixelFormat,
    orientation: Orientation,
}

impl Picture {
    /// Pixels in a row, as stored.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows, as stored.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Grey, RGB or RGBA.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// How the stored pixels must be turned.
    pub fn orientation(&self) -> Orientation {
        self.orientation
    }

    /// The bytes, without padding between rows.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The pixels with their orientation.
    ///
    /// # Errors
    ///
    /// Never for a picture that was decoded.
    pub fn view(&self) -> Result<ImageView<'_>> {
        let view = match self.format {
            PixelFormat::Gray => ImageView::gray(&self.pixels, self.width, self.height)?,
            PixelFormat::Rgba => ImageView::rgba(&self.pixels, self.width, self.height)?,
            _ => ImageView::rgb(&self.pixels, self.width, self.height)?,
        };
        Ok(view.with_orientation(self.orientation))
    }
}

/// Decodes a picture file; the contents decide the format, not the name.
///
/// # Errors
///
/// The file is missing or unreadable, too large, or as for [`decode`].
pub fn decode_file(path: impl AsRef<Path>, exif: Exif, limits: &Limits) -> Result<Picture> {
    let path = path.as_ref();
    let failure = |error| Error::file(path, error);
    let file = File::open(path).map_err(failure)?;
    let mut bytes = Vec::new();
    // One byte more than allowed tells a file that is too long from one that just fits.
    file.take(limits.max_picture_bytes.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(failure)?;
    decode(&bytes, exif, limits)
}

/// Decodes the bytes of a picture file.
///
/// # Errors
///
/// The bytes are in no known format, or one left out of this build; they are broken; or the picture exceeds a limit.
pub fn decode(bytes: &[u8], exif: Exif, limits: &Limits) -> Result<Picture> {
    if bytes.len() as u64 > limits.max_picture_bytes {
        return Err(too_large(format!(
            "the file has more than {} bytes (max_picture_bytes)",
            limits.max_picture_bytes
        )));
    }
    contain_panics(|| decode_contained(bytes, exif, limits)).unwrap_or_else(|panic| {
        Err(broken(format!(
            "An error occurred while decoding image: the decoder panicked: {panic}"
        )))
    })
}

fn decode_contained(bytes: &[u8], exif: Exif, limits: &Limits) -> Result<Picture> {
    let mut reader = ImageReader::new(Cursor::new(bytes));
    let mut decoder_limits = image::Limits::no_limits();
    decoder_limits.max_alloc = Some(limits.max_decoder_bytes);
    reader.limits(decoder_limits);
    let reader =
        reader.with_guessed_format().map_err(|error| from_image(ImageError::IoError(error)))?;
    let Some(format) = reader.format() else {
        return Err(broken(format!(
            "An error occurred while decoding image: unknown image type; this build reads {}",
            readable_formats()
        )));
    };
    if !format.reading_enabled() {
        return Err(broken(format!(
            "An error occurred while decoding image: {format:?} is not supported; this build reads {}",
            readable_formats()
        )));
    }
    #[cfg(feature = "webp")]
    if format == ImageFormat::WebP {
        containers::check_webp(bytes)?;
    }
    let mut decoder = reader.into_decoder().map_err(from_image)?;
    let (width, height) = decoder.dimensions();
    let pixel_count = u64::from(width) * u64::from(height);
    if pixel_count > limits.max_pixels {
        return Err(too_large(format!(
            "the image of {width}x{height} pixels has more than {} (max_pixels)",
            limits.max_pixels
        )));
    }
    // These two take limits on sides only.
    let counts = !matches!(format, ImageFormat::Jpeg | ImageFormat::WebP);
    let needed =
        if counts { decoder.total_bytes() } else { decoder.total_bytes().saturating_mul(3) };
    if needed > limits.max_decoder_bytes {
        return Err(too_large(format!(
            "the image of {width}x{height} pixels needs more than {} bytes (max_decoder_bytes)",
            limits.max_decoder_bytes
        )));
    }
    if pixel_count == 0 {
        return Err(broken(format!("an image of {width}x{height} has no pixels")));
    }
    #[cfg(feature = "tiff")]
    if format == ImageFormat::Tiff {
        containers::check_tiff(bytes, limits)?;
    }
    // Broken EXIF data says nothing about the picture.
    let orientation = match exif {
        Exif::ApplyToJpeg if format != ImageFormat::Jpeg => Orientation::TopLeft,
        Exif::Apply | Exif::ApplyToJpeg => decoder
            .orientation()
            .ok()
            .and_then(|orientation| Orientation::from_exif(orientation.to_exif()))
            .unwrap_or_default(),
        Exif::Ignore => Orientation::TopLeft,
    };
    // What the pixels take, the decoder may not take again.
    let mut rest = image::Limits::no_limits();
    rest.max_alloc = Some(limits.max_decoder_bytes - decoder.total_bytes());
    decoder.set_limits(rest).map_err(from_image)?;
    let color = decoder.color_type();
    let raw_bytes = decoder.total_bytes() as usize;
    let mut raw = Vec::new();
    raw.try_reserve_exact(raw_bytes)
        .map_err(|_| too_large(format!("there is no memory for {raw_bytes} bytes of pixels")))?;
    raw.resize(raw_bytes, 0);
    decoder.read_image(&mut raw).map_err(from_image)?;
    let (format, pixels) = to_bytes(color, raw)?;
    Ok(Picture { pixels, width: width as usize, height: height as usize, format, orientation })
}

/// Brings samples to eight bits and drops the alpha of grey pictures, within the memory the samples have.
fn to_bytes(color: ColorType, mut raw: Vec<u8>) -> Result<(PixelFormat, Vec<u8>)> {
    let high_byte = |sample: &[u8]| (u16::from_ne_bytes([sample[0], sample[1]]) >> 8) as u8;
    let scaled = |sample: &[u8]| {
        let value = f32::from_ne_bytes([sample[0], sample[1], sample[2], sample[3]]);
        (value * 255.0).round() as u8
    };
    let without_alpha = |pair: &[u8]| pair[0];
    let format = match color {
        ColorType::L8 | ColorType::La8 | ColorType::L16 | ColorType::La16 => PixelFormat::Gray,
        ColorType::Rgb8 | ColorType::Rgb16 | ColorType::Rgb32F => PixelFormat::Rgb,
        ColorType::Rgba8 | ColorType::Rgba16 | ColorType::Rgba32F => PixelFormat::Rgba,
        other => return Err(broken(format!("pixels of type {other:?} are not supported"))),
    };
    match color {
        ColorType::L16 | ColorType::La16 | ColorType::Rgb16 | ColorType::Rgba16 => {
            reduce::<2>(&mut raw, high_byte);
        }
        ColorType::Rgb32F | ColorType::Rgba32F => reduce::<4>(&mut raw, scaled),
        _ => {}
    }
    if matches!(color, ColorType::La8 | ColorType::La16) {
        reduce::<2>(&mut raw, without_alpha);
    }
    Ok((format, raw))
}

/// Makes one byte of every `N`.
fn reduce<const N: usize>(bytes: &mut Vec<u8>, byte: impl Fn(&[u8]) -> u8) {
    let count = bytes.len() / N;
    for index in 0..count {
        bytes[index] = byte(&bytes[index * N..][..N]);
    }
    bytes.truncate(count);
    bytes.shrink_to_fit();
}

fn readable_formats() -> String {
    let formats = ImageFormat::all().filter(ImageFormat::reading_enabled);
    formats.map(|format| format!("{format:?}")).collect::<Vec<_>>().join(", ")
}

fn from_image(error: ImageError) -> Error {
    match error {
        ImageError::Limits(limits) => too_large(limits.to_string()),
        other => broken(format!(
            "An error occurred while decoding image: {}",
            one_line(&other.to_string())
        )),
    }
}

fn broken(message: String) -> Error {
    Error::internal(message).with_support_code(SupportCode::ImageProcessing)
}

fn too_large(message: String) -> Error {
    Error::new(ErrorKind::ResourceExhausted, format!("The image exceeds a limit: {message}"))
        .with_support_code(SupportCode::ImageProcessing)
}

#[cfg(test)]
mod tests;
