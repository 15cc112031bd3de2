//! Huffman tables, and look-ups that decode what is frequent in one step.

use std::sync::OnceLock;

use crate::bits::Cursor;
use crate::error::{Error, Result};

/// Bits that one look-up decides by.
const LOOKUP: u32 = 10;

/// Bits that a look-up decides by where it decodes two symbols with their values.
const GROUP_LOOKUP: u32 = 11;

/// Bits that a look-up decides by where values are dropped. It decodes as many symbols as these bits hold.
const SKIP_LOOKUP: u32 = 13;

/// What is added to a number of coefficients if the last symbol ends the block: more than any block has.
pub(crate) const BLOCK_ENDS: u8 = 128;

/// As many coefficients as no block has behind its DC coefficient: where not even one symbol lies within a look-up.
const TOO_MANY: u8 = 64;

/// Codes have at most so many bits.
pub(crate) const LONGEST: usize = 16;

/// A Huffman table of a file.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    entries: Box<Entries>,
    symbols: Vec<u8>,
    /// For each length the first code that is too large for it, filled up to 16 bits.
    ends: [u32; LONGEST + 1],
    /// For each length what is added to a code to get the index of its symbol.
    offsets: [i32; LONGEST + 1],
    groups: OnceLock<GroupTable>,
    skips: OnceLock<SkipTable>,
}

/// By the next bits: the symbol they begin with.
#[derive(Clone, Debug)]
pub(crate) struct Entries([Entry; 1 << LOOKUP]);

impl Entries {
    #[inline(always)]
    pub(crate) fn look_up(&self, cursor: Cursor<'_>) -> Entry {
        self.0[(cursor.peek() >> (64 - LOOKUP)) as usize]
    }
}

/// The symbol that some bits begin with.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[repr(align(4))]
pub(crate) struct Entry {
    /// Bits of the code and of the value that follows it.
    pub(crate) length: u8,
    /// Bits of the code; 0 if it is longer than the look-up.
    pub(crate) code_length: u8,
    /// The symbol: for AC coefficients a run of zeros in the upper four bits; in the lower four the size of the value.
    pub(crate) symbol: u8,
}

impl Entry {
    /// Bits of the value that follows the code.
    #[inline(always)]
    pub(crate) fn size(self) -> u32 {
        u32::from(self.symbol & 15)
    }

    /// Zeros before the value.
    #[inline(always)]
    pub(crate) fn run(self) -> usize {
        usize::from(self.symbol >> 4)
    }
}

impl Entry {
    /// Whether this AC symbol says that the rest of a block is zeros.
    #[inline(always)]
    pub(crate) fn ends_block(self) -> bool {
        self.size() == 0 && self.run() < 15
    }
}

/// One or two AC symbols that lie within a look-up, with their values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(align(8))]
pub(crate) struct Group {
    /// The values; twice the same if there is one.
    pub(crate) values: [i16; 2],
    /// How many coefficients lie before each of them.
    pub(crate) offsets: [u8; 2],
    /// As of [`Skip`].
    pub(crate) coefficients: u8,
    /// Bits of codes and values.
    pub(crate) length: u8,
}

impl Group {
    pub(crate) const MAX_LENGTH: u32 = GROUP_LOOKUP;
}

/// AC symbols whose codes lie within a look-up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Skip {
    /// How many coefficients they stand for, and [`BLOCK_ENDS`] if the last one ends the block; at least 64 if there is no symbol.
    pub(crate) coefficients: u8,
    /// Bits of codes and values.
    pub(crate) length: u8,
}

impl Skip {
    /// The bits of a look-up, and of a value that follows them.
    pub(crate) const MAX_LENGTH: u32 = SKIP_LOOKUP + 15;
}

impl Table {
    /// Makes a table of the numbers of codes of 1, 2, … 16 bits, which [`check_lengths`] has seen, and their symbols, in the order of codes.
    pub(crate) fn new(counts: &[u8; LONGEST], symbols: &[u8]) -> Result<Self> {
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
                    let code_length = length as u8;
                    let entry = Entry { length: code_length + (symbol & 15), code_length, symbol };
                    let entries = entries.0.get_mut(first..first + (1 << (LOOKUP - length)));
                    entries.unwrap_or_default().fill(entry);
                }
                code += 1;
                index += 1;
            }
            ends[length as usize] = code << (LONGEST as u32 - length);
            code <<= 1;
        }
        let (groups, skips) = (OnceLock::new(), OnceLock::new());
        Ok(Self { entries, symbols: symbols.to_vec(), ends, offsets, groups, skips })
    }

    /// The symbols in the order of their codes.
    #[cfg(test)]
    pub(crate) fn symbols(&self) -> &[u8] {
        &self.symbols
    }

    /// Look-ups of several AC symbols with their values.
    pub(crate) fn groups(&self) -> &GroupTable {
        self.groups.get_or_init(|| GroupTable::new(self))
    }

    /// Look-ups of several AC symbols without their values.
    pub(crate) fn skips(&self) -> &SkipTable {
        self.skips.get_or_init(|| SkipTable::new(self))
    }

    /// The next symbol, of a code of any length; nothing is consumed.
    #[inline(always)]
    pub(crate) fn symbol(&self, cursor: Cursor<'_>) -> Result<Entry, BadCode> {
        let entry = self.entries.look_up(cursor);
        if entry.code_length > 0 { Ok(entry) } else { self.long_symbol(cursor) }
    }

    /// The next symbol, of a code that is longer than the look-up.
    #[cold]
    fn long_symbol(&self, cursor: Cursor<'_>) -> Result<Entry, BadCode> {
        let next = (cursor.peek() >> 48) as u32;
        let length = (LOOKUP as usize + 1..=LONGEST).find(|&length| next < self.ends[length]);
        let length = length.ok_or(BadCode)?;
        let code = (next >> (LONGEST - length)) as i32;
        let index = usize::try_from(code + self.offsets[length]);
        let symbol = index.ok().and_then(|index| self.symbols.get(index));
        let &symbol = symbol.ok_or(BadCode)?;
        let code_length = length as u8;
        Ok(Entry { length: code_length + (symbol & 15), code_length, symbol })
    }
}

