//! The kernels as the specification writes them: the oracle of the others, and what runs where they cannot.

use super::{NormalizationTable, Taps};

pub(crate) fn blend_rows(upper: &[u8], lower: &[u8], fraction: u8, out: &mut [u8]) {
    let fraction = u32::from(fraction);
    for ((out, &upper), &lower) in out.iter_mut().zip(upper).zip(lower) {
        *out =
            ((u32::from(upper) * (256 - fraction) + u32::from(lower) * fraction + 128) >> 8) as u8;
    }
}

/// The weights add up to 127, not 128, and the result is cut off: a plain 255 becomes 253, as in libyuv.
pub(crate) fn blend_columns<const C: usize>(row: &[u8], taps: &Taps, first: usize, out: &mut [u8]) {
    let last = row.len() / C - 1;
    for (column, pixel) in out.chunks_exact_mut(C).enumerate().skip(first) {
        let left = taps.left[column] as usize;
        let right = (left + 1).min(last);
        let fraction = u32::from(taps.fraction[column]);
        for (channel, value) in pixel.iter_mut().enumerate() {
            let (a, b) = (u32::from(row[left * C + channel]), u32::from(row[right * C + channel]));
            *value = ((a * (127 - fraction) + b * fraction) >> 7) as u8;
        }
    }
}

pub(crate) fn normalize(pixels: &[u8], table: &NormalizationTable, out: &mut [f32]) {
    for (out, pixel) in out.chunks_exact_mut(3).zip(pixels.chunks_exact(3)) {
        for channel in 0..3 {
            out[channel] = table.value(channel, pixel[channel]);
        }
    }
}
