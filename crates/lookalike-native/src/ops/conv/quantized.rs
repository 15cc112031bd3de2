//! Convolutions of bytes.
#![expect(unsafe_code, reason = "the inner loops take pointers, to places that are checked here")]

use std::ops::Range;

use lookalike_core::Result;

use super::ring::{Convolution, Layout, Pixels, RingState, row_of_ring, walk};
use crate::graph::{ByteWeights, Conv, Window2};
use crate::kernels::Kernels;
use crate::kernels::bytes::{ByteTile, MAX_LANES, Requantization};
use crate::pack::{Block, Division, Run, blocks};
use crate::runtime::{Inputs, PreparedOp, RunContext, Scratch, Shared};

/// Bytes of a quad.
const QUAD: usize = 4;

/// A convolution of bytes, ready to run.
#[derive(Debug)]
pub(crate) struct ByteConv {
    layout: Layout,
    /// Quads of the weights of all lanes, for each quad of a window.
    weights: Vec<i8>,
    requantizing: Requantizing,
    /// What makes the input unsigned.
    sign_mask: u8,
    /// What lies around an image.
    padding: u8,
    /// How often the sum of a window's bytes is added, for each block; 0 for never.
    sum_factors: Vec<i32>,
    /// For each quad of a window weights of all lanes, of which those are 1 whose bytes there are, the others 0; empty if no sum is added.
    valid_mask: Vec<i8>,
}

/// Numbers by which sums become bytes, for all lanes of all blocks.
#[derive(Debug)]
pub(crate) struct Requantizing {
    pub(crate) constants: Vec<i32>,
    pub(crate) factors: Vec<f32>,
    zero_point: i32,
    bounds: (i32, i32),
}

impl Requantizing {
    /// With a constant for each channel.
    pub(crate) fn new(
        weights: &ByteWeights,
        blocks: &[Block],
        lanes: usize,
        constant: impl Fn(usize) -> i32,
    ) -> Self {
        let count = blocks.last().map_or(0, |last| last.lane + last.vectors * lanes);
        let (mut constants, mut factors) = (vec![0; count], vec![0.0; count]);
        for block in blocks {
            for lane in 0..block.channels {
                constants[block.lane + lane] = constant(block.channel + lane);
                factors[block.lane + lane] = weights.factors[block.channel + lane];
            }
        }
        Self { constants, factors, zero_point: weights.output_zero_point, bounds: weights.bounds }
    }

    /// For the channels of a block from a lane on.
    ///
    /// The pointers are good for as long as this is, and for the lanes of the block.
    pub(crate) fn at(&self, lane: usize, output: *mut u8, output_stride: usize) -> Requantization {
        let low = self.bounds.0 - self.zero_point;
        let high = self.bounds.1 - self.zero_point;
        Requantization {
            constants: self.constants[lane..].as_ptr(),
            factors: self.factors[lane..].as_ptr(),
            zero_point: self.zero_point,
            low: low as f32,
            high: high as f32,
            output,
            output_stride,
        }
    }
}

