//! Windows over single channels: the inner loop of depthwise convolutions.
#![expect(unsafe_code, reason = "pointers are checked once for a whole operator")]

use super::bytes::Requantization;
use super::each::{MAX_STEPS, each};
use super::elementwise::Activation;
use super::tile::activate;
use crate::simd::Vector;

/// Groups of columns of a row of a result, for some vectors of its channels.
pub(crate) struct DepthwiseTile {
    /// What the offsets of rows count from: the first pixel, if they begin with it.
    pub(crate) input: *const f32,
    /// Where the rows of a window begin, in floats.
    pub(crate) rows: *const usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    /// From a tap of the window to the next in its row, in floats.
    pub(crate) tap_stride: usize,
    /// From a window to the next.
    pub(crate) column_stride: usize,
    pub(crate) vectors: usize,
    /// From a vector of all pixels of the input to the next, in floats.
    pub(crate) plane: usize,
    /// For each vector the biases of the channels, then the weights of each tap.
    pub(crate) weights: *const f32,
    /// How many groups of columns there are, one behind the other.
    pub(crate) repeats: usize,
    pub(crate) output: *mut f32,
    pub(crate) output_stride: usize,
    /// Channels of the last vector that there are.
    pub(crate) last_lanes: usize,
    pub(crate) activation: Activation,
    /// What makes bytes of the sums, which are whole numbers then, in place of the activation.
    pub(crate) requantization: Option<Requantization>,
}

/// The window whose tap is at a pixel, where windows are `stride` pixels apart; `usize::MAX` if there is none.
const fn window_at(pixel: usize, tap: usize, stride: usize) -> usize {
    if stride > 0 && pixel >= tap && (pixel - tap).is_multiple_of(stride) {
        (pixel - tap) / stride
    } else {
        usize::MAX
    }
}

/// Computes groups of `M` columns. Taps lie one vector from one to the next, and windows `S` vectors; with an `S` of 0 they lie as
/// far apart as the tile says, which takes longer. Windows are `W` taps wide, and what several of them see is loaded once; with a
/// `W` of 0 they are as wide as the tile says.
///
/// # Safety
///
/// The processor has the set of `V`, and the pointers are good for what the tile says.
#[inline(always)]
pub(crate) unsafe fn multiply<V: Vector, const M: usize, const S: usize, const W: usize>(
    tile: &DepthwiseTile,
) {
    const {
        let is_written_out = S <= 2 && W <= 5 && (M - 1) * S + W <= MAX_STEPS * S;
        assert!(W == 0 || is_written_out, "more pixels or taps than are written out");
    }
    let column = if S == 0 { tile.column_stride } else { S * V::LANES };
    let tap = if S == 0 { tile.tap_stride } else { V::LANES };
    // SAFETY: the caller's.
    unsafe {
        let mut of_vector = tile.weights;
        for vector in 0..tile.vectors {
            let lane = vector * V::LANES;
            let lanes = if vector + 1 == tile.vectors { tile.last_lanes } else { V::LANES };
            let plane = tile.input.add(vector * tile.plane);
            let mut weights = of_vector;
            for group in 0..tile.repeats {
                let first = group * M;
                weights = of_vector.add(V::LANES);
                let mut sums = [[V::load(of_vector)]; M];
                for row in 0..tile.height {
                    let mut input = plane.add(*tile.rows.add(row) + first * column);
                    if W > 0 {
                        let mut of_taps = [V::splat(0.0); W];
                        each!(t < W of 0 1 2 3 4, { of_taps[t] = V::load(weights.add(t * V::LANES)) });
                        weights = weights.add(W * V::LANES);
                        // Each pixel is multiplied for all windows that see it.
                        each!(column < MAX_STEPS of 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17, {
                            each!(between < S of 0 1, {
                                if const { column * S + between < (M - 1) * S + W } {
                                    let value = V::load(input.add((column * S + between) * V::LANES));
                                    each!(t < W of 0 1 2 3 4, {
                                        if const { window_at(column * S + between, t, S) < M } {
                                            let m = const { window_at(column * S + between, t, S) };
                                            sums[m][0] = value.mul_add(of_taps[t], sums[m][0]);
                                        }
                                    });
                                }
                            });
                        });
                        continue;
                    }
                    for _ in 0..tile.width {
                        let weight = V::load(weights);
                        weights = weights.add(V::LANES);
                        each!(m < M, {
                            sums[m][0] = V::load(input.add(m * column)).mul_add(weight, sums[m][0]);
                        });
                        // Behind the last tap there may be nothing.
                        input = input.wrapping_add(tap);
                    }
                }
                if let Some(it) = &tile.requantization {
                    let output = it.output.add(first * it.output_stride + lane);
                    each!(m < M, {
                        let steps: V = it.steps(sums[m][0].round(), lane);
                        it.store(steps, output.add(m * it.output_stride), lanes);
                    });
                    continue;
                }
                activate(tile.activation, &mut sums);
                let output = tile.output.add(first * tile.output_stride + lane);
                each!(m < M, { sums[m][0].store_part(output.add(m * tile.output_stride), lanes) });
            }
            of_vector = weights;
        }
    }
}
