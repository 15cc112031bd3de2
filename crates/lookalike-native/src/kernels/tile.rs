//! Products of pixels and weights: the inner loop of convolutions and fully connected layers.
#![expect(unsafe_code, reason = "pointers are checked once for a whole operator")]

use super::each;
use super::elementwise::Activation;
use crate::simd::Vector;

/// Groups of pixels of a result, for some vectors of its channels.
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
    /// How many groups of pixels there are, one behind the other.
    pub(crate) repeats: usize,
    /// The first pixel's place in the result.
    pub(crate) output: *mut f32,
    /// From a pixel of the result to the next.
    pub(crate) output_stride: usize,
    /// From a vector of a pixel of the result to the next.
    pub(crate) vector_stride: usize,
    /// What is added to the result, laid out like it; null for nothing.
    pub(crate) addend: *const f32,
    /// Channels of the last vector that there are.
    pub(crate) last_lanes: usize,
    /// Is applied before the addend is added.
    pub(crate) activation: Activation,
    /// Is applied afterwards.
    pub(crate) last_activation: Activation,
}

const MOST_THIRDS: usize = 14;

/// Computes groups of `M` pixels, of `N` vectors of channels.
///
/// # Safety
///
/// The processor has the set of `V`, and the pointers are good for what the tile says.
#[inline(always)]
pub(crate) unsafe fn multiply<V: Vector, const M: usize, const N: usize>(tile: &Tile) {
    // SAFETY: the caller's.
    unsafe {
        for group in 0..tile.repeats {
            let first = group * M;
            let mut weights = tile.weights;
            let mut sums = [[V::splat(0.0); N]; M];
            each!(n < N, {
                let bias = V::load(weights.add(n * V::LANES));
                each!(m < M, { sums[m][n] = bias });
            });
            let mut row = [V::splat(0.0); N];
            for segment in 0..tile.segment_count {
                let mut input = tile.input.add(*tile.segments.add(segment) + first * tile.pixel_stride);
                let mut thirds = [input; MOST_THIRDS];
                let thirds_count = const { M.div_ceil(3) };
                each!(third < thirds_count, {
                    thirds[third] = input;
                    input = input.add(3 * tile.pixel_stride);
                });
                for _ in 0..tile.segment_length {
                    weights = weights.add(N * V::LANES);
                    each!(n < N, { row[n] = V::load(weights.add(n * V::LANES)) });
                    each!(m < M, {
                        let value = V::splat(*thirds[m / 3].add(m % 3 * tile.pixel_stride));
                        each!(n < N, { sums[m][n] = value.mul_add(row[n], sums[m][n]) });
                    });
                    each!(third < thirds_count, { thirds[third] = V::opaque(thirds[third].add(1)) });
                }
            }
            activate(tile.activation, &mut sums);
            if !tile.addend.is_null() {
                each!(m < M, {
                    let addend = tile.addend.add((first + m) * tile.output_stride);
                    each!(n < N, {
                        let lanes = if n + 1 == N { tile.last_lanes } else { V::LANES };
                        sums[m][n] =
                            sums[m][n].add(V::load_part(addend.add(n * tile.vector_stride), lanes));
                    });
                });
                activate(tile.last_activation, &mut sums);
            }
            let mut output = tile.output.add(first * tile.output_stride);
            each!(m < M, {
                if m > 0 {
                    output = V::opaque(output.cast_const().add(tile.output_stride)).cast_mut();
                }
                each!(n < N, {
                    if n + 1 == N {
                        sums[m][n].store_part(output.add(n * tile.vector_stride), tile.last_lanes);
                    } else {
                        sums[m][n].store(output.add(n * tile.vector_stride));
                    }
                });
            });
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
                let clamp = Clamp::<V>::new(low, high);
                each!(m < M, { each!(n < N, { sums[m][n] = clamp.apply(sums[m][n]) }) });
            }
            Activation::HardSwish => {
                let hard_swish = HardSwish::<V>::new();
                each!(m < M, { each!(n < N, { sums[m][n] = hard_swish.apply(sums[m][n]) }) });
            }
        }
    }
}

/// Bounds of a vector.
pub(super) struct Clamp<V> {
    low: V,
    high: V,
}

impl<V: Vector> Clamp<V> {
    #[inline(always)]
    pub(super) unsafe fn new(low: f32, high: f32) -> Self {
        // SAFETY: the caller's: the set of `V` is there.
        unsafe { Self { low: V::splat(low), high: V::splat(high) } }
    }

    #[inline(always)]
    pub(super) unsafe fn apply(&self, value: V) -> V {
        // SAFETY: the caller's.
        unsafe { value.max(self.low).min(self.high) }
    }
}

/// `x * clamp(x / 6 + 1 / 2, 0, 1)` of a vector.
pub(super) struct HardSwish<V> {
    zero: V,
    half: V,
    one: V,
    sixth: V,
}

impl<V: Vector> HardSwish<V> {
    #[inline(always)]
    pub(super) unsafe fn new() -> Self {
        // SAFETY: the caller's: the set of `V` is there.
        unsafe {
            let (zero, half, one) = (V::splat(0.0), V::splat(0.5), V::splat(1.0));
            Self { zero, half, one, sixth: V::splat(1.0 / 6.0) }
        }
    }

    #[inline(always)]
    pub(super) unsafe fn apply(&self, value: V) -> V {
        // SAFETY: the caller's.
        unsafe { value.mul(value.mul_add(self.sixth, self.half).max(self.zero).min(self.one)) }
    }
}
