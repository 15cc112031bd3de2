//! Whole images as upright RGB or RGBA pixels.

use std::borrow::Cow;

use lookalike_core::{ImageView, Orientation, PixelFormat};

use crate::geometry::Size;
use crate::kernels::Pixels;
use crate::yuv;

/// An image that stands upright: its own pixels where they do, else a copy.
#[derive(Debug)]
pub(crate) struct Upright<'a> {
    data: Cow<'a, [u8]>,
    row_stride: usize,
    size: Size,
    is_rgba: bool,
}

impl<'a> Upright<'a> {
    pub(crate) fn new(image: &ImageView<'a>) -> Self {
        let stored = Size { width: image.width(), height: image.height() };
        let orientation = image.orientation();
        let format = image.format();
        if orientation == Orientation::TopLeft
            && matches!(format, PixelFormat::Rgb | PixelFormat::Rgba)
        {
            let plane = image.plane(0);
            return Self {
                data: Cow::Borrowed(plane.data),
                row_stride: plane.row_stride,
                size: stored,
                is_rgba: format == PixelFormat::Rgba,
            };
        }
        let size = if orientation.swaps_axes() {
            Size { width: stored.height, height: stored.width }
        } else {
            stored
        };
        let rotated = Rotated::new(orientation, stored);
        let mut data = Vec::with_capacity(size.width * size.height * 3);
        let pixel = yuv::pixels(image);
        for y in 0..size.height {
            for x in 0..size.width {
                let (column, row) = rotated.stored(x, y);
                data.extend_from_slice(&pixel(column, row));
            }
        }
        Self { data: Cow::Owned(data), row_stride: size.width * 3, size, is_rgba: false }
    }

    pub(crate) fn is_rgba(&self) -> bool {
        self.is_rgba
    }

    /// The pixels as RGBA, without padding between rows; alpha is 255 where there was none.
    pub(crate) fn to_rgba(&self) -> Cow<'_, [u8]> {
        let Size { width, height } = self.size;
        let channels = if self.is_rgba { 4 } else { 3 };
        let row = width * channels;
        if self.is_rgba && self.row_stride == row {
            return Cow::Borrowed(&self.data[..row * height]);
        }
        let mut rgba = Vec::with_capacity(width * height * 4);
        for padded in self.data.chunks(self.row_stride).take(height) {
            if self.is_rgba {
                rgba.extend_from_slice(&padded[..row]);
            } else {
                rgba.extend(
                    padded[..row].chunks_exact(3).flat_map(|rgb| [rgb[0], rgb[1], rgb[2], 255]),
                );
            }
        }
        Cow::Owned(rgba)
    }

    pub(crate) fn pixels(&self) -> Pixels<'_> {
        let Size { width, height } = self.size;
        Pixels { data: &self.data, row_stride: self.row_stride, width, height }
    }
}

/// Where the pixels of an upright image lie in the stored one.
#[derive(Debug)]
pub(crate) struct Rotated {
    orientation: Orientation,
    stored: Size,
}

impl Rotated {
    pub(crate) fn new(orientation: Orientation, stored: Size) -> Self {
        Self { orientation, stored }
    }

    /// Column and row.
    pub(crate) fn stored(&self, x: usize, y: usize) -> (usize, usize) {
        self.orientation.stored_position((x, y), (self.stored.width, self.stored.height))
    }
}
