//! Convolutions: where the inner loops find their pixels.
//!
//! A convolution of single pixels reads them where they are. Any other one takes the rows that its window lies over into a ring of
//! rows with padding around, so that the inner loops know nothing of borders.
#![expect(unsafe_code, reason = "the inner loops take pointers, to places that are checked here")]

use std::ops::Range;

use crate::exec::{Context, Shared, Worker};
use crate::graph::{ByteWeights, Constant, Conv, Weights, Window2};
use crate::kernels::bytes::{ByteTile, MOST_LANES, Requantization};
use crate::kernels::elementwise::{Activation, Bounds};
use crate::kernels::tile::Tile;
use crate::kernels::{Kernels, MOST_VECTORS, SIDE};
use crate::pack::{Aligned, Block, Division, Run, blocks, runs, shares_pixels, spread};

/// Bytes of a quad.
const QUAD: usize = 4;

/// A part of a window that lies in one piece: its row, and how far from the row's beginning.
#[derive(Clone, Copy, Debug)]
struct Segment {
    row: usize,
    place: usize,
}

/// What convolutions of floats and of bytes have in common.
#[derive(Debug)]
struct Layout {
    window: Window2,
    outputs: usize,
    segments: Vec<Segment>,
    /// Elements of a segment.
    length: usize,
    blocks: Vec<Block>,
    /// Most pixels of a tile, for blocks of 1, 2, … vectors.
    most_pixels: [usize; MOST_VECTORS],
    /// How the pixels of a row are divided for them.
    row_runs: [[Run; 2]; MOST_VECTORS],
    /// Whether pixels are read where they are: there is no padding, and nothing is done to them first.
    is_direct: bool,
}

impl Layout {
    fn new(
        conv: &Conv,
        most_pixels: [usize; MOST_VECTORS],
        blocks: Vec<Block>,
        is_direct: bool,
    ) -> Self {
        let Window2 { rows, columns, channels, .. } = conv.window;
        let is_dense = columns.dilation == 1 && conv.groups == 1;
        let (taps, length) = if is_dense {
            (1, columns.size * channels)
        } else {
            (columns.size, channels / conv.groups)
        };
        let segments = (0..rows.size)
            .flat_map(|row| (0..taps).map(move |tap| (row, tap)))
            .map(|(row, tap)| Segment {
                row,
                place: (tap * columns.dilation).saturating_mul(channels),
            })
            .collect();
        let window = conv.window;
        let has_padding = rows.before > 0
            || columns.before > 0
            || rows.padded() > rows.input
            || columns.padded() > columns.input;
        Self {
            window,
            outputs: conv.outputs,
            segments,
            length,
            blocks,
            row_runs: most_pixels.map(|most| runs(columns.output, most)),
            most_pixels,
            is_direct: is_direct && !has_padding,
        }
    }

    /// How `count` pixels are divided for a block.
    fn runs(&self, block: &Block, count: usize) -> [Run; 2] {
        let place = block.vectors - 1;
        if count == self.window.columns.output {
            self.row_runs[place]
        } else {
            runs(count, self.most_pixels[place])
        }
    }

    /// Values of a window that a channel of the result depends on.
    fn depth(&self) -> usize {
        self.segments.len() * self.length
    }

    fn input_count(&self) -> usize {
        self.window.batch
            * self.window.rows.input
            * self.window.columns.input
            * self.window.channels
    }

    fn multiplications(&self) -> usize {
        self.output_pixels().saturating_mul(self.depth()).saturating_mul(self.outputs)
    }

    fn output_pixels(&self) -> usize {
        self.window.batch * self.window.rows.output * self.window.columns.output
    }

    /// Whether pixels of the result are pixels of the input, one for one.
    fn is_pointwise(&self) -> bool {
        self.is_direct && self.window.rows.is_pointwise() && self.window.columns.is_pointwise()
    }

    /// Elements of a row of the ring.
    fn row_length(&self) -> usize {
        self.window.columns.padded().saturating_mul(self.window.channels)
    }

    /// Elements that a thread needs for its ring: an empty row first.
    fn ring(&self) -> usize {
        if self.is_direct {
            0
        } else {
            (1 + self.window.rows.seen()).saturating_mul(self.row_length())
        }
    }

    /// Shares of the pixels, where they are one for one.
    fn chunks(&self, threads: usize) -> usize {
        if shares_pixels(self.output_pixels(), threads) { threads } else { 1 }
    }

