//! What the segments of a file say: frame, scans and tables.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::huffman::{Table, check_lengths};
use crate::standard;

/// Where coefficients lie in a block, in the order in which they are coded. Damaged data may run beyond the last one, where stb_image goes on
/// with the last place; so does this.
pub(crate) const ZIGZAG: [u8; 128] = {
    let mut positions = [63; 128];
    let (mut row, mut column) = (0_usize, 0_usize);
    let mut index = 0;
    while index < 64 {
        positions[index] = (row * 8 + column) as u8;
        index += 1;
        // Diagonals, up and to the right where row and column add up to an even number.
        if (row + column) % 2 == 0 {
            if column == 7 {
                row += 1;
            } else {
                column += 1;
                row = row.saturating_sub(1);
            }
        } else if row == 7 {
            column += 1;
        } else {
            row += 1;
            column = column.saturating_sub(1);
        }
    }
    positions
};

/// Sides of a block.
pub(crate) const BLOCK: usize = 8;

/// A color plane of the frame.
#[derive(Clone, Debug)]
pub(crate) struct Component {
    pub(crate) id: u8,
    /// Blocks of one MCU across and down.
    pub(crate) horizontal: usize,
    pub(crate) vertical: usize,
    /// Index of the quantization table.
    pub(crate) quantization: usize,
    /// Samples that there are.
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Blocks across and down, those included that only fill up the last MCUs.
    pub(crate) blocks_across: usize,
    pub(crate) blocks_down: usize,
    /// Pixels of the image that one sample stands for, across and down.
    pub(crate) step_across: usize,
    pub(crate) step_down: usize,
}

/// A frame: sizes, and how it is coded.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) is_progressive: bool,
    pub(crate) components: Vec<Component>,
    pub(crate) mcus_across: usize,
    pub(crate) mcus_down: usize,
    /// Whether components are named R, G and B.
    pub(crate) is_named_rgb: bool,
}

impl Frame {
    /// Blocks of all components, those included that only fill up the last MCUs.
    pub(crate) fn block_count(&self) -> u64 {
        let blocks = |it: &Component| (it.blocks_across * it.blocks_down) as u64;
        self.components.iter().map(blocks).sum()
    }

    /// Reads a start-of-frame segment (ITU-T T.81, B.2.2).
    pub(crate) fn read(segment: &[u8], is_progressive: bool) -> Result<Self> {
        let invalid = |message| Err(Error::invalid(message));
        let Some((&[precision, h1, h0, w1, w0, count], parameters)) = segment.split_first_chunk()
        else {
            return invalid("bad SOF len");
        };
        if precision != 8 {
            return if precision == 12 {
                Err(Error::unsupported("12 bits a sample"))
            } else {
                invalid("only 8-bit")
            };
        }
        let height = usize::from(u16::from_be_bytes([h1, h0]));
        let width = usize::from(u16::from_be_bytes([w1, w0]));
        if height == 0 {
            return invalid("no header height");
        }
        if width == 0 {
            return invalid("0 width");
        }
        if ![1, 3, 4].contains(&count) {
            return invalid("bad component count");
        }
        if parameters.len() != usize::from(count) * 3 {
            return invalid("bad SOF len");
        }
        let (parameters, _) = parameters.as_chunks::<3>();
        let factors =
            |&[_, factors, _]: &[u8; 3]| (usize::from(factors >> 4), usize::from(factors & 15));
        for parameters in parameters {
            let (horizontal, vertical) = factors(parameters);
            if !(1..=4).contains(&horizontal) {
                return invalid("bad H");
            }
            if !(1..=4).contains(&vertical) {
                return invalid("bad V");
            }
            if parameters[2] > 3 {
                return invalid("bad TQ");
            }
        }
        let max_across = parameters.iter().map(|it| factors(it).0).max().unwrap_or(1);
        let max_down = parameters.iter().map(|it| factors(it).1).max().unwrap_or(1);
        // stb_image reads beyond its rows here; later versions of it refuse such files.
        let is_whole = |it: &[u8; 3]| {
            let (across, down) = factors(it);
            max_across.is_multiple_of(across) && max_down.is_multiple_of(down)
        };
        if !parameters.iter().all(is_whole) {
            return Err(Error::unsupported("sampling factors that do not divide the largest"));
        }
        // A scan of one component has MCUs of one block, whatever its factors are.
        let is_alone = parameters.len() == 1;
        let factors = |it: &[u8; 3]| if is_alone { (1, 1) } else { factors(it) };
        let (max_across, max_down) = if is_alone { (1, 1) } else { (max_across, max_down) };
        let mcus_across = width.div_ceil(max_across * BLOCK);
        let mcus_down = height.div_ceil(max_down * BLOCK);
        let component = |it: &[u8; 3]| {
            let (horizontal, vertical) = factors(it);
            Component {
                id: it[0],
                horizontal,
                vertical,
                quantization: it[2].into(),
                width: (width * horizontal).div_ceil(max_across),
                height: (height * vertical).div_ceil(max_down),
                blocks_across: mcus_across * horizontal,
                blocks_down: mcus_down * vertical,
                step_across: max_across / horizontal,
                step_down: max_down / vertical,
            }
        };
        let components: Vec<Component> = parameters.iter().map(component).collect();
        let is_named_rgb = components.iter().map(|component| component.id).eq(*b"RGB");
        Ok(Self { width, height, is_progressive, components, mcus_across, mcus_down, is_named_rgb })
    }
}

