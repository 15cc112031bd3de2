//! Depthwise convolutions: group by group of channels, so that all rows of a group that a window lies over stay in the first cache.
//!
//! The rows come from the input, or from a pointwise convolution, which is fused and produces them here.
#![expect(unsafe_code, reason = "the inner loops take pointers, to places that are checked here")]

use std::ops::Range;

use lookalike_core::Result;

use super::conv::{ByteConv, Convolution, FloatConv, Requantizing, RingState};
use crate::graph::{Conv, Side, Weights, Window2};
use crate::kernels::Kernels;
use crate::kernels::depthwise::DepthwiseTile;
use crate::kernels::elementwise::Activation;
use crate::pack::{Aligned, Block, Run, blocks, divide, runs, spread};
use crate::runtime::{Inputs, PreparedOp, RunContext, Scratch, Shared, Worker};

/// Where the rows of a block come from.
#[derive(Debug)]
enum Source {
    /// The input, of floats, of which each channel is taken so many times.
    Floats { times: usize },
    /// The input, of bytes, less their zero point.
    Bytes { times: usize, is_signed: bool, zero_point: i32 },
    /// Floats that a convolution makes of the input.
    FloatConv(Box<FloatConv>),
    /// The same of bytes.
    ByteConv(Box<ByteConv>),
}

/// A depthwise convolution, ready to run.
#[derive(Debug)]
pub(crate) struct Depthwise {
    window: Window2,
    outputs: usize,
    /// Floats of a vector.
    lanes: usize,
    /// The window over the input: another one if a convolution is part of this.
    input: Window2,
    groups: Vec<Group>,
    weights: Aligned,
    source: Source,
    activation: Activation,
    requantizing: Option<Requantizing>,
    /// Tasks that the rows of each block are split into.
    parts: usize,
    /// How the columns of a row are divided.
    runs: [Run; 2],
    /// Where the rows of a window begin in the ring, for each row of the output.
    offsets: Vec<usize>,
}

/// Channels whose rows are in the ring at a time.
#[derive(Debug)]
struct Group {
    /// The blocks of the convolution before that make them.
    blocks: Range<usize>,
    /// All of them as one.
    whole: Block,
}

/// Rows of a group of channels, with padding around them: first an empty row, then as many as a window reaches over.
struct Ring<'a> {
    memory: &'a mut [f32],
    filler: Filler<'a>,
    /// From a vector of all pixels of a row to the next, in floats.
    plane: usize,
    row_length: usize,
}

/// What fills the rows of a ring.
enum Filler<'a> {
    Input,
    Floats(&'a FloatConv, RingState<'a, f32>),
    Bytes(&'a ByteConv, RingState<'a, u8>),
}

impl Filler<'_> {
    /// Begins with the first row again.
    fn restart(&mut self) {
        match self {
            Filler::Input => {}
            Filler::Floats(_, ring) => ring.restart(),
            Filler::Bytes(_, ring) => ring.restart(),
        }
    }
}