/// Bits that begin no code, or a code that has no place there. It takes no memory, so that results of each block fit in a register.
#[derive(Debug)]
pub(crate) struct BadCode;

impl From<BadCode> for Error {
    fn from(_: BadCode) -> Self {
        Self::invalid("bad huffman code")
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

/// By the next bits: the AC symbols that they begin with.
#[derive(Clone, Debug)]
pub(crate) struct GroupTable(Box<[Group; 1 << GROUP_LOOKUP]>);

impl GroupTable {
    pub(crate) fn new(table: &Table) -> Self {
        let none = Group { values: [0; 2], offsets: [0; 2], coefficients: TOO_MANY, length: 0 };
        let mut groups = Box::new([none; 1 << GROUP_LOOKUP]);
        for (bits, group) in (0_u64..).zip(groups.iter_mut()) {
            let bits = bits << (64 - GROUP_LOOKUP);
            let (mut coefficients, mut length) = (0, 0);
            // An end of the block may come third.
            for index in 0..3 {
                let cursor = Cursor::of(bits << length);
                let entry = table.entries.look_up(cursor);
                let is_within = u32::from(length + entry.length) <= GROUP_LOOKUP;
                if entry.code_length == 0 || !is_within || index == 2 && !entry.ends_block() {
                    break;
                }
                length += entry.length;
                group.length = length;
                if entry.ends_block() {
                    group.coefficients = coefficients + BLOCK_ENDS;
                    break;
                }
                let value = cursor.peek_extended(entry.code_length.into(), entry.size()) as i16;
                let offset = coefficients + entry.run() as u8;
                group.values[index..].fill(value);
                group.offsets[index..].fill(offset);
                coefficients = offset + 1;
                group.coefficients = coefficients;
            }
        }
        Self(groups)
    }

    #[inline(always)]
    pub(crate) fn look_up(&self, cursor: Cursor<'_>) -> Group {
        self.0[(cursor.peek() >> (64 - GROUP_LOOKUP)) as usize]
    }
}

/// By the next bits: the AC symbols whose codes lie within them. The bits of the last value may follow.
#[derive(Clone, Debug)]
pub(crate) struct SkipTable(Box<[Skip; 1 << SKIP_LOOKUP]>);

impl SkipTable {
    pub(crate) fn new(table: &Table) -> Self {
        let none = Skip { coefficients: TOO_MANY, length: 0 };
        let mut skips = Box::new([none; 1 << SKIP_LOOKUP]);
        for (bits, skip) in (0_u64..).zip(skips.iter_mut()) {
            let bits = bits << (64 - SKIP_LOOKUP);
            let (mut coefficients, mut length) = (0, 0);
            while u32::from(length) < SKIP_LOOKUP {
                let entry = table.entries.look_up(Cursor::of(bits << length));
                let is_within = u32::from(length + entry.code_length) <= SKIP_LOOKUP;
                let count = if entry.ends_block() { BLOCK_ENDS } else { entry.run() as u8 + 1 };
                // More than a block has cannot be in one.
                if entry.code_length == 0 || !is_within || coefficients + (count & 63) >= TOO_MANY {
                    break;
                }
                coefficients += count;
                length += entry.length;
                *skip = Skip { coefficients, length };
                if entry.ends_block() {
                    break;
                }
            }
        }
        Self(skips)
    }

    #[inline(always)]
    pub(crate) fn look_up(&self, cursor: Cursor<'_>) -> Skip {
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
        Table::new(&counts, symbols).unwrap()
    }

    #[test]
    fn codes_of_all_lengths_are_found() {
        let symbols: Vec<u8> = (0..16).map(|index| (index << 4) | (15 - index)).collect();
        let table = table(&symbols);
        let mut code = 0_u64;
        for (index, length) in [2_u8, 2].into_iter().chain(3..=16).enumerate() {
            if length > 2 {
                code <<= 1;
            }
            let found = table.symbol(Cursor::of(code << (64 - length))).unwrap();
            let symbol = symbols[index];
            let size = symbol & 15;
            let expected = Entry { length: length + size, code_length: length, symbol };
            assert_eq!(found, expected);
            assert_eq!((found.run(), found.size()), (index, size.into()));
            code += 1;
        }
        assert!(table.symbol(Cursor::of(u64::MAX)).is_err());
    }

    #[test]
    fn skips_are_what_single_symbols_come_to() {
        // An end, a long run of zeros, values after runs, and a value that no look-up holds.
        let table = table(&[0x11, 0x22, 0x00, 0xF0, 0x0C, 0x31, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
        let skips = SkipTable::new(&table);
        for bits in 0..1_u64 << SKIP_LOOKUP {
            let found = skips.look_up(Cursor::of(bits << (64 - SKIP_LOOKUP)));
            let mut expected = Skip { coefficients: TOO_MANY, length: 0 };
            let (mut coefficients, mut length) = (0, 0_u8);
            while u32::from(length) < SKIP_LOOKUP && expected.coefficients < BLOCK_ENDS {
                let entry = table.entries.look_up(Cursor::of(bits << (64 - SKIP_LOOKUP) << length));
                if entry.code_length == 0 || u32::from(length + entry.code_length) > SKIP_LOOKUP {
                    break;
                }
                length += entry.length;
                coefficients += match entry.symbol {
                    0 => BLOCK_ENDS,
                    symbol => (symbol >> 4) + 1,
                };
                expected = Skip { coefficients, length };
            }
            assert_eq!(found, expected, "{bits:b}");
        }
    }

    #[test]
    fn groups_are_what_single_symbols_come_to() {
        let table = table(&[0x11, 0x22, 0x00, 0xF0, 0x0C, 0x31, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
        for bits in 0..1_u64 << GROUP_LOOKUP {
            let bits = bits << (64 - GROUP_LOOKUP);
            let found = table.groups().look_up(Cursor::of(bits));
            let (mut coefficients, mut length, mut values) = (0, 0_u8, vec![]);
            let mut is_over = false;
            while !is_over {
                let cursor = Cursor::of(bits << length);
                let entry = table.entries.look_up(cursor);
                let is_within = u32::from(length + entry.length) <= GROUP_LOOKUP;
                if entry.code_length == 0 || !is_within || values.len() == 2 && entry.symbol > 0 {
                    break;
                }
                is_over = entry.symbol == 0;
                length += entry.length;
                if !is_over {
                    let value = cursor.peek_extended(entry.code_length.into(), entry.size());
                    values.push((coefficients + (entry.symbol >> 4), value as i16));
                    coefficients += (entry.symbol >> 4) + 1;
                }
            }
            if length == 0 {
                assert_eq!(found.coefficients, TOO_MANY);
                continue;
            }
            coefficients += if is_over { BLOCK_ENDS } else { 0 };
            assert_eq!((found.coefficients, found.length), (coefficients, length), "{bits:b}");
            for index in 0..2 {
                let expected = values.get(index).or(values.last()).copied().unwrap_or_default();
                assert_eq!((found.offsets[index], found.values[index]), expected, "{bits:b}");
            }
        }
    }

    #[test]
    fn skips_never_hold_more_than_a_block() {
        // The shortest code is a long run of zeros, so look-ups could hold six of them.
        let table = table(&[0xF0; 16]);
        let skips = SkipTable::new(&table);
        assert!(skips.0.iter().all(|skip| skip.coefficients <= 64));
        assert_eq!(skips.0[0], Skip { coefficients: 48, length: 6 });
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

    /// Codes of all lengths, several of some, so that those beyond the look-up have symbols behind many others.
    #[test]
    fn codes_of_all_lengths_have_their_symbols() {
        let counts = [0, 1, 2, 3, 2, 1, 2, 2, 1, 2, 3, 2, 4, 3, 5, 6];
        check_lengths(&counts).unwrap();
        let count = counts.iter().map(|&count| usize::from(count)).sum::<usize>();
        let symbols: Vec<u8> = (0..count as u8).map(|index| index.wrapping_mul(37)).collect();
        let table = Table::new(&counts, &symbols).unwrap();
        let (mut code, mut index) = (0_u32, 0);
        for (length, &count) in (1_u32..).zip(&counts) {
            for _ in 0..count {
                let data = (code << (32 - length)).to_be_bytes();
                let data = [&data[..], &[0; 8]].concat();
                let mut bits = Bits::new(&data, 0);
                let entry = bits.with_cursor(|bits, cursor| {
                    bits.refill(cursor, 16);
                    table.symbol(*cursor)
                });
                let entry = entry.map_err(|_| "no code").unwrap();
                assert_eq!(entry.symbol, symbols[index], "{length} bits, symbol {index}");
                assert_eq!(u32::from(entry.length), length + entry.size());
                code += 1;
                index += 1;
            }
            code <<= 1;
        }
    }
}
