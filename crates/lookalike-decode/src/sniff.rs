//! Which format bytes are in, from the first few of them.

use std::fmt;

use image::ImageFormat;

/// What the first bytes of a file say of its format.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Sniffed {
    /// A format that this build reads.
    Readable(Format),
    /// An image format that this build does not read, by its name.
    Unsupported(&'static str),
    /// Nothing at all.
    Empty,
    /// No image format that is known here.
    Unknown,
}

/// An image format that this build reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Format(pub(crate) ImageFormat);

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.0)
    }
}

impl fmt::Display for Sniffed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Readable(format) => format.fmt(formatter),
            Self::Unsupported(name) => {
                write!(formatter, "{name} is not supported: convert the file to JPEG or PNG")
            }
            Self::Empty => formatter.write_str("the file is empty"),
            // The first words are the reference's.
            Self::Unknown => formatter.write_str("unknown image type"),
        }
    }
}

/// Whether what follows the two letters that begin PNM and BMP files is such a file's: white space, or the size of a known header.
fn has_header(bytes: &[u8]) -> bool {
    match bytes {
        [b'P', b'1'..=b'7', space, ..] => space.is_ascii_whitespace() || *space == b'#',
        [b'B', b'M', ..] => {
            bytes.get(14).is_none_or(|size| matches!(size, 12 | 16 | 40 | 52 | 56 | 64 | 108 | 124))
        }
        [b'P', b'1'..=b'7'] => true,
        _ => false,
    }
}

/// Recognizes the format of an image file from its first 32 bytes or more.
///
/// ```
/// use lookalike_decode::{Sniffed, sniff};
///
/// assert!(matches!(sniff(b"\x89PNG\r\n\x1a\n"), Sniffed::Readable(_)));
/// assert_eq!(sniff(b"\0\0\0\x18ftypheic"), Sniffed::Unsupported("HEIC"));
/// assert_eq!(sniff(b"BMW and P2P are words"), Sniffed::Unknown);
/// assert_eq!(sniff(b""), Sniffed::Empty);
/// ```
pub fn sniff(bytes: &[u8]) -> Sniffed {
    if bytes.is_empty() {
        return Sniffed::Empty;
    }
    let brand = bytes.get(4..12).unwrap_or_default();
    match brand {
        b"ftypheic" | b"ftypheix" | b"ftyphevc" | b"ftyphevx" | b"ftypheim" | b"ftypheis"
        | b"ftypmif1" | b"ftypmsf1" => return Sniffed::Unsupported("HEIC"),
        b"ftypavif" | b"ftypavis" if !ImageFormat::Avif.reading_enabled() => {
            return Sniffed::Unsupported("AVIF");
        }
        _ => {}
    }
    let is_text = |begin: &[u8]| bytes.starts_with(begin) && !has_header(bytes);
    if is_text(b"P") || is_text(b"BM") {
        return Sniffed::Unknown;
    }
    match image::guess_format(bytes) {
        Ok(format) if format.reading_enabled() => Sniffed::Readable(Format(format)),
        Ok(format) => Sniffed::Unsupported(match format {
            ImageFormat::Avif => "AVIF",
            ImageFormat::Bmp => "BMP",
            ImageFormat::Dds => "DDS",
            ImageFormat::Farbfeld => "farbfeld",
            ImageFormat::Gif => "GIF",
            ImageFormat::Hdr => "HDR",
            ImageFormat::Ico => "ICO",
            ImageFormat::Jpeg => "JPEG",
            ImageFormat::OpenExr => "OpenEXR",
            ImageFormat::Png => "PNG",
            ImageFormat::Pnm => "PNM",
            ImageFormat::Qoi => "QOI",
            ImageFormat::Tiff => "TIFF",
            ImageFormat::WebP => "WebP",
            _ => "this image format",
        }),
        Err(_) => Sniffed::Unknown,
    }
}
