//! Blocks of coefficients, as scans code them.

use crate::bits::{Bits, Cursor};
use crate::error::{Error, Result};
use crate::frame::ZIGZAG;
use crate::huffman::{Entry, SkipTable, Table};

/// Coefficients, row by row.
pub(crate) type Block = [i16; 64];

/// What becomes of coefficients, in the order in which they are coded, as far as [`ZIGZAG`] goes.
pub(crate) type Dequantization = [Step; ZIGZAG.len()];

/// What becomes of a coefficient.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) place: u8,
    pub(crate) factor: u16,
}

/// Behind a block there may be as many coefficients as a run is long, all of which stand for the last place.
const END: usize = 64;

fn bad_code() -> Error {
    Error::invalid("bad huffman code")
}

/// The difference of a DC coefficient to the one before.
#[inline(always)]
fn dc_difference(bits: &mut Bits<'_>, cursor: &mut Cursor, table: &Table) -> Result<i32> {
    bits.refill(cursor);
    let entry = table.entries().look_up(*cursor);
    if entry.value != 0 {
        cursor.consume(entry.length.into());
        return Ok(entry.value.into());
    }
    let size = if entry.length > 0 {
        cursor.consume(entry.length.into());
        entry.symbol
    } else {
        table.long_symbol(cursor)?
    };
    if size > 15 {
        return Err(bad_code());
    }
    Ok(cursor.receive_extended(size.into()))
}

/// A run of zeros and the size of what follows it. Values that a look-up tells are not for this.
#[inline(always)]
fn run_and_size(cursor: &mut Cursor, entry: Entry, table: &Table) -> Result<(usize, u32)> {
    let symbol = if entry.length > 0 {
        cursor.consume(entry.length.into());
        entry.symbol
    } else {
        table.long_symbol(cursor)?
    };
    Ok((usize::from(symbol >> 4), u32::from(symbol & 15)))
}

/// Tables of a component in a scan of a baseline file.
#[derive(Debug)]
pub(crate) struct BaselineTables<'t> {
    pub(crate) dc: &'t Table,
    pub(crate) ac: &'t Table,
    /// Only where blocks are dropped.
    pub(crate) skips: Option<SkipTable>,
    pub(crate) steps: Box<Dequantization>,
}

/// Decodes a block of a baseline file, times its quantization table, and returns whether there is more than a DC coefficient. The block
/// holds zeros before.
#[inline(always)]
pub(crate) fn decode_baseline(
    bits: &mut Bits<'_>,
    cursor: &mut Cursor,
    tables: &BaselineTables<'_>,
    prediction: &mut i32,
    block: &mut Block,
) -> Result<bool> {
    *prediction = prediction.wrapping_add(dc_difference(bits, cursor, tables.dc)?);
    block[0] = prediction.wrapping_mul(tables.steps[0].factor.into()) as i16;
    let (entries, steps) = (tables.ac.entries(), &*tables.steps);
    let mut index = 1;
    while index < END {
        bits.refill(cursor);
        let entry = entries.look_up(*cursor);
        let value = if entry.value != 0 {
            cursor.consume(entry.length.into());
            index += usize::from(entry.symbol);
            i32::from(entry.value)
        } else {
            let (run, size) = run_and_size(cursor, entry, tables.ac)?;
            if size == 0 {
                if run < 15 {
                    break;
                }
                index += 16;
                continue;
            }
            index += run + 1;
            cursor.receive_extended(size)
        };
        let step = steps[(index - 1) & (steps.len() - 1)];
        block[usize::from(step.place & 63)] = value.wrapping_mul(step.factor.into()) as i16;
    }
    Ok(index > 1)
}

/// Passes over a block of a baseline file, of which nothing is wanted but what later blocks need.
#[inline(always)]
pub(crate) fn skip_baseline(
    bits: &mut Bits<'_>,
    cursor: &mut Cursor,
    tables: &BaselineTables<'_>,
    skips: &SkipTable,
    prediction: &mut i32,
) -> Result<()> {
    *prediction = prediction.wrapping_add(dc_difference(bits, cursor, tables.dc)?);
    let mut index = 1;
    while index < END {
        bits.refill(cursor);
        let skip = skips.look_up(*cursor);
        let next = index + usize::from(skip.coefficients);
        // Of several symbols, the last ones could belong to the next block.
        if skip.length > 0 && next < END {
            cursor.consume(skip.length.into());
            if skip.is_end {
                return Ok(());
            }
            index = next;
            continue;
        }
        let entry = tables.ac.entries().look_up(*cursor);
        if entry.value != 0 {
            cursor.consume(entry.length.into());
            index += usize::from(entry.symbol);
            continue;
        }
        let (run, size) = run_and_size(cursor, entry, tables.ac)?;
        match (run, size) {
            (15, 0) => index += 16,
            (_, 0) => return Ok(()),
            _ => {
                cursor.receive(size);
                index += run + 1;
            }
        }
    }
    Ok(())
}