impl Depthwise {
    /// Packs the weights: for each vector of channels the biases, then the weights for each tap.
    pub(crate) fn new(
        conv: &Conv,
        producer: Option<&Conv>,
        kernels: &Kernels,
        threads: usize,
    ) -> Self {
        let Window2 { rows, columns, channels, .. } = conv.window;
        let (lanes, taps) = (kernels.lanes, rows.size * columns.size);
        // Threads divide the rows, as those of the operators before and after do, so that each finds in its cache what it made. Rows at
        // the seams are made twice; where that were more than an eighth of all, fewer parts are made, and threads divide the blocks.
        const MAX_SEAMS: usize = 8;
        let seam = rows.reach().saturating_sub(rows.stride).max(1);
        let parts = (1 + rows.input / (MAX_SEAMS * seam)).min(threads).min(rows.output);
        let threads = threads.div_ceil(parts);
        // However small the image is: a block must fit into the first cache.
        const SEVERAL: usize = 2;
        let size = |vectors: usize| vectors * lanes * (1 + taps);
        let division = divide(conv, SEVERAL, kernels, threads);
        let blocks = blocks(conv, &division, false, |vectors, _| size(vectors));
        let count = blocks.last().map_or(0, |last| last.offset + size(last.vectors));
        let mut weights = Aligned::zeros(count);
        for block in &blocks {
            let packed = &mut weights.floats_mut()[block.offset..][..size(block.vectors)];
            for lane in 0..block.channels {
                let channel = block.channel + lane;
                let packed = &mut packed[lane / lanes * size(1)..][..size(1)];
                packed[lane % lanes] = conv.weights.float_bias(channel);
                for tap in 0..taps {
                    let weight = conv.weights.float(tap * conv.outputs + channel);
                    packed[(1 + tap) * lanes + lane % lanes] = weight;
                }
            }
        }
        let times = conv.outputs / channels;
        let (source, requantizing) = match (&conv.weights, producer) {
            (Weights::Floats { .. } | Weights::Dynamic(_), None) => {
                (Source::Floats { times }, None)
            }
            (Weights::Floats { .. } | Weights::Dynamic(_), Some(before)) => {
                let before = FloatConv::new(before, kernels, &division, false).row_by_row();
                (Source::FloatConv(Box::new(before)), None)
            }
            (Weights::Bytes(bytes), before) => {
                let constant = |channel: usize| bytes.bias[channel];
                let requantizing = Requantizing::new(bytes, &blocks, lanes, constant);
                let source = match before {
                    Some(Conv { weights: Weights::Bytes(of_before), .. }) => {
                        let before = before.unwrap_or(conv);
                        let before =
                            ByteConv::new(before, of_before, kernels, &division).row_by_row();
                        Source::ByteConv(Box::new(before))
                    }
                    _ => Source::Bytes {
                        times,
                        is_signed: bytes.is_signed,
                        zero_point: bytes.input_zero_point,
                    },
                };
                (source, Some(requantizing))
            }
        };
        // Threads that divide the groups need many of them.
        let of_vector = ring_of_vector(&conv.window, lanes);
        let max = if threads == 1 { MAX_RING / of_vector.max(1) } else { 0 };
        let groups = groups(&blocks, max);
        let row_length = widest(&groups).saturating_mul(plane(&conv.window, lanes));
        let max_columns = tiles(&conv.window, kernels).len();
        Self {
            window: conv.window,
            outputs: conv.outputs,
            lanes,
            input: producer.map_or(conv.window, |before| before.window),
            groups,
            weights,
            source,
            // Sums of steps are bounded once they are floats.
            activation: match conv.weights {
                Weights::Dynamic(_) => Activation::None,
                _ => conv.activation,
            },
            requantizing,
            parts,
            runs: runs(columns.output, max_columns),
            offsets: offsets(&rows, row_length),
        }
    }

    /// Tasks that the groups are split into: one thread goes through all of them in one go.
    fn group_tasks(&self, threads: usize) -> usize {
        if threads == 1 { 1 } else { self.groups.len() }
    }

