//! Products of pixels and weights for channels that fill a vector to half or less.
//!
//! If each lane accumulates a channel, half a vector of them takes as long as a whole one. Here two lanes accumulate each channel, one the products
//! with the even values of a pixel's segments, the other one those with the odd values, and both are added at the end.
#![expect(unsafe_code, reason = "pointers are checked once for a whole operator")]

use super::each::each;
use super::tile::{Pixels, Tile, activate, add_products, begin, clamp, finish};
use crate::simd::Halves;

/// Computes groups of `M` pixels, of `N` vectors of channels and half a vector.
///
/// Weights are packed like those of [`tile`](super::tile), but that those of the half lie, for two values of a segment at a time, behind
/// those of the whole vectors for both; for the last one of a segment of an odd length every other lane is 0, as with the biases.
///
/// # Safety
///
/// The processor has the set of `V`, and the pointers are good for what the tile says.
#[inline(always)]
pub(crate) unsafe fn multiply<V: Halves, const M: usize, const N: usize>(tile: &Tile) {
    // SAFETY: the caller's.
    unsafe {
        for group in 0..tile.repeats {
            let first = group * M;
            let mut weights = tile.weights;
            let mut sums = begin::<V, M, N>(weights);
            let mut pairs = [[V::load(weights.add(N * V::LANES))]; M];
            weights = weights.add((N + 1) * V::LANES);
            for segment in 0..tile.segment_count {
                let mut pixels = Pixels::<M>::new(tile, segment, first);
                for _ in 0..tile.segment_length / 2 {
                    add_products(&pixels, 0, weights, &mut sums);
                    add_products(&pixels, 1, weights.add(N * V::LANES), &mut sums);
                    let row = V::load(weights.add(2 * N * V::LANES));
                    each!(m < M, {
                        pairs[m][0] = V::splat_pair(pixels.at(m)).mul_add(row, pairs[m][0]);
                    });
                    weights = weights.add((2 * N + 1) * V::LANES);
                    pixels.advance(2);
                }
                if tile.segment_length % 2 == 1 {
                    add_products(&pixels, 0, weights, &mut sums);
                    let row = V::load(weights.add(N * V::LANES));
                    each!(m < M, {
                        pairs[m][0] = V::splat_even(*pixels.at(m)).mul_add(row, pairs[m][0]);
                    });
                    weights = weights.add((N + 1) * V::LANES);
                }
            }
            finish(tile, first, &mut sums, V::LANES);
            // From here on a vector has the channels of two pixels.
            each!(m < M, {
                if m.is_multiple_of(2) {
                    let next = (m + 1).min(M - 1);
                    pairs[m][0] = pairs[m][0].fold(pairs[next][0]);
                }
            });
            activate(tile.activation, &mut pairs);
            let position = |m: usize| (first + m) * tile.output_stride + N * tile.vector_stride;
            if !tile.residual.is_null() {
                each!(m < M, {
                    if m.is_multiple_of(2) {
                        let next = (m + 1).min(M - 1);
                        let residuals =
                            (tile.residual.add(position(m)), tile.residual.add(position(next)));
                        let residuals = V::load_halves(residuals.0, residuals.1, tile.last_lanes);
                        pairs[m][0] = pairs[m][0].add(residuals);
                    }
                });
                clamp(tile.post_add_bounds, &mut pairs);
            }
            each!(m < M, {
                let output = tile.output.add(position(m));
                if m.is_multiple_of(2) {
                    pairs[m][0].store_lower(output, tile.last_lanes);
                } else {
                    pairs[m / 2 * 2][0].store_upper(output, tile.last_lanes);
                }
            });
        }
    }
}
