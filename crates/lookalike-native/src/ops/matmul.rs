//! Products of matrices that are both computed.
#![expect(unsafe_code, reason = "the inner loops take pointers, to places that are checked here")]

use lookalike_core::Result;

use crate::kernels::Kernels;
use crate::kernels::elementwise::Activation;
use crate::kernels::tile::Tile;
use crate::pack::{Run, runs, spread};
use crate::quantized::EXACT_PRODUCTS;
use crate::runtime::{Inputs, PreparedOp, RunContext, Scratch, Shared, Worker};

/// How large the matrices are.
#[derive(Clone, Copy, Debug)]
pub(super) struct MatMulSize {
    pub(super) rows: usize,
    pub(super) depth: usize,
    pub(super) columns: usize,
}

/// Products of matrices of floats. Columns of the right one are packed, block by block, as the weights of a convolution are, and rows of the
/// left one are its pixels.
#[derive(Debug)]
pub(super) struct MatMul {
    /// Which matrices are multiplied.
    pairs: Vec<(usize, usize)>,
    size: MatMulSize,
    /// Whether all are integers, and results are stored as such.
    are_integers: bool,
    /// The columns of blocks: where each begins, and how many it has.
    blocks: Vec<(usize, usize)>,
    lanes: usize,
    /// Lanes of the widest block.
    max_width: usize,
    /// Values of a row that are multiplied at a time.
    max_depth: usize,
}

impl MatMul {
    pub(super) fn new(
        pairs: Vec<(usize, usize)>,
        size: MatMulSize,
        are_integers: bool,
        kernels: &Kernels,
    ) -> Self {
        let max = kernels.block_vectors * kernels.lanes;
        let vectors = size.columns.div_ceil(kernels.lanes);
        let blocks = spread(vectors, kernels.block_vectors).map(|(first, vectors)| {
            let first = first * kernels.lanes;
            (first, (vectors * kernels.lanes).min(size.columns - first))
        });
        let blocks: Vec<_> = blocks.collect();
        assert!(blocks.iter().all(|&(_, columns)| columns <= max), "blocks that kernels have");
        let max_depth = if are_integers { EXACT_PRODUCTS.min(size.depth) } else { size.depth };
        let widest = blocks.iter().map(|&(_, columns)| columns).max().unwrap_or_default();
        let (lanes, max_width) = (kernels.lanes, widest.next_multiple_of(kernels.lanes));
        Self { pairs, size, are_integers, blocks, lanes, max_width, max_depth }
    }

    /// Floats of the packed columns of a block: an empty row of biases first.
    fn packed(&self) -> usize {
        (1 + self.max_depth) * self.max_width
    }

    /// Floats of the sums of a block, where they are added up part by part.
    fn sums(&self) -> usize {
        if self.are_integers { self.size.rows * self.max_width } else { 0 }
    }

    /// Multiplies a part of the depth with the columns of a block.
    ///
    /// # Safety
    ///
    /// `left` is good for the rows, and `to` for the columns of the block in all of them, `stride` apart.
    unsafe fn multiply(
        &self,
        kernels: &Kernels,
        (left, depth): (*const f32, usize),
        columns: usize,
        packed: &[f32],
        (to, stride): (*mut f32, usize),
    ) {
        let vectors = columns.div_ceil(self.lanes);
        assert!(packed.len() >= (1 + depth) * vectors * self.lanes, "columns that are not packed");
        let tiles = kernels.tiles[vectors - 1];
        for Run { start, size: pixels, repeats } in runs(self.size.rows, tiles.len()) {
            if repeats == 0 {
                break;
            }
            // SAFETY: the rows are there, which is the caller's, and columns are packed for all lanes.
            unsafe {
                tiles[pixels - 1](&Tile {
                    input: left.add(start * self.size.depth),
                    segments: [0].as_ptr(),
                    segment_count: 1,
                    segment_length: depth,
                    pixel_stride: self.size.depth,
                    weights: packed.as_ptr(),
                    repeats,
                    output: to.add(start * stride),
                    output_stride: stride,
                    vector_stride: self.lanes,
                    residual: std::ptr::null(),
                    last_lanes: columns - (vectors - 1) * self.lanes,
                    activation: Activation::None,
                    post_add_bounds: None,
                });
            }
        }
    }

