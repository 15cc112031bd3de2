//! Blocks of coefficients, as scans code them.

use crate::bits::{Bits, Cursor, SYMBOL};
use crate::frame::ZIGZAG;
use crate::huffman::{BLOCK_ENDS, BadCode, Entry, Group, GroupTable, Skip, SkipTable, Table};

/// Coefficients, row by row.
pub(crate) type Block = [i16; 64];

/// What becomes of coefficients, in the order in which they are coded, as far as [`ZIGZAG`] goes.
pub(crate) type Dequantization = [Step; ZIGZAG.len()];

/// What becomes of a coefficient.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) position: u8,
    pub(crate) factor: u16,
}

/// Behind a block there may be as many coefficients as a run is long, all of which stand for the last place.
const END: usize = 64;

/// Look-ups of groups between two refills.
const GROUPS: u32 = 4;

/// Look-ups of skips between two refills.
const SKIPS: u32 = 2;

/// The difference of a DC coefficient to the one before.
#[inline(always)]
fn dc_difference<'a>(
    bits: &mut Bits<'a>,
    cursor: &mut Cursor<'a>,
    table: &Table,
) -> Result<i32, BadCode> {
    bits.refill(cursor, SYMBOL);
    let entry = table.symbol(*cursor)?;
    let value = cursor.peek_extended(entry.code_length.into(), entry.size());
    cursor.consume(entry.length.into());
    // A difference has a size and no run.
    if entry.run() > 0 {
        return Err(BadCode);
    }
    Ok(value)
}

/// The next AC symbol with its value; `None` at the end of a block.
#[inline(always)]
fn ac_symbol<'a>(
    bits: &mut Bits<'a>,
    cursor: &mut Cursor<'a>,
    table: &Table,
) -> Result<Option<(Entry, i32)>, BadCode> {
    bits.refill(cursor, SYMBOL);
    let entry = table.symbol(*cursor)?;
    let value = cursor.peek_extended(entry.code_length.into(), entry.size());
    cursor.consume(entry.length.into());
    Ok((!entry.ends_block()).then_some((entry, value)))
}

/// Tables of a component in a scan of a baseline file.
#[derive(Debug)]
pub(crate) struct BaselineTables<'t> {
    pub(crate) dc: &'t Table,
    pub(crate) ac: &'t Table,
    pub(crate) groups: &'t GroupTable,
    /// Only where blocks are dropped.
    pub(crate) skips: Option<&'t SkipTable>,
    pub(crate) steps: Box<Dequantization>,
}

/// Decodes a block of a baseline file, times its quantization table, and returns whether there is more than a DC coefficient. The block
/// holds zeros before.
#[inline(always)]
pub(crate) fn decode_baseline(
    bits: &mut Bits<'_>,
    tables: &BaselineTables<'_>,
    prediction: &mut i32,
    block: &mut Block,
) -> Result<bool, BadCode> {
    // Closures would not be compiled for the instruction set of the caller.
    let mut cursor = bits.cursor;
    let result = decode_baseline_at(bits, &mut cursor, tables, prediction, block);
    bits.cursor = cursor;
    result
}

#[inline(always)]
fn decode_baseline_at<'a>(
    bits: &mut Bits<'a>,
    cursor: &mut Cursor<'a>,
    tables: &BaselineTables<'_>,
    prediction: &mut i32,
    block: &mut Block,
) -> Result<bool, BadCode> {
    *prediction = prediction.wrapping_add(dc_difference(bits, cursor, tables.dc)?);
    block[0] = prediction.wrapping_mul(tables.steps[0].factor.into()) as i16;
    let (groups, steps) = (tables.groups, &*tables.steps);
    let mut set = |index: usize, value: i16| {
        let step = steps[index & (steps.len() - 1)];
        block[usize::from(step.position & 63)] = value.wrapping_mul(step.factor as i16);
    };
    let mut index = 1;
    while index < END {
        bits.refill(cursor, GROUPS * Group::MAX_LENGTH);
        for _ in 0..GROUPS {
            let group = groups.look_up(*cursor);
            let next = index + usize::from(group.coefficients);
            if next & (usize::from(BLOCK_ENDS) - 1) >= END {
                // A long symbol, or two of which the last one may belong to the next block.
                let Some((entry, value)) = ac_symbol(bits, cursor, tables.ac)? else {
                    return Ok(index > 1);
                };
                set(index + entry.run(), value as i16);
                index += entry.run() + 1;
                break;
            }
            // A run of sixteen zeros has no value, which comes to one more zero, and so does the end of a block.
            set(index + usize::from(group.offsets[0]), group.values[0]);
            set(index + usize::from(group.offsets[1]), group.values[1]);
            cursor.consume(group.length.into());
            index = next;
            if index >= END {
                break;
            }
        }
    }
    Ok(index & (usize::from(BLOCK_ENDS) - 1) > 1)
}

