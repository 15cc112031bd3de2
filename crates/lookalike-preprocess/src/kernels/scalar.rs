//! The kernels as the specification writes them: the oracle of the others, and what runs where they cannot.

use super::{NormalizationTable, Pixels, Tap, Taps};

pub(crate) fn blend_rows(upper: &[u8], lower: &[u8], fraction: u8, out: &mut [u8]) {
    let fraction = u32::from(fraction);
    for ((out, &upper), &lower) in out.iter_mut().zip(upper).zip(lower) {
        *out =
            ((u32::from(upper) * (256 - fraction) + u32::from(lower) * fraction + 128) >> 8) as u8;
    }
}

/// The weights add up to 127, not 128, and the result is truncated: a plain 255 becomes 253, as in libyuv.
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

/// The four pixels around each place, weighed.
pub(crate) fn sample<const C: usize>(source: &Pixels<'_>, taps: &[Tap], out: &mut [u8]) {
    for (out, tap) in out.chunks_exact_mut(3).zip(taps) {
        let (left, top) = (tap.left as usize, tap.top as usize);
        // Where there is no right or lower neighbor, its weight is 0.
        let right = (left + 1).min(source.width - 1);
        let bottom = (top + 1).min(source.height - 1);
        let (right_weight, bottom_weight) =
            (u32::from(tap.right_weight), u32::from(tap.bottom_weight));
        for (channel, out) in out.iter_mut().enumerate() {
            let value = |x: usize, y: usize| {
                u32::from(source.data[y * source.row_stride + x * C + channel])
            };
            let row =
                |y: usize| value(left, y) * (32 - right_weight) + value(right, y) * right_weight;
            let sum = row(top) * (32 - bottom_weight) + row(bottom) * bottom_weight;
            *out = ((sum + 512) >> 10) as u8;
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
