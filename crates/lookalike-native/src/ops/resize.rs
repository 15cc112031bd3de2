//! Interpolation of images.

use crate::graph::Interpolation;

/// Between the four pixels around.
pub(super) fn bilinear(
    [batch, height, width, channels]: [usize; 4],
    rows: &Interpolation,
    columns: &Interpolation,
    from: &[f32],
    to: &mut [f32],
) {
    let mut targets = to.chunks_exact_mut(channels);
    for image in 0..batch {
        let pixel = |row: usize, column: usize| {
            &from[((image * height + row) * width + column) * channels..][..channels]
        };
        for &(upper, lower, down) in &rows.taps {
            for &(left, right, across) in &columns.taps {
                let Some(to) = targets.next() else { return };
                let corners = [
                    pixel(upper, left),
                    pixel(upper, right),
                    pixel(lower, left),
                    pixel(lower, right),
                ];
                let weights = [
                    (1.0 - down) * (1.0 - across),
                    (1.0 - down) * across,
                    down * (1.0 - across),
                    down * across,
                ];
                for (channel, to) in to.iter_mut().enumerate() {
                    *to = corners[0][channel] * weights[0]
                        + corners[1][channel] * weights[1]
                        + corners[2][channel] * weights[2]
                        + corners[3][channel] * weights[3];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_are_mixed_by_their_distances() {
        let taps = Interpolation { taps: vec![(0, 1, 0.0), (0, 1, 0.25), (1, 1, 0.0)] };
        let one = Interpolation { taps: vec![(0, 0, 0.0)] };
        let mut to = [0.0; 3];
        bilinear([1, 1, 2, 1], &one, &taps, &[4.0, 8.0], &mut to);
        assert_eq!(to, [4.0, 5.0, 8.0]);
        bilinear([1, 2, 1, 1], &taps, &one, &[4.0, 8.0], &mut to);
        assert_eq!(to, [4.0, 5.0, 8.0]);
    }
}
