//! The input rows of a convolution's inner loops.
//!
//! A pointwise convolution reads pixels in place. Any other one copies the rows that its window covers into a ring buffer of rows with padding
//! around, so that the inner loops need no borders.
#![expect(unsafe_code, reason = "rows are read through pointers that threads share")]

use std::ops::Range;

use crate::graph::{Conv, Side, Weights, Window2};
use crate::kernels::{Kernels, MAX_VECTORS};
use crate::pack::{Block, Run, runs, splits_pixels, spread};
use crate::runtime::{RunContext, Scratch, Shared, Worker};

/// A part of a window that lies in one piece: its row, and how far from the row's beginning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    row: usize,
    offset: usize,
}

/// What convolutions of floats and of bytes share.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(super) window: Window2,
    pub(super) outputs: usize,
    pub(super) segments: Vec<Segment>,
    /// Elements of a segment.
    pub(super) length: usize,
    pub(super) blocks: Vec<Block>,
    /// Maximum number of pixels of a tile, for blocks of 1, 2, … vectors.
    max_pixels: [usize; MAX_VECTORS],
    /// How the pixels of a row are divided for them.
    row_runs: [[Run; 2]; MAX_VECTORS],
    /// Whether pixels are read in place: there is no padding, and nothing is done to them first.
    is_direct: bool,
    /// Rows of the output that are computed block by block together.
    rows_together: usize,
}

impl Layout {
    pub(super) fn new(
        conv: &Conv,
        max_pixels: [usize; MAX_VECTORS],
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
                offset: (tap * columns.dilation).saturating_mul(channels),
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
            row_runs: max_pixels.map(|max| runs(columns.output, max)),
            max_pixels,
            is_direct: is_direct && !has_padding,
            rows_together: rows_together(conv),
        }
    }

    /// For an operator that takes up one row of the output after the other.
    pub(super) fn row_by_row(&mut self) {
        self.rows_together = 1;
    }

    /// How `count` pixels are divided for a block.
    pub(super) fn runs(&self, block: &Block, count: usize) -> [Run; 2] {
        let index = block.vectors - 1;
        if count == self.window.columns.output {
            self.row_runs[index]
        } else {
            runs(count, self.max_pixels[index])
        }
    }

    /// Values of a window that a channel of the result depends on.
    pub(super) fn depth(&self) -> usize {
        self.segments.len() * self.length
    }

    pub(super) fn input_count(&self) -> usize {
        self.window.batch
            * self.window.rows.input
            * self.window.columns.input
            * self.window.channels
    }

    pub(super) fn multiplications(&self) -> usize {
        self.output_pixels().saturating_mul(self.depth()).saturating_mul(self.outputs)
    }

    pub(super) fn output_pixels(&self) -> usize {
        self.window.batch * self.window.rows.output * self.window.columns.output
    }

    /// Whether pixels of the output are pixels of the input, one for one.
    pub(super) fn is_pointwise(&self) -> bool {
        self.is_direct && self.window.rows.is_pointwise() && self.window.columns.is_pointwise()
    }

    /// Elements of a row of the ring.
    fn row_length(&self) -> usize {
        self.window.columns.padded().saturating_mul(self.window.channels)
    }

    /// Rows of the input that the ring has room for.
    fn slots(&self) -> usize {
        slots(&self.window.rows, self.rows_together)
    }

    /// Elements that a thread needs for its ring, an empty row first, and offsets of the segments of all rows of the output that are computed
    /// together.
    pub(super) fn ring_size(&self) -> (usize, usize) {
        let elements =
            if self.is_direct { 0 } else { (1 + self.slots()).saturating_mul(self.row_length()) };
        (elements, self.rows_together * self.segments.len())
    }

    /// Tasks that the pixels are split into, where they are one for one.
    fn chunks(&self, threads: usize) -> usize {
        if splits_pixels(self.output_pixels(), threads) { threads } else { 1 }
    }

    /// Tasks that the rows of the output are split into: of each image, and all of them. A ring is initialized for each.
    pub(super) fn tasks(&self, threads: usize) -> (usize, usize) {
        let rows = self.window.rows.output;
        let parts = if threads == 1 { 1 } else { (4 * threads).min(rows.div_ceil(2)).max(1) };
        (parts, self.window.batch * parts)
    }

    fn task(&self, task: usize, parts: usize) -> (usize, Range<usize>) {
        let rows = self.window.rows.output;
        let (start, count) = spread(rows, rows.div_ceil(parts)).nth(task % parts).unwrap_or((0, 0));
        (task / parts, start..start + count)
    }

    /// The rows of the input that a window in a row of the output covers.
    fn rows_under(&self, output_row: usize) -> Range<usize> {
        let rows = &self.window.rows;
        let first = output_row * rows.stride;
        let end = (first + rows.reach()).saturating_sub(rows.before).min(rows.input);
        first.saturating_sub(rows.before).min(end)..end
    }

    /// Writes where the segments of the first window in a row of the output begin.
    fn segment_offsets(&self, image: usize, output_row: usize, offsets: &mut [usize]) {
        let rows = &self.window.rows;
        for (offset, segment) in offsets.iter_mut().zip(&self.segments) {
            let row = (output_row * rows.stride + segment.row * rows.dilation)
                .checked_sub(rows.before)
                .filter(|&row| row < rows.input);
            let start = match row {
                Some(row) if self.is_direct => {
                    (image * rows.input + row) * self.window.columns.input * self.window.channels
                }
                Some(row) => (1 + row % self.slots()) * self.row_length(),
                None => 0,
            };
            *offset = start + segment.offset;
        }
    }

    /// Brings the rows that a row of the output depends on into the ring, each by `copy`, and returns what the offsets of its segments count
    /// from. The row is this one of those that are computed together.
    ///
    /// # Safety
    ///
    /// The input is as the window says.
    unsafe fn fill_ring<T: Copy>(
        &self,
        input: *const T,
        (image, output_row): (usize, usize),
        index: usize,
        ring: &mut RingState<'_, T>,
        copy: impl Fn(&[T], &mut [T]),
    ) -> *const T {
        let segments = self.segments.len();
        self.segment_offsets(image, output_row, &mut ring.offsets[index * segments..][..segments]);
        if self.is_direct {
            return input;
        }
        let Window2 { rows, columns, channels, .. } = self.window;
        let count = columns.input.min(columns.padded().saturating_sub(columns.before)) * channels;
        let covered = self.rows_under(output_row);
        for row in covered.start.max(ring.next)..covered.end {
            let slot = (1 + row % self.slots()) * self.row_length();
            let to = &mut ring.rows[slot + columns.before * channels..][..count];
            let start = (image * rows.input + row) * columns.input * channels;
            // SAFETY: the row is there, and no more is read than it has.
            copy(unsafe { std::slice::from_raw_parts(input.add(start), count) }, to);
        }
        ring.next = covered.end.max(ring.next);
        ring.rows.as_ptr()
    }
}

