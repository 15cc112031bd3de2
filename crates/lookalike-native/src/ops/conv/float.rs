//! Convolutions of float32.
#![expect(unsafe_code, reason = "the inner loops take pointers, to places that are checked here")]

use std::ops::Range;

use lookalike_core::Result;

use super::ring::{Convolution, Layout, Pixels, RingState, row_of_ring, walk};
use crate::graph::{Constant, Conv, Weights};
use crate::kernels::elementwise::{Activation, Bounds};
use crate::kernels::tile::Tile;
use crate::kernels::{Kernels, SIDE};
use crate::pack::{Aligned, Block, Division, Run, blocks};
use crate::runtime::{Inputs, PreparedOp, RunContext, Scratch, Shared};

/// A convolution of floats, ready to run.
#[derive(Debug)]
pub(crate) struct FloatConv {
    layout: Layout,
    weights: Aligned,
    activation: Activation,
    post_add_bounds: Option<Bounds>,
    affine: Option<(f32, f32)>,
    /// Whether a second input is added to the result.
    has_residual: bool,
}

impl FloatConv {
    /// Packs the weights: for each block the biases, then for each value of a window the weights of all lanes.
    pub(crate) fn new(
        conv: &Conv,
        kernels: &Kernels,
        division: &Division,
        has_residual: bool,
    ) -> Self {
        let lanes = kernels.lanes;
        let tiles = kernels.tiles.map(<[_]>::len);
        let mut layout = Layout::new(conv, tiles, Vec::new(), conv.affine.is_none());
        let (depth, length) = (layout.depth(), layout.length);
        let size = |vectors: usize, ends_in_half| {
            if ends_in_half {
                let pairs = layout.segments.len() * length.div_ceil(2);
                lanes * ((vectors - 1) * (1 + depth) + 1 + pairs)
            } else {
                lanes * vectors * (1 + depth)
            }
        };
        let are_halves = kernels.half_tiles.is_some();
        let blocks = blocks(conv, division, are_halves, size);
        let count =
            blocks.last().map_or(0, |last| last.offset + size(last.vectors, last.ends_in_half));
        let mut weights = Aligned::zeros(count);
        if let Weights::Floats { weights: source, bias } = &conv.weights {
            let source = source.floats();
            let bias = bias.as_deref().map_or(&[][..], Constant::floats);
            for block in &blocks {
                let packed = &mut weights.floats_mut()[block.offset..];
                let packed = &mut packed[..size(block.vectors, block.ends_in_half)];
                let rows = &source[block.channel * depth..][..block.channels * depth];
                let bias =
                    if bias.is_empty() { bias } else { &bias[block.channel..][..block.channels] };
                if block.ends_in_half {
                    let whole = (block.vectors - 1) * lanes;
                    pack_with_half(rows, (depth, length), bias, (whole, lanes), packed);
                } else {
                    let (of_bias, of_weights) = packed.split_at_mut(block.vectors * lanes);
                    of_bias[..bias.len()].copy_from_slice(bias);
                    pack(kernels, rows, depth, block.vectors * lanes, of_weights);
                }
            }
        }
        let Conv { activation, post_add_bounds, affine, .. } = *conv;
        layout.blocks = blocks;
        Self { layout, weights, activation, post_add_bounds, affine, has_residual }
    }

    /// The same, for an operator that takes up one row of its output after the other.
    pub(crate) fn row_by_row(mut self) -> Self {
        self.layout.row_by_row();
        self
    }

    /// Whether the last vector of a block may have no channels for half its lanes.
    pub(crate) fn ends_in_half(&self) -> bool {
        self.layout.blocks.iter().any(|block| block.ends_in_half)
    }