impl ByteConv {
    pub(crate) fn new(
        conv: &Conv,
        source: &ByteWeights,
        kernels: &Kernels,
        division: &Division,
    ) -> Self {
        let lanes = kernels.lanes;
        let Window2 { rows, columns, channels, .. } = conv.window;
        let depth = rows.size * columns.size * (channels / conv.groups);
        let row = |channel: usize| &source.weights[channel * depth..][..depth];
        // Whole quads are read, which must not go beyond the input.
        let is_pointwise = rows.is_pointwise() && columns.is_pointwise();
        let is_direct = is_pointwise && (channels / conv.groups).is_multiple_of(QUAD);
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
            let mut weights_of_block = channels.clone().flat_map(row);
            let can_move =
                is_wide || weights_of_block.all(|&weight| i8::try_from(moved(weight)).is_ok());
            sum_factors.push(if can_move { 0 } else { -source.zero_point });
            for (lane, channel) in channels.enumerate() {
                for (index, &weight) in row(channel).iter().enumerate() {
                    let (segment, place) = (index / length, index % length);
                    let quad = segment * length.div_ceil(QUAD) + place / QUAD;
                    let (vector, lane) = (quad * block.vectors + lane / lanes, lane % lanes);
                    let packed = if can_move { moved(weight) } else { i32::from(weight) };
                    let [low, high, ..] = packed.to_le_bytes().map(|byte| byte as i8);
                    if is_wide {
                        let half = vector * 2 + place % 2;
                        let column =
                            block.offset + 2 * (2 * (half * lanes + lane) + place % QUAD / 2);
                        weights[column..][..2].copy_from_slice(&[low, high]);
                    } else {
                        weights[block.offset + QUAD * (vector * lanes + lane) + place % QUAD] = low;
                    }
                }
            }
        }
        let zero = source.input_zero_point + if source.is_signed { 128 } else { 0 };
        // What zero points add to the sums, but for the sums of pixels.
        let constant = |channel: usize| {
            let sum: i32 = row(channel).iter().map(|&weight| i32::from(weight)).sum();
            let sum = sum.wrapping_sub((depth as i32).wrapping_mul(source.zero_point));
            source.bias[channel].wrapping_sub(zero.wrapping_mul(sum))
        };
        let requantizing = Requantizing::new(source, &blocks, lanes, constant);
        let mut valid_mask = Vec::new();
        if sum_factors.iter().any(|&factor| factor != 0) {
            for quad in 0..quads {
                let left = length - quad % length.div_ceil(QUAD) * QUAD;
                let quad: [i8; QUAD] = std::array::from_fn(|place| i8::from(place < left));
                valid_mask.extend(quad.repeat(lanes));
            }
        }
        layout.blocks = blocks;
        Self {
            layout,
            weights,
            requantizing,
            sign_mask: if source.is_signed { 0x80 } else { 0 },
            padding: source.input_zero_point as u8,
            sum_factors,
            valid_mask,
        }
    }

    /// Computes pixels of the output for a block.
    ///
    /// # Safety
    ///
    /// The set is there, and the pointers are good for what that needs.
    unsafe fn pixels(&self, kernels: &Kernels, pixels: Pixels<'_, u8>, output: *mut u8) {
        let outputs = self.layout.outputs;
        let Pixels { block, input, segments, first, count } = pixels;
        let channel = self.layout.blocks[block].channel;
        // SAFETY: the caller's.
        unsafe {
            let at = |pixel: usize| output.add((first + pixel) * outputs + channel);
            let target = |pixel: usize| Target::Bytes(at(pixel), outputs);
            self.tiles(kernels, block, input, segments, count, target);
        }
    }

    /// Computes the first `count` pixels of a row of the output, for some blocks, into a row of another operator's ring of floats, less their
    /// zero point, in which a vector of all pixels comes before the next vector.
    ///
    /// # Safety
    ///
    /// The set is there, the input is as the window says, and the output is good for the pixels.
    pub(crate) unsafe fn row_of_blocks(
        &self,
        kernels: &Kernels,
        blocks: Range<usize>,
        input: *const u8,
        row: (usize, usize),
        count: usize,
        ring: &mut RingState<'_, u8>,
        (to, vector_stride): (&mut [f32], usize),
    ) {
        let stride = kernels.lanes;
        let mut output = row_of_ring(&self.layout.blocks[blocks.clone()], to, vector_stride);
        // SAFETY: the caller's.
        unsafe {
            let base = self.fill_ring(kernels, input, row, ring);
            for block in blocks {
                let target = |pixel: usize| Target::Floats {
                    start: output.add(pixel * stride),
                    stride,
                    vector_stride,
                };
                let base = base.add(self.layout.blocks[block].from);
                self.tiles(kernels, block, base, ring.offsets, count, target);
                output = output.wrapping_add(self.layout.blocks[block].vectors * vector_stride);
            }
        }
    }

    /// # Safety
    ///
    /// The set is there, and the pointers are good for what that needs.
    unsafe fn tiles(
        &self,
        kernels: &Kernels,
        number: usize,
        input: *const u8,
        segments: &[usize],
        count: usize,
        target: impl Fn(usize) -> Target,
    ) {
        let (block, sum_factor) = (&self.layout.blocks[number], self.sum_factors[number]);
        let pixel_stride = self.layout.window.columns.stride * self.layout.window.channels;
        let summed = kernels.summed_byte_tiles.as_ref().filter(|_| sum_factor != 0);
        let tiles = summed.unwrap_or(&kernels.byte_tiles);
        for Run { start, size: pixels, repeats } in self.layout.runs(block, count) {
            if repeats == 0 {
                break;
            }
            let (bytes, floats) = match target(start) {
                Target::Bytes(place, stride) => ((place, stride), (std::ptr::null_mut(), 0, 0)),
                Target::Floats { start, stride, vector_stride } => {
                    ((std::ptr::null_mut(), 0), (start, stride, vector_stride))
                }
            };
            // SAFETY: the caller's.
            unsafe {
                tiles[block.vectors - 1][pixels - 1](&ByteTile {
                    input: input.add(start * pixel_stride),
                    segments: segments.as_ptr(),
                    segment_count: segments.len(),
                    segment_quads: self.layout.length.div_ceil(QUAD),
                    pixel_stride,
                    sign_mask: [i32::from_ne_bytes([self.sign_mask; QUAD]); MAX_LANES],
                    weights: self.weights.as_ptr().add(block.offset),
                    repeats,
                    valid_mask: self.valid_mask.as_ptr(),
                    sum_factor,
                    requantization: self.requantizing.at(block.lane, bytes.0, bytes.1),
                    floats: floats.0,
                    float_stride: floats.1,
                    vector_stride: floats.2,
                    last_lanes: block.last_lanes(kernels.lanes),
                });
            }
        }
    }
}