/// Decodes the DC coefficient of a block of a progressive file, or one more bit of it (ITU-T T.81, G.1.2.1).
pub(crate) fn decode_progressive_dc(
    bits: &mut Bits<'_>,
    cursor: &mut Cursor,
    table: Option<&Table>,
    shift: u32,
    prediction: &mut i32,
    block: &mut Block,
) -> Result<()> {
    // The first scan of the coefficient has a table, the others have not.
    if let Some(table) = table {
        *prediction = prediction.wrapping_add(dc_difference(bits, cursor, table)?);
        *block = [0; 64];
        block[0] = (*prediction << shift) as i16;
    } else if bits.bit(cursor) {
        block[0] = block[0].wrapping_add(1 << shift);
    }
    Ok(())
}

/// Which coefficients a scan codes, and from which bit on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Band {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) shift: u32,
}

/// Decodes AC coefficients of a block that no scan has coded before (G.1.2.2).
pub(crate) fn decode_progressive_ac(
    bits: &mut Bits<'_>,
    cursor: &mut Cursor,
    table: &Table,
    band: Band,
    blocks_without: &mut u32,
    block: &mut Block,
) -> Result<()> {
    if *blocks_without > 0 {
        *blocks_without -= 1;
        return Ok(());
    }
    let mut index = band.start;
    while index <= band.end {
        bits.refill(cursor);
        let entry = table.entries().look_up(*cursor);
        let value = if entry.value != 0 {
            cursor.consume(entry.length.into());
            index += usize::from(entry.symbol) - 1;
            i32::from(entry.value)
        } else {
            let (run, size) = run_and_size(cursor, entry, table)?;
            if size == 0 {
                if run < 15 {
                    *blocks_without = blocks_of(cursor, run) - 1;
                    break;
                }
                index += 16;
                continue;
            }
            index += run;
            cursor.receive_extended(size)
        };
        block[usize::from(ZIGZAG[index & 127] & 63)] = (value << band.shift) as i16;
        index += 1;
    }
    Ok(())
}

/// How many blocks, this one included, have no more coefficients in a band.
fn blocks_of(cursor: &mut Cursor, size: usize) -> u32 {
    (1 << size) + cursor.receive(size as u32) as u32
}

/// Reads one more bit of a coefficient that is not 0.
#[inline(always)]
fn refine(bits: &mut Bits<'_>, cursor: &mut Cursor, bit: i16, value: &mut i16) {
    if bits.bit(cursor) && *value & bit == 0 {
        *value = value.wrapping_add(if *value > 0 { bit } else { -bit });
    }
}

/// Decodes one more bit of AC coefficients of a block (G.1.2.3).
pub(crate) fn refine_progressive_ac(
    bits: &mut Bits<'_>,
    cursor: &mut Cursor,
    table: &Table,
    band: Band,
    blocks_without: &mut u32,
    block: &mut Block,
) -> Result<()> {
    let bit = 1_i16 << band.shift;
    let mut index = band.start;
    if *blocks_without > 0 {
        *blocks_without -= 1;
    } else {
        while index <= band.end {
            bits.refill(cursor);
            let entry = table.entries().look_up(*cursor);
            let (mut run, new) = if entry.value != 0 {
                cursor.consume(entry.length.into());
                (usize::from(entry.symbol) - 1, entry.value)
            } else {
                match run_and_size(cursor, entry, table)? {
                    (15, 0) => (15, 0),
                    (run, 0) => {
                        *blocks_without = blocks_of(cursor, run) - 1;
                        break;
                    }
                    (run, size) => (run, cursor.receive_extended(size) as i16),
                }
            };
            // What is new has one bit, and a sign.
            if !(-1..=1).contains(&new) {
                return Err(bad_code());
            }
            while index <= band.end {
                let value = &mut block[usize::from(ZIGZAG[index] & 63)];
                index += 1;
                if *value != 0 {
                    refine(bits, cursor, bit, value);
                } else if run == 0 {
                    *value = new * bit;
                    break;
                } else {
                    run -= 1;
                }
            }
        }
    }
    // Nothing is left of a block that was decoded to its end.
    for place in ZIGZAG.get(index..=band.end).unwrap_or_default() {
        let value = &mut block[usize::from(*place)];
        if *value != 0 {
            refine(bits, cursor, bit, value);
        }
    }
    Ok(())
}