    /// Computes pixels of the output for a block, and adds the residual, unless it is null.
    ///
    /// # Safety
    ///
    /// The set is there, and the pointers are good for what that needs.
    unsafe fn pixels(
        &self,
        kernels: &Kernels,
        pixels: Pixels<'_, f32>,
        output: *mut f32,
        residual: *const f32,
    ) {
        let outputs = self.layout.outputs;
        let Pixels { block, input, segments, first, count } = pixels;
        let block = &self.layout.blocks[block];
        let offset = |pixel: usize| (first + pixel) * outputs + block.channel;
        let shape = TileShape {
            output_stride: outputs,
            vector_stride: kernels.lanes,
            last_lanes: block.last_lanes(kernels.lanes),
        };
        // SAFETY: the caller's.
        unsafe {
            self.tiles(kernels, block, input, segments, count, shape, |pixel| {
                let offset = offset(pixel);
                let residual = if residual.is_null() { residual } else { residual.add(offset) };
                (output.add(offset), residual)
            });
        }
    }

    /// Computes the first `count` pixels of a row of the output, for some blocks, into a row of another operator's ring, in which a vector of
    /// all pixels comes before the next vector.
    ///
    /// # Safety
    ///
    /// The set is there, the input is as the window says, and the output is good for the pixels.
    pub(crate) unsafe fn row_of_blocks(
        &self,
        kernels: &Kernels,
        blocks: Range<usize>,
        input: *const f32,
        row: (usize, usize),
        count: usize,
        ring: &mut RingState<'_, f32>,
        (to, vector_stride): (&mut [f32], usize),
    ) {
        let output_stride = kernels.lanes;
        let mut output = row_of_ring(&self.layout.blocks[blocks.clone()], to, vector_stride);
        // SAFETY: the caller's.
        unsafe {
            let base = self.fill_ring(kernels, input, row, 0, ring);
            for block in &self.layout.blocks[blocks] {
                let is_half = block.ends_in_half;
                let last_lanes = if is_half { kernels.lanes / 2 } else { kernels.lanes };
                let shape = TileShape { output_stride, vector_stride, last_lanes };
                let base = base.add(block.from);
                self.tiles(
                    kernels,
                    block,
                    base,
                    ring.segments(&self.layout),
                    count,
                    shape,
                    |pixel| (output.add(pixel * output_stride), std::ptr::null()),
                );
                // Behind the last block there may be nothing.
                output = output.wrapping_add(block.vectors * vector_stride);
            }
        }
    }

    /// # Safety
    ///
    /// The set is there, and the pointers are good for what that needs.
    unsafe fn tiles(
        &self,
        kernels: &Kernels,
        block: &Block,
        input: *const f32,
        segments: &[usize],
        count: usize,
        shape: TileShape,
        target: impl Fn(usize) -> (*mut f32, *const f32),
    ) {
        let pixel_stride = self.layout.window.columns.stride * self.layout.window.channels;
        let of_halves = kernels.half_tiles.as_ref().filter(|_| block.ends_in_half);
        let tiles = of_halves.unwrap_or(&kernels.tiles)[block.vectors - 1];
        for Run { start, size: pixels, repeats } in self.layout.runs(block, count) {
            if repeats == 0 {
                break;
            }
            let (output, residual) = target(start);
            // SAFETY: the caller's.
            unsafe {
                tiles[pixels - 1](&Tile {
                    input: input.add(start * pixel_stride),
                    segments: segments.as_ptr(),
                    segment_count: segments.len(),
                    segment_length: self.layout.length,
                    pixel_stride,
                    weights: self.weights.floats().as_ptr().add(block.offset),
                    repeats,
                    output,
                    output_stride: shape.output_stride,
                    vector_stride: shape.vector_stride,
                    residual,
                    last_lanes: shape.last_lanes,
                    activation: self.activation,
                    post_add_bounds: self.post_add_bounds,
                });
            }
        }
    }
}

impl Convolution for FloatConv {
    type Element = f32;

    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn scratch_size(&self) -> Scratch {
        let (floats, offsets) = self.layout.ring_size();
        Scratch { floats, offsets }
    }

