//! Bits of entropy-coded data.

/// Entropy-coded data. Behind a marker, or the end of the file, there are zeros without end, as in stb_image.
#[derive(Clone, Debug)]
pub(crate) struct Bits<'a> {
    data: &'a [u8],
    /// The next bits. Decoders copy it, so that it stays in registers, and store it back.
    pub(crate) cursor: Cursor<'a>,
    /// Offset of the end of the cursor's plain bytes.
    plain_end: usize,
    /// How many bits were added behind the last one of the data.
    padding: u64,
    /// The marker that ended the data.
    marker: Option<u8>,
}

/// The next bits, the highest of a byte first.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cursor<'a> {
    /// The next bits, from the highest one on. Below them may be a part of the bits that follow, or zeros.
    buffer: u64,
    /// How many bits of the buffer count, at most 63.
    count: u32,
    /// The bytes behind them, up to the next one of 0xFF at most.
    plain: &'a [u8],
}

/// The bits that a refill of whole bytes gives, at least.
const REFILLED: u32 = 56;

/// Bits of a code and a value, at most.
pub(crate) const SYMBOL: u32 = 31;

/// Where the first byte of 0xFF is.
fn find_marker_byte(data: &[u8]) -> Option<usize> {
    let (words, rest) = data.as_chunks::<8>();
    // The classic test for a zero byte, inverted. Of the bytes found, only the lowest is sure to be one.
    let found = |&word: &[u8; 8]| {
        let word = u64::from_le_bytes(word);
        let marks = (!word).wrapping_sub(0x0101_0101_0101_0101) & word & 0x8080_8080_8080_8080;
        (marks != 0).then(|| marks.trailing_zeros() as usize / 8)
    };
    let in_words =
        words.iter().enumerate().find_map(|(index, word)| Some(index * 8 + found(word)?));
    let in_rest =
        || rest.iter().position(|&byte| byte == 0xFF).map(|index| words.len() * 8 + index);
    in_words.or_else(in_rest)
}

impl<'a> Bits<'a> {
    pub(crate) fn new(data: &'a [u8], position: usize) -> Self {
        Self { data, cursor: Cursor::default(), plain_end: position, padding: 0, marker: None }
    }