/// A scan: which components and coefficients it holds.
#[derive(Clone, Debug)]
pub(crate) struct Scan {
    pub(crate) components: Vec<ScanComponent>,
    /// The first coefficient and the last one, in the order in which they are coded.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Bits below the ones that an earlier scan has coded; 0 if this scan is the first one of its coefficients.
    pub(crate) previous_shift: u32,
    /// Bits below the ones that this scan codes.
    pub(crate) shift: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct ScanComponent {
    /// Index in the frame.
    pub(crate) index: usize,
    pub(crate) dc_table: usize,
    pub(crate) ac_table: usize,
}

impl Scan {
    /// Reads a start-of-scan segment (ITU-T T.81, B.2.3).
    pub(crate) fn read(segment: &[u8], frame: &Frame) -> Result<Self> {
        let invalid = |message| Err(Error::invalid(message));
        let Some((&count, rest)) = segment.split_first() else { return invalid("bad SOS len") };
        let count = usize::from(count);
        if count == 0 || count > frame.components.len() {
            return invalid("bad SOS component count");
        }
        if rest.len() != 2 * count + 3 {
            return invalid("bad SOS len");
        }
        let (selectors, spectrum) = rest.split_at(2 * count);
        let mut components = Vec::with_capacity(count);
        for &[id, tables] in selectors.as_chunks::<2>().0 {
            let Some(index) = frame.components.iter().position(|component| component.id == id)
            else {
                return invalid("a scan names a component that is not in the frame");
            };
            let (dc_table, ac_table) = (usize::from(tables >> 4), usize::from(tables & 15));
            if dc_table > 3 {
                return invalid("bad DC huff");
            }
            if ac_table > 3 {
                return invalid("bad AC huff");
            }
            if components.iter().any(|other: &ScanComponent| other.index == index) {
                return invalid("a scan names a component twice");
            }
            components.push(ScanComponent { index, dc_table, ac_table });
        }
        let (start, end) = (usize::from(spectrum[0]), usize::from(spectrum[1]));
        let (previous_shift, shift) = (u32::from(spectrum[2] >> 4), u32::from(spectrum[2] & 15));
        if frame.is_progressive {
            if start > 63 || end > 63 || start > end || previous_shift > 13 || shift > 13 {
                return invalid("bad SOS");
            }
            return Ok(Self { components, start, end, previous_shift, shift });
        }
        if start != 0 || previous_shift != 0 || shift != 0 {
            return invalid("bad SOS");
        }
        Ok(Self { components, start, end: 63, previous_shift, shift })
    }
}

/// What a file defines before it uses it, and may define anew.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    /// In the order in which coefficients are coded.
    pub(crate) quantization: [Option<Box<[u16; 64]>>; 4],
    pub(crate) dc: [Option<Arc<Table>>; 4],
    pub(crate) ac: [Option<Arc<Table>>; 4],
    /// MCUs between restart markers; 0 for none.
    pub(crate) restart_interval: usize,
    /// Whether the file is marked as JFIF, which has YCbCr.
    pub(crate) is_jfif: bool,
    /// The color transform of an Adobe segment: 0 for none, 1 for YCbCr, 2 for YCCK.
    pub(crate) adobe_transform: Option<u8>,
}

impl Tables {
    /// Reads quantization tables (ITU-T T.81, B.2.4.1).
    pub(crate) fn read_quantization(&mut self, mut segment: &[u8]) -> Result<()> {
        while let Some((&kind, rest)) = segment.split_first() {
            let (precision, index) = (kind >> 4, usize::from(kind & 15));
            if precision > 1 {
                return Err(Error::invalid("bad DQT type"));
            }
            let table = self.quantization.get_mut(index);
            let table = table.ok_or_else(|| Error::invalid("bad DQT table"))?;
            let length = 64 << precision;
            let Some((values, rest)) = rest.split_at_checked(length) else {
                return Err(Error::invalid("bad DQT len"));
            };
            let value = |index: usize| match values.get(index * 2..index * 2 + 2) {
                Some(&[high, low]) if precision == 1 => u16::from_be_bytes([high, low]),
                _ => values[index].into(),
            };
            *table = Some(Box::new(std::array::from_fn(value)));
            segment = rest;
        }
        Ok(())
    }

    /// Reads Huffman tables (ITU-T T.81, B.2.4.2).
    pub(crate) fn read_huffman(&mut self, mut segment: &[u8]) -> Result<()> {
        let invalid = || Error::invalid("bad DHT header");
        while let Some((&kind, rest)) = segment.split_first() {
            let is_ac = kind >> 4 == 1;
            let tables = if is_ac { &mut self.ac } else { &mut self.dc };
            let table = tables.get_mut(usize::from(kind & 15)).filter(|_| kind >> 4 <= 1);
            let table = table.ok_or_else(invalid)?;
            let (counts, rest) = rest.split_first_chunk::<16>().ok_or_else(invalid)?;
            check_lengths(counts)?;
            let count = counts.iter().map(|&count| usize::from(count)).sum();
            // A symbol has a byte, and each of them one code.
            if count > 256 {
                return Err(Error::invalid("bad code lengths"));
            }
            let (symbols, rest) = rest.split_at_checked(count).ok_or_else(invalid)?;
            *table = Some(standard::table(counts, symbols)?);
            segment = rest;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_zigzag_visits_each_index_once() {
        let mut seen = [false; 64];
        ZIGZAG[..64].iter().for_each(|&offset| seen[usize::from(offset)] = true);
        assert_eq!(seen, [true; 64]);
        assert_eq!(ZIGZAG[..10], [0, 1, 8, 16, 9, 2, 3, 10, 17, 24]);
        assert_eq!(ZIGZAG[56..63], [53, 60, 61, 54, 47, 55, 62]);
        assert_eq!(ZIGZAG[63], 63);
    }
}
