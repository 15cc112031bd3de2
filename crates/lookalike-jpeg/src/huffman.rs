//! Huffman tables, and look-ups that decode what is frequent in one step.

use crate::bits::Cursor;
use crate::error::{Error, Result};

/// Bits that one look-up decides by.
const LOOKUP: u32 = 10;

/// Bits that a look-up decides by where values are dropped. It may decode several symbols.
const SKIP_LOOKUP: u32 = 12;

/// Codes have at most so many bits.
const LONGEST: usize = 16;

/// A Huffman table of a file.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// By the next bits: see [`Entry`].
    entries: Box<Entries>,
    symbols: Vec<u8>,
    /// For each length the first code that is too large for it, filled up to 16 bits.
    ends: [u32; LONGEST + 1],
    /// For each length what is added to a code to get the index of its symbol.
    offsets: [i32; LONGEST + 1],
}

/// What each look-up tells.
#[derive(Clone, Debug)]
pub(crate) struct Entries([Entry; 1 << LOOKUP]);

impl Entries {
    #[inline(always)]
    pub(crate) fn look_up(&self, cursor: Cursor) -> Entry {
        self.0[(cursor.peek() >> (64 - LOOKUP)) as usize]
    }
}

/// What a look-up tells.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Entry {
    /// The value behind the symbol, if it lies within the look-up and is not 0.
    pub(crate) value: i16,
    /// With a value: how many coefficients it ends. Without: the symbol.
    pub(crate) symbol: u8,
    /// Bits of the code, and of the value if there is one; 0 if the code is longer than the look-up.
    pub(crate) length: u8,
}

/// What symbols that lie within a look-up come to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Skip {
    /// How many coefficients they stand for.
    pub(crate) coefficients: u8,
    /// Their bits, values included; 0 if not even one symbol lies within the look-up.
    pub(crate) length: u8,
    /// Whether the last one ends the block.
    pub(crate) is_end: bool,
}

impl Table {
    /// Makes a table of the numbers of codes of 1, 2, … 16 bits, which [`check_lengths`] has seen, and their symbols, in the order of codes.
    /// Tables for AC coefficients have symbols of a run and a size.
    pub(crate) fn new(counts: &[u8; LONGEST], symbols: &[u8], is_ac: bool) -> Result<Self> {
        let (mut ends, mut offsets) = ([0; LONGEST + 1], [0; LONGEST + 1]);
        let mut entries = Box::new(Entries([Entry::default(); 1 << LOOKUP]));
        let (mut code, mut index) = (0_u32, 0_usize);
        for (length, &count) in (1_u32..).zip(counts) {
            offsets[length as usize] = index as i32 - code as i32;
            for _ in 0..count {
                if length <= LOOKUP {
                    let &symbol =
                        symbols.get(index).ok_or_else(|| Error::invalid("bad DHT header"))?;
                    let first = (code << (LOOKUP - length)) as usize;
                    let entry = Entry { value: 0, symbol, length: length as u8 };
                    let entries = entries.0.get_mut(first..first + (1 << (LOOKUP - length)));
                    entries.unwrap_or_default().fill(entry);
                }
                code += 1;
                index += 1;
            }
            ends[length as usize] = code << (LONGEST as u32 - length);
            code <<= 1;
        }
        let mut table = Self { entries, symbols: symbols.to_vec(), ends, offsets };
        table.add_values(is_ac);
        Ok(table)
    }

    /// Adds to entries the values behind their symbols, where they lie within the look-up.
    fn add_values(&mut self, is_ac: bool) {
        for (bits, entry) in self.entries.0.iter_mut().enumerate() {
            let size = u32::from(if is_ac { entry.symbol & 15 } else { entry.symbol });
            let length = u32::from(entry.length) + size;
            if entry.length == 0 || size == 0 || length > LOOKUP {
                continue;
            }
            let value = (bits as i32 >> (LOOKUP - length)) & ((1 << size) - 1);
            let value = if value < 1 << (size - 1) { value - (1 << size) + 1 } else { value };
            let run = if is_ac { entry.symbol >> 4 } else { 0 };
            *entry = Entry { value: value as i16, symbol: run + 1, length: length as u8 };
        }
    }

    /// What the next bits begin with, by the first ten of them.
    #[inline(always)]
    pub(crate) fn entries(&self) -> &Entries {
        &self.entries
    }

    /// The next symbol, of a code of any length, without its value.
    #[inline]
    pub(crate) fn long_symbol(&self, bits: &mut Cursor) -> Result<u8> {
        let next = (bits.peek() >> 48) as u32;
        for length in LOOKUP as usize + 1..=LONGEST {
            if next < self.ends[length] {
                let code = (next >> (LONGEST - length)) as i32;
                bits.consume(length as u32);
                let index = usize::try_from(code + self.offsets[length]);
                let symbol = index.ok().and_then(|index| self.symbols.get(index));
                return symbol.copied().ok_or_else(|| Error::invalid("bad huffman code"));
            }
        }
        Err(Error::invalid("bad huffman code"))
    }
}

/// Refuses numbers of codes of 1, 2, … 16 bits that are more than there can be.
pub(crate) fn check_lengths(counts: &[u8; LONGEST]) -> Result<()> {
    let mut code = 0_u32;
    for (length, &count) in (1..).zip(counts) {
        code += u32::from(count);
        if count > 0 && code > 1 << length {
            return Err(Error::invalid("bad code lengths"));
        }
        code <<= 1;
    }
    Ok(())
}