    /// A ring without rows, but with what lies beside them.
    fn ring<'a>(
        &'a self,
        kernels: &Kernels,
        memory: &'a mut [f32],
        offsets: &'a mut [usize],
    ) -> Ring<'a> {
        let Window2 { rows, columns, .. } = self.window;
        let plane = plane(&self.window, kernels.lanes);
        let row_length = widest(&self.groups) * plane;
        // It comes first, where a cache line begins: loads of whole vectors do not lie across two.
        let (memory, of_source) = memory.split_at_mut((1 + rows.seen()) * row_length);
        let filler = match &self.source {
            Source::FloatConv(conv) => Filler::Floats(conv, conv.ring(0, of_source, offsets)),
            Source::ByteConv(conv) => Filler::Bytes(conv, conv.ring(0, of_source, offsets)),
            _ => Filler::Input,
        };
        let (empty, rows) = memory.split_at_mut(row_length);
        empty.fill(0.0);
        if let Source::FloatConv(conv) = &self.source
            && conv.ends_in_half()
        {
            // Nothing is written to the other half, whose lanes are multiplied all the same.
            rows.fill(0.0);
        }
        let end = (columns.before + self.columns_read()) * kernels.lanes;
        for plane in rows.chunks_exact_mut(plane) {
            plane[..columns.before * kernels.lanes].fill(0.0);
            plane[end..].fill(0.0);
        }
        Ring { memory, filler, plane, row_length }
    }

    /// Pixels of a row that are copied into the ring.
    fn columns_read(&self) -> usize {
        let columns = &self.window.columns;
        columns.input.min(columns.padded().saturating_sub(columns.before))
    }

    /// Computes rows of the result for a group.
    ///
    /// # Safety
    ///
    /// The set is there, and input and output are of the shape of the window.
    unsafe fn group(
        &self,
        kernels: &Kernels,
        group: &Group,
        image: usize,
        output_rows: Range<usize>,
        (input, output): (*const u8, *mut u8),
        ring: &mut Ring<'_>,
    ) {
        let Window2 { rows, columns, .. } = self.window;
        let block = &group.whole;
        let (lanes, plane, row_length) = (kernels.lanes, ring.plane, ring.row_length);
        let columns_read = self.columns_read();
        ring.filler.restart();
        let mut next = 0;
        for output_row in output_rows {
            let first = output_row * rows.stride;
            let end = (first + rows.reach()).saturating_sub(rows.before).min(rows.input);
            let start = first.saturating_sub(rows.before).max(next);
            for row in start..end {
                let start = slot(&rows, row) * row_length + columns.before * lanes;
                let to = &mut ring.memory[start..][..row_length - columns.before * lanes];
                let at = (image, row);
                // SAFETY: the caller's.
                unsafe {
                    match &mut ring.filler {
                        Filler::Floats(conv, state) => {
                            let (input, to) = (input.cast(), (to, plane));
                            let blocks = group.blocks.clone();
                            conv.row_of_blocks(kernels, blocks, input, at, columns_read, state, to);
                        }
                        Filler::Bytes(conv, state) => {
                            let to = (to, plane);
                            let blocks = group.blocks.clone();
                            conv.row_of_blocks(kernels, blocks, input, at, columns_read, state, to);
                        }
                        Filler::Input => {
                            let pixel = (image * rows.input + row) * columns.input;
                            for (vector, to) in to.chunks_mut(plane).take(block.vectors).enumerate()
                            {
                                let first = vector * lanes;
                                let channels = first..block.channels.min(first + lanes);
                                let to = &mut to[..columns_read * lanes];
                                self.fill(kernels, block, channels, input, pixel, to);
                            }
                        }
                    }
                }
            }
            next = end.max(next);
            let pixel = (image * rows.output + output_row) * columns.output;
            // SAFETY: windows of all columns lie within the rows of the ring.
            unsafe { self.row(kernels, block, ring, output_row, pixel, output) };
        }
    }

    /// Copies a vector of channels of some pixels of the input into a row of the ring.
    ///
    /// # Safety
    ///
    /// The set is there, and the input has these pixels.
    unsafe fn fill(
        &self,
        kernels: &Kernels,
        block: &Block,
        channels: Range<usize>,
        input: *const u8,
        pixel: usize,
        to: &mut [f32],
    ) {
        let (lanes, stride) = (kernels.lanes, self.input.channels);
        let (first, count) = (block.channel + channels.start, channels.len());
        // SAFETY: the caller's.
        unsafe {
            match self.source {
                Source::Floats { times: 1 } => {
                    let from = input.cast::<f32>().add(pixel * stride + first);
                    (kernels.take)(from, stride, to.len() / lanes, count, to.as_mut_ptr());
                }
                Source::Floats { times } => {
                    let from = input.cast::<f32>().add(pixel * stride);
                    let from = std::slice::from_raw_parts(from, to.len() / lanes * stride);
                    for (from, to) in from.chunks_exact(stride).zip(to.chunks_exact_mut(lanes)) {
                        for (lane, to) in to[..count].iter_mut().enumerate() {
                            *to = from[(first + lane) / times];
                        }
                    }
                }
                Source::Bytes { times, is_signed, zero_point } => {
                    let from = input.add(pixel * stride);
                    let from = std::slice::from_raw_parts(from, to.len() / lanes * stride);
                    for (from, to) in from.chunks_exact(stride).zip(to.chunks_exact_mut(lanes)) {
                        let to = &mut to[..count];
                        if times == 1 {
                            let from = &from[first..][..count];
                            kernels.dequantize(from, is_signed, zero_point, 1.0, to);
                            continue;
                        }
                        for (lane, to) in to.iter_mut().enumerate() {
                            let byte = from[(first + lane) / times];
                            let byte = if is_signed { i32::from(byte as i8) } else { byte.into() };
                            *to = (byte - zero_point) as f32;
                        }
                    }
                }
                Source::FloatConv(_) | Source::ByteConv(_) => {}
            }
        }
    }

    /// Computes a row of the result, with its first pixel.
    ///
    /// # Safety
    ///
    /// The set is there, and the output has these pixels.
    unsafe fn row(
        &self,
        kernels: &Kernels,
        block: &Block,
        ring: &Ring<'_>,
        output_row: usize,
        pixel: usize,
        output: *mut u8,
    ) {
        let (columns, lanes) = (&self.window.columns, kernels.lanes);
        let tiles = tiles(&self.window, kernels);
        let height = self.window.rows.size;
        let offsets = &self.offsets[output_row * height..][..height];
        for Run { start, size: count, repeats } in self.runs {
            if repeats == 0 {
                break;
            }
            let offset = (pixel + start) * self.outputs + block.channel;
            // SAFETY: the caller's.
            unsafe {
                let (floats, requantization) = match &self.requantizing {
                    None => (output.cast::<f32>().add(offset), None),
                    Some(it) => {
                        let to = it.at(block.lane, output.add(offset), self.outputs);
                        (std::ptr::null_mut(), Some(to))
                    }
                };
                tiles[count - 1](&DepthwiseTile {
                    input: ring.memory.as_ptr().add(start * columns.stride * lanes),
                    rows: offsets.as_ptr(),
                    height: offsets.len(),
                    width: columns.size,
                    tap_stride: columns.dilation * lanes,
                    column_stride: columns.stride * lanes,
                    vectors: block.vectors,
                    plane: ring.plane,
                    weights: self.weights.floats()[block.offset..].as_ptr(),
                    repeats,
                    output: floats,
                    output_stride: self.outputs,
                    last_lanes: block.last_lanes(lanes),
                    activation: self.activation,
                    requantization,
                });
            }
        }
    }
}