    /// Shares of the rows of the result: parts of each image, and all of them. A ring is begun for each.
    fn shares(&self, threads: usize) -> (usize, usize) {
        let rows = self.window.rows.output;
        let parts = if threads == 1 { 1 } else { (4 * threads).min(rows.div_ceil(2)).max(1) };
        (parts, self.window.batch * parts)
    }

    fn share(&self, share: usize, parts: usize) -> (usize, Range<usize>) {
        let rows = self.window.rows.output;
        let (start, count) =
            spread(rows, rows.div_ceil(parts)).nth(share % parts).unwrap_or((0, 0));
        (share / parts, start..start + count)
    }

    /// The rows of the input that a window in a row of the result lies over and that are there.
    fn rows_under(&self, output_row: usize) -> Range<usize> {
        let rows = &self.window.rows;
        let first = output_row * rows.stride;
        let end = (first + rows.reach()).saturating_sub(rows.before).min(rows.input);
        first.saturating_sub(rows.before).min(end)..end
    }

    /// Writes where the segments of the first window in a row of the result begin.
    fn place_segments(&self, picture: usize, output_row: usize, places: &mut [usize]) {
        let rows = &self.window.rows;
        for (place, segment) in places.iter_mut().zip(&self.segments) {
            let row = (output_row * rows.stride + segment.row * rows.dilation)
                .checked_sub(rows.before)
                .filter(|&row| row < rows.input);
            let start = match row {
                Some(row) if self.is_direct => {
                    (picture * rows.input + row) * self.window.columns.input * self.window.channels
                }
                Some(row) => (1 + row % rows.seen()) * self.row_length(),
                None => 0,
            };
            *place = start + segment.place;
        }
    }

    /// Calls for each row that is to be taken into the ring: its number, and its first pixel's place in the ring.
    fn fill(&self, output_row: usize, next: &mut usize, mut fill: impl FnMut(usize, usize)) {
        let under = self.rows_under(output_row);
        for row in under.start.max(*next)..under.end {
            let slot = (1 + row % self.window.rows.seen()) * self.row_length();
            fill(row, slot + self.window.columns.before * self.window.channels);
        }
        *next = under.end.max(*next);
    }

    /// What is taken of a row of the input.
    ///
    /// # Safety
    ///
    /// The input is as the window says, and the row is there.
    unsafe fn input_row<'a, T>(&self, input: *const T, picture: usize, row: usize) -> &'a [T] {
        let Window2 { rows, columns, channels, .. } = self.window;
        let start = (picture * rows.input + row) * columns.input * channels;
        let count = columns.input.min(columns.padded().saturating_sub(columns.before));
        // SAFETY: the caller's; no more is taken than a row has.
        unsafe { std::slice::from_raw_parts(input.add(start), count * channels) }
    }
}

/// Rows that have been taken up, and where the segments of the last row of the result begin.
pub(crate) struct Taken<'a, T> {
    ring: &'a mut [T],
    places: &'a mut [usize],
    /// The first row that has not been taken up.
    next: usize,
}

impl<T> Taken<'_, T> {
    /// Begins with the first row again.
    pub(crate) fn restart(&mut self) {
        self.next = 0;
    }
}

/// A row of a ring that some blocks write to: it must have room for all their vectors, of which the last needs no padding behind it.
fn row_of_ring(blocks: &[Block], to: &mut [f32], vector_stride: usize) -> *mut f32 {
    let vectors: usize = blocks.iter().map(|block| block.vectors).sum();
    let needed = vectors.saturating_sub(1).checked_mul(vector_stride);
    assert!(
        needed.is_some_and(|needed| vectors == 0 || needed < to.len()),
        "a ring of other blocks"
    );
    to.as_mut_ptr()
}

/// A convolution of floats, ready to run.
#[derive(Debug)]
pub(crate) struct FloatConv {
    layout: Layout,
    weights: Aligned,
    activation: Activation,
    post_add_bounds: Option<Bounds>,
    affine: Option<(f32, f32)>,
}

impl FloatConv {
    /// Packs the weights: for each block the biases, then for each value of a window the weights of all lanes.
    pub(crate) fn new(conv: &Conv, kernels: &Kernels, division: &Division) -> Self {
        let lanes = kernels.lanes;
        let tiles = kernels.tiles.map(<[_]>::len);
        let layout = Layout::new(conv, tiles, Vec::new(), conv.affine.is_none());
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
        Self { layout: Layout { blocks, ..layout }, weights, activation, post_add_bounds, affine }
    }