/// How many rows of the output are computed block by block together. Weights that do not fit into the second cache are read anew for each row
/// otherwise; the rows that they are multiplied with must fit, though.
fn rows_together(conv: &Conv) -> usize {
    /// Bytes of weights, and of rows, that leave half of a second cache to others.
    const MAX_BYTES: usize = 1 << 18;
    let Window2 { rows, columns, channels, .. } = conv.window;
    let bytes = if matches!(conv.weights, Weights::Floats { .. }) { size_of::<f32>() } else { 1 };
    let taps = rows.size * columns.size * (channels / conv.groups);
    if taps.saturating_mul(conv.outputs).saturating_mul(bytes) <= MAX_BYTES {
        return 1;
    }
    let row = columns.padded().saturating_mul(channels).saturating_mul(bytes);
    let max_slots = MAX_BYTES / row.max(1);
    let together = if max_slots < rows.input {
        max_slots.saturating_sub(rows.reach()) / rows.stride + 1
    } else {
        rows.output
    };
    // Neither may the lists of offsets be longer.
    let offset_bytes = rows.size * columns.size * size_of::<usize>();
    together.min(rows.output).min(MAX_BYTES / offset_bytes).max(1)
}

/// Rows of the input that so many neighboring rows of the output depend on.
fn slots(rows: &Side, together: usize) -> usize {
    ((together - 1) * rows.stride).saturating_add(rows.reach()).min(rows.input)
}

/// Rows that are in a ring, and where the segments of rows of the output begin.
pub(crate) struct RingState<'a, T> {
    rows: &'a mut [T],
    offsets: &'a mut [usize],
    /// The first row that is not in the ring.
    next: usize,
}

impl<'a, T: Copy> RingState<'a, T> {
    /// An empty ring: all of it is padding.
    pub(super) fn new(rows: &'a mut [T], offsets: &'a mut [usize], padding: T) -> Self {
        rows.fill(padding);
        Self { rows, offsets, next: 0 }
    }

    /// A ring of bytes in memory of this size.
    pub(super) fn of_bytes(
        size: Scratch,
        floats: &'a mut [f32],
        offsets: &'a mut [usize],
        padding: u8,
    ) -> RingState<'a, u8> {
        let rows = bytemuck::cast_slice_mut(&mut floats[..size.floats]);
        RingState::new(rows, &mut offsets[..size.offsets], padding)
    }

    /// Where the segments of the first row of the output begin of those that are computed together.
    pub(super) fn segments(&self, layout: &Layout) -> &[usize] {
        &self.offsets[..layout.segments.len()]
    }

    /// Begins with the first row again.
    pub(crate) fn restart(&mut self) {
        self.next = 0;
    }
}

