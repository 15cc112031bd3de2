//! Operators that move elements, and conversions between types.

use lookalike_core::Result;

use crate::graph::{Element, PADDING, QuantizedRows, Remap, Value};
use crate::kernels::Kernels;
use crate::runtime::{Inputs, PreparedOp, RunContext};

/// Inputs side by side.
#[derive(Debug)]
pub(super) struct Concatenation {
    /// How often they follow each other.
    pub(super) outer: usize,
    /// Bytes of each.
    pub(super) widths: Vec<usize>,
}

impl PreparedOp for Concatenation {
    fn run(&self, _: &mut RunContext<'_>, inputs: Inputs<'_, '_>, output: &mut [u8]) -> Result<()> {
        let stride = self.widths.iter().sum::<usize>();
        let mut start = 0;
        for (index, &width) in self.widths.iter().enumerate() {
            let from = inputs.bytes(index)?;
            for row in 0..self.outer {
                let to = &mut output[row * stride + start..][..width];
                to.copy_from_slice(&from[row * width..][..width]);
            }
            start += width;
        }
        Ok(())
    }
}

/// Moves elements of any size.
pub(super) fn remap(remap: &Remap, from: &[u8], to: &mut [u8]) {
    match remap.filling.len() {
        1 => move_elements::<1>(remap, from, to),
        2 => move_elements::<2>(remap, from, to),
        4 => move_elements::<4>(remap, from, to),
        _ => move_elements::<8>(remap, from, to),
    }
}

fn move_elements<const N: usize>(remap: &Remap, from: &[u8], to: &mut [u8]) {
    let (from, to) = (from.as_chunks::<N>().0, to.as_chunks_mut::<N>().0);
    let mut filling = [0; N];
    filling.copy_from_slice(&remap.filling[..N]);
    let (outer, inner) = match remap.offsets.split_last() {
        Some((inner, outer)) => (outer, inner.as_slice()),
        None => (&[][..], &[0][..]),
    };
    // Elements side by side are moved together.
    let is_run =
        inner.iter().enumerate().all(|(index, &offset)| offset == inner[0].wrapping_add(index));
    let is_run = is_run && inner[0] != PADDING;
    for (row, to) in to.chunks_exact_mut(inner.len()).enumerate() {
        let (mut rest, mut start) = (row, Some(0));
        for offsets in outer.iter().rev() {
            let offset = offsets[rest % offsets.len()];
            rest /= offsets.len();
            start = start.filter(|_| offset != PADDING).map(|start: usize| start + offset);
        }
        match start {
            None => to.fill(filling),
            Some(start) if is_run => to.copy_from_slice(&from[start + inner[0]..][..to.len()]),
            Some(start) => {
                for (to, &offset) in to.iter_mut().zip(inner) {
                    *to = if offset == PADDING { filling } else { from[start + offset] };
                }
            }
        }
    }
}

pub(super) fn quantize(kernels: &Kernels, from: &[f32], value: &Value, to: &mut [u8]) {
    let Some(scale) = value.scale else { return };
    if value.element == Element::I16 {
        let to: &mut [i16] = bytemuck::cast_slice_mut(to);
        for (to, &real) in to.iter_mut().zip(from) {
            *to = ((real / scale.scale).round() + scale.zero_point as f32) as i16;
        }
        return;
    }
    kernels.quantize(from, value.element == Element::I8, scale.zero_point, scale.scale, to);
}

/// The steps of rows that are quantized with a scale each, and those scales in front: TensorFlow Lite's `AsymmetricQuantizeFloats`.
pub(super) fn step_rows(kernels: &Kernels, rows: QuantizedRows, from: &[f32], to: &mut [f32]) {
    const LOW: f64 = i8::MIN as f64;
    const HIGH: f64 = i8::MAX as f64;
    let (scales, to) = to.split_at_mut(rows.rows);
    let pairs = from.chunks_exact(rows.length).zip(to.chunks_exact_mut(rows.length));
    for (scale, (from, to)) in scales.iter_mut().zip(pairs) {
        let (min, max) = kernels.extremes(from);
        let (min, max) = (f64::from(min.min(0.0)), f64::from(max.max(0.0)));
        if min == max {
            to.fill(0.0);
            *scale = 1.0;
            continue;
        }
        let step = (max - min) / (HIGH - LOW);
        let (first, last) = (min / step, max / step);
        // Of the two extremes that one gives the zero point whose rounding errs less.
        let is_first = LOW.abs() + first.abs() < HIGH.abs() + last.abs();
        let zero_point = if is_first { LOW - first } else { HIGH - last };
        let zero_point = zero_point.clamp(LOW, HIGH).round() as f32;
        *scale = step as f32;
        kernels.step_row(from, 1.0 / *scale, zero_point, to);
    }
}

