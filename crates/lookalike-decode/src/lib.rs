//! Image files to pixels.
//!
//! | stored | becomes |
//! |---|---|
//! | gray of 1, 2, 4 or 8 bits | gray, scaled to 0..255 |
//! | gray with alpha | gray; alpha is dropped |
//! | RGB, palette, CMYK, YCbCr | RGB |
//! | RGBA, palette with transparency, GIF | RGBA; alpha is dropped when a tensor is filled, nothing is composited |
//! | 16 bits a sample | the high byte |
//! | floating point | 0..1 scaled to 0..255, rounded, clamped |
//! | animation | the first frame |
//!
//! Color profiles and gamma are ignored, as both references do. [`DecodeOptions`] says what becomes of EXIF orientation, of alpha and of
//! files that end early.
//!
//! ```
//! use lookalike_decode::{DecodeOptions, decode};
//!
//! let image = decode(b"P5 2 1 255 \x00\xff", &DecodeOptions::default())?;
//! assert_eq!((image.width(), image.height()), (2, 1));
//! # Ok::<(), lookalike_core::Error>(())
//! ```

#![forbid(unsafe_code)]

mod budget;
#[cfg(any(feature = "tiff", feature = "webp"))]
mod containers;
mod inspect;
#[cfg(feature = "jpeg")]
mod jpeg;
mod sniff;

use std::error::Error as _;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;

use image::{ColorType, ImageDecoder, ImageError, ImageFormat, ImageReader};
use lookalike_core::{
    Error, ErrorKind, Image, ImageOutline, Limits, Orientation, PixelFormat, Result, SampleGrid,
    SupportCode, contain_panics, one_line,
};

pub use crate::budget::{MemoryBudget, Reservation};
pub use crate::inspect::{ImageInfo, JpegInfo, inspect};
pub use crate::sniff::{Format, Sniffed, sniff};

/// Whether the orientation that a file's EXIF data asks for is taken over.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Exif {
    /// Rotated as the camera says, in whichever format it says so.
    #[default]
    Apply,
    /// Rotated in JPEG files only, as MediaPipe does.
    ApplyToJpeg,
    /// Taken as stored, as the Task Library does.
    Ignore,
}

/// How image files are decoded.
///
/// ```
/// use lookalike_decode::{DecodeOptions, Exif};
///
/// let options = DecodeOptions { exif: Exif::Ignore, ..DecodeOptions::default() };
/// assert!(!options.allow_truncated);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct DecodeOptions {
    /// What an image may cost.
    pub limits: Limits,
    /// What becomes of EXIF orientation.
    pub exif: Exif,
    /// Whether a file that ends early gives the pixels that are there, the others gray or black. Otherwise it is refused, as both references
    /// do. This works for JPEG, PNG, BMP, binary PNM and uncompressed TIFF; of the other formats, files that end early are always refused.
    pub allow_truncated: bool,
    /// The color behind transparent pixels, as R, G, B. Without one alpha is dropped and hidden colors count, as both references do.
    pub background: Option<[u8; 3]>,
}

/// An image, and what is to be known of the file it comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Decoded {
    /// The image.
    pub image: Image,
    /// Whether the file ended early, so that only part of the pixels are its own.
    pub is_truncated: bool,
}

/// The pixels of an image on a grid of some rows and columns, or all of them.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Sampled {
    /// The pixels of the grid, side by side, with the orientation of the whole image; the whole image without a grid.
    pub image: Image,
    /// Where the pixels are in the whole image.
    pub grid: Option<SampleGrid>,
    /// Pixels in a row of the whole image, as stored.
    pub width: usize,
    /// Rows of the whole image, as stored.
    pub height: usize,
    /// As of [`Decoded`].
    pub is_truncated: bool,
}

/// Decodes an image file; the contents decide the format, not the name.
///
/// # Errors
///
/// The file is missing or unreadable, too large, or as for [`decode`].
pub fn decode_file(path: impl AsRef<Path>, options: &DecodeOptions) -> Result<Image> {
    decode(&read_file(path, options)?, options)
}

/// Reads an image file within the limits, without decoding it.
///
/// # Errors
///
/// The file is missing, unreadable or too large.
pub fn read_file(path: impl AsRef<Path>, options: &DecodeOptions) -> Result<Vec<u8>> {
    let path = path.as_ref();
    let failure = |error| Error::file(path, error);
    let file = File::open(path).map_err(failure)?;
    // What a file claims to have saves reading it piece by piece, and no more than an image may have is asked for.
    let length = file.metadata().map_or(0, |found| found.len()).min(options.limits.max_image_bytes);
    let mut bytes = Vec::new();
    bytes.try_reserve(usize::try_from(length).unwrap_or(0).saturating_add(1)).ok();
    read_into(file, options, &mut bytes).map_err(failure)?;
    check_length(&bytes, options)?;
    Ok(bytes)
}

