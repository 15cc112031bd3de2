//! Products of bytes: weights packed for the inner loops, and how those are run.
#![expect(unsafe_code, reason = "the inner loops take pointers, to places that are checked here")]

use super::ring::Layout;
use crate::graph::{Conv, Window2};
use crate::kernels::Kernels;
use crate::kernels::bytes::{ByteTile, Results};
use crate::pack::{Block, Division, Run, blocks};
use crate::runtime::Scratch;

/// Bytes of a quad.
const QUAD: usize = 4;

/// The sums of a convolution of bytes.
#[derive(Debug)]
pub(super) struct ByteProducts {
    pub(super) layout: Layout,
    /// Quads of the weights of all lanes, for each quad of a window.
    weights: Vec<i8>,
    /// How often the sum of a window's bytes is added, for each block; 0 for never.
    sum_factors: Vec<i32>,
    /// For each quad of a window weights of all lanes, of which those are 1 whose bytes there are, the others 0; empty if no sum is added.
    valid_mask: Vec<i8>,
}

/// The weights of a convolution: for each channel of the result those of a window.
#[derive(Clone, Copy)]
pub(super) struct SourceWeights<'a> {
    pub(super) weights: &'a [i8],
    pub(super) zero_point: i32,
    /// Weights of a channel.
    pub(super) depth: usize,
}

impl<'a> SourceWeights<'a> {
    pub(super) fn new(conv: &Conv, weights: &'a [i8], zero_point: i32) -> Self {
        let Window2 { rows, columns, channels, .. } = conv.window;
        Self { weights, zero_point, depth: rows.size * columns.size * (channels / conv.groups) }
    }

    pub(super) fn row(&self, channel: usize) -> &'a [i8] {
        &self.weights[channel * self.depth..][..self.depth]
    }

    /// The sum of a channel's weights, less their zero point.
    pub(super) fn sum(&self, channel: usize) -> i32 {
        let add = |sum: i32, &weight: &i8| sum.wrapping_add(weight.into());
        let sum = self.row(channel).iter().fold(0, add);
        sum.wrapping_sub((self.depth as i32).wrapping_mul(self.zero_point))
    }
}

impl ByteProducts {
    /// Packs the weights. Kernels read unsigned bytes: signed ones are made so as they are copied, and cannot be read where they are.
    pub(super) fn new(
        conv: &Conv,
        source: SourceWeights<'_>,
        is_signed: bool,
        kernels: &Kernels,
        division: &Division,
    ) -> Self {
        let lanes = kernels.lanes;
        let Window2 { rows, columns, channels, .. } = conv.window;
        // Whole quads are read, which must not go beyond the input.
        let is_pointwise = rows.is_pointwise() && columns.is_pointwise();
        let is_direct = !is_signed && is_pointwise && (channels / conv.groups).is_multiple_of(QUAD);
        // Weights of 16 bits.
        let is_wide = kernels.summed_byte_tiles.is_none();
        let tiles = kernels.summed_byte_tiles.as_ref().unwrap_or(&kernels.byte_tiles);
        let max_pixels = tiles.map(<[_]>::len);
        let mut layout = Layout::new(conv, max_pixels, Vec::new(), is_direct);
        let (length, segments) = (layout.length, layout.segments.len());
        let quads = segments * length.div_ceil(QUAD);
        let size = |vectors: usize| vectors * lanes * quads * QUAD * if is_wide { 2 } else { 1 };
        let blocks = blocks(conv, division, false, |vectors, _| size(vectors));
        let mut weights = vec![0; blocks.last().map_or(0, |last| last.offset + size(last.vectors))];
        let mut sum_factors = Vec::new();
        for block in &blocks {
            let channels = block.channel..block.channel + block.channels;
            // A zero point can be taken off the weights themselves where they stay bytes, or have room to grow.
            let moved = |weight: i8| i32::from(weight) - source.zero_point;
            let mut weights_of_block = channels.clone().flat_map(|channel| source.row(channel));
            let can_move =
                is_wide || weights_of_block.all(|&weight| i8::try_from(moved(weight)).is_ok());
            sum_factors.push(if can_move { 0 } else { -source.zero_point });
            for (lane, channel) in channels.enumerate() {
                for (index, &weight) in source.row(channel).iter().enumerate() {
                    let (segment, position) = (index / length, index % length);
                    let quad = segment * length.div_ceil(QUAD) + position / QUAD;
                    let (vector, lane) = (quad * block.vectors + lane / lanes, lane % lanes);
                    let packed = if can_move { moved(weight) } else { i32::from(weight) };
                    let (low, high) = (packed as i8, (packed >> 8) as i8);
                    if is_wide {
                        let half = vector * 2 + position % 2;
                        let column =
                            block.offset + 2 * (2 * (half * lanes + lane) + position % QUAD / 2);
                        weights[column..][..2].copy_from_slice(&[low, high]);
                    } else {
                        weights[block.offset + QUAD * (vector * lanes + lane) + position % QUAD] =
                            low;
                    }
                }
            }
        }
        let mut valid_mask = Vec::new();
        if sum_factors.iter().any(|&factor| factor != 0) {
            for quad in 0..quads {
                let left = length - quad % length.div_ceil(QUAD) * QUAD;
                let quad: [i8; QUAD] = std::array::from_fn(|position| i8::from(position < left));
                valid_mask.extend(quad.repeat(lanes));
            }
        }
        layout.blocks = blocks;
        Self { layout, weights, sum_factors, valid_mask }
    }