    /// Whether the last vector of a block may have no channels for half its lanes.
    pub(crate) fn ends_in_half(&self) -> bool {
        self.layout.blocks.iter().any(|block| block.ends_in_half)
    }

    /// For how many tasks a ring is begun.
    pub(crate) fn shares(&self, threads: usize) -> usize {
        self.layout.shares(threads).1
    }

    /// Floats, and places of segments, that a thread needs for itself.
    pub(crate) fn scratch(&self) -> (usize, usize) {
        (self.layout.ring(), self.layout.segments.len())
    }

    pub(crate) fn run(
        &self,
        context: &mut Context<'_>,
        input: &[f32],
        addend: Option<&[f32]>,
        output: &mut [f32],
    ) {
        let layout = &self.layout;
        let pixels = layout.output_pixels();
        assert_eq!(input.len(), layout.input_count(), "the input of a convolution");
        assert_eq!(output.len(), pixels * layout.outputs, "the result of a convolution");
        assert!(addend.is_none_or(|addend| addend.len() == output.len()), "what is added to it");
        let (input, output) = (Shared(input.as_ptr().cast_mut()), Shared(output.as_mut_ptr()));
        let addend =
            Shared(addend.map_or(std::ptr::null_mut(), |addend| addend.as_ptr().cast_mut()));
        let kernels = context.kernels;
        if layout.is_pointwise() {
            let (blocks, chunks) = (layout.blocks.len(), layout.chunks(context.width()));
            let most = pixels.div_ceil(chunks);
            context.run(blocks * chunks, layout.multiplications(), &|_, share| {
                let block = &layout.blocks[share % blocks];
                let Some((start, count)) = spread(pixels, most).nth(share / blocks) else { return };
                // SAFETY: a pixel that is there has its channels in the input, and those of the result in the output.
                unsafe {
                    let input = input.get().add(start * layout.window.channels + block.from);
                    self.tiles(
                        kernels,
                        block,
                        input,
                        &[0],
                        count,
                        output.get(),
                        addend.get(),
                        start,
                    );
                }
            });
            return;
        }
        let (parts, shares) = layout.shares(context.width());
        let scratch = self.scratch();
        context.run(shares, layout.multiplications(), &|mut worker: Worker, share| {
            let (picture, rows) = layout.share(share, parts);
            // SAFETY: the plan made room for a ring and for places for each thread; rows of the result are there; segments lie within
            // the ring, or within the input, for all columns of the result.
            unsafe {
                let (ring, places) = worker.scratch(scratch.0, scratch.1);
                let mut taken = self.begin(ring, places);
                for row in rows {
                    let base = self.take(kernels, input.get(), picture, row, &mut taken);
                    let count = layout.window.columns.output;
                    let first = (picture * layout.window.rows.output + row) * count;
                    for block in &layout.blocks {
                        let (base, places) = (base.add(block.from), &*taken.places);
                        self.tiles(
                            kernels,
                            block,
                            base,
                            places,
                            count,
                            output.get(),
                            addend.get(),
                            first,
                        );
                    }
                }
            }
        });
    }

    /// Begins with a share of the rows of a result, in memory of this convolution's scratch size.
    pub(crate) fn begin<'a>(&self, ring: &'a mut [f32], places: &'a mut [usize]) -> Taken<'a, f32> {
        let (ring, places) =
            (&mut ring[..self.layout.ring()], &mut places[..self.layout.segments.len()]);
        ring.fill(0.0);
        Taken { ring, places, next: 0 }
    }

    /// Takes up the rows that a row of the result depends on, and says what the places of its segments count from.
    ///
    /// # Safety
    ///
    /// The set is there, and the input is as the window says.
    unsafe fn take(
        &self,
        kernels: &Kernels,
        input: *const f32,
        picture: usize,
        row: usize,
        taken: &mut Taken<'_, f32>,
    ) -> *const f32 {
        let layout = &self.layout;
        layout.place_segments(picture, row, taken.places);
        if layout.is_direct {
            return input;
        }
        let ring = &mut *taken.ring;
        layout.fill(row, &mut taken.next, |row, place| {
            // SAFETY: the row is there.
            let from = unsafe { layout.input_row(input, picture, row) };
            let to = &mut ring[place..][..from.len()];
            match self.affine {
                Some((scale, shift)) => kernels.affine(from, scale, shift, to),
                None => to.copy_from_slice(from),
            }
        });
        taken.ring.as_ptr()
    }

