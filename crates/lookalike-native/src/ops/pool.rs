//! Pooling.

use std::ops::Range;

use lookalike_graph::Pool;

use crate::graph::{Side, Window2};
use crate::kernels::Kernels;
use crate::kernels::elementwise::Activation;
use crate::kernels::rows::{Rows, SUMMED_AT_ONCE, Taps};

/// The part of a window that lies within the image: rows of the whole batch, and columns.
fn taps(window: &Window2, position: usize) -> (Range<usize>, Range<usize>) {
    let within = |side: &Side, position: usize| {
        let start = position * side.stride;
        let end = (start + side.size).saturating_sub(side.before).min(side.input);
        start.saturating_sub(side.before).min(end)..end
    };
    let Window2 { rows, columns, .. } = window;
    let (row, column) = (position / columns.output, position % columns.output);
    let image = row / rows.output * rows.input;
    let down = within(rows, row % rows.output);
    (image + down.start..image + down.end, within(columns, column))
}

/// Padding counts neither for the mean nor for the maximum.
pub(super) fn floats(
    kernels: &Kernels,
    window: &Window2,
    pool: Pool,
    from: &[f32],
    to: &mut [f32],
    activation: Activation,
) {
    let Window2 { columns, channels, .. } = *window;
    let is_max = pool == Pool::Max;
    for (position, to) in to.chunks_exact_mut(channels).enumerate() {
        let (down, across) = taps(window, position);
        let count = down.len() * across.len();
        if !is_max && count <= SUMMED_AT_ONCE {
            let mut taps: Taps<'_> = [None; SUMMED_AT_ONCE];
            let pixels =
                across.flat_map(|column| down.clone().map(move |row| row * columns.input + column));
            for (tap, pixel) in taps.iter_mut().zip(pixels) {
                *tap = Some(&from[pixel * channels..][..channels]);
            }
            kernels.average(&taps, 1.0 / count as f32, to);
            to.iter_mut().for_each(|value| *value = activation.apply(*value));
            continue;
        }
        to.fill(if is_max { f32::NEG_INFINITY } else { 0.0 });
        for row in down.clone() {
            let start = (row * columns.input + across.start) * channels;
            let width = across.len();
            let pixels = Rows { length: channels, stride: channels, count: width };
            kernels.accumulate(pixels, is_max, &from[start..][..width * channels], to);
        }
        let factor = 1.0 / count as f32;
        for value in to.iter_mut() {
            *value = activation.apply(if is_max { *value } else { *value * factor });
        }
    }
}

/// The same of bytes. Means are rounded to the nearest, half steps away from 0, as TensorFlow Lite does.
pub(super) fn bytes<T: Copy + Into<i64> + TryFrom<i64> + Ord>(
    window: &Window2,
    pool: Pool,
    from: &[T],
    to: &mut [T],
) {
    const LANES: usize = 64;
    let Window2 { columns, channels, .. } = *window;
    let is_max = pool == Pool::Max;
    for (position, to) in to.chunks_exact_mut(channels).enumerate() {
        let (down, across) = taps(window, position);
        let count = (down.len() * across.len()) as i64;
        for (part, to) in to.chunks_mut(LANES).enumerate() {
            let mut sums = [if is_max { i64::MIN } else { 0 }; LANES];
            for row in down.clone() {
                for column in across.clone() {
                    let start = (row * columns.input + column) * channels;
                    let from = &from[start + part * LANES..][..to.len()];
                    for (sum, &value) in sums.iter_mut().zip(from) {
                        let value: i64 = value.into();
                        *sum = if is_max { value.max(*sum) } else { value + *sum };
                    }
                }
            }
            for (to, sum) in to.iter_mut().zip(sums) {
                let half = if sum > 0 { count / 2 } else { -(count / 2) };
                let value = if is_max { sum } else { (sum + half) / count };
                *to = T::try_from(value).unwrap_or(*to);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::compiled::portable;

    /// Two by two pixels, two apart, over three by three with a column and a row of padding at the end.
    fn window() -> Window2 {
        let side = Side { input: 3, output: 2, size: 2, stride: 2, dilation: 1, before: 0 };
        Window2 { batch: 1, rows: side, columns: side, channels: 1 }
    }

    #[test]
    fn padding_counts_for_nothing() {
        let from = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, -9.0];
        let mut to = [0.0; 4];
        floats(portable(), &window(), Pool::Average, &from, &mut to, Activation::None);
        assert_eq!(to, [3.0, 4.5, 7.5, -9.0]);
        floats(portable(), &window(), Pool::Max, &from, &mut to, Activation::Clamp(0.0, 6.0));
        assert_eq!(to, [5.0, 6.0, 6.0, 0.0]);
    }

    #[test]
    fn means_of_bytes_are_rounded_half_away_from_zero() {
        let from = [1, 2, -3, 4, 4, -4, -7, -8, -9i8];
        let mut to = [0; 4];
        bytes(&window(), Pool::Average, &from, &mut to);
        assert_eq!(to, [3, -4, -8, -9]);
        bytes(&window(), Pool::Max, &from, &mut to);
        assert_eq!(to, [4, -3, -7, -9]);
    }
}