/// Reads an image from a stream, at most one byte more than the limits allow, without decoding it. [`decode`] refuses what is too long.
///
/// # Errors
///
/// The stream fails.
pub fn read(stream: impl Read, options: &DecodeOptions) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    read_into(stream, options, &mut bytes)?;
    Ok(bytes)
}

fn read_into(stream: impl Read, options: &DecodeOptions, bytes: &mut Vec<u8>) -> io::Result<()> {
    // One byte more than allowed distinguishes a stream that is too long from one that just fits.
    stream.take(options.limits.max_image_bytes.saturating_add(1)).read_to_end(bytes)?;
    Ok(())
}

/// Decodes the bytes of an image file.
///
/// # Errors
///
/// The bytes are in no known format, or one left out of this build; they are broken or end early; or the image exceeds a limit.
pub fn decode(bytes: &[u8], options: &DecodeOptions) -> Result<Image> {
    decode_within(bytes, options, &MemoryBudget::unlimited()).map(|(decoded, _)| decoded.image)
}

/// Decodes the bytes of an image file once a budget that several threads share has room for it. The budget is charged until the
/// reservation is dropped, which should be when the image is.
///
/// # Errors
///
/// As for [`decode`].
pub fn decode_within<'a>(
    bytes: &[u8],
    options: &DecodeOptions,
    budget: &'a MemoryBudget,
) -> Result<(Decoded, Reservation<'a>)> {
    let (sampled, reservation) = decode_sampled(bytes, options, budget, |_| None)?;
    let Sampled { image, is_truncated, .. } = sampled;
    Ok((Decoded { image, is_truncated }, reservation))
}

/// Decodes as [`decode_within`] does, and no more of a JPEG file than the grid that `sampling` gives for the image; all of it for
/// `None`, and of files of other formats.
///
/// # Errors
///
/// As for [`decode`].
pub fn decode_sampled<'a>(
    bytes: &[u8],
    options: &DecodeOptions,
    budget: &'a MemoryBudget,
    sampling: impl FnOnce(ImageOutline) -> Option<SampleGrid>,
) -> Result<(Sampled, Reservation<'a>)> {
    check_length(bytes, options)?;
    contain_panics(|| decode_contained(bytes, options, budget, sampling))
        .unwrap_or_else(|panic| Err(broken(format!("the decoder panicked: {panic}"))))
}

/// The image with its pixels in the order in which they stand upright.
///
/// ```
/// use lookalike_core::{Image, Orientation};
/// use lookalike_decode::upright;
///
/// let stored = Image::gray(vec![1, 2], 2, 1)?.with_orientation(Orientation::RightTop);
/// let image = upright(stored)?;
/// assert_eq!((image.width(), image.height(), image.pixels()), (1, 2, &[1, 2][..]));
/// # Ok::<(), lookalike_core::Error>(())
/// ```
///
/// # Errors
///
/// There is no memory for the pixels, or their format has several planes, which no decoder gives.
pub fn upright(image: Image) -> Result<Image> {
    let orientation = image.orientation();
    if orientation == Orientation::TopLeft {
        return Ok(image);
    }
    let channels = match image.format() {
        PixelFormat::Gray => 1,
        PixelFormat::Rgb => 3,
        PixelFormat::Rgba => 4,
        other => {
            return Err(Error::unimplemented(format!("images of {other} are not rotated")));
        }
    };
    let plane = image.view().plane(0);
    let stored = (image.width(), image.height());
    let (width, height) = if orientation.swaps_axes() { (stored.1, stored.0) } else { stored };
    let mut pixels = Vec::new();
    let bytes = width * height * channels;
    pixels
        .try_reserve_exact(bytes)
        .map_err(|_| too_large(format!("there is no memory for {bytes} bytes of pixels")))?;
    for y in 0..height {
        for x in 0..width {
            let (column, row) = orientation.stored_position((x, y), stored);
            let pixel = &plane.data[row * plane.row_stride + column * channels..][..channels];
            pixels.extend_from_slice(pixel);
        }
    }
    match channels {
        1 => Image::gray(pixels, width, height),
        3 => Image::rgb(pixels, width, height),
        _ => Image::rgba(pixels, width, height),
    }
}

fn check_length(bytes: &[u8], options: &DecodeOptions) -> Result<()> {
    let max = options.limits.max_image_bytes;
    if bytes.len() as u64 <= max {
        return Ok(());
    }
    Err(too_large(format!("the file has more than {max} bytes (max_image_bytes)")))
}

/// The format of the file, if this build reads it.
fn format_of(bytes: &[u8]) -> Result<ImageFormat> {
    match sniff(bytes) {
        Sniffed::Readable(format) => Ok(format.0),
        unreadable => Err(broken(format!("{unreadable}; this build reads {}", readable_formats()))),
    }
}

