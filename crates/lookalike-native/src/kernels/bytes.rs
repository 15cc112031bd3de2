//! Products of pixels and weights of bytes, and how sums of them become bytes again.
#![expect(unsafe_code, reason = "pointers are checked once for a whole operator")]

use super::dynamic::RowScale;
use super::each::each;
use super::elementwise::Bounds;
use crate::simd::Vector;

/// How sums become bytes: times a factor of each channel, rounded to the nearest (of two the even one), moved by a zero point.
#[derive(Clone, Copy)]
pub(crate) struct Requantization {
    /// Is added to the sums of each channel: the bias, and what follows from zero points.
    pub(crate) constants: *const i32,
    pub(crate) factors: *const f32,
    pub(crate) zero_point: i32,
    /// Bounds of the result, less the zero point.
    pub(crate) low: f32,
    pub(crate) high: f32,
    /// The first pixel's place in the result.
    pub(crate) output: *mut u8,
    /// From a pixel of the result to the next, in bytes.
    pub(crate) output_stride: usize,
}

impl Requantization {
    /// The steps of the result above its zero point.
    ///
    /// # Safety
    ///
    /// The processor has the set of `V`, and there are constants and factors for the channels from `channel` on.
    #[inline(always)]
    pub(crate) unsafe fn steps<V: Vector>(&self, sums: V::Ints, channel: usize) -> V {
        // SAFETY: the caller's.
        unsafe {
            let sums = V::add_ints(sums, V::load_ints(self.constants.add(channel)));
            let steps = V::to_floats(sums).mul(V::load(self.factors.add(channel)));
            let steps = steps.max(V::splat(self.low)).min(V::splat(self.high));
            V::to_floats(steps.round())
        }
    }

    /// Stores steps as bytes.
    ///
    /// # Safety
    ///
    /// The processor has the set of `V`, and `to` is good for `lanes` bytes.
    #[inline(always)]
    pub(crate) unsafe fn store<V: Vector>(&self, steps: V, to: *mut u8, lanes: usize) {
        // SAFETY: the caller's.
        unsafe {
            V::store_bytes(V::add_ints(steps.round(), V::splat_int(self.zero_point)), to, lanes);
        }
    }
}

/// Groups of pixels of a result, for some vectors of its channels.
///
/// The bytes of a pixel lie in segments of whole quads. Weights are packed: for each quad of a pixel the four weights of each
/// channel, as the set has them.
pub(crate) struct ByteTile {
    /// What the offsets of segments count from: the first pixel, if they begin with it.
    pub(crate) input: *const u8,
    /// Where the segments of a pixel begin, in bytes.
    pub(crate) segments: *const usize,
    pub(crate) segment_count: usize,
    pub(crate) segment_quads: usize,
    /// From the segments of a pixel to those of the next, in bytes.
    pub(crate) pixel_stride: usize,
    pub(crate) weights: *const i8,
    /// How many groups of pixels there are, one behind the other.
    pub(crate) repeats: usize,
    /// Weights of 1 and 0 for each quad of a pixel, packed like others: which of its bytes count for the sum of the pixel.
    pub(crate) valid_mask: *const i8,
    /// How often that sum is added.
    pub(crate) sum_factor: i32,
    pub(crate) results: Results,
    /// Channels of the last vector that there are.
    pub(crate) last_lanes: usize,
}

/// What becomes of the sums.
#[derive(Clone, Copy)]
pub(crate) enum Results {
    /// Bytes.
    Bytes(Requantization),
    /// The steps of bytes above their zero point, as floats.
    Steps(Requantization, Floats),
    /// Floats, by the scales of rows and of weights.
    Floats(Scaling, Floats),
}

/// How sums of quantized rows become floats: `(sum - zero point * sum of weights) * step * scale + bias`, within bounds.
#[derive(Clone, Copy)]
pub(crate) struct Scaling {
    /// The first pixel's.
    pub(crate) row_scales: *const RowScale,
    /// From a pixel's to the next one's: 0 where all have the same.
    pub(crate) row_stride: usize,
    /// Of each channel: the sum of its weights, their scale, and the bias.
    pub(crate) weight_sums: *const i32,
    pub(crate) scales: *const f32,
    pub(crate) biases: *const f32,
    pub(crate) bounds: Bounds,
    /// What is added to the result, laid out like it; null for nothing.
    pub(crate) residual: *const f32,
    /// Bounds of the sum with the residual.
    pub(crate) post_add_bounds: Bounds,
}

