//! Pixels between NumPy and the library.
#![allow(
    unsafe_code,
    reason = "rows that lie apart are one slice of bytes to Rust, and none to the crate numpy"
)]

use std::path::PathBuf;
use std::slice;

use lookalike::{DecodeOptions, Error, Exif, ImageView, PixelFormat, Plane, read_file, upright};
use numpy::{PyArray1, PyArray3, PyArrayMethods, PyReadonlyArray3, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::errors::failure;

/// An array of bytes that is borrowed as an image: rows, columns, and 1, 3 or 4 channels.
pub(crate) struct Pixels<'py> {
    array: PyReadonlyArray3<'py, u8>,
    format: PixelFormat,
    row_stride: usize,
}

impl<'py> Pixels<'py> {
    /// Fails unless pixels lie side by side within a row, and rows in order, with or without bytes between them.
    pub(crate) fn new(array: PyReadonlyArray3<'py, u8>) -> PyResult<Self> {
        let &[height, width, channels] = array.shape() else {
            return Err(failure(&Error::internal("an array of three dimensions has others")));
        };
        let format = match channels {
            1 => PixelFormat::Gray,
            3 => PixelFormat::Rgb,
            4 => PixelFormat::Rgba,
            other => {
                return Err(failure(&Error::invalid_argument(format!(
                    "Expected image with 1 (grayscale), 3 (RGB) or 4 (RGBA) channels, found {other}"
                ))));
            }
        };
        let row = width * channels;
        let &[row_stride, column_stride, channel_stride] = array.strides() else {
            return Err(failure(&Error::internal(
                "an array of three dimensions has other strides",
            )));
        };
        // Strides of dimensions with one element mean nothing.
        let is = |count: usize, stride: isize, expected: usize| {
            count <= 1 || usize::try_from(stride) == Ok(expected)
        };
        let row_stride = if height <= 1 { row } else { usize::try_from(row_stride).unwrap_or(0) };
        let has_pixels = height > 0 && width > 0;
        if has_pixels
            && (!is(width, column_stride, channels)
                || !is(channels, channel_stride, 1)
                || row_stride < row)
        {
            return Err(failure(&Error::invalid_argument(
                "the pixels of a row do not lie side by side: give `numpy.ascontiguousarray(pixels)`",
            )));
        }
        Ok(Self { array, format, row_stride })
    }

    /// The image, borrowed.
    pub(crate) fn view(&self) -> lookalike::Result<ImageView<'_>> {
        let (height, width) = (self.array.shape()[0], self.array.shape()[1]);
        let row = width * self.array.shape()[2];
        if height == 0 || row == 0 {
            return ImageView::from_planes(self.format, width, height, &[]);
        }
        let length = self.row_stride * (height - 1) + row;
        // SAFETY: the array has rows of so many bytes at such distances, which `new` looked at, and is borrowed for as long as the slice is.
        let data = unsafe { slice::from_raw_parts(self.array.as_raw_array().as_ptr(), length) };
        let plane = Plane { data, row_stride: self.row_stride };
        ImageView::from_planes(self.format, width, height, &[plane])
    }
}

/// The contents of a file, or its path.
#[derive(FromPyObject)]
pub(crate) enum Source {
    Bytes(PyBackedBytes),
    Path(PathBuf),
}

/// What becomes of the orientation that a file asks for.
pub(crate) fn exif_of(name: &str) -> PyResult<Exif> {
    match name {
        "apply" => Ok(Exif::Apply),
        "apply-to-jpeg" => Ok(Exif::ApplyToJpeg),
        "ignore" => Ok(Exif::Ignore),
        other => Err(failure(&Error::invalid_argument(format!(
            "exif={other:?}: give 'apply', 'apply-to-jpeg' or 'ignore'"
        )))),
    }
}

/// The contents of an image file as they are.
pub(crate) fn read(source: &Source, options: &DecodeOptions) -> lookalike::Result<Vec<u8>> {
    match source {
        Source::Bytes(bytes) => Ok(bytes.to_vec()),
        Source::Path(path) => read_file(path, options),
    }
}

/// Decodes an image file to an array of rows, columns and channels, upright.
#[pyfunction]
#[pyo3(signature = (source, exif = "apply"))]
pub(crate) fn decode<'py>(
    py: Python<'py>,
    source: Source,
    exif: &str,
) -> PyResult<Bound<'py, PyArray3<u8>>> {
    let options = DecodeOptions { exif: exif_of(exif)?, ..DecodeOptions::default() };
    let image = py.detach(|| {
        let image = match &source {
            Source::Bytes(bytes) => lookalike::decode(bytes, &options),
            Source::Path(path) => lookalike::decode_file(path, &options),
        };
        upright(image?)
    });
    let image = image.map_err(|error| failure(&error))?;
    let channels = match image.format() {
        PixelFormat::Gray => 1,
        PixelFormat::Rgba => 4,
        _ => 3,
    };
    let (height, width) = (image.height(), image.width());
    PyArray1::from_vec(py, image.into_pixels()).reshape([height, width, channels])
}