fn check_pixels(width: u64, height: u64, limits: &Limits) -> Result<()> {
    if width.saturating_mul(height) <= limits.max_pixels {
        return Ok(());
    }
    Err(too_large(format!(
        "the image of {width}x{height} pixels has more than {} (max_pixels)",
        limits.max_pixels
    )))
}

fn check_memory(needed: u64, (width, height): (u64, u64), limits: &Limits) -> Result<()> {
    if needed <= limits.max_decoder_bytes {
        return Ok(());
    }
    Err(too_large(format!(
        "the image of {width}x{height} pixels needs {needed} bytes, and max_decoder_bytes is {}",
        limits.max_decoder_bytes
    )))
}

fn decode_contained<'a>(
    bytes: &[u8],
    options: &DecodeOptions,
    budget: &'a MemoryBudget,
    sampling: impl FnOnce(ImageOutline) -> Option<SampleGrid>,
) -> Result<(Sampled, Reservation<'a>)> {
    let limits = &options.limits;
    let format = format_of(bytes)?;
    #[cfg(feature = "jpeg")]
    if format == ImageFormat::Jpeg
        && let Some(decoded) = jpeg::decode(bytes, options, budget, sampling)?
    {
        return Ok(decoded);
    }
    #[cfg(not(feature = "jpeg"))]
    let _ = sampling;
    let mut is_truncated = false;
    #[cfg(feature = "webp")]
    if format == ImageFormat::WebP {
        containers::check_webp(bytes)?;
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut decoder_limits = image::Limits::no_limits();
    decoder_limits.max_alloc = Some(limits.max_decoder_bytes);
    reader.limits(decoder_limits);
    let from_image = |error| from_image(error, limits);
    let mut decoder = reader.into_decoder().map_err(from_image)?;
    let (width, height) = decoder.dimensions();
    let (width, height) = (u64::from(width), u64::from(height));
    check_pixels(width, height, limits)?;
    let pixel_count = width * height;
    let needed = match format {
        // These two take limits on sides only.
        ImageFormat::Jpeg | ImageFormat::WebP => decoder.total_bytes().saturating_mul(3),
        _ => decoder.total_bytes(),
    };
    check_memory(needed, (width, height), limits)?;
    if pixel_count == 0 {
        return Err(broken(format!("an image of {width}x{height} has no pixels")));
    }
    // Strips or tiles, the decoder's copy of all pixels, and ours.
    #[cfg(feature = "tiff")]
    let needed = if format == ImageFormat::Tiff {
        containers::check_tiff(bytes, limits)?.saturating_add(needed.saturating_mul(2))
    } else {
        needed
    };
    let needed = needed.saturating_add(needed_besides(&decoder, format, bytes, options));
    check_memory(needed, (width, height), limits)?;
    let orientation = orientation(&mut decoder, format, options.exif);
    let mut reservation = budget.reserve(needed);
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
    if let Err(error) = decoder.read_image(&mut raw) {
        if !(options.allow_truncated && ends_early(&error)) {
            return Err(from_image(error));
        }
        is_truncated = true;
        if reads_whole_blocks(format) {
            read_padded(bytes, format, limits, &mut raw)?;
        }
    }
    let (format, mut pixels) = to_bytes(color, raw, options.background)?;
    let (width, height) = (width as usize, height as usize);
    let image = match (format, options.background) {
        (PixelFormat::Gray, _) => Image::gray(pixels, width, height)?,
        (PixelFormat::Rgba, Some(background)) => {
            compose(&mut pixels, background);
            Image::rgb(pixels, width, height)?
        }
        (PixelFormat::Rgba, None) => Image::rgba(pixels, width, height)?,
        _ => Image::rgb(pixels, width, height)?,
    };
    reservation.shrink(image.pixels().len() as u64);
    let image = image.with_orientation(orientation);
    Ok((Sampled { image, grid: None, width, height, is_truncated }, reservation))
}

/// Bytes that are held beside what the decoder counts: a longer copy of a file that ends early, and the colors before which gray pixels are
/// put.
fn needed_besides(
    decoder: &impl ImageDecoder,
    format: ImageFormat,
    bytes: &[u8],
    options: &DecodeOptions,
) -> u64 {
    let mut needed = 0_u64;
    if options.allow_truncated && reads_whole_blocks(format) {
        needed = needed.saturating_add(decoder.total_bytes()).saturating_add(bytes.len() as u64);
    }
    let has_gray_alpha = matches!(decoder.color_type(), ColorType::La8 | ColorType::La16);
    if options.background.is_some() && has_gray_alpha {
        let (width, height) = decoder.dimensions();
        needed = needed.saturating_add(3 * u64::from(width) * u64::from(height));
    }
    needed
}

/// Whether the decoder reads many pixels at a time, and gives none of those that are there if not all of them are.
fn reads_whole_blocks(format: ImageFormat) -> bool {
    matches!(format, ImageFormat::Pnm | ImageFormat::Tiff)
}

/// Reads the pixels of a file that ends early as if zeros followed. Where these are no pixels, as in compressed data, nothing is read.
///
/// # Errors
///
/// There is no memory for the longer file.
fn read_padded(bytes: &[u8], format: ImageFormat, limits: &Limits, raw: &mut [u8]) -> Result<()> {
    let length = bytes.len().saturating_add(raw.len());
    let mut padded = Vec::new();
    padded
        .try_reserve_exact(length)
        .map_err(|_| too_large(format!("there is no memory for {length} bytes of a file")))?;
    padded.extend_from_slice(bytes);
    padded.resize(length, 0);
    let mut reader = ImageReader::with_format(Cursor::new(&padded[..]), format);
    let mut decoder_limits = image::Limits::no_limits();
    decoder_limits.max_alloc = Some(limits.max_decoder_bytes);
    reader.limits(decoder_limits);
    let read = reader.into_decoder().and_then(|decoder| decoder.read_image(raw));
    read.map_err(|_| broken("the file ends early, before there are any pixels"))
}

/// The orientation that EXIF data asks for. Broken data says nothing about the image.
fn orientation(decoder: &mut impl ImageDecoder, format: ImageFormat, exif: Exif) -> Orientation {
    match exif {
        Exif::ApplyToJpeg if format != ImageFormat::Jpeg => Orientation::TopLeft,
        Exif::Apply | Exif::ApplyToJpeg => decoder
            .orientation()
            .ok()
            .and_then(|orientation| Orientation::from_exif(orientation.to_exif()))
            .unwrap_or_default(),
        Exif::Ignore => Orientation::TopLeft,
    }
}

/// Puts RGBA pixels before a color, and drops alpha.
fn compose(pixels: &mut Vec<u8>, background: [u8; 3]) {
    let count = pixels.len() / 4;
    for index in 0..count {
        let alpha = pixels[index * 4 + 3];
        for (channel, &behind) in background.iter().enumerate() {
            pixels[index * 3 + channel] = mix(pixels[index * 4 + channel], alpha, behind);
        }
    }
    pixels.truncate(count * 3);
    pixels.shrink_to_fit();
}

/// Puts pixels of gray and alpha before a color, which makes them RGB.
fn compose_gray(pixels: &[u8], background: [u8; 3]) -> Vec<u8> {
    let (pixels, _) = pixels.as_chunks();
    pixels
        .iter()
        .flat_map(|&[gray, alpha]| background.map(|behind| mix(gray, alpha, behind)))
        .collect()
}

/// `(color * alpha + behind * (255 - alpha)) / 255`, rounded to the nearest.
fn mix(color: u8, alpha: u8, behind: u8) -> u8 {
    let alpha = u32::from(alpha);
    let sum = u32::from(color) * alpha + u32::from(behind) * (255 - alpha);
    ((sum + 127) / 255) as u8
}

/// Whether a decoder stopped because there were no more bytes.
fn ends_early(error: &ImageError) -> bool {
    let is_end = |error: &io::Error| error.kind() == io::ErrorKind::UnexpectedEof;
    let mut cause: Option<&(dyn std::error::Error + 'static)> = match error {
        ImageError::IoError(error) => return is_end(error),
        other => other.source(),
    };
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(is_end) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Brings samples to eight bits and drops the alpha of gray images, within the memory the samples have.
fn to_bytes(
    color: ColorType,
    mut raw: Vec<u8>,
    background: Option<[u8; 3]>,
) -> Result<(PixelFormat, Vec<u8>)> {
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
    let has_gray_alpha = matches!(color, ColorType::La8 | ColorType::La16);
    if let (true, Some(background)) = (has_gray_alpha, background) {
        return Ok((PixelFormat::Rgb, compose_gray(&raw, background)));
    }
    if has_gray_alpha {
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

fn from_image(error: ImageError, limits: &Limits) -> Error {
    match error {
        ImageError::Limits(_) => too_large(format!(
            "decoding needs more memory than max_decoder_bytes, which is {}",
            limits.max_decoder_bytes
        )),
        other if ends_early(&other) => broken("the file ends early"),
        other => broken(one_line(&other.to_string())),
    }
}

/// The error for bytes that are no image, or a broken one; the first words are the reference's.
fn broken(message: impl std::fmt::Display) -> Error {
    Error::invalid_argument(format!("An error occurred while decoding image: {message}"))
        .with_support_code(SupportCode::ImageProcessing)
}

fn too_large(message: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::ResourceExhausted, format!("The image exceeds a limit: {message}"))
        .with_support_code(SupportCode::ImageProcessing)
}

#[cfg(test)]
mod tests;