    /// Values that belong to channels, in lists for all lanes of all blocks.
    pub(super) fn by_lane<T: Copy + Default>(
        blocks: &[Block],
        lanes: usize,
        of_channel: impl Fn(usize) -> T,
    ) -> Vec<T> {
        let count = blocks.last().map_or(0, |last| last.lane + last.vectors * lanes);
        let mut list = vec![T::default(); count];
        for block in blocks {
            for lane in 0..block.channels {
                list[block.lane + lane] = of_channel(block.channel + lane);
            }
        }
        list
    }

    pub(super) fn scratch_size(&self) -> Scratch {
        // The last quad of the ring may reach beyond it.
        let (bytes, offsets) = self.layout.ring_size();
        Scratch { floats: bytes.div_ceil(QUAD) + 1, offsets }
    }

    /// From the segments of a pixel to those of the next, in bytes.
    pub(super) fn pixel_stride(&self) -> usize {
        self.layout.window.columns.stride * self.layout.window.channels
    }

    /// Computes pixels for a block, run by run: what becomes of those from a pixel on is asked of `results`.
    ///
    /// # Safety
    ///
    /// The set is there, and the pointers are good for what that needs.
    pub(super) unsafe fn tiles(
        &self,
        kernels: &Kernels,
        number: usize,
        input: *const u8,
        segments: &[usize],
        count: usize,
        results: impl Fn(usize) -> Results,
    ) {
        let (block, sum_factor) = (&self.layout.blocks[number], self.sum_factors[number]);
        let pixel_stride = self.pixel_stride();
        let summed = kernels.summed_byte_tiles.as_ref().filter(|_| sum_factor != 0);
        let tiles = summed.unwrap_or(&kernels.byte_tiles);
        for Run { start, size: pixels, repeats } in self.layout.runs(block, count) {
            if repeats == 0 {
                break;
            }
            // SAFETY: the caller's.
            unsafe {
                tiles[block.vectors - 1][pixels - 1](&ByteTile {
                    input: input.add(start * pixel_stride),
                    segments: segments.as_ptr(),
                    segment_count: segments.len(),
                    segment_quads: self.layout.length.div_ceil(QUAD),
                    pixel_stride,
                    weights: self.weights.as_ptr().add(block.offset),
                    repeats,
                    valid_mask: self.valid_mask.as_ptr(),
                    sum_factor,
                    results: results(start),
                    last_lanes: block.last_lanes(kernels.lanes),
                });
            }
        }
    }
}
