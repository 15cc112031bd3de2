//! What a file says of its image before it is decoded.

use std::io::Cursor;

use image::{ImageDecoder, ImageReader};
use lookalike_core::{ImageOutline, Result, SampleGrid, contain_panics};

use crate::sniff::Format;
use crate::{
    DecodeOptions, Exif, broken, check_length, check_pixels, format_of, from_image, orientation,
};

/// What a file says of its image.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ImageInfo {
    /// The format, by the contents of the file.
    pub format: Format,
    /// Sizes, and the orientation that EXIF data asks for.
    pub outline: ImageOutline,
    /// The crate that decodes the file.
    pub decoder: &'static str,
    /// The rows and columns that would be decoded; all of them without a grid.
    pub grid: Option<SampleGrid>,
    /// What only JPEG files have.
    pub jpeg: Option<JpegInfo>,
}

/// How a JPEG file is coded.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct JpegInfo {
    /// Whether the file is progressive.
    pub is_progressive: bool,
    /// Sampling factors of each component, across and down.
    pub sampling: Vec<(usize, usize)>,
    /// MCUs between restart markers; 0 for none.
    pub restart_interval: usize,
    /// Blocks of 8 x 8 samples.
    pub blocks: u64,
    /// How many of them are transformed for the grid. All of them pass the entropy decoder.
    pub transformed_blocks: u64,
}

/// Reads the header of an image file, which [`decode_sampled`](crate::decode_sampled) would decode on the grid that `sampling` gives.
///
/// # Errors
///
/// The bytes are in no format that this build reads, the header is broken, or the image has more pixels than the limits allow.
pub fn inspect(
    bytes: &[u8],
    options: &DecodeOptions,
    sampling: impl FnOnce(ImageOutline) -> Option<SampleGrid>,
) -> Result<ImageInfo> {
    check_length(bytes, options)?;
    contain_panics(|| inspect_contained(bytes, options, sampling))
        .unwrap_or_else(|panic| Err(broken(format!("the decoder panicked: {panic}"))))
}

fn inspect_contained(
    bytes: &[u8],
    options: &DecodeOptions,
    sampling: impl FnOnce(ImageOutline) -> Option<SampleGrid>,
) -> Result<ImageInfo> {
    let format = format_of(bytes)?;
    #[cfg(feature = "jpeg")]
    if format == image::ImageFormat::Jpeg
        && let Some(info) = crate::jpeg::inspect(bytes, options, sampling)?
    {
        return Ok(info);
    }
    #[cfg(not(feature = "jpeg"))]
    let _ = sampling;
    let reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut decoder = reader.into_decoder().map_err(|error| from_image(error, &options.limits))?;
    let (width, height) = decoder.dimensions();
    let orientation = orientation(&mut decoder, format, Exif::Apply);
    check_pixels(width.into(), height.into(), &options.limits)?;
    let outline = ImageOutline { width: width as usize, height: height as usize, orientation };
    Ok(ImageInfo { format: Format(format), outline, decoder: "image", grid: None, jpeg: None })
}
