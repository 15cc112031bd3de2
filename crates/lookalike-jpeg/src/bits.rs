//! Bits of entropy-coded data.

/// Entropy-coded data. Behind a marker, or the end of the file, there are zeros without end, as in stb_image.
#[derive(Clone, Debug)]
pub(crate) struct Bits<'a> {
    data: &'a [u8],
    /// What comes next. Whoever decodes takes it out and puts it back, so that it stays in registers meanwhile.
    pub(crate) cursor: Cursor,
    /// How many bits were added behind the last one of the data.
    padding: u64,
    /// The marker that ended the data.
    marker: Option<u8>,
}

/// The next bits, the highest of a byte first.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cursor {
    /// The next bits, from the highest one on. Below them may be a part of the bits that follow, or zeros.
    buffer: u64,
    /// How many bits of the buffer count.
    count: u32,
    /// Where the byte behind them is.
    position: usize,
}

/// As many bits as a refill leaves at least.
const REFILLED: u32 = 32;

/// Whether one of the bytes is 0xFF: the test for a byte of zero, turned over.
fn has_marker_byte(word: u64) -> bool {
    (!word).wrapping_sub(0x0101_0101_0101_0101) & word & 0x8080_8080_8080_8080 != 0
}

impl<'a> Bits<'a> {
    pub(crate) fn new(data: &'a [u8], position: usize) -> Self {
        let cursor = Cursor { position, ..Cursor::default() };
        Self { data, cursor, padding: 0, marker: None }
    }

    /// Sees to it that there are 32 bits, which is enough for a code and a value.
    #[inline(always)]
    pub(crate) fn refill(&mut self, cursor: &mut Cursor) {
        if cursor.count < REFILLED {
            self.refill_now(cursor);
        }
    }

    #[inline(always)]
    fn refill_now(&mut self, cursor: &mut Cursor) {
        if let Some(&bytes) = self.data.get(cursor.position..).and_then(<[u8]>::first_chunk::<8>) {
            let word = u64::from_be_bytes(bytes);
            // Behind a marker, what comes next is no data.
            if !has_marker_byte(word) && self.marker.is_none() {
                cursor.buffer |= word >> cursor.count;
                let taken = (63 - cursor.count) / 8;
                cursor.position += taken as usize;
                cursor.count += taken * 8;
                return;
            }
        }
        *cursor = self.refilled_by_bytes(*cursor);
    }

    #[cold]
    #[inline(never)]
    fn refilled_by_bytes(&mut self, mut cursor: Cursor) -> Cursor {
        while cursor.count <= 56 {
            match self.next_byte(&mut cursor) {
                Some(byte) => cursor.buffer |= u64::from(byte) << (56 - cursor.count),
                None => self.padding += 8,
            }
            cursor.count += 8;
        }
        cursor
    }

    /// The next byte of the data; `None` at a marker and at the end of the file.
    fn next_byte(&mut self, cursor: &mut Cursor) -> Option<u8> {
        if self.marker.is_some() {
            return None;
        }
        let &byte = self.data.get(cursor.position)?;
        cursor.position += 1;
        if byte != 0xFF {
            return Some(byte);
        }
        // Fill bytes may come before the second byte of a marker.
        let mut code = 0xFF;
        while code == 0xFF {
            // The file may end here.
            code = self.data.get(cursor.position).copied().unwrap_or(0);
            cursor.position += 1;
        }
        if code == 0 {
            return Some(byte);
        }
        self.marker = Some(code);
        None
    }

    /// One bit.
    #[inline(always)]
    pub(crate) fn bit(&mut self, cursor: &mut Cursor) -> bool {
        if cursor.count == 0 {
            self.refill_now(cursor);
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
        *self = Self::new(self.data, self.cursor.position);
    }

    /// Where the bytes behind what was read begin, with the marker if one was met, however much before it was not consumed.
    pub(crate) fn end(&mut self) -> (usize, Option<u8>) {
        self.marker_ahead();
        (self.cursor.position, self.marker)
    }
}

impl Cursor {
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

    /// The same as JPEG codes differences: numbers that begin with 0 stand for negative ones (ITU-T T.81, F.2.2.1).
    #[inline(always)]
    pub(crate) fn receive_extended(&mut self, size: u32) -> i32 {
        let value = self.receive(size);
        if value < (1 << size >> 1) { value - (1 << size) + 1 } else { value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All bits of the data, eight at a time, and so many behind it.
    fn read(bits: &mut Bits<'_>, count: usize) -> Vec<i32> {
        let mut cursor = bits.cursor;
        let bytes = (0..count).map(|_| {
            bits.refill(&mut cursor);
            cursor.receive(8)
        });
        let bytes = bytes.collect();
        bits.cursor = cursor;
        bytes
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
        let bits =
            |value: u64, size: u32| Cursor { buffer: value << (64 - size), count: 64, position: 0 };
        for (value, size, expected) in [
            (0, 1, -1),
            (1, 1, 1),
            (0, 3, -7),
            (3, 3, -4),
            (4, 3, 4),
            (7, 3, 7),
            (1 << 14, 15, 1 << 14),
        ] {
            assert_eq!(bits(value, size).receive_extended(size), expected);
        }
        assert_eq!(bits(1, 1).receive_extended(0), 0);
    }

    #[test]
    fn a_byte_of_ones_is_found_wherever_it_is() {
        for place in 0..8 {
            assert!(has_marker_byte(0xFF << (place * 8)));
            assert!(has_marker_byte(u64::from_le_bytes([0xFE; 8]) | (1 << (place * 8))));
        }
        for word in [0, 0x7F7F_7F7F_7F7F_7F7F, 0xFEFE_FEFE_FEFE_FEFE, 0x0FF0_0FF0_0FF0_0FF0] {
            assert!(!has_marker_byte(word), "{word:x}");
        }
    }
}
