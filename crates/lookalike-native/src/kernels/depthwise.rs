//! Windows over single channels: the inner loop of depthwise convolutions.
#![expect(unsafe_code, reason = "pointers are checked once for a whole operator")]

use super::bytes::Requantization;
use super::each;
use super::elementwise::Activation;
use super::tile::{Clamp, HardSwish};
use crate::simd::Vector;

/// Some columns of a row of a result, for one vector of its channels.
pub(crate) struct DepthwiseTile {
    /// What the places of rows count from: the first pixel's place, if they begin with it.
    pub(crate) input: *const f32,
    /// Where the rows of a window begin, in floats.
    pub(crate) rows: *const usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    /// From a tap of the window to the next in its row, in floats.
    pub(crate) tap_stride: usize,
    /// From a window to the next.
    pub(crate) column_stride: usize,
    /// The biases of the channels, then the weights of the taps.
    pub(crate) weights: *const f32,
    /// From the weights of a tap to those of the next.
    pub(crate) weight_stride: usize,
    pub(crate) output: *mut f32,
    pub(crate) output_stride: usize,
    /// Channels that there are.
    pub(crate) lanes: usize,
    pub(crate) activation: Activation,
    /// What makes bytes of the sums, which are whole numbers then, in place of the activation.
    pub(crate) requantization: Option<Requantization>,
}

/// Computes `M` columns.
///
/// # Safety
///
/// The processor has the set of `V`, and the pointers are good for what the tile says.
#[inline(always)]
pub(crate) unsafe fn multiply<V: Vector, const M: usize>(tile: &DepthwiseTile) {
    // SAFETY: the caller's.
    unsafe {
        let mut weights = tile.weights;
        let mut sums = [V::load(weights); M];
        for row in 0..tile.height {
            let mut input = tile.input.add(*tile.rows.add(row));
            for _ in 0..tile.width {
                weights = weights.add(tile.weight_stride);
                let weight = V::load(weights);
                each!(m < M, {
                    sums[m] = V::load(input.add(m * tile.column_stride)).mul_add(weight, sums[m]);
                });
                input = input.add(tile.tap_stride);
            }
        }
        if let Some(it) = &tile.requantization {
            each!(m < M, {
                let steps: V = it.steps(sums[m].round(), 0);
                it.store(steps, it.output.add(m * it.output_stride), tile.lanes);
            });
            return;
        }
        match tile.activation {
            Activation::None => {}
            Activation::Clamp(low, high) => {
                let clamp = Clamp::<V>::new(low, high);
                each!(m < M, { sums[m] = clamp.apply(sums[m]) });
            }
            Activation::HardSwish => {
                let hard_swish = HardSwish::<V>::new();
                each!(m < M, { sums[m] = hard_swish.apply(sums[m]) });
            }
        }
        each!(m < M, {
            sums[m].store_part(tile.output.add(m * tile.output_stride), tile.lanes);
        });
    }
}