impl PreparedOp for Depthwise {
    fn scratch(&self) -> Scratch {
        let ring = ring_of_vector(&self.window, self.lanes).saturating_mul(widest(&self.groups));
        let of_producer = match &self.source {
            Source::FloatConv(conv) => conv.scratch(),
            Source::ByteConv(conv) => conv.scratch(),
            _ => Scratch::default(),
        };
        Scratch { floats: ring.saturating_add(of_producer.floats), ..of_producer }
    }

    fn ring_tasks(&self, threads: usize) -> usize {
        self.window.batch * self.group_tasks(threads) * self.parts
    }

    fn run(
        &self,
        context: &mut RunContext<'_>,
        inputs: Inputs<'_, '_>,
        output: &mut [u8],
    ) -> Result<()> {
        let Window2 { batch, rows, columns, .. } = self.window;
        let Window2 { batch: images, rows: height, columns: width, channels } = self.input;
        let values = images * height.input * width.input * channels;
        let results = batch * rows.output * columns.output * self.outputs;
        let has_float_input = matches!(self.source, Source::Floats { .. } | Source::FloatConv(_));
        let size = |is_float: bool| if is_float { size_of::<f32>() } else { 1 };
        // Floats are read as such, and begin where floats may.
        let input = if has_float_input {
            bytemuck::cast_slice(inputs.floats(0)?)
        } else {
            inputs.bytes(0)?
        };
        assert_eq!(input.len(), values * size(has_float_input), "the input of a depthwise op");
        let is_float = self.requantizing.is_none();
        assert_eq!(output.len(), results * size(is_float), "the output of a depthwise op");
        let output = if is_float {
            bytemuck::cast_slice_mut::<u8, f32>(output).as_mut_ptr().cast()
        } else {
            output.as_mut_ptr()
        };
        let (input, output) = (Shared(input.as_ptr().cast_mut()), Shared(output));
        let (kernels, scratch) = (context.kernels, self.scratch());
        let groups = self.group_tasks(context.width());
        let multiplications = results.saturating_mul(rows.size * columns.size);
        let tasks = self.ring_tasks(context.width());
        context.run(tasks, multiplications, &|mut worker: Worker, task| {
            let (group, part) = (task % groups, task / groups % self.parts);
            let image = task / groups / self.parts;
            let max = rows.output.div_ceil(self.parts);
            let Some((start, count)) = spread(rows.output, max).nth(part) else {
                return;
            };
            let groups = if groups == 1 { &self.groups[..] } else { &self.groups[group..=group] };
            let (floats, offsets) = worker.scratch(scratch);
            let mut ring = self.ring(kernels, floats, offsets);
            let rows = start..start + count;
            for group in groups {
                let slots = (input.get().cast_const(), output.get());
                // SAFETY: the set is there; input and output have the shape of the window, which was just seen.
                unsafe { self.group(kernels, group, image, rows.clone(), slots, &mut ring) };
            }
        });
        Ok(())
    }
}

