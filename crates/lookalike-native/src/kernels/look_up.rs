//! Functions of bytes, as tables.
#![expect(unsafe_code, reason = "pointers are checked once for a whole operator")]

use crate::simd::Vector;

/// What each byte becomes.
#[derive(Debug)]
pub(crate) struct LookUp {
    table: [u8; 256],
    /// The rows of the table as [`Vector::look_up`] takes them.
    rows: [[u8; 16]; 16],
}

impl LookUp {
    pub(crate) fn new(table: &[u8; 256]) -> Self {
        let of_table: &[[u8; 16]] = table.as_chunks().0;
        let mut rows = [[0; 16]; 16];
        for index in 0..16 {
            for column in 0..16 {
                let before = if index == 0 { 0 } else { of_table[index - 1][column] };
                let left = if index < 8 { 0 } else { rows[index - 8][column] };
                rows[index][column] = of_table[index][column] ^ before ^ left;
            }
        }
        Self { table: *table, rows }
    }
}

/// # Safety
///
/// The processor has the set of `V`.
#[inline(always)]
pub(crate) unsafe fn look_up<V: Vector>(it: &LookUp, from: &[u8], to: &mut [u8]) {
    let width = size_of::<V>();
    assert_eq!(from.len(), to.len(), "bytes that are looked up");
    let body = from.len() - from.len() % width;
    let mut position = 0;
    while position < body {
        // SAFETY: so many bytes are there; the set is the caller's.
        unsafe {
            let (from, to) = (from.as_ptr().add(position), to.as_mut_ptr().add(position));
            V::look_up(&it.table, &it.rows, from, to);
        }
        position += width;
    }
    for (to, &from) in to[body..].iter_mut().zip(&from[body..]) {
        *to = it.table[usize::from(from)];
    }
}
