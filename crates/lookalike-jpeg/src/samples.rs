//! Planes of samples, of which no more rows are kept than the next pixels need.

use crate::blocks::Block;
use crate::error::Result;
use crate::frame::{BLOCK, Component};
use crate::kernels::{Kernels, Samples};
use crate::memory;

/// Rows of MCUs that are kept: upsampling looks into the one above.
const MCU_ROWS: usize = 2;

/// Samples of one component.
#[derive(Debug)]
pub(crate) struct Plane {
    samples: Vec<u8>,
    stride: usize,
    /// Rows that are kept. Row `y` lies at `y % rows`.
    rows: usize,
}

impl Plane {
    pub(crate) fn new(component: &Component) -> Result<Self> {
        let stride = component.blocks_across * BLOCK;
        let rows = (MCU_ROWS * component.vertical * BLOCK).min(component.blocks_down * BLOCK);
        Ok(Self { samples: memory::filled(stride * rows, 0)?, stride, rows })
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

    /// Sets the samples of a block, given row by row.
    #[inline(always)]
    fn set(&mut self, place: Place, rows: impl Fn(usize) -> [u8; BLOCK]) {
        let start = (place.row * BLOCK) as u32 % self.rows as u32;
        let start = start as usize * self.stride + place.column * BLOCK;
        let samples = &mut self.samples[start..start + 7 * self.stride + BLOCK];
        for row in 0..BLOCK {
            samples[row * self.stride..][..BLOCK].copy_from_slice(&rows(row));
        }
    }
}

/// Where a block belongs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    pub(crate) component: usize,
    pub(crate) row: usize,
    pub(crate) column: usize,
}

/// Turns blocks into samples, two at a time.
#[derive(Debug)]
pub(crate) struct Planes {
    pub(crate) planes: Vec<Plane>,
    kernels: &'static Kernels,
    blocks: [Block; 2],
    places: [Place; 2],
    waiting: usize,
}

impl Planes {
    pub(crate) fn new(components: &[Component], kernels: &'static Kernels) -> Result<Self> {
        let planes = components.iter().map(Plane::new).collect::<Result<_>>()?;
        let (blocks, places) = ([[0; 64]; 2], [Place::default(); 2]);
        Ok(Self { planes, kernels, blocks, places, waiting: 0 })
    }

    /// A block of zeros, to be filled and then put with [`Self::put`].
    #[inline(always)]
    pub(crate) fn block(&mut self) -> &mut Block {
        &mut self.blocks[self.waiting & 1]
    }

    /// Takes the block as that of a place; `has_ac` says whether there is more in it than a DC coefficient.
    #[inline(always)]
    pub(crate) fn put(&mut self, place: Place, has_ac: bool) {
        let waiting = self.waiting & 1;
        if !has_ac {
            let dc = std::mem::take(&mut self.blocks[waiting][0]);
            self.fill(place, dc);
            return;
        }
        self.places[waiting] = place;
        self.waiting = waiting + 1;
        if self.waiting == 2 {
            self.flush();
        }
    }

    /// A block of which every sample is the same.
    fn fill(&mut self, place: Place, dc: i16) {
        // What both passes of the transform make of it: times 4, and then an eighth of a quarter, rounded, in the middle of the samples.
        let sample = (((i32::from(dc) + 4) >> 3) + 128).clamp(0, 255) as u8;
        self.planes[place.component].set(place, |_| [sample; BLOCK]);
    }

    /// Transforms the blocks that wait for a second one.
    pub(crate) fn flush(&mut self) {
        let mut samples: [Samples; 2] = [[0; 64]; 2];
        (self.kernels.transform)(&self.blocks, &mut samples);
        for (&place, samples) in self.places[..self.waiting].iter().zip(&samples) {
            self.planes[place.component].set(place, |row| samples.as_chunks().0[row]);
        }
        self.blocks = [[0; 64]; 2];
        self.waiting = 0;
    }
}
