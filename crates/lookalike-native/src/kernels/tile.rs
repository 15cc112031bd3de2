//! Products of pixels and weights: the inner loop of convolutions and fully connected layers.
#![expect(unsafe_code, reason = "pointers are checked once for a whole operator")]

use super::each::{MAX_STEPS, each};
use super::elementwise::{Activation, Bounds};
use super::rows::Function;
use crate::simd::{Vector, opaque};

/// Groups of pixels of a result, for some vectors of its channels.
///
/// Values of a pixel lie in segments of one length, one behind the other in memory within a segment. Weights are packed: the biases
/// of the channels, then for each value of a pixel the weights of the channels.
pub(crate) struct Tile {
    /// What the offsets of segments count from: the first pixel, if they begin with it.
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
    pub(crate) residual: *const f32,
    /// Channels of the last vector, or half of one, that there are.
    pub(crate) last_lanes: usize,
    /// Is applied before the residual is added.
    pub(crate) activation: Activation,
    /// Bounds of the sum with the residual.
    pub(crate) post_add_bounds: Option<Bounds>,
}

/// Where the values of a group of pixels are that come next.
pub(super) struct Pixels<const M: usize> {
    /// Of every third pixel: an instruction reaches the two behind it with the distance that it has in a register.
    thirds: [*const f32; MAX_STEPS],
    stride: usize,
}

impl<const M: usize> Pixels<M> {
    const THIRDS: usize = M.div_ceil(3);

    /// The beginning of a segment of the group whose `first` pixel this is.
    #[inline(always)]
    pub(super) unsafe fn new(tile: &Tile, segment: usize, first: usize) -> Self {
        let stride = tile.pixel_stride;
        // SAFETY: the caller's: the pixels are there.
        unsafe {
            let start = tile.input.add(*tile.segments.add(segment) + first * stride);
            let mut pixels = Self { thirds: [start; MAX_STEPS], stride };
            each!(third < (Self::THIRDS), {
                if third != 0 {
                    pixels.thirds[third] = pixels.thirds[third - 1].add(3 * stride);
                }
            });
            pixels
        }
    }

    /// The next value of a pixel.
    #[inline(always)]
    pub(super) unsafe fn at(&self, pixel: usize) -> *const f32 {
        // SAFETY: the caller's: it is there.
        unsafe { self.thirds[pixel / 3].add(pixel % 3 * self.stride) }
    }

    #[inline(always)]
    pub(super) unsafe fn advance(&mut self, count: usize) {
        // SAFETY: the caller's: so many values were left.
        unsafe {
            each!(third < (Self::THIRDS), {
                self.thirds[third] = opaque(self.thirds[third].add(count));
            });
        }
    }
}

/// Sums that begin with the biases, which come before the weights.
///
/// # Safety
///
/// The processor has the set of `V`, and the biases are there.
#[inline(always)]
pub(super) unsafe fn begin<V: Vector, const M: usize, const N: usize>(
    biases: *const f32,
) -> [[V; N]; M] {
    // SAFETY: the caller's.
    unsafe {
        let mut row = [V::splat(0.0); N];
        each!(n < N of 0 1 2 3 4 5 6 7, { row[n] = V::load(biases.add(n * V::LANES)) });
        [row; M]
    }
}

/// Adds to the sums the products of a value of each pixel, `ahead` of the next one, with a row of weights.
///
/// # Safety
///
/// The processor has the set of `V`, and the values and weights are there.
#[inline(always)]
pub(super) unsafe fn add_products<V: Vector, const M: usize, const N: usize>(
    pixels: &Pixels<M>,
    ahead: usize,
    weights: *const f32,
    sums: &mut [[V; N]; M],
) {
    // SAFETY: the caller's.
    unsafe {
        let mut row = [V::splat(0.0); N];
        each!(n < N of 0 1 2 3 4 5 6 7, { row[n] = V::load(weights.add(n * V::LANES)) });
        each!(m < M, {
            let value = V::splat(*pixels.at(m).add(ahead));
            each!(n < N of 0 1 2 3 4 5 6 7, { sums[m][n] = value.mul_add(row[n], sums[m][n]) });
        });
    }
}

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
            let mut sums = begin::<V, M, N>(weights);
            for segment in 0..tile.segment_count {
                let mut pixels = Pixels::<M>::new(tile, segment, first);
                for _ in 0..tile.segment_length {
                    weights = weights.add(N * V::LANES);
                    add_products(&pixels, 0, weights, &mut sums);
                    pixels.advance(1);
                }
            }
            finish(tile, first, &mut sums, tile.last_lanes);
        }
    }
}

/// Applies activations, adds what is to be added, and stores the results of a group of pixels.
///
/// # Safety
///
/// The processor has the set of `V`, and the pointers are good for what the tile says.
#[inline(always)]
pub(super) unsafe fn finish<V: Vector, const M: usize, const N: usize>(
    tile: &Tile,
    first: usize,
    sums: &mut [[V; N]; M],
    last_lanes: usize,
) {
    // SAFETY: the caller's.
    unsafe {
        activate(tile.activation, sums);
        if !tile.residual.is_null() {
            each!(m < M, {
                let residual = tile.residual.add((first + m) * tile.output_stride);
                each!(n < N of 0 1 2 3 4 5 6 7, {
                    let lanes = if n + 1 == N { last_lanes } else { V::LANES };
                    sums[m][n] =
                        sums[m][n].add(V::load_part(residual.add(n * tile.vector_stride), lanes));
                });
            });
            clamp(tile.post_add_bounds, sums);
        }
        let mut output = tile.output.add(first * tile.output_stride);
        each!(m < M, {
            if m != 0 {
                output = opaque(output.add(tile.output_stride).cast_const()).cast_mut();
            }
            each!(n < N of 0 1 2 3 4 5 6 7, {
                if n + 1 == N {
                    sums[m][n].store_part(output.add(n * tile.vector_stride), last_lanes);
                } else {
                    sums[m][n].store(output.add(n * tile.vector_stride));
                }
            });
        });
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
            Activation::Clamp(low, high) => clamp(Some((low, high)), sums),
            Activation::HardSwish => {
                let hard_swish = HardSwish::<V>::new();
                each!(m < M, {
                    each!(n < N of 0 1 2 3 4 5 6 7, { sums[m][n] = hard_swish.apply(sums[m][n]) })
                });
            }
        }
    }
}

/// Keeps sums within bounds, if there are any.
///
/// # Safety
///
/// The processor has the set of `V`.
#[inline(always)]
pub(super) unsafe fn clamp<V: Vector, const M: usize, const N: usize>(
    bounds: Option<Bounds>,
    sums: &mut [[V; N]; M],
) {
    let Some((low, high)) = bounds else { return };
    // SAFETY: the caller's.
    unsafe {
        let clamp = Clamp::<V>::new(low, high);
        each!(m < M, { each!(n < N of 0 1 2 3 4 5 6 7, { sums[m][n] = clamp.apply(sums[m][n]) }) });
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
}

impl<V: Vector> Function<V> for Clamp<V> {
    #[inline(always)]
    unsafe fn apply(&self, value: V) -> V {
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
}

impl<V: Vector> Function<V> for HardSwish<V> {
    #[inline(always)]
    unsafe fn apply(&self, value: V) -> V {
        // SAFETY: the caller's.
        unsafe { value.mul(value.mul_add(self.sixth, self.half).max(self.zero).min(self.one)) }
    }
}
