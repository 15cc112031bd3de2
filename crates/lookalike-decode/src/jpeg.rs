//! JPEG files, through the decoder that gives the references' pixels.

use image::{ImageFormat, metadata};
use lookalike_core::{Error, Image, ImageOutline, Orientation, Result, SampleGrid};
use lookalike_jpeg::{Decoder, ErrorKind, Options};

use crate::inspect::{ImageInfo, JpegInfo};
use crate::sniff::Format;
use crate::{
    DecodeOptions, Exif, MemoryBudget, Reservation, Sampled, broken, check_memory, check_pixels,
    too_large,
};

/// Decodes a file; `None` if it is of a kind that the decoder does not know.
pub(crate) fn decode<'a>(
    bytes: &[u8],
    options: &DecodeOptions,
    budget: &'a MemoryBudget,
    sampling: impl FnOnce(ImageOutline) -> Option<SampleGrid>,
) -> Result<Option<(Sampled, Reservation<'a>)>> {
    let Some(mut decoder) = decoder(bytes, options)? else { return Ok(None) };
    let outline = outline(&decoder, options.exif);
    let ImageOutline { width, height, orientation } = outline;
    check_pixels(width as u64, height as u64, &options.limits)?;
    let grid = sampling(outline);
    let pixels = match &grid {
        Some(grid) => grid.rows().len() as u64 * grid.columns().len() as u64,
        None => width as u64 * height as u64,
    };
    let (needed, needed_for_scans) = decoder.memory(pixels);
    check_memory(needed, (width as u64, height as u64), &options.limits)?;
    let decode = |decoder: &Decoder<'_>| match &grid {
        Some(grid) => decoder.decode_at(grid.rows(), grid.columns()),
        None => decoder.decode(),
    };
    let mut reservation = budget.reserve(needed);
    decoder.set_max_bytes(needed);
    let mut decoded = decode(&decoder);
    let is_short = decoded.as_ref().is_err_and(|error| error.kind() == ErrorKind::Limit);
    if is_short && needed < needed_for_scans {
        // The file has another scan, for which the budget is asked again.
        check_memory(needed_for_scans, (width as u64, height as u64), &options.limits)?;
        drop(reservation);
        reservation = budget.reserve(needed_for_scans);
        decoder.set_max_bytes(needed_for_scans);
        decoded = decode(&decoder);
    }
    let decoded = decoded.map_err(from_jpeg)?;
    let make = if decoded.channels == 1 { Image::gray } else { Image::rgb };
    let image = make(decoded.pixels, decoded.width, decoded.height)?.with_orientation(orientation);
    reservation.shrink(image.pixels().len() as u64);
    let is_truncated = decoded.is_truncated;
    Ok(Some((Sampled { image, grid, width, height, is_truncated }, reservation)))
}

/// What the header of a file says; `None` if it is of a kind that the decoder does not know.
pub(crate) fn inspect(
    bytes: &[u8],
    options: &DecodeOptions,
    sampling: impl FnOnce(ImageOutline) -> Option<SampleGrid>,
) -> Result<Option<ImageInfo>> {
    let Some(decoder) = decoder(bytes, options)? else { return Ok(None) };
    let info = decoder.info();
    check_pixels(info.width as u64, info.height as u64, &options.limits)?;
    let grid = sampling(outline(&decoder, options.exif));
    let all = |size: usize| (0..size as u32).collect();
    let positions =
        grid.clone().unwrap_or_else(|| SampleGrid::new(all(info.height), all(info.width)));
    let blocks = decoder.blocks_at(positions.rows(), positions.columns());
    let (transformed_blocks, blocks) = blocks.map_err(from_jpeg)?;
    Ok(Some(ImageInfo {
        format: Format(ImageFormat::Jpeg),
        outline: outline(&decoder, Exif::Apply),
        decoder: "lookalike-jpeg",
        grid,
        jpeg: Some(JpegInfo {
            is_progressive: info.is_progressive,
            sampling: info.sampling.clone(),
            restart_interval: info.restart_interval,
            blocks,
            transformed_blocks,
        }),
    }))
}

/// Reads the header of a file; `None` if it is of a kind that the decoder does not know.
fn decoder<'b>(bytes: &'b [u8], options: &DecodeOptions) -> Result<Option<Decoder<'b>>> {
    let decoder_options = Options {
        max_bytes: options.limits.max_decoder_bytes,
        allow_truncated: options.allow_truncated,
        ..Options::default()
    };
    match Decoder::new(bytes, &decoder_options) {
        Ok(decoder) => Ok(Some(decoder)),
        Err(error) if error.kind() == ErrorKind::Unsupported => Ok(None),
        Err(error) => Err(from_jpeg(error)),
    }
}

/// The image that a header describes.
fn outline(decoder: &Decoder<'_>, exif: Exif) -> ImageOutline {
    let info = decoder.info();
    // Broken EXIF data says nothing about the image.
    let orientation = info
        .exif
        .filter(|_| exif != Exif::Ignore)
        .and_then(metadata::Orientation::from_exif_chunk)
        .and_then(|orientation| Orientation::from_exif(orientation.to_exif()));
    ImageOutline {
        width: info.width,
        height: info.height,
        orientation: orientation.unwrap_or_default(),
    }
}

fn from_jpeg(error: lookalike_jpeg::Error) -> Error {
    match error.kind() {
        ErrorKind::Limit => too_large(error),
        _ => broken(error),
    }
}
