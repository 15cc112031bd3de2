//! The way from marker to marker.

use crate::error::{Error, Result};
use crate::frame::{Frame, Scan, Tables};

pub(crate) const START_OF_IMAGE: u8 = 0xD8;
const END_OF_IMAGE: u8 = 0xD9;

/// Reads segments.
#[derive(Clone, Debug)]
pub(crate) struct Markers<'a> {
    data: &'a [u8],
    pub(crate) position: usize,
    /// A marker that was met while something else was read.
    pub(crate) pending: Option<u8>,
}

/// What the decoder has to do next.
#[derive(Debug)]
pub(crate) enum Step {
    Frame(Frame),
    Scan(Scan),
    /// The height again, behind a scan.
    Lines,
    End,
}

impl<'a> Markers<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Result<Self> {
        let mut markers = Self { data, position: 0, pending: None };
        match markers.next_marker() {
            Some(START_OF_IMAGE) => Ok(markers),
            _ => Err(Error::invalid("no SOI")),
        }
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = self.data.get(self.position).copied();
        self.position += usize::from(byte.is_some());
        byte
    }

    /// The next marker, if there is one right here; fill bytes may come before it.
    fn next_marker(&mut self) -> Option<u8> {
        if let Some(marker) = self.pending.take() {
            return Some(marker);
        }
        let mut byte = self.byte().filter(|&byte| byte == 0xFF)?;
        while byte == 0xFF {
            byte = self.byte()?;
        }
        Some(byte)
    }

    /// Looks for a marker behind a scan that none ended, as some cameras write zeros there.
    pub(crate) fn search(&mut self) {
        if self.pending.is_some() {
            return;
        }
        let rest = self.data.get(self.position..).unwrap_or_default();
        let found = rest.iter().position(|&byte| byte == 0xFF);
        self.position += found.map_or(rest.len(), |offset| offset + 1);
        self.pending = found.and_then(|_| self.byte()).filter(|&byte| byte != 0xFF);
    }

    /// The bytes of a segment behind its length.
    fn segment(&mut self, message: &str) -> Result<&'a [u8]> {
        let length = match (self.byte(), self.byte()) {
            (Some(high), Some(low)) => usize::from(u16::from_be_bytes([high, low])),
            _ => return Err(Error::truncated("expected marker")),
        };
        let length = length.checked_sub(2).ok_or_else(|| Error::invalid(message))?;
        let segment = self.data.get(self.position..).and_then(|rest| rest.get(..length));
        self.position += length;
        segment.ok_or_else(|| Error::truncated("expected marker"))
    }

    /// Reads what tables there are, up to a frame, a scan or the end.
    pub(crate) fn step(
        &mut self,
        tables: &mut Tables,
        frame: Option<&Frame>,
        exif: &mut Option<&'a [u8]>,
    ) -> Result<Step> {
        loop {
            let Some(marker) = self.next_marker() else {
                // Before the frame, anything may stand between segments.
                return Err(match self.position < self.data.len() {
                    true if frame.is_none() => continue,
                    true => Error::invalid("expected marker"),
                    false => {
                        Error::truncated(if frame.is_some() { "expected marker" } else { "no SOF" })
                    }
                });
            };
            match marker {
                0xC0..=0xC2 if frame.is_none() => {
                    return Frame::read(self.segment("bad SOF len")?, marker == 0xC2)
                        .map(Step::Frame);
                }
                0xC3 | 0xC7 | 0xCB | 0xCF if frame.is_none() => {
                    return Err(Error::unsupported("lossless coding"));
                }
                0xC5 | 0xC6 | 0xCD | 0xCE | 0xDE if frame.is_none() => {
                    return Err(Error::unsupported("hierarchical coding"));
                }
                0xC9 | 0xCA | 0xCC if frame.is_none() => {
                    return Err(Error::unsupported("arithmetic coding"));
                }
                0xC4 => tables.read_huffman(self.segment("bad DHT header")?)?,
                0xDB => tables.read_quantization(self.segment("bad DQT len")?)?,
                0xDD => {
                    let &[high, low] = self.segment("bad DRI len")? else {
                        return Err(Error::invalid("bad DRI len"));
                    };
                    tables.restart_interval = u16::from_be_bytes([high, low]).into();
                }
                END_OF_IMAGE if frame.is_some() => return Ok(Step::End),
                0xDA => {
                    let Some(frame) = frame else { return Err(Error::invalid("unknown marker")) };
                    return Scan::read(self.segment("bad SOS len")?, frame).map(Step::Scan);
                }
                0xDC => {
                    let Some(frame) = frame else { return Err(Error::invalid("unknown marker")) };
                    let &[high, low] = self.segment("bad DNL len")? else {
                        return Err(Error::invalid("bad DNL len"));
                    };
                    if usize::from(u16::from_be_bytes([high, low])) != frame.height {
                        return Err(Error::invalid("bad DNL height"));
                    }
                    return Ok(Step::Lines);
                }
                0xE0..=0xEF => {
                    let segment = self.segment("bad APP len")?;
                    match marker {
                        0xE0 if segment.starts_with(b"JFIF\0") => tables.is_jfif = true,
                        0xE1 => {
                            if let Some(found) = segment.strip_prefix(b"Exif\0\0") {
                                exif.get_or_insert(found);
                            }
                        }
                        0xEE if segment.starts_with(b"Adobe\0") => {
                            // Version and two numbers of flags come before it.
                            tables.adobe_transform =
                                segment.get(11).copied().or(tables.adobe_transform);
                        }
                        _ => {}
                    }
                }
                0xFE => {
                    self.segment("bad COM len")?;
                }
                _ => return Err(Error::invalid("unknown marker")),
            }
        }
    }
}