    fn ring<'a>(
        &self,
        _: usize,
        floats: &'a mut [f32],
        offsets: &'a mut [usize],
    ) -> RingState<'a, f32> {
        let Scratch { floats: count, offsets: segments } = self.scratch_size();
        RingState::new(&mut floats[..count], &mut offsets[..segments], 0.0)
    }

    fn copy(&self, kernels: &Kernels, from: &[f32], to: &mut [f32]) {
        match self.affine {
            Some((scale, shift)) => kernels.affine(from, scale, shift, to),
            None => to.copy_from_slice(from),
        }
    }
}

impl PreparedOp for FloatConv {
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
        let input = inputs.floats(0)?;
        let residual = if self.has_residual { Some(inputs.floats(1)?) } else { None };
        let output: &mut [f32] = bytemuck::cast_slice_mut(output);
        let count = self.layout.output_pixels() * self.layout.outputs;
        assert_eq!(input.len(), self.layout.input_count(), "the input of a convolution");
        assert_eq!(output.len(), count, "the output of a convolution");
        assert!(residual.is_none_or(|residual| residual.len() == count), "the residual");
        let residual = residual.map_or(std::ptr::null(), <[f32]>::as_ptr);
        let (output, residual) = (Shared(output.as_mut_ptr()), Shared(residual.cast_mut()));
        let kernels = context.kernels;
        // SAFETY: the lengths are those of the window, and the set is there.
        unsafe {
            walk(self, context, input.as_ptr(), &|pixels| {
                self.pixels(kernels, pixels, output.get(), residual.get());
            });
        }
        Ok(())
    }
}

/// How an output is laid out.
struct TileShape {
    output_stride: usize,
    vector_stride: usize,
    last_lanes: usize,
}

/// Turns rows of `depth` weights, one for each channel, into columns of `width` lanes.
fn pack(kernels: &Kernels, rows: &[f32], depth: usize, width: usize, columns: &mut [f32]) {
    // Some columns at a time, which stay in the first cache.
    const COLUMNS: usize = 2 * SIDE;
    for (part, columns) in columns.chunks_mut(COLUMNS * width).enumerate() {
        let (first, count) = (part * COLUMNS, columns.len() / width);
        for (square, rows) in rows.chunks(SIDE * depth).enumerate() {
            let (lane, mut done) = (square * SIDE, 0);
            while rows.len() == SIDE * depth && done + SIDE <= count {
                let columns = &mut columns[done * width + lane..];
                kernels.transpose(&rows[first + done..], depth, columns, width);
                done += SIDE;
            }
            for column in done..count {
                for row in 0..rows.len() / depth {
                    columns[column * width + lane + row] = rows[row * depth + first + column];
                }
            }
        }
    }
}

/// The same with the biases before them, for blocks of `whole` channels in whole vectors and half a vector more: see the kernels of
/// [`halves`](crate::kernels::halves). Rows consist of segments of one length.
fn pack_with_half(
    rows: &[f32],
    (depth, length): (usize, usize),
    bias: &[f32],
    (whole, lanes): (usize, usize),
    packed: &mut [f32],
) {
    let (biases, packed) = packed.split_at_mut(whole + lanes);
    // Where the weight, or the bias, of a channel lies among those of a number of values.
    let position = |channel: usize, value: usize, values: usize| match channel.checked_sub(whole) {
        None => value * whole + channel,
        Some(lane) => values * whole + 2 * lane + value,
    };
    for (channel, &bias) in bias.iter().enumerate() {
        biases[position(channel, 0, 1)] = bias;
    }
    let of_pair = 2 * whole + lanes;
    for (channel, row) in rows.chunks_exact(depth).enumerate() {
        let (first, second) = (position(channel, 0, 2), position(channel, 1, 2));
        let single = position(channel, 0, 1);
        let mut start = 0;
        for segment in row.chunks_exact(length) {
            let (pairs, rest) = segment.as_chunks();
            for &[even, odd] in pairs {
                packed[start + first] = even;
                packed[start + second] = odd;
                start += of_pair;
            }
            if let &[weight] = rest {
                packed[start + single] = weight;
                start += whole + lanes;
            }
        }
    }
}