/// Passes over a block of a baseline file, of which nothing is wanted but what later blocks need.
#[inline(always)]
pub(crate) fn skip_baseline(
    bits: &mut Bits<'_>,
    tables: &BaselineTables<'_>,
    skips: &SkipTable,
    prediction: &mut i32,
) -> Result<(), BadCode> {
    // Closures would not be compiled for the instruction set of the caller.
    let mut cursor = bits.cursor;
    let result = skip_baseline_at(bits, &mut cursor, tables, skips, prediction);
    bits.cursor = cursor;
    result
}

#[inline(always)]
fn skip_baseline_at<'a>(
    bits: &mut Bits<'a>,
    cursor: &mut Cursor<'a>,
    tables: &BaselineTables<'_>,
    skips: &SkipTable,
    prediction: &mut i32,
) -> Result<(), BadCode> {
    *prediction = prediction.wrapping_add(dc_difference(bits, cursor, tables.dc)?);
    let mut index = 1;
    while index < END {
        bits.refill(cursor, SKIPS * Skip::MAX_LENGTH);
        for _ in 0..SKIPS {
            let skip = skips.look_up(*cursor);
            let next = index + usize::from(skip.coefficients);
            if next & (usize::from(BLOCK_ENDS) - 1) >= END {
                // A long code, or several symbols of which the last ones may belong to the next block.
                let Some((entry, _)) = ac_symbol(bits, cursor, tables.ac)? else { return Ok(()) };
                index += entry.run() + 1;
                break;
            }
            cursor.consume(skip.length.into());
            index = next;
            if index >= END {
                break;
            }
        }
    }
    Ok(())
}

/// Decodes the DC coefficient of a block of a progressive file, or one more bit of it (ITU-T T.81, G.1.2.1).
pub(crate) fn decode_progressive_dc<'a>(
    bits: &mut Bits<'a>,
    cursor: &mut Cursor<'a>,
    table: Option<&Table>,
    shift: u32,
    prediction: &mut i32,
    block: &mut Block,
) -> Result<(), BadCode> {
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
pub(crate) fn decode_progressive_ac<'a>(
    bits: &mut Bits<'a>,
    cursor: &mut Cursor<'a>,
    table: &Table,
    band: Band,
    blocks_without: &mut u32,
    block: &mut Block,
) -> Result<(), BadCode> {
    if *blocks_without > 0 {
        *blocks_without -= 1;
        return Ok(());
    }
    let mut index = band.start;
    while index <= band.end {
        bits.refill(cursor, SYMBOL);
        let entry = table.symbol(*cursor)?;
        let value = cursor.peek_extended(entry.code_length.into(), entry.size());
        cursor.consume(entry.length.into());
        if entry.size() == 0 {
            if entry.run() < 15 {
                *blocks_without = blocks_of(cursor, entry.run()) - 1;
                break;
            }
            index += 16;
            continue;
        }
        index += entry.run();
        block[usize::from(ZIGZAG[index & 127] & 63)] = (value << band.shift) as i16;
        index += 1;
    }
    Ok(())
}

/// How many blocks, this one included, have no more coefficients in a band.
fn blocks_of(cursor: &mut Cursor<'_>, size: usize) -> u32 {
    (1 << size) + cursor.receive(size as u32) as u32
}

/// Reads one more bit of a coefficient that is not 0.
#[inline(always)]
fn refine<'a>(bits: &mut Bits<'a>, cursor: &mut Cursor<'a>, bit: i16, value: &mut i16) {
    if bits.bit(cursor) && *value & bit == 0 {
        *value = value.wrapping_add(if *value > 0 { bit } else { -bit });
    }
}

