//! What TIFF and WebP files make their decoders hold and do besides the image, which these do not count.

#[cfg(feature = "webp")]
use crate::broken;
#[cfg(feature = "webp")]
use lookalike_core::Result;

#[cfg(feature = "tiff")]
pub(crate) use of_tiff::check_tiff;

/// Refuses a file that ends within one of its chunks: the decoder asks for the memory that a chunk claims before it reads it.
#[cfg(feature = "webp")]
pub(crate) fn check_webp(bytes: &[u8]) -> Result<()> {
    // What lies behind the end that the file declares is not read.
    let declared =
        bytes.get(4..8).and_then(|size| size.try_into().ok()).map_or(0, u32::from_le_bytes);
    let mut at = 12;
    while at < (declared as usize).saturating_add(8).min(bytes.len()) {
        let Some((header, behind)) = bytes[at..].split_first_chunk::<8>() else { break };
        let [.., a, b, c, d] = *header;
        let size = u32::from_le_bytes([a, b, c, d]) as usize;
        if size > behind.len() {
            let name = String::from_utf8_lossy(&header[..4]).escape_debug().to_string();
            return Err(broken(format!("the file ends within its chunk `{name}`")));
        }
        // Chunks begin at even offsets.
        at = at.saturating_add(8 + size + size % 2);
    }
    Ok(())
}

#[cfg(feature = "tiff")]
mod of_tiff {
    use std::io::Cursor;

    use lookalike_core::{Error, Limits, Result, one_line};
    use tiff::TiffError;
    use tiff::decoder::{ChunkType, Decoder};
    use tiff::tags::Tag;

    use crate::{broken, too_large};

    const JPEG: u16 = 7;
    const ONE_SAMPLE_A_PIECE: u16 = 2;

    /// Returns the bytes that all pieces take. Refuses a file whose pieces, strips or tiles, need more memory or work than an image may: a tile
    /// may be larger than its image, pieces may share their data, and one may hold a JPEG of another size. Refuses JPEG pieces that end
    /// early, too, of which the decoder makes images without a word.
    pub(crate) fn check_tiff(bytes: &[u8], limits: &Limits) -> Result<u64> {
        let failure = |error: TiffError| {
            let error = one_line(&error.to_string());
            broken(error)
        };
        let mut decoder = Decoder::new(Cursor::new(bytes)).map_err(failure)?;
        let (_, rows) = decoder.dimensions().map_err(failure)?;
        let (width, mut height) = decoder.chunk_dimensions();
        let (offsets, lengths) = match decoder.get_chunk_type() {
            ChunkType::Strip => {
                height = height.min(rows);
                (Tag::StripOffsets, Tag::StripByteCounts)
            }
            ChunkType::Tile => (Tag::TileOffsets, Tag::TileByteCounts),
        };
        let mut list = |tag| {
            let found = decoder.find_tag_unsigned_vec::<u64>(tag).map_err(failure)?;
            Ok::<_, Error>(found.unwrap_or_default())
        };
        let (offsets, lengths) = (list(offsets)?, list(lengths)?);
        let bits = list(Tag::BitsPerSample)?.into_iter().max().unwrap_or(1);
        let mut number = |tag| {
            let found = decoder.find_tag_unsigned::<u16>(tag).map_err(failure)?;
            Ok::<_, Error>(found.unwrap_or(1))
        };
        let (samples, compression) = (number(Tag::SamplesPerPixel)?, number(Tag::Compression)?);
        let samples = match number(Tag::PlanarConfiguration)? {
            ONE_SAMPLE_A_PIECE => 1,
            _ => samples,
        };
        // A progressive JPEG needs three times its pixels.
        let held = if compression == JPEG { 3 } else { 1 };
        let row = (u128::from(width) * u128::from(bits) * u128::from(samples)).div_ceil(8);
        let needed = row * u128::from(height) * held * offsets.len().max(1) as u128;
        if needed > u128::from(limits.max_decoder_bytes) {
            return Err(too_large(format!(
                "its {} strips or tiles of {width}x{height} pixels need more than {} bytes (max_decoder_bytes)",
                offsets.len(),
                limits.max_decoder_bytes
            )));
        }
        let read = lengths.iter().fold(0_u64, |sum, &length| sum.saturating_add(length));
        if read > (bytes.len() as u64).saturating_mul(4).saturating_add(1 << 20) {
            return Err(too_large(format!(
                "its strips or tiles have {read} bytes, of a file of {}, and may share them four times",
                bytes.len()
            )));
        }
        let needed = u64::try_from(needed).unwrap_or(u64::MAX);
        if compression != JPEG {
            return Ok(needed);
        }
        for (&offset, &length) in offsets.iter().zip(&lengths) {
            // What is not there is no JPEG, and an error of the decoder.
            let piece = usize::try_from(offset).ok().and_then(|start| bytes.get(start..));
            let piece = piece.unwrap_or_default();
            let piece = &piece[..piece.len().min(usize::try_from(length).unwrap_or(usize::MAX))];
            let (fits, ends) = look_into(piece, width, height);
            if !fits {
                return Err(broken(format!(
                    "a strip or tile of {width}x{height} pixels holds a larger JPEG"
                )));
            }
            if !ends {
                return Err(broken("expected marker: a JPEG strip or tile ends early"));
            }
        }
        Ok(needed)
    }

    /// Whether no frame of a JPEG is larger than this, and whether there is the marker at its end.
    fn look_into(mut jpeg: &[u8], width: u32, height: u32) -> (bool, bool) {
        while let Some(at) = jpeg.iter().position(|&byte| byte == 0xff) {
            jpeg = &jpeg[at + 1..];
            match *jpeg {
                [0xd9, ..] => return (true, true),
                // What stands within data, alone, or begins an image; or this byte fills up, and the next may be a marker's.
                [0x00 | 0x01 | 0xd0..=0xd8 | 0xff, ..] => {}
                [
                    0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf,
                    _,
                    _,
                    _,
                    a,
                    b,
                    c,
                    d,
                    ..,
                ] if u32::from(u16::from_be_bytes([a, b])) > height
                    || u32::from(u16::from_be_bytes([c, d])) > width =>
                {
                    return (false, false);
                }
                [_, a, b, ..] => {
                    let length = usize::from(u16::from_be_bytes([a, b]));
                    jpeg = jpeg.get(1 + length..).unwrap_or_default();
                }
                _ => break,
            }
        }
        (true, false)
    }
}