impl Convolution for ByteConv {
    type Element = u8;

    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn scratch_size(&self) -> Scratch {
        // The last quad of the ring may reach beyond it.
        let floats = self.layout.ring().div_ceil(QUAD) + 1;
        Scratch { floats, offsets: self.layout.segments.len() }
    }

    fn ring<'a>(&self, floats: &'a mut [f32], offsets: &'a mut [usize]) -> RingState<'a, u8> {
        let Scratch { floats: count, offsets: segments } = self.scratch_size();
        let ring = bytemuck::cast_slice_mut(&mut floats[..count]);
        RingState::new(ring, &mut offsets[..segments], self.padding)
    }

    fn copy(&self, _: &Kernels, from: &[u8], to: &mut [u8]) {
        to.copy_from_slice(from);
    }
}

impl PreparedOp for ByteConv {
    fn scratch(&self) -> Scratch {
        self.scratch_size()
    }

    fn ring_tasks(&self, threads: usize) -> usize {
        self.layout.tasks(threads).1
    }

    fn run(
        &self,
        context: &mut RunContext<'_>,
        inputs: Inputs<'_, '_>,
        output: &mut [u8],
    ) -> Result<()> {
        let input = inputs.bytes(0)?;
        let count = self.layout.output_pixels() * self.layout.outputs;
        assert_eq!(input.len(), self.layout.input_count(), "the input of a convolution");
        assert_eq!(output.len(), count, "the output of a convolution");
        let (output, kernels) = (Shared(output.as_mut_ptr()), context.kernels);
        // SAFETY: the lengths are those of the window, in whole quads, and the set is there.
        unsafe {
            walk(self, context, input.as_ptr(), &|pixels| {
                self.pixels(kernels, pixels, output.get());
            });
        }
        Ok(())
    }
}

/// Where pixels of a result go, and how far apart they lie.
enum Target {
    Bytes(*mut u8, usize),
    Floats { start: *mut f32, stride: usize, vector_stride: usize },
}
