//! Where prepared pixels go: into a tensor of bytes or of normalized floats, rotated on the way.

use half::f16;
use lookalike_core::{
    Error, ErrorKind, InputElement, Normalization, Orientation, Result, Shape, SupportCode, Tensor,
};

use crate::geometry::Size;
use crate::kernels::{Kernels, NormalizationTable};

/// Most pixels of an input tensor, whatever a model asks for: 8192 x 8192.
const MAX_INPUT_PIXELS: usize = 1 << 26;

/// The tensor that is being filled, of the size of the upright image.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    size: Size,
    orientation: Orientation,
    kernels: Kernels,
    elements: Elements<'a>,
}

#[derive(Debug)]
enum Elements<'a> {
    Bytes(&'a mut [u8]),
    Floats(Box<NormalizationTable>, &'a mut [f32]),
    SignedBytes(ByteTable<i8>, &'a mut [i8]),
    /// Floats that are not the normalized values themselves.
    RoundedFloats(ByteTable<f32>, &'a mut [f32]),
}

/// For each channel what its bytes become.
#[derive(Debug)]
struct ByteTable<T>(Box<[[T; 256]; 3]>);

impl<T: Copy> ByteTable<T> {
    /// Of a function of normalized values.
    fn new(table: &NormalizationTable, function: impl Fn(f32) -> T) -> Self {
        let of_channel =
            |channel: usize| std::array::from_fn(|byte| function(table.value(channel, byte as u8)));
        Self(Box::new(std::array::from_fn(of_channel)))
    }

    fn pixel(&self, rgb: [u8; 3]) -> [T; 3] {
        [0, 1, 2].map(|channel| self.0[channel][usize::from(rgb[channel])])
    }

    fn row(&self, row: &[u8], to: &mut [T]) {
        let pixels = row.as_chunks().0.iter().zip(to.as_chunks_mut().0);
        pixels.for_each(|(&rgb, to)| *to = self.pixel(rgb));
    }
}

impl<'a> Target<'a> {
    /// Gives the tensor its shape and type.
    pub(crate) fn new(
        tensor: &'a mut Tensor,
        size: Size,
        element: InputElement,
        orientation: Orientation,
        kernels: Kernels,
        table: fn([f32; 3], [f32; 3]) -> NormalizationTable,
    ) -> Result<Self> {
        check_size(size)?;
        let shape = Shape::new(&[1, size.height, size.width, 3])?;
        let elements = match element {
            InputElement::U8 => Elements::Bytes(tensor.reset_u8(shape)),
            InputElement::F32(normalization) => {
                check_std(&normalization)?;
                let table = Box::new(table(normalization.mean(), normalization.std()));
                Elements::Floats(table, tensor.reset_f32(shape))
            }
            InputElement::I8 { normalization, scale, zero_point } => {
                check_std(&normalization)?;
                let table = table(normalization.mean(), normalization.std());
                let byte = |value: f32| {
                    let steps = (value / scale).round() as i32;
                    steps.saturating_add(zero_point).clamp(-128, 127) as i8
                };
                Elements::SignedBytes(ByteTable::new(&table, byte), tensor.reset_i8(shape))
            }
            InputElement::F16(normalization) => {
                check_std(&normalization)?;
                let table = table(normalization.mean(), normalization.std());
                let rounded = ByteTable::new(&table, |value| f16::from_f32(value).to_f32());
                Elements::RoundedFloats(rounded, tensor.reset_f32(shape))
            }
            _ => {
                return Err(Error::new(
                    ErrorKind::Unimplemented,
                    "an input element of an unknown type",
                ));
            }
        };
        Ok(Self { size, orientation, kernels, elements })
    }

    /// The size that pixels have before they are rotated.
    pub(crate) fn stored_size(&self) -> Size {
        stored_size(self.size, self.orientation)
    }

    /// Writes a row of the image as it is stored: pixels of three or more bytes, of which three count, or of one gray byte.
    pub(crate) fn write_row<const C: usize>(&mut self, y: usize, row: &[u8]) {
        if self.orientation == Orientation::TopLeft && C == 3 {
            return self.write_upright_row(y, row);
        }
        let (first, step) = self.path(y);
        let mut position = first;
        for pixel in row.chunks_exact(C) {
            let rgb = if C >= 3 { [pixel[0], pixel[1], pixel[2]] } else { [pixel[0]; 3] };
            let offset = position as usize * 3;
            match &mut self.elements {
                Elements::Bytes(out) => out[offset..][..3].copy_from_slice(&rgb),
                Elements::Floats(table, out) => {
                    let values = [0, 1, 2].map(|channel| table.value(channel, rgb[channel]));
                    out[offset..][..3].copy_from_slice(&values);
                }
                Elements::SignedBytes(table, out) => {
                    out[offset..][..3].copy_from_slice(&table.pixel(rgb));
                }
                Elements::RoundedFloats(table, out) => {
                    out[offset..][..3].copy_from_slice(&table.pixel(rgb));
                }
            }
            position += step;
        }
    }

    /// Writes a row of R, G, B bytes that is upright already.
    pub(crate) fn write_upright_row(&mut self, y: usize, row: &[u8]) {
        let span = y * row.len()..(y + 1) * row.len();
        match &mut self.elements {
            Elements::Bytes(out) => out[span].copy_from_slice(row),
            Elements::Floats(table, out) => self.kernels.normalize(row, table, &mut out[span]),
            Elements::SignedBytes(table, out) => table.row(row, &mut out[span]),
            Elements::RoundedFloats(table, out) => table.row(row, &mut out[span]),
        }
    }

    /// Pixel index of a stored row's first pixel in the upright image, and the step from one pixel to the next.
    fn path(&self, y: usize) -> (isize, isize) {
        let (width, height, y) = (self.size.width as isize, self.size.height as isize, y as isize);
        match self.orientation {
            Orientation::TopLeft => (y * width, 1),
            Orientation::TopRight => (y * width + width - 1, -1),
            Orientation::BottomRight => ((height - 1 - y) * width + width - 1, -1),
            Orientation::BottomLeft => ((height - 1 - y) * width, 1),
            Orientation::LeftTop => (y, width),
            Orientation::RightTop => (width - 1 - y, width),
            Orientation::RightBottom => ((height - 1) * width + width - 1 - y, -width),
            Orientation::LeftBottom => ((height - 1) * width + y, -width),
        }
    }
}

/// Refuses deviations that pixels cannot be divided by, with the reference's error message.
fn check_std(normalization: &Normalization) -> Result<()> {
    if !normalization.std().iter().any(|std| std.abs() < f32::EPSILON) {
        return Ok(());
    }
    Err(Error::internal(
        "NormalizationOptions.std_values can't be 0. Please check if the tensor metadata has been populated correctly.",
    )
    .with_support_code(SupportCode::Error))
}

/// The size of an image before it is rotated, from that of the upright one; and the other way around.
pub(crate) fn stored_size(upright: Size, orientation: Orientation) -> Size {
    if orientation.swaps_axes() {
        Size { width: upright.height, height: upright.width }
    } else {
        upright
    }
}

/// Refuses input tensors without pixels, and huge ones.
pub(crate) fn check_size(size: Size) -> Result<()> {
    let Size { width, height } = size;
    if width == 0 || height == 0 {
        return Err(Error::invalid_argument(format!(
            "an input tensor of {width}x{height} pixels holds no image"
        )));
    }
    if width.saturating_mul(height) > MAX_INPUT_PIXELS {
        return Err(Error::new(
            ErrorKind::ResourceExhausted,
            format!(
                "an input tensor of {width}x{height} pixels is larger than {MAX_INPUT_PIXELS}; give a smaller region of interest, or a model with a smaller input"
            ),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_input_is_accepted() {
        let of = |width| check_size(Size { width, height: 1 });
        assert!(of(MAX_INPUT_PIXELS).is_ok());
        assert!(of(MAX_INPUT_PIXELS + 1).unwrap_err().to_string().contains("is larger than"));
        assert!(of(2 * MAX_INPUT_PIXELS).is_err());
    }

    #[test]
    fn deviations_may_be_small() {
        let of = |std: f32| check_std(&Normalization::new(&[0.0], &[std]).unwrap());
        assert!(of(f32::EPSILON).is_ok() && of(-f32::EPSILON).is_ok());
        assert!(of(f32::EPSILON / 2.0).is_err() && of(0.0).is_err());
    }
}