/// What symbols of a table for AC coefficients come to, several in one look-up.
#[derive(Clone, Debug)]
pub(crate) struct SkipTable(Box<[Skip; 1 << SKIP_LOOKUP]>);

impl SkipTable {
    pub(crate) fn new(table: &Table) -> Self {
        let mut skips = Box::new([Skip::default(); 1 << SKIP_LOOKUP]);
        for (bits, skip) in skips.iter_mut().enumerate() {
            while !skip.is_end {
                let rest = (bits << skip.length) & ((1 << SKIP_LOOKUP) - 1);
                let entry = table.entries.0[rest >> (SKIP_LOOKUP - LOOKUP)];
                let size = if entry.value == 0 { entry.symbol & 15 } else { 0 };
                let length = skip.length + entry.length + size;
                if entry.length == 0 || u32::from(length) > SKIP_LOOKUP {
                    break;
                }
                skip.length = length;
                if entry.value != 0 {
                    skip.coefficients += entry.symbol;
                    continue;
                }
                match (entry.symbol >> 4, size) {
                    (15, 0) => skip.coefficients += 16,
                    (_, 0) => skip.is_end = true,
                    (run, _) => skip.coefficients += run + 1,
                }
            }
        }
        Self(skips)
    }

    /// What the next bits come to.
    #[inline(always)]
    pub(crate) fn look_up(&self, cursor: Cursor) -> Skip {
        self.0[(cursor.peek() >> (64 - SKIP_LOOKUP)) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bits::Bits;

    /// Codes of 2, 2, 3, 4, … bits up to sixteen.
    fn table(symbols: &[u8]) -> Table {
        let mut counts = [1; LONGEST];
        (counts[0], counts[1]) = (0, 2);
        check_lengths(&counts).unwrap();
        Table::new(&counts, symbols, true).unwrap()
    }

    fn cursor(bits: u64) -> Cursor {
        let bytes: Vec<u8> = bits.to_be_bytes().into_iter().chain([0; 8]).collect();
        let mut bits = Bits::new(&bytes, 0);
        let mut cursor = bits.cursor;
        bits.refill(&mut cursor);
        cursor
    }

    #[test]
    fn codes_of_all_lengths_are_found() {
        let symbols: Vec<u8> = (0..16).map(|index| index << 4).collect();
        let table = table(&symbols);
        let mut code = 0_u64;
        for (index, length) in [2_u32, 2].into_iter().chain(3..=16).enumerate() {
            if length > 2 {
                code <<= 1;
            }
            let mut cursor = cursor(code << (64 - length));
            let entry = table.entries().look_up(cursor);
            let symbol = if entry.length > 0 {
                assert_eq!(u32::from(entry.length), length);
                entry.symbol
            } else {
                let before = cursor.peek();
                let symbol = table.long_symbol(&mut cursor).unwrap();
                assert_eq!(cursor.peek(), before << length);
                symbol
            };
            assert_eq!(usize::from(symbol >> 4), index);
            code += 1;
        }
        assert!(table.long_symbol(&mut cursor(u64::MAX)).is_err());
    }

    #[test]
    fn values_within_a_look_up_come_with_it() {
        // A run of 2 and a value of 3 bits, behind a code of 2.
        let mut symbols = [0; 16];
        symbols[1] = 0x23;
        let table = table(&symbols);
        for (bits, value) in [(0b000, -7), (0b011, -4), (0b100, 4), (0b111, 7)] {
            let entry = table.entries().look_up(cursor((0b01_000 | bits) << 59));
            assert_eq!(entry, Entry { value, symbol: 3, length: 5 });
        }
    }

    #[test]
    fn skips_are_what_single_symbols_come_to() {
        // An end, a long run of zeros, values after runs, and a value that no look-up holds.
        let table = table(&[0x11, 0x22, 0x00, 0xF0, 0x0C, 0x31, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
        let skips = SkipTable::new(&table);
        for bits in 0..1_u64 << SKIP_LOOKUP {
            let mut cursor = cursor(bits << (64 - SKIP_LOOKUP));
            let found = skips.look_up(cursor);
            let mut expected = Skip::default();
            while !expected.is_end {
                let entry = table.entries().look_up(cursor);
                let size = if entry.value == 0 { entry.symbol & 15 } else { 0 };
                let length = entry.length + size;
                if entry.length == 0 || u32::from(expected.length + length) > SKIP_LOOKUP {
                    break;
                }
                cursor.consume(length.into());
                expected.length += length;
                expected.is_end = entry.value == 0 && entry.symbol == 0;
                expected.coefficients += match entry {
                    Entry { value: 0, symbol: 0xF0, .. } => 16,
                    Entry { value: 0, symbol: 0, .. } => 0,
                    Entry { value: 0, symbol, .. } => (symbol >> 4) + 1,
                    Entry { symbol, .. } => symbol,
                };
            }
            assert_eq!(found, expected, "{bits:b}");
        }
    }

    #[test]
    fn more_codes_than_there_can_be_are_refused() {
        let mut counts = [0; LONGEST];
        counts[0] = 2;
        assert!(check_lengths(&counts).is_ok());
        counts[1] = 1;
        assert!(check_lengths(&counts).is_err());
        counts = [0; LONGEST];
        counts[7] = 255;
        counts[8] = 3;
        assert!(check_lengths(&counts).is_err());
    }
}
