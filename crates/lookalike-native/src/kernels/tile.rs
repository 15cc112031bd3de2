//! Products of pixels and weights: the inner loop of convolutions and fully connected layers.
#![expect(unsafe_code, reason = "pointers are checked once for a whole operator")]

use super::elementwise::Activation;
use crate::simd::Vector;

/// Some pixels of a result, for some vectors of its channels.
///
/// Values of a pixel lie in segments of one length, one behind the other in memory within a segment. Weights are packed: the biases
/// of the channels, then for each value of a pixel the weights of the channels.
pub(crate) struct Tile {
    /// What the places of segments count from: the first pixel's place, if they begin with it.
    pub(crate) input: *const f32,
    /// Where the segments of a pixel begin, in floats.
    pub(crate) segments: *const usize,
    pub(crate) segment_count: usize,
    pub(crate) segment_length: usize,
    /// From the segments of a pixel to those of the next, in floats.
    pub(crate) pixel_stride: usize,
    pub(crate) weights: *const f32,
    /// The first pixel's place in the result.
    pub(crate) output: *mut f32,
    /// From a pixel of the result to the next.
    pub(crate) output_stride: usize,
    /// What is added to the result, laid out like it; null for nothing.
    pub(crate) addend: *const f32,
    /// Channels of the last vector that there are.
    pub(crate) last_lanes: usize,
    /// Is applied before the addend is added.
    pub(crate) activation: Activation,
    /// Is applied afterwards.
    pub(crate) last_activation: Activation,
}

/// Computes `M` pixels of `N` vectors of channels.
///
/// # Safety
///
/// The processor has the set of `V`, and the pointers are good for what the tile says.
#[inline(always)]
pub(crate) unsafe fn multiply<V: Vector, const M: usize, const N: usize>(tile: &Tile) {
    // SAFETY: the caller's.
    unsafe {
        let mut weights = tile.weights;
        let bias: [V; N] = std::array::from_fn(|n| V::load(weights.add(n * V::LANES)));
        weights = weights.add(N * V::LANES);
        let mut sums = [bias; M];
        for segment in 0..tile.segment_count {
            let mut input = tile.input.add(*tile.segments.add(segment));
            for _ in 0..tile.segment_length {
                let row: [V; N] = std::array::from_fn(|n| V::load(weights.add(n * V::LANES)));
                weights = weights.add(N * V::LANES);
                for (m, sums) in sums.iter_mut().enumerate() {
                    let value = V::splat(*input.add(m * tile.pixel_stride));
                    for (sum, &weight) in sums.iter_mut().zip(&row) {
                        *sum = value.mul_add(weight, *sum);
                    }
                }
                input = input.add(1);
            }
        }
        activate(tile.activation, &mut sums);
        if !tile.addend.is_null() {
            for (m, sums) in sums.iter_mut().enumerate() {
                let addend = tile.addend.add(m * tile.output_stride);
                for (n, sum) in sums.iter_mut().enumerate() {
                    let lanes = if n + 1 == N { tile.last_lanes } else { V::LANES };
                    *sum = sum.add(V::load_part(addend.add(n * V::LANES), lanes));
                }
            }
            activate(tile.last_activation, &mut sums);
        }
        for (m, sums) in sums.iter().enumerate() {
            let output = tile.output.add(m * tile.output_stride);
            for (n, sum) in sums.iter().enumerate() {
                if n + 1 == N {
                    sum.store_part(output.add(n * V::LANES), tile.last_lanes);
                } else {
                    sum.store(output.add(n * V::LANES));
                }
            }
        }
    }
}

/// Applies an activation to sums.
///
/// # Safety
///
/// The processor has the set of `V`.
#[inline(always)]
pub(super) unsafe fn activate<V: Vector, const M: usize, const N: usize>(
    activation: Activation,
    sums: &mut [[V; N]; M],
) {
    // SAFETY: the caller's.
    unsafe {
        match activation {
            Activation::None => {}
            Activation::Clamp(low, high) => {
                let (low, high) = (V::splat(low), V::splat(high));
                for sum in sums.iter_mut().flatten() {
                    *sum = sum.max(low).min(high);
                }
            }
            Activation::HardSwish => {
                let (three, six, zero) = (V::splat(3.0), V::splat(6.0), V::splat(0.0));
                let sixth = V::splat(1.0 / 6.0);
                for sum in sums.iter_mut().flatten() {
                    let gate = sum.add(three).max(zero).min(six);
                    *sum = sum.mul(gate.mul(sixth));
                }
            }
        }
    }
}
