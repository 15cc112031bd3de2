//! Planes of samples, of which no more rows are kept than the next pixels need.

use crate::blocks::Block;
use crate::error::Result;
use crate::frame::{BLOCK, Component};
use crate::kernels::{Kernels, Samples};
use crate::memory;

/// Rows of MCUs that are kept: upsampling looks into the one above.
const MCU_ROWS: usize = 2;

/// Blocks that are transformed together.
const GROUP: usize = 4;

/// Samples of one component.
#[derive(Debug)]
pub(crate) struct Plane {
    samples: Vec<u8>,
    stride: usize,
    /// Rows that are kept. Row `y` lies at `y % rows`.
    rows: usize,
    /// Offset of the first sample of each row of blocks.
    starts: Vec<u32>,
}

impl Plane {
    pub(crate) fn new(component: &Component) -> Result<Self> {
        let stride = component.blocks_across * BLOCK;
        let rows = (MCU_ROWS * component.vertical * BLOCK).min(component.blocks_down * BLOCK);
        let start = |row: usize| (row * BLOCK % rows * stride) as u32;
        let mut starts = Vec::new();
        memory::reserve(&mut starts, component.blocks_down)?;
        starts.extend((0..component.blocks_down).map(start));
        Ok(Self { samples: memory::filled(stride * rows, 0)?, stride, rows, starts })
    }

    /// Bytes that the samples of a component take.
    pub(crate) fn bytes(component: &Component) -> u64 {
        let rows = (MCU_ROWS * component.vertical).min(component.blocks_down) * BLOCK;
        (component.blocks_across * BLOCK * rows) as u64
    }

    /// A row of samples, of which the last ones may only fill up a block.
    pub(crate) fn row(&self, y: usize) -> &[u8] {
        let start = y % self.rows * self.stride;
        &self.samples[start..start + self.stride]
    }

    /// Offset of the first sample of a block.
    #[inline(always)]
    fn start(&self, row: usize, column: usize) -> usize {
        self.starts[row] as usize + column * BLOCK
    }
}

/// Where the samples of a block belong.
#[derive(Clone, Copy, Debug, Default)]
struct Offset {
    component: usize,
    /// Offset in the plane of the component.
    start: usize,
}

/// Turns blocks into samples, [`GROUP`] at a time.
#[derive(Debug)]
pub(crate) struct Planes {
    pub(crate) planes: Vec<Plane>,
    pub(crate) kernels: &'static Kernels,
    blocks: [Block; GROUP],
    positions: [Offset; GROUP],
    waiting: usize,
}

impl Planes {
    pub(crate) fn new(components: &[Component], kernels: &'static Kernels) -> Result<Self> {
        let planes = components.iter().map(Plane::new).collect::<Result<_>>()?;
        let (blocks, positions) = ([[0; 64]; GROUP], [Offset::default(); GROUP]);
        Ok(Self { planes, kernels, blocks, positions, waiting: 0 })
    }

    /// A block of zeros, to be filled and then put with [`Self::put`].
    #[inline(always)]
    pub(crate) fn block(&mut self) -> &mut Block {
        &mut self.blocks[self.waiting % GROUP]
    }

    /// Takes the block as that of a row and a column of blocks; `has_ac` says whether there is more in it than a DC coefficient.
    #[inline(always)]
    pub(crate) fn put(&mut self, component: usize, row: usize, column: usize, has_ac: bool) {
        let position = Offset { component, start: self.planes[component].start(row, column) };
        let waiting = self.waiting % GROUP;
        if !has_ac {
            let dc = std::mem::take(&mut self.blocks[waiting][0]);
            self.fill(position, dc);
            return;
        }
        self.positions[waiting] = position;
        self.waiting = waiting + 1;
        if self.waiting == GROUP {
            self.flush();
        }
    }

    /// A block of which every sample is the same.
    fn fill(&mut self, position: Offset, dc: i16) {
        // What both passes of the transform make of it: times 4, and then an eighth of a quarter, rounded, in the middle of the samples.
        let sample = (((i32::from(dc) + 4) >> 3) + 128).clamp(0, 255) as u8;
        let plane = &mut self.planes[position.component];
        (self.kernels.fill)(sample, &mut plane.samples[position.start..], plane.stride);
    }

    /// Transforms the blocks that wait for others.
    pub(crate) fn flush(&mut self) {
        let mut samples: [Samples; GROUP] = [[0; 64]; GROUP];
        (self.kernels.transform)(&self.blocks, &mut samples);
        for (position, samples) in self.positions.into_iter().zip(&samples).take(self.waiting) {
            let plane = &mut self.planes[position.component];
            (self.kernels.store)(samples, &mut plane.samples[position.start..], plane.stride);
        }
        self.blocks = [[0; 64]; GROUP];
        self.waiting = 0;
    }
}
