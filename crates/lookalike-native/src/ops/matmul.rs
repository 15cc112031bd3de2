//! Products of matrices.

use crate::kernels::Kernels;

/// `[outer, rows, depth]` by `[outer, depth, columns]`, for pairs of outer indices.
pub(super) fn multiply(
    kernels: &Kernels,
    pairs: &[(usize, usize)],
    (rows, depth, columns): (usize, usize, usize),
    left: &[f32],
    right: &[f32],
    to: &mut [f32],
) {
    for (&(of_left, of_right), to) in pairs.iter().zip(to.chunks_exact_mut(rows * columns)) {
        let left = &left[of_left * rows * depth..][..rows * depth];
        let right = &right[of_right * depth * columns..][..depth * columns];
        for (left, to) in left.chunks_exact(depth).zip(to.chunks_exact_mut(columns)) {
            to.fill(0.0);
            for (&left, right) in left.iter().zip(right.chunks_exact(columns)) {
                kernels.accumulate_scaled(right, left, to);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::compiled::portable;

    #[test]
    fn matrices_are_multiplied_pair_by_pair() {
        let left = [1.0, 2.0, 3.0, 4.0];
        let right = [5.0, 6.0, 7.0, 8.0, 1.0, 0.0, 0.0, 1.0];
        let mut to = [0.0; 8];
        multiply(portable(), &[(0, 0), (0, 1)], (2, 2, 2), &left, &right, &mut to);
        assert_eq!(to, [19.0, 22.0, 43.0, 50.0, 1.0, 2.0, 3.0, 4.0]);
    }
}