    /// Computes `count` pixels of the result, from the `first` one on, for a block of channels.
    ///
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
        output: *mut f32,
        addend: *const f32,
        first: usize,
    ) {
        let outputs = self.layout.outputs;
        let place = |pixel: usize| (first + pixel) * outputs + block.channel;
        let shape = TileShape {
            output_stride: outputs,
            vector_stride: kernels.lanes,
            last_lanes: block.last_lanes(kernels.lanes),
        };
        // SAFETY: the caller's.
        unsafe {
            self.tiles_to(kernels, block, input, segments, count, shape, |pixel| {
                let addend = if addend.is_null() { addend } else { addend.add(place(pixel)) };
                (output.add(place(pixel)), addend)
            });
        }
    }

    /// Computes the first `count` pixels of a row of the result, for some blocks, into a row of a ring, in which a vector of all pixels
    /// comes before the next vector.
    ///
    /// # Safety
    ///
    /// The set is there, the input is as the window says, and the output is good for the pixels.
    pub(crate) unsafe fn row_of_blocks(
        &self,
        kernels: &Kernels,
        blocks: Range<usize>,
        input: *const f32,
        (picture, row): (usize, usize),
        count: usize,
        taken: &mut Taken<'_, f32>,
        (to, vector_stride): (&mut [f32], usize),
    ) {
        let output_stride = kernels.lanes;
        let mut output = row_of_ring(&self.layout.blocks[blocks.clone()], to, vector_stride);
        // SAFETY: the caller's.
        unsafe {
            let base = self.take(kernels, input, picture, row, taken);
            for block in &self.layout.blocks[blocks] {
                let is_half = block.ends_in_half;
                let last_lanes = if is_half { kernels.lanes / 2 } else { kernels.lanes };
                let shape = TileShape { output_stride, vector_stride, last_lanes };
                let base = base.add(block.from);
                self.tiles_to(kernels, block, base, taken.places, count, shape, |pixel| {
                    (output.add(pixel * output_stride), std::ptr::null())
                });
                // Behind the last block there may be nothing.
                output = output.wrapping_add(block.vectors * vector_stride);
            }
        }
    }

    /// # Safety
    ///
    /// The set is there, and the pointers are good for what that needs.
    unsafe fn tiles_to(
        &self,
        kernels: &Kernels,
        block: &Block,
        input: *const f32,
        segments: &[usize],
        count: usize,
        shape: TileShape,
        place: impl Fn(usize) -> (*mut f32, *const f32),
    ) {
        let pixel_stride = self.layout.window.columns.stride * self.layout.window.channels;
        let of_halves = kernels.half_tiles.as_ref().filter(|_| block.ends_in_half);
        let tiles = of_halves.unwrap_or(&kernels.tiles)[block.vectors - 1];
        for Run { start, size: pixels, repeats } in self.layout.runs(block, count) {
            if repeats == 0 {
                break;
            }
            let (output, addend) = place(start);
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
                    addend,
                    last_lanes: shape.last_lanes,
                    activation: self.activation,
                    post_add_bounds: self.post_add_bounds,
                });
            }
        }
    }
}