pub(super) fn dequantize(kernels: &Kernels, value: &Value, from: &[u8], to: &mut [f32]) {
    let Some(scale) = value.scale else { return };
    if value.element == Element::I16 {
        // Those of a constant need not lie where integers of 16 bits do.
        for (to, &bytes) in to.iter_mut().zip(from.as_chunks().0) {
            *to = (i32::from(i16::from_ne_bytes(bytes)) - scale.zero_point) as f32 * scale.scale;
        }
        return;
    }
    kernels.dequantize(from, value.element == Element::I8, scale.zero_point, scale.scale, to);
}

/// The steps of bytes above their zero point.
pub(super) fn steps(kernels: &Kernels, value: &Value, from: &[u8], to: &mut [f32]) {
    let Some(scale) = value.scale else { return };
    kernels.dequantize(from, value.element == Element::I8, scale.zero_point, 1.0, to);
}

/// Numbers of any kind to numbers of any kind: integers wrap around, floats are truncated, and saturate.
pub(super) fn cast(from_element: Element, from: &[u8], to_element: Element, to: &mut [u8]) {
    let (from_size, to_size) = (from_element.size(), to_element.size());
    for (from, to) in from.chunks_exact(from_size).zip(to.chunks_exact_mut(to_size)) {
        let mut bytes = [0; 8];
        bytes[..from_size].copy_from_slice(from);
        let float = f32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let integer = match from_element {
            Element::F32 => float as i64,
            Element::I8 => i64::from(bytes[0] as i8),
            Element::U8 => bytes[0].into(),
            Element::Bool => (bytes[0] != 0).into(),
            Element::I16 => i16::from_ne_bytes([bytes[0], bytes[1]]).into(),
            Element::I32 => i32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]).into(),
            Element::I64 => i64::from_ne_bytes(bytes),
        };
        match to_element {
            Element::F32 => {
                let float = if from_element == Element::F32 { float } else { integer as f32 };
                to.copy_from_slice(&float.to_ne_bytes());
            }
            Element::I8 | Element::U8 => to[0] = integer as u8,
            Element::Bool => {
                to[0] =
                    if from_element == Element::F32 { float != 0.0 } else { integer != 0 }.into();
            }
            Element::I16 => to.copy_from_slice(&(integer as i16).to_ne_bytes()),
            Element::I32 => to.copy_from_slice(&(integer as i32).to_ne_bytes()),
            Element::I64 => to.copy_from_slice(&integer.to_ne_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_come_from_offsets_or_are_filled_in() {
        let offsets = vec![vec![2, 0, PADDING], vec![0, 1]];
        let mut to = [0; 6];
        remap(&Remap { offsets, filling: vec![9] }, &[1, 2, 3, 4], &mut to);
        assert_eq!(to, [3, 4, 1, 2, 9, 9]);
        let offsets = vec![vec![1, PADDING, 0]];
        let mut to = [0; 12];
        remap(&Remap { offsets, filling: vec![9; 4] }, &[1, 1, 1, 1, 2, 2, 2, 2], &mut to);
        assert_eq!(to, [2, 2, 2, 2, 9, 9, 9, 9, 1, 1, 1, 1]);
    }

    #[test]
    fn numbers_are_truncated_or_wrap_around() {
        let cast_one = |from_element, from: &[u8], to_element: Element| {
            let mut to = vec![0; to_element.size()];
            cast(from_element, from, to_element, &mut to);
            to
        };
        assert_eq!(cast_one(Element::F32, &(-1.9f32).to_ne_bytes(), Element::I8), [255]);
        assert_eq!(cast_one(Element::I8, &[255], Element::I32), (-1i32).to_ne_bytes());
        assert_eq!(cast_one(Element::I32, &300i32.to_ne_bytes(), Element::U8), [44]);
        assert_eq!(cast_one(Element::U8, &[2], Element::F32), 2f32.to_ne_bytes());
        assert_eq!(cast_one(Element::F32, &0.5f32.to_ne_bytes(), Element::Bool), [1]);
        assert_eq!(cast_one(Element::Bool, &[7], Element::I64), 1i64.to_ne_bytes());
    }
}