/// A convolution as the walk over its output needs it.
pub(crate) trait Convolution: Sync {
    /// An element of the input.
    type Element: Copy;

    fn layout(&self) -> &Layout;

    fn scratch_size(&self) -> Scratch;

    /// An empty ring for rows of an image, in memory of this convolution's scratch size.
    fn ring<'a>(
        &self,
        image: usize,
        floats: &'a mut [f32],
        offsets: &'a mut [usize],
    ) -> RingState<'a, Self::Element>;

    /// What becomes of a row of the input as it is brought into the ring.
    fn copy(&self, kernels: &Kernels, from: &[Self::Element], to: &mut [Self::Element]);

    /// Brings the rows that a row of the output depends on into the ring, and returns what the offsets of its segments count from. The row is
    /// this one of those that are computed together.
    ///
    /// # Safety
    ///
    /// The input is as the window says.
    unsafe fn fill_ring(
        &self,
        kernels: &Kernels,
        input: *const Self::Element,
        row: (usize, usize),
        index: usize,
        ring: &mut RingState<'_, Self::Element>,
    ) -> *const Self::Element {
        let copy = |from: &[Self::Element], to: &mut [Self::Element]| self.copy(kernels, from, to);
        // SAFETY: the caller's.
        unsafe { self.layout().fill_ring(input, row, index, ring, copy) }
    }
}

/// What a block of channels is computed from, and for which pixels.
#[derive(Clone, Copy)]
pub(super) struct Pixels<'a, T> {
    /// Index of the block.
    pub(super) block: usize,
    /// What the offsets of segments count from, for the first pixel.
    pub(super) input: *const T,
    pub(super) segments: &'a [usize],
    /// The first pixel of the output, and how many.
    pub(super) first: usize,
    pub(super) count: usize,
}

/// Goes through all pixels of the output, block by block of channels, on all threads. Pointwise convolutions are split by pixels or by
/// blocks, others by rows.
///
/// # Safety
///
/// The input is as the window says. `compute` may write the channels of its block of its pixels, which no other call has.
pub(super) unsafe fn walk<C: Convolution>(
    conv: &C,
    context: &mut RunContext<'_>,
    input: *const C::Element,
    compute: &(impl Fn(Pixels<'_, C::Element>) + Sync),
) {
    let layout = conv.layout();
    let (kernels, input) = (context.kernels, Shared(input.cast_mut()));
    if layout.is_pointwise() {
        let pixels = layout.output_pixels();
        let (blocks, chunks) = (layout.blocks.len(), layout.chunks(context.width()));
        let max = pixels.div_ceil(chunks);
        context.run(blocks * chunks, layout.multiplications(), &|_, task| {
            let block = task % blocks;
            let Some((first, count)) = spread(pixels, max).nth(task / blocks) else { return };
            let start = first * layout.window.channels + layout.blocks[block].from;
            // SAFETY: a pixel that is there has its channels in the input.
            let input = unsafe { input.get().add(start) };
            compute(Pixels { block, input, segments: &[0], first, count });
        });
        return;
    }
    let (parts, tasks) = layout.tasks(context.width());
    context.run(tasks, layout.multiplications(), &|mut worker: Worker, task| {
        let (image, rows) = layout.task(task, parts);
        let (floats, offsets) = worker.scratch(conv.scratch_size());
        let mut ring = conv.ring(image, floats, offsets);
        let count = layout.window.columns.output;
        for start in rows.clone().step_by(layout.rows_together) {
            let together = start..(start + layout.rows_together).min(rows.end);
            let mut base = input.get().cast_const();
            for (index, row) in together.clone().enumerate() {
                // SAFETY: the caller's.
                unsafe {
                    base = conv.fill_ring(kernels, input.get(), (image, row), index, &mut ring);
                }
            }
            for (block, from) in layout.blocks.iter().map(|block| block.from).enumerate() {
                let of_rows = ring.offsets.chunks_exact(layout.segments.len());
                for (row, segments) in together.clone().zip(of_rows) {
                    let first = (image * layout.window.rows.output + row) * count;
                    // SAFETY: segments lie within the ring, or within the input, for all columns of the output.
                    let input = unsafe { base.add(from) };
                    compute(Pixels { block, input, segments, first, count });
                }
            }
        }
    });
}

/// A row of a ring that some blocks write to: it must have room for all their vectors, of which the last needs no padding behind it.
pub(super) fn row_of_ring(blocks: &[Block], to: &mut [f32], vector_stride: usize) -> *mut f32 {
    let vectors: usize = blocks.iter().map(|block| block.vectors).sum();
    let needed = vectors.saturating_sub(1).checked_mul(vector_stride);
    assert!(
        needed.is_some_and(|needed| vectors == 0 || needed < to.len()),
        "a ring of other blocks"
    );
    to.as_mut_ptr()
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