    /// Packs columns of some rows of the right matrix.
    fn pack(&self, right: &[f32], (first, columns): (usize, usize), packed: &mut [f32]) {
        let width = columns.next_multiple_of(self.lanes);
        let (biases, packed) = packed.split_at_mut(width);
        biases.fill(0.0);
        let rows = right.chunks_exact(self.size.columns);
        for (row, packed) in rows.zip(packed.chunks_exact_mut(width)) {
            let (whole, rest) = packed.split_at_mut(columns);
            whole.copy_from_slice(&row[first..][..columns]);
            rest.fill(0.0);
        }
    }

    /// Computes a block of columns of a product of floats.
    ///
    /// # Safety
    ///
    /// The output is good for the product, of which no one else has these columns.
    unsafe fn floats(
        &self,
        kernels: &Kernels,
        [left, right]: [&[f32]; 2],
        block: (usize, usize),
        packed: &mut [f32],
        output: *mut f32,
    ) {
        self.pack(right, block, packed);
        let to = (output.wrapping_add(block.0), self.size.columns);
        // SAFETY: the caller's, and the left matrix is there.
        unsafe { self.multiply(kernels, (left.as_ptr(), self.size.depth), block.1, packed, to) };
    }

    /// Computes a block of columns of a product of integers, part by part, so that all sums are exact.
    ///
    /// # Safety
    ///
    /// As of [`floats`](Self::floats), for integers.
    unsafe fn integers(
        &self,
        kernels: &Kernels,
        [left, right]: [&[f32]; 2],
        block: (usize, usize),
        memory: &mut [f32],
        output: *mut i32,
    ) {
        let MatMulSize { depth, columns, .. } = self.size;
        let (packed, sums) = memory.split_at_mut(self.packed());
        let width = block.1.next_multiple_of(self.lanes);
        let sums = &mut sums[..self.size.rows * width];
        for start in (0..depth).step_by(EXACT_PRODUCTS) {
            let part = EXACT_PRODUCTS.min(depth - start);
            self.pack(&right[start * columns..][..part * columns], block, packed);
            let left = (left[start..].as_ptr(), part);
            // SAFETY: the left matrix is there, and the sums of a block.
            unsafe { self.multiply(kernels, left, block.1, packed, (sums.as_mut_ptr(), width)) };
            for (row, sums) in sums.chunks_exact(width).enumerate() {
                // SAFETY: the caller's.
                let to = unsafe {
                    let first = output.add(row * columns + block.0);
                    std::slice::from_raw_parts_mut(first, block.1)
                };
                for (to, &sum) in to.iter_mut().zip(sums) {
                    *to = if start == 0 { sum as i32 } else { to.wrapping_add(sum as i32) };
                }
            }
        }
    }
}

impl PreparedOp for MatMul {
    fn scratch(&self) -> Scratch {
        Scratch { floats: self.packed().saturating_add(self.sums()), offsets: 0 }
    }

    fn run(
        &self,
        context: &mut RunContext<'_>,
        inputs: Inputs<'_, '_>,
        output: &mut [u8],
    ) -> Result<()> {
        let MatMulSize { rows, depth, columns } = self.size;
        let (left, right) = (inputs.floats(0)?, inputs.floats(1)?);
        let count = self.pairs.len() * rows * columns;
        assert_eq!(output.len(), count * size_of::<f32>(), "the output of a product");
        let output = Shared(output.as_mut_ptr());
        let (kernels, blocks) = (context.kernels, self.blocks.len());
        let multiplications = count.saturating_mul(depth);
        context.run(self.pairs.len() * blocks, multiplications, &|mut worker: Worker, task| {
            let (pair, block) = (task / blocks, self.blocks[task % blocks]);
            let (of_left, of_right) = self.pairs[pair];
            let left = &left[of_left * rows * depth..][..rows * depth];
            let right = &right[of_right * depth * columns..][..depth * columns];
            let (memory, _) = worker.scratch(self.scratch());
            // SAFETY: all products are there, and blocks do not overlap.
            unsafe {
                let output = output.get().add(pair * rows * columns * size_of::<f32>());
                let matrices = [left, right];
                if self.are_integers {
                    self.integers(kernels, matrices, block, memory, output.cast());
                } else {
                    self.floats(kernels, matrices, block, memory, output.cast());
                }
            }
        });
        Ok(())
    }
}
