//! Quantized convolutions (uint8, int8).
#![expect(unsafe_code, reason = "the inner loops take pointers, to places that are checked here")]

use std::ops::Range;

use lookalike_core::Result;

use super::products::{ByteProducts, SourceWeights};
use super::ring::{Convolution, Layout, Pixels, RingState, row_of_ring, walk};
use crate::graph::{ByteWeights, Conv};
use crate::kernels::Kernels;
use crate::kernels::bytes::{Floats, Requantization, Results};
use crate::pack::{Block, Division};
use crate::runtime::{Inputs, PreparedOp, RunContext, Scratch, Shared};

/// A convolution of bytes, ready to run.
#[derive(Debug)]
pub(crate) struct ByteConv {
    products: ByteProducts,
    requantizing: Requantizing,
    /// What makes the input unsigned.
    sign_mask: u8,
    /// What lies around an image, as an unsigned byte.
    padding: u8,
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
        Self {
            constants: ByteProducts::by_lane(blocks, lanes, constant),
            factors: ByteProducts::by_lane(blocks, lanes, |channel| weights.factors[channel]),
            zero_point: weights.output_zero_point,
            bounds: weights.bounds,
        }
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
        let weights = SourceWeights::new(conv, &source.weights, source.zero_point);
        let products = ByteProducts::new(conv, weights, source.is_signed, kernels, division);
        let zero = source.input_zero_point + if source.is_signed { 128 } else { 0 };
        // What zero points add to the sums, but for the sums of pixels.
        let constant = |channel: usize| {
            source.bias[channel].wrapping_sub(zero.wrapping_mul(weights.sum(channel)))
        };
        let blocks = &products.layout.blocks;
        let requantizing = Requantizing::new(source, blocks, kernels.lanes, constant);
        let sign_mask = if source.is_signed { 0x80 } else { 0 };
        Self { products, requantizing, sign_mask, padding: zero as u8 }
    }

    /// The same, for an operator that takes up one row of its output after the other.
    pub(crate) fn row_by_row(mut self) -> Self {
        self.products.layout.row_by_row();
        self
    }

    /// Computes pixels of the output for a block.
    ///
    /// # Safety
    ///
    /// The set is there, and the pointers are good for what that needs.
    unsafe fn pixels(&self, kernels: &Kernels, pixels: Pixels<'_, u8>, output: *mut u8) {
        let outputs = self.products.layout.outputs;
        let Pixels { block, input, segments, first, count } = pixels;
        let Block { channel, lane, .. } = self.products.layout.blocks[block];
        // SAFETY: the caller's.
        unsafe {
            let results = |pixel: usize| {
                let position = output.add((first + pixel) * outputs + channel);
                Results::Bytes(self.requantizing.at(lane, position, outputs))
            };
            self.products.tiles(kernels, block, input, segments, count, results);
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
        let blocks_there = &self.products.layout.blocks;
        let mut output = row_of_ring(&blocks_there[blocks.clone()], to, vector_stride);
        // SAFETY: the caller's.
        unsafe {
            let base = self.fill_ring(kernels, input, row, 0, ring);
            let segments = ring.segments(&self.products.layout);
            for number in blocks {
                let block = &blocks_there[number];
                let results = |pixel: usize| {
                    let start = output.add(pixel * kernels.lanes);
                    let to = Floats { start, stride: kernels.lanes, vector_stride };
                    // They are not stored as bytes.
                    let steps = self.requantizing.at(block.lane, std::ptr::null_mut(), 0);
                    Results::Steps(steps, to)
                };
                let base = base.add(block.from);
                self.products.tiles(kernels, number, base, segments, count, results);
                output = output.wrapping_add(block.vectors * vector_stride);
            }
        }
    }
}

impl Convolution for ByteConv {
    type Element = u8;

    fn layout(&self) -> &Layout {
        &self.products.layout
    }

    fn scratch_size(&self) -> Scratch {
        self.products.scratch_size()
    }

    fn ring<'a>(
        &self,
        _: usize,
        floats: &'a mut [f32],
        offsets: &'a mut [usize],
    ) -> RingState<'a, u8> {
        RingState::<u8>::of_bytes(self.scratch_size(), floats, offsets, self.padding)
    }

    fn copy(&self, _: &Kernels, from: &[u8], to: &mut [u8]) {
        if self.sign_mask == 0 {
            to.copy_from_slice(from);
            return;
        }
        to.iter_mut().zip(from).for_each(|(to, &byte)| *to = byte ^ self.sign_mask);
    }
}

impl PreparedOp for ByteConv {
    fn scratch(&self) -> Scratch {
        self.scratch_size()
    }

    fn ring_tasks(&self, threads: usize) -> usize {
        self.products.layout.tasks(threads).1
    }

    fn run(
        &self,
        context: &mut RunContext<'_>,
        inputs: Inputs<'_, '_>,
        output: &mut [u8],
    ) -> Result<()> {
        let input = inputs.bytes(0)?;
        let layout = &self.products.layout;
        let count = layout.output_pixels() * layout.outputs;
        assert_eq!(input.len(), layout.input_count(), "the input of a convolution");
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