/// Floats of a ring that should leave room for more in the first cache.
const MAX_RING: usize = 16 * 1024 / size_of::<f32>();

/// Floats of a vector of all pixels of a row of the ring.
fn plane(window: &Window2, lanes: usize) -> usize {
    window.columns.padded().saturating_mul(lanes)
}

/// The same of all rows: an empty one, then as many as a window sees.
fn ring_of_vector(window: &Window2, lanes: usize) -> usize {
    plane(window, lanes).saturating_mul(1 + window.rows.seen())
}

/// The row of the ring that a row of the input is taken into: one after the other, and the first one again behind the last.
fn slot(rows: &Side, row: usize) -> usize {
    1 + row % rows.seen()
}

/// Where the rows of windows begin; what is no row of the input is the empty one.
fn offsets(rows: &Side, row_length: usize) -> Vec<usize> {
    let offset = |result: usize, tap: usize| {
        let row = (result * rows.stride + tap * rows.dilation).checked_sub(rows.before);
        row.filter(|&row| row < rows.input)
            .map_or(0, |row| slot(rows, row).saturating_mul(row_length))
    };
    let taps = |result| (0..rows.size).map(move |tap| offset(result, tap));
    (0..rows.output).flat_map(taps).collect()
}

/// The inner loops for a stride, a dilation and a width.
fn tiles(window: &Window2, kernels: &Kernels) -> &'static [unsafe fn(&DepthwiseTile)] {
    let Side { stride: stride @ 1..=2, dilation: 1, size, .. } = window.columns else {
        return kernels.depthwise[0];
    };
    let of_width = match size {
        3 => kernels.depthwise_3[stride - 1],
        5 => kernels.depthwise_5[stride - 1],
        _ => &[],
    };
    if of_width.is_empty() { kernels.depthwise[stride] } else { of_width }
}

/// Vectors of the widest group.
fn widest(groups: &[Group]) -> usize {
    groups.iter().map(|group| group.whole.vectors).max().unwrap_or_default()
}

/// Takes blocks together up to a number of vectors: less is to be done besides for each row.
fn groups(blocks: &[Block], max_vectors: usize) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (number, block) in blocks.iter().enumerate() {
        match groups.last_mut() {
            Some(group) if group.whole.vectors + block.vectors <= max_vectors => {
                group.blocks.end += 1;
                group.whole.vectors += block.vectors;
                group.whole.channels += block.channels;
            }
            _ => groups.push(Group { blocks: number..number + 1, whole: *block }),
        }
    }
    groups
}

impl Weights {
    /// A weight as a float, or the steps of it above its zero point.
    #[inline]
    fn float(&self, index: usize) -> f32 {
        match self {
            Self::Floats { weights, .. } => weights.floats()[index],
            Self::Bytes(bytes) => (i32::from(bytes.weights[index]) - bytes.zero_point) as f32,
            Self::Dynamic(bytes) => bytes.weights[index].into(),
        }
    }

    /// The bias of a channel, where sums are of floats.
    fn float_bias(&self, channel: usize) -> f32 {
        match self {
            Self::Floats { bias: Some(bias), .. } => bias.floats()[channel],
            _ => 0.0,
        }
    }
}
