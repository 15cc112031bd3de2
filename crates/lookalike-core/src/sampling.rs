//! Images of which only some rows and columns are there.

use crate::error::{Error, Result};
use crate::image::{ImageView, Orientation, PixelFormat};

/// Where the pixels of an image are wanted: wherever one of these rows and one of these columns meet, as the image is stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SampleGrid {
    rows: Vec<u32>,
    columns: Vec<u32>,
}

impl SampleGrid {
    /// A grid of rows and columns in any order.
    pub fn new(mut rows: Vec<u32>, mut columns: Vec<u32>) -> Self {
        for positions in [&mut rows, &mut columns] {
            positions.sort_unstable();
            positions.dedup();
        }
        Self { rows, columns }
    }

    /// The rows in ascending order.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// The columns in ascending order.
    pub fn columns(&self) -> &[u32] {
        &self.columns
    }
}

/// What is known of an image before its pixels are decoded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ImageOutline {
    /// Pixels in a row, as stored.
    pub width: usize,
    /// Rows, as stored.
    pub height: usize,
    /// How the stored pixels must be rotated or mirrored to stand upright.
    pub orientation: Orientation,
}

impl From<&ImageView<'_>> for ImageOutline {
    fn from(image: &ImageView<'_>) -> Self {
        let (width, height) = (image.width(), image.height());
        Self { width, height, orientation: image.orientation() }
    }
}

/// The pixels of an image on a grid.
#[derive(Clone, Copy, Debug)]
pub struct SampledImage<'a> {
    pixels: ImageView<'a>,
    grid: &'a SampleGrid,
    outline: ImageOutline,
}

impl<'a> SampledImage<'a> {
    /// The pixels of the grid, as an image of its own, of the image with this outline.
    ///
    /// # Errors
    ///
    /// The grid has another number of rows or columns than there are pixels, or reaches beyond the image; or the pixels have several planes.
    pub fn new(
        pixels: ImageView<'a>,
        grid: &'a SampleGrid,
        width: usize,
        height: usize,
    ) -> Result<Self> {
        if !matches!(pixels.format(), PixelFormat::Gray | PixelFormat::Rgb | PixelFormat::Rgba) {
            return Err(Error::invalid_argument(format!(
                "pixels of a grid are gray, RGB or RGBA, not {}",
                pixels.format()
            )));
        }
        let fits = |positions: &[u32], count: usize, size: usize| {
            positions.len() == count && positions.last().is_none_or(|&last| (last as usize) < size)
        };
        if !fits(&grid.rows, pixels.height(), height) || !fits(&grid.columns, pixels.width(), width)
        {
            return Err(Error::invalid_argument(format!(
                "{}x{} pixels are not those of a grid of {}x{} in an image of {width}x{height}",
                pixels.width(),
                pixels.height(),
                grid.columns.len(),
                grid.rows.len()
            )));
        }
        let outline = ImageOutline { width, height, orientation: pixels.orientation() };
        Ok(Self { pixels, grid, outline })
    }

    /// The pixels that are there, side by side.
    pub fn pixels(&self) -> ImageView<'a> {
        self.pixels
    }

    /// Where they are in the image.
    pub fn grid(&self) -> &'a SampleGrid {
        self.grid
    }

    /// The size of the whole image.
    pub fn outline(&self) -> ImageOutline {
        self.outline
    }
}