    /// Reads with a copy of the cursor, which stays in registers meanwhile.
    #[inline(always)]
    pub(crate) fn with_cursor<T>(
        &mut self,
        read: impl FnOnce(&mut Self, &mut Cursor<'a>) -> T,
    ) -> T {
        let mut cursor = self.cursor;
        let result = read(self, &mut cursor);
        self.cursor = cursor;
        result
    }

    /// Ensures `needed` bits, 56 at most.
    #[inline(always)]
    pub(crate) fn refill(&mut self, cursor: &mut Cursor<'a>, needed: u32) {
        if let Some(&bytes) = cursor.plain.first_chunk::<8>() {
            // Without a branch on the count, which would be mispredicted too often.
            cursor.buffer |= u64::from_be_bytes(bytes) >> (cursor.count & 63);
            cursor.plain = &cursor.plain[7 - cursor.count as usize / 8 % 8..];
            cursor.count |= REFILLED;
        } else if cursor.count < needed {
            *cursor = self.refilled_by_bytes(*cursor);
        }
    }

    #[cold]
    #[inline(never)]
    fn refilled_by_bytes(&mut self, mut cursor: Cursor<'a>) -> Cursor<'a> {
        let mut position = self.position(&cursor);
        while cursor.count < REFILLED {
            match self.next_byte(&mut position) {
                Some(byte) => cursor.buffer |= u64::from(byte) << (56 - cursor.count),
                None => self.padding += 8,
            }
            cursor.count += 8;
        }
        let rest = self.data.get(position..).filter(|_| self.marker.is_none()).unwrap_or_default();
        let length = find_marker_byte(rest).unwrap_or(rest.len());
        cursor.plain = rest.get(..length).unwrap_or_default();
        self.plain_end = position + cursor.plain.len();
        cursor
    }

    /// Offset of the byte behind the bits of the cursor.
    fn position(&self, cursor: &Cursor<'_>) -> usize {
        self.plain_end - cursor.plain.len()
    }

    /// The next byte of the data; `None` at a marker and at the end of the file.
    fn next_byte(&mut self, position: &mut usize) -> Option<u8> {
        if self.marker.is_some() {
            return None;
        }
        let &byte = self.data.get(*position)?;
        *position += 1;
        if byte != 0xFF {
            return Some(byte);
        }
        // Fill bytes may come before the second byte of a marker.
        let mut code = 0xFF;
        while code == 0xFF {
            // The file may end here.
            code = self.data.get(*position).copied().unwrap_or(0);
            *position += 1;
        }
        if code == 0 {
            return Some(byte);
        }
        self.marker = Some(code);
        None
    }

    /// One bit.
    #[inline(always)]
    pub(crate) fn bit(&mut self, cursor: &mut Cursor<'a>) -> bool {
        if cursor.count == 0 {
            self.refill(cursor, 1);
        }
        let bit = cursor.buffer >> 63 != 0;
        cursor.consume(1);
        bit
    }

    /// Bits of the data that are read and not consumed; below 0 if bits were consumed that are not there.
    fn unread(&self) -> i64 {
        i64::from(self.cursor.count) - self.padding as i64
    }

    /// Whether bits were consumed that the data does not have.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.unread() < 0
    }

    /// Whether these are missing because the file ended, and no marker the data.
    pub(crate) fn is_truncated(&self) -> bool {
        self.is_exhausted() && self.marker.is_none()
    }

    /// The marker behind the data, if no more than 24 bits before it were not consumed: so far does stb_image look ahead.
    pub(crate) fn marker_ahead(&mut self) -> Option<u8> {
        if self.unread() <= 24 {
            self.cursor = self.refilled_by_bytes(self.cursor);
        }
        self.marker.filter(|_| self.unread() <= 24)
    }

    /// Goes on behind the marker.
    pub(crate) fn restart(&mut self) {
        *self = Self::new(self.data, self.position(&self.cursor));
    }

    /// Where the bytes behind what was read begin, with the marker if one was met, however much before it was not consumed.
    pub(crate) fn end(&mut self) -> (usize, Option<u8>) {
        self.marker_ahead();
        (self.position(&self.cursor), self.marker)
    }
}

impl Cursor<'_> {
    /// These bits, of which all but the last count.
    pub(crate) fn of(buffer: u64) -> Self {
        Self { buffer, count: 63, plain: &[] }
    }

    /// The next bits, the highest of them first; only after a refill.
    #[inline(always)]
    pub(crate) fn peek(self) -> u64 {
        self.buffer
    }

    /// Drops bits that are there.
    #[inline(always)]
    pub(crate) fn consume(&mut self, count: u32) {
        self.buffer <<= count;
        self.count -= count;
    }

    /// A number of `size` bits, at most 15, which are there.
    #[inline(always)]
    pub(crate) fn receive(&mut self, size: u32) -> i32 {
        let value = (self.buffer >> 32 >> (32 - size)) as i32;
        self.consume(size);
        value
    }

    /// The number of `size` bits, at most 15, that follows `offset` bits, as JPEG codes differences: numbers that begin with 0 are negative
    /// (ITU-T T.81, F.2.2.1). Nothing is consumed.
    #[inline(always)]
    pub(crate) fn peek_extended(self, offset: u32, size: u32) -> i32 {
        // Negative numbers have the bits of their magnitude inverted.
        let bits = self.buffer << (offset & 63);
        let sign = !(bits as i64 >> 63);
        let magnitude = (bits ^ sign as u64) >> 1 >> (63 - size);
        ((magnitude as i64 ^ sign) - sign) as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All bits of the data, eight at a time, and so many behind it.
    fn read(bits: &mut Bits<'_>, count: usize) -> Vec<i32> {
        let byte = |bits: &mut Bits<'_>| {
            bits.with_cursor(|bits, cursor| {
                bits.refill(cursor, 8);
                cursor.receive(8)
            })
        };
        (0..count).map(|_| byte(bits)).collect()
    }

