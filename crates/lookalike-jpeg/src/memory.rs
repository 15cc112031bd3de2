//! Memory that may not be there.

use crate::error::{Error, Result};

/// Room for so many values more.
pub(crate) fn reserve<T>(values: &mut Vec<T>, length: usize) -> Result<()> {
    values.try_reserve_exact(length).map_err(|_| {
        Error::limit(format!("there is no memory for {length} times {} bytes", size_of::<T>()))
    })
}

/// So many times the same value.
pub(crate) fn filled<T: Clone>(length: usize, value: T) -> Result<Vec<T>> {
    let mut values = Vec::new();
    reserve(&mut values, length)?;
    values.resize(length, value);
    Ok(values)
}