/// Decodes one more bit of AC coefficients of a block (G.1.2.3).
pub(crate) fn refine_progressive_ac<'a>(
    bits: &mut Bits<'a>,
    cursor: &mut Cursor<'a>,
    table: &Table,
    band: Band,
    blocks_without: &mut u32,
    block: &mut Block,
) -> Result<(), BadCode> {
    let bit = 1_i16 << band.shift;
    let mut index = band.start;
    if *blocks_without > 0 {
        *blocks_without -= 1;
    } else {
        while index <= band.end {
            bits.refill(cursor, SYMBOL);
            let entry = table.symbol(*cursor)?;
            let new = cursor.peek_extended(entry.code_length.into(), entry.size()) as i16;
            cursor.consume(entry.length.into());
            if entry.size() == 0 && entry.run() < 15 {
                *blocks_without = blocks_of(cursor, entry.run()) - 1;
                break;
            }
            let mut run = entry.run();
            // What is new has one bit, and a sign.
            if !(-1..=1).contains(&new) {
                return Err(BadCode);
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
    for position in ZIGZAG.get(index..=band.end).unwrap_or_default() {
        let value = &mut block[usize::from(*position)];
        if *value != 0 {
            refine(bits, cursor, bit, value);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table with codes of 2, 2, 3, 4, … bits up to sixteen.
    fn table(symbols: &[u8; 16]) -> Table {
        let mut counts = [1; 16];
        (counts[0], counts[1]) = (0, 2);
        Table::new(&counts, symbols).unwrap()
    }

    /// The code of so many bits in it, the only one of them.
    fn code(length: usize) -> String {
        let mut code = 2;
        for _ in 3..length {
            code = (code << 1) + 1;
        }
        format!("{:0length$b}", code << 1)
    }

    fn bytes(bits: &str) -> Vec<u8> {
        let padded = format!("{bits}{}", "0".repeat(24));
        let (bytes, _) = padded.as_bytes().as_chunks::<8>();
        let digits = bytes.iter().map(|byte| std::str::from_utf8(byte).unwrap());
        let bytes = digits.map(|digits| u8::from_str_radix(digits, 2).unwrap());
        // A byte of ones is followed by zeros.
        bytes.flat_map(|byte| if byte == 0xFF { vec![0xFF, 0] } else { vec![byte] }).collect()
    }

    /// Blocks end as they should whether their codes are within look-ups or longer.
    #[test]
    fn long_codes_end_blocks() {
        let dc = table(&[0; 16]);
        for length in 3..=16 {
            // A value of one bit, and the end of the block.
            let mut symbols = [0x01; 16];
            symbols[length - 1] = 0x00;
            let ac = table(&symbols);
            let step = |index: usize| Step { position: ZIGZAG[index], factor: 3 };
            let steps = Box::new(std::array::from_fn(step));
            let (groups, skips) = (ac.groups(), ac.skips());
            let tables = BaselineTables { dc: &dc, ac: &ac, groups, skips: Some(skips), steps };
            let (no_difference, one) = ("00", "001");
            let empty = format!("{no_difference}{}", code(length));
            let full = format!("{no_difference}{one}{one}{}", code(length));
            let data = bytes(&format!("{empty}{full}{empty}{full}"));
            let (mut bits, mut prediction) = (Bits::new(&data, 0), 0);
            let (mut first, mut second) = ([0; 64], [0; 64]);
            assert!(!decode_baseline(&mut bits, &tables, &mut prediction, &mut first).unwrap());
            assert_eq!(first, [0; 64], "{length}");
            assert!(decode_baseline(&mut bits, &tables, &mut prediction, &mut second).unwrap());
            assert_eq!((second[1], second[8]), (3, 3), "{length}");
            // Skipping passes over the same bits.
            skip_baseline(&mut bits, &tables, skips, &mut prediction).unwrap();
            let mut third = [0; 64];
            assert!(decode_baseline(&mut bits, &tables, &mut prediction, &mut third).unwrap());
            assert_eq!(third, second, "{length}");
        }
    }

    /// A scan may add any bit of a DC coefficient, not only the last one.
    #[test]
    fn bits_of_dc_coefficients_are_added_where_they_belong() {
        let data = bytes("101");
        let (mut bits, mut prediction, mut block) = (Bits::new(&data, 0), 0, [0; 64]);
        for (shift, value) in [(2, 4), (1, 4), (0, 5)] {
            bits.with_cursor(|bits, cursor| {
                decode_progressive_dc(bits, cursor, None, shift, &mut prediction, &mut block)
            })
            .map_err(|_| "bad code")
            .unwrap();
            assert_eq!(block[0], value, "{shift}");
        }
    }
}