impl Scaling {
    /// # Safety
    ///
    /// The processor has the set of `V`, and there are numbers for the pixel, and for the channels from `channel` on.
    #[inline(always)]
    unsafe fn apply<V: Vector>(&self, sums: V::Ints, pixel: usize, channel: usize) -> V {
        // SAFETY: the caller's.
        unsafe {
            let row = &*self.row_scales.add(pixel * self.row_stride);
            let weight_sums = V::load_ints(self.weight_sums.add(channel));
            let zero = V::mul_ints(weight_sums, V::splat_int(-row.zero_point()));
            let value = V::to_floats(V::add_ints(sums, zero)).mul(V::splat(row.step()));
            let (scale, bias) =
                (V::load(self.scales.add(channel)), V::load(self.biases.add(channel)));
            let value = value.mul_add(scale, bias);
            value.max(V::splat(self.bounds.0)).min(V::splat(self.bounds.1))
        }
    }
}

/// Where floats go.
#[derive(Clone, Copy)]
pub(crate) struct Floats {
    pub(crate) start: *mut f32,
    /// From a pixel to the next.
    pub(crate) stride: usize,
    /// From a vector of a pixel to the next.
    pub(crate) vector_stride: usize,
}

/// As many lanes as a vector of any set has.
pub(crate) const MAX_LANES: usize = 16;

/// Computes groups of `M` pixels, of `N` vectors of channels. With `SUMMED` the sum of each pixel's bytes is added as often as the tile
/// says.
///
/// # Safety
///
/// The processor has the set of `V`, and the pointers are good for what the tile says.
#[inline(always)]
pub(crate) unsafe fn multiply<V: Vector, const M: usize, const N: usize, const SUMMED: bool>(
    tile: &ByteTile,
) {
    // Bytes that hold the weights of a quad for the channels of a vector.
    let quad_weights = 4 * V::WEIGHT_BYTES * V::LANES;
    // SAFETY: the caller's.
    unsafe {
        for group in 0..tile.repeats {
            let first = group * M;
            let mut weights = tile.weights;
            let mut sums = [[V::splat_int(0); N]; M];
            let mut totals = [V::splat_int(0); M];
            let mut valid_mask = tile.valid_mask;
            for segment in 0..tile.segment_count {
                let mut input =
                    tile.input.add(*tile.segments.add(segment) + first * tile.pixel_stride);
                for _ in 0..tile.segment_quads {
                    each!(m < M, {
                        let quad = V::quad(input.add(m * tile.pixel_stride));
                        if SUMMED {
                            totals[m] = V::dot(totals[m], quad, valid_mask);
                        }
                        each!(n < N of 0 1 2 3 4 5 6 7, {
                            let weights = weights.add(n * quad_weights);
                            sums[m][n] = V::dot(sums[m][n], quad, weights);
                        });
                    });
                    weights = weights.add(N * quad_weights);
                    input = input.add(4);
                    if SUMMED {
                        valid_mask = valid_mask.add(quad_weights);
                    }
                }
            }
            if SUMMED {
                let factor = V::splat_int(tile.sum_factor);
                each!(m < M, {
                    let summand = V::mul_ints(totals[m], factor);
                    each!(n < N of 0 1 2 3 4 5 6 7, { sums[m][n] = V::add_ints(sums[m][n], summand) });
                });
            }
            // Bounds and zero points are read anew for each group: a compiler that keeps them in registers has too few for the products.
            match std::hint::black_box(&tile.results) {
                Results::Bytes(it) => each!(m < M, {
                    let output = it.output.add((first + m) * it.output_stride);
                    each!(n < N of 0 1 2 3 4 5 6 7, {
                        let lanes = if n + 1 == N { tile.last_lanes } else { V::LANES };
                        let steps: V = it.steps(sums[m][n], n * V::LANES);
                        it.store(steps, output.add(n * V::LANES), lanes);
                    });
                }),
                Results::Steps(it, to) => each!(m < M, {
                    let output = to.start.add((first + m) * to.stride);
                    each!(n < N of 0 1 2 3 4 5 6 7, {
                        let lanes = if n + 1 == N { tile.last_lanes } else { V::LANES };
                        let steps: V = it.steps(sums[m][n], n * V::LANES);
                        steps.store_part(output.add(n * to.vector_stride), lanes);
                    });
                }),
                Results::Floats(it, to) => each!(m < M, {
                    let output = to.start.add((first + m) * to.stride);
                    each!(n < N of 0 1 2 3 4 5 6 7, {
                        let lanes = if n + 1 == N { tile.last_lanes } else { V::LANES };
                        let mut value: V = it.apply(sums[m][n], first + m, n * V::LANES);
                        if !it.residual.is_null() {
                            let offset = (first + m) * to.stride + n * to.vector_stride;
                            value = value.add(V::load_part(it.residual.add(offset), lanes));
                            let (low, high) = it.post_add_bounds;
                            value = value.max(V::splat(low)).min(V::splat(high));
                        }
                        value.store_part(output.add(n * to.vector_stride), lanes);
                    });
                }),
            }
        }
    }
}