    #[test]
    fn stuffed_bytes_are_one_and_markers_end_the_data() {
        let data = [1, 2, 0xFF, 0, 3, 4, 5, 6, 7, 8, 9, 0xFF, 0xFF, 0xD3, 10];
        let mut bits = Bits::new(&data, 0);
        let expected = [1, 2, 0xFF, 3, 4, 5, 6, 7, 8, 9];
        assert_eq!(read(&mut bits, 10), expected);
        assert!(!bits.is_truncated());
        assert_eq!(bits.marker_ahead(), Some(0xD3));
        // Zeros without end.
        assert_eq!(read(&mut bits, 20), [0; 20]);
        assert!(!bits.is_truncated(), "a marker ended the data, not the file");
        assert_eq!(bits.end(), (14, Some(0xD3)));
        bits.restart();
        assert_eq!(read(&mut bits, 1), [10]);
        assert_eq!(bits.marker_ahead(), None);
    }

    #[test]
    fn the_end_of_a_file_is_no_marker() {
        for data in [&[1, 2, 3][..], &[1, 2, 3, 0xFF]] {
            let mut bits = Bits::new(data, 0);
            assert_eq!(read(&mut bits, 3), [1, 2, 3]);
            assert!(!bits.is_truncated());
            read(&mut bits, 2);
            assert!(bits.is_truncated());
            assert_eq!(bits.end().1, None);
        }
    }

    #[test]
    fn a_marker_is_met_before_anything_was_read() {
        let mut bits = Bits::new(&[0xFF, 0xD5, 1], 0);
        assert_eq!(bits.marker_ahead(), Some(0xD5));
        assert!(!bits.is_exhausted());
    }

    #[test]
    fn a_marker_far_ahead_starts_no_interval_and_ends_the_data() {
        for ahead in 0..8 {
            let data = [&[7; 9][..], &vec![1; ahead], &[0xFF, 0xD0, 5]].concat();
            let mut bits = Bits::new(&data, 0);
            assert_eq!(read(&mut bits, 9), [7; 9]);
            assert_eq!(bits.marker_ahead().is_some(), ahead <= 3, "{ahead}");
            let (position, marker) = bits.end();
            // It was met, or is still to be found.
            let expected = if marker.is_some() { 9 + ahead + 2 } else { position.min(9 + ahead) };
            assert_eq!(position, expected, "{ahead}");
        }
    }

    #[test]
    fn numbers_that_begin_with_zero_are_negative() {
        let bits = |value: u64, size: u32| Cursor::of(value << (64 - size));
        for (value, size, expected) in [
            (0, 1, -1),
            (1, 1, 1),
            (0, 3, -7),
            (3, 3, -4),
            (4, 3, 4),
            (7, 3, 7),
            (1 << 14, 15, 1 << 14),
        ] {
            assert_eq!(bits(value, size).peek_extended(0, size), expected);
            assert_eq!(bits(value, size + 3).peek_extended(3, size), expected);
        }
        assert_eq!(bits(1, 1).peek_extended(0, 0), 0);
    }

    #[test]
    fn the_first_byte_of_ones_is_found_wherever_it_is() {
        for length in 0..30 {
            for fill in [0, 0x7F, 0x80, 0xFE] {
                let mut data = vec![fill; length];
                assert_eq!(find_marker_byte(&data), None);
                for index in (0..length).rev() {
                    data[index] = 0xFF;
                    assert_eq!(find_marker_byte(&data), Some(index));
                }
            }
        }
    }
}