/// How a result is laid out.
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
        let first = part * COLUMNS;
        for (rows, lane) in rows.chunks(SIDE * depth).zip((0..).step_by(SIDE)) {
            let mut done = 0;
            if rows.len() == SIDE * depth {
                for columns in columns.chunks_exact_mut(SIDE * width) {
                    kernels.transpose(&rows[first + done..], depth, &mut columns[lane..], width);
                    done += SIDE;
                }
            }
            for (row, lane) in rows.chunks_exact(depth).zip(lane..) {
                let columns = columns.chunks_exact_mut(width).skip(done);
                for (column, &weight) in columns.zip(&row[first + done..]) {
                    column[lane] = weight;
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
    let place = |channel: usize, value: usize, values: usize| match channel.checked_sub(whole) {
        None => value * whole + channel,
        Some(lane) => values * whole + 2 * lane + value,
    };
    for (channel, &bias) in bias.iter().enumerate() {
        biases[place(channel, 0, 1)] = bias;
    }
    let of_pair = 2 * whole + lanes;
    let of_segment = length / 2 * of_pair + length % 2 * (whole + lanes);
    for (channel, row) in rows.chunks_exact(depth).enumerate() {
        for (segment, packed) in row.chunks_exact(length).zip(packed.chunks_exact_mut(of_segment)) {
            for (pair, packed) in segment.chunks(2).zip(packed.chunks_mut(of_pair)) {
                for (value, &weight) in pair.iter().enumerate() {
                    packed[place(channel, value, pair.len())] = weight;
                }
            }
        }
    }
}

/// A convolution of bytes, ready to run.
#[derive(Debug)]
pub(crate) struct ByteConv {
    layout: Layout,
    /// Quads of the weights of all lanes, for each quad of a window.
    weights: Vec<i8>,
    requantizing: Requantizing,
    /// What makes the input unsigned.
    flip: u8,
    /// What lies around an image.
    padding: u8,
    /// How often the sum of a window's bytes is added, for each block; 0 for never.
    sum_factors: Vec<i32>,
    /// For each quad of a window weights of all lanes, of which those are 1 whose bytes there are, the others 0; empty if no sum is added.
    counted: Vec<i8>,
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
        let most_pixels = tiles.map(<[_]>::len);
        let layout = Layout::new(conv, most_pixels, Vec::new(), is_direct);
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
        let mut counted = Vec::new();
        if sum_factors.iter().any(|&factor| factor != 0) {
            for quad in 0..quads {
                let left = length - quad % length.div_ceil(QUAD) * QUAD;
                let quad: [i8; QUAD] = std::array::from_fn(|place| i8::from(place < left));
                counted.extend(quad.repeat(lanes));
            }
        }
        Self {
            layout: Layout { blocks, ..layout },
            weights,
            requantizing,
            flip: if source.is_signed { 0x80 } else { 0 },
            padding: source.input_zero_point as u8,
            sum_factors,
            counted,
        }
    }

    /// For how many tasks a ring is begun.
    pub(crate) fn shares(&self, threads: usize) -> usize {
        self.layout.shares(threads).1
    }

    /// Floats, and places of segments, that a thread needs for itself.
    pub(crate) fn scratch(&self) -> (usize, usize) {
        // The last quad of the ring may reach beyond it.
        (self.layout.ring().div_ceil(QUAD) + 1, self.layout.segments.len())
    }

    pub(crate) fn run(&self, context: &mut Context<'_>, input: &[u8], output: &mut [u8]) {
        let layout = &self.layout;
        let pixels = layout.output_pixels();
        assert_eq!(input.len(), layout.input_count(), "the input of a convolution");
        assert_eq!(output.len(), pixels * layout.outputs, "the result of a convolution");
        let (input, output) = (Shared(input.as_ptr().cast_mut()), Shared(output.as_mut_ptr()));
        let (kernels, scratch) = (context.kernels, self.scratch());
        if layout.is_pointwise() {
            let (blocks, chunks) = (layout.blocks.len(), layout.chunks(context.width()));
            let most = pixels.div_ceil(chunks);
            context.run(blocks * chunks, layout.multiplications(), &|_, share| {
                let block = share % blocks;
                let Some((start, count)) = spread(pixels, most).nth(share / blocks) else { return };
                // SAFETY: a pixel that is there has its channels in the input, in whole quads, and those of the result in the output.
                unsafe {
                    let input = input.get().add(start * layout.window.channels);
                    self.pixels(kernels, block, input, &[0], count, output.get(), start);
                }
            });
            return;
        }
        let (parts, shares) = layout.shares(context.width());
        context.run(shares, layout.multiplications(), &|mut worker: Worker, share| {
            let (picture, rows) = layout.share(share, parts);
            // SAFETY: the plan made room for a ring and for places for each thread; rows of the result are there; segments lie within
            // the ring for all columns of the result, their last quads too.
            unsafe {
                let (memory, places) = worker.scratch(scratch.0, scratch.1);
                let mut taken = self.begin(memory, places);
                for row in rows {
                    let base = self.take(input.get(), picture, row, &mut taken);
                    let count = layout.window.columns.output;
                    let first = (picture * layout.window.rows.output + row) * count;
                    for block in 0..layout.blocks.len() {
                        self.pixels(kernels, block, base, taken.places, count, output.get(), first);
                    }
                }
            }
        });
    }

    /// Begins with a share of the rows of a result, in memory of this convolution's scratch size.
    pub(crate) fn begin<'a>(
        &self,
        memory: &'a mut [f32],
        places: &'a mut [usize],
    ) -> Taken<'a, u8> {
        let ring: &mut [u8] = bytemuck::cast_slice_mut(&mut memory[..self.scratch().0]);
        ring.fill(self.padding);
        let places = &mut places[..self.layout.segments.len()];
        Taken { ring, places, next: 0 }
    }

    /// Takes up the rows that a row of the result depends on, and says what the places of its segments count from.
    ///
    /// # Safety
    ///
    /// The input is as the window says.
    unsafe fn take(
        &self,
        input: *const u8,
        picture: usize,
        row: usize,
        taken: &mut Taken<'_, u8>,
    ) -> *const u8 {
        let layout = &self.layout;
        layout.place_segments(picture, row, taken.places);
        if layout.is_direct {
            return input;
        }
        let ring = &mut *taken.ring;
        layout.fill(row, &mut taken.next, |row, place| {
            // SAFETY: the row is there.
            let from = unsafe { layout.input_row(input, picture, row) };
            ring[place..][..from.len()].copy_from_slice(from);
        });
        taken.ring.as_ptr()
    }

    /// Computes `count` pixels of the result, from the `first` one on, for a block of channels.
    ///
    /// # Safety
    ///
    /// The set is there, and the pointers are good for what that needs.
    unsafe fn pixels(
        &self,
        kernels: &Kernels,
        block: usize,
        input: *const u8,
        segments: &[usize],
        count: usize,
        output: *mut u8,
        first: usize,
    ) {
        let outputs = self.layout.outputs;
        let channel = self.layout.blocks[block].channel;
        // SAFETY: the caller's.
        unsafe {
            let place = |pixel: usize| output.add((first + pixel) * outputs + channel);
            let target = |pixel: usize| Target::Bytes(place(pixel), outputs);
            self.tiles(kernels, block, input, segments, count, target);
        }
    }

    /// Computes the first `count` pixels of a row of the result, for some blocks, into a row of a ring of floats, less their zero point,
    /// in which a vector of all pixels comes before the next vector.
    ///
    /// # Safety
    ///
    /// The set is there, the input is as the window says, and the output is good for the pixels.
    pub(crate) unsafe fn row_of_blocks(
        &self,
        kernels: &Kernels,
        blocks: Range<usize>,
        input: *const u8,
        (picture, row): (usize, usize),
        count: usize,
        taken: &mut Taken<'_, u8>,
        (to, vector_stride): (&mut [f32], usize),
    ) {
        let stride = kernels.lanes;
        let mut output = row_of_ring(&self.layout.blocks[blocks.clone()], to, vector_stride);
        // SAFETY: the caller's.
        unsafe {
            let base = self.take(input, picture, row, taken);
            for block in blocks {
                let target = |pixel: usize| Target::Floats {
                    place: output.add(pixel * stride),
                    stride,
                    vector_stride,
                };
                self.tiles(kernels, block, base, taken.places, count, target);
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
                Target::Floats { place, stride, vector_stride } => {
                    ((std::ptr::null_mut(), 0), (place, stride, vector_stride))
                }
            };
            // SAFETY: the caller's.
            unsafe {
                tiles[block.vectors - 1][pixels - 1](&ByteTile {
                    input: input.add(block.from + start * pixel_stride),
                    segments: segments.as_ptr(),
                    segment_count: segments.len(),
                    segment_quads: self.layout.length.div_ceil(QUAD),
                    pixel_stride,
                    flip: [i32::from_ne_bytes([self.flip; QUAD]); MOST_LANES],
                    weights: self.weights.as_ptr().add(block.offset),
                    repeats,
                    counted: self.counted.as_ptr(),
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

/// Where pixels of a result go, and how far apart they lie.
enum Target {
    Bytes(*mut u8, usize),
    Floats { place: *mut f32, stride: usize, vector_stride: usize },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block that writes so many vectors.
    fn block(vectors: usize) -> Block {
        Block {
            from: 0,
            channel: 0,
            channels: vectors,
            vectors,
            lane: 0,
            offset: 0,
            ends_in_half: false,
        }
    }

    #[test]
    fn a_ring_row_holds_the_vectors_of_its_blocks() {
        // Three vectors, 16 floats apart, reach up to float 32.
        let blocks = [block(2), block(1)];
        assert!(!row_of_ring(&blocks, &mut [0.0; 33], 16).is_null());
        assert!(!row_of_ring(&[], &mut [], 16).is_null());
    }

    #[test]
    #[should_panic(expected = "a ring of other blocks")]
    fn a_ring_row_for_fewer_blocks_is_refused() {
        let _ = row_of_ring(&[block(2), block(1)], &mut [0.0; 32], 16);
    }

    #[test]
    #[should_panic(expected = "a ring of other blocks")]
    fn a_ring_row_of_no_size_is_refused() {
        let _ = row_of_ring(&[block(2)], &mut [0.0; 32], usize::MAX);
    }
}
