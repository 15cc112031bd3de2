//! Resize of packed pixels: `ARGBScale` and `UVScale` of libyuv with the bilinear filter.

use crate::geometry::{Filter, ONE, Sampling, Size, fraction8, whole};
use crate::kernels::{Kernels, Taps};

/// Rows of pixels with `C` bytes each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows<'a, const C: usize> {
    data: &'a [u8],
    row_stride: usize,
    pub(crate) size: Size,
}

impl<'a, const C: usize> Rows<'a, C> {
    /// `data` starts at the first pixel and reaches at least to the end of the last row.
    pub(crate) fn new(data: &'a [u8], row_stride: usize, size: Size) -> Self {
        Self { data, row_stride, size }
    }

    pub(crate) fn row(&self, y: usize) -> &'a [u8] {
        &self.data[y * self.row_stride..][..self.size.width * C]
    }

    fn pixel(&self, x: usize, y: usize) -> &'a [u8] {
        &self.row(y)[x * C..][..C]
    }
}

/// How the mean of 2x2 pixels is rounded when an image shrinks by even factors.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BoxRounding {
    /// Once.
    Exact,
    /// Columns first, then rows, each rounded up: what SSE2 does with all but the last `width % 4` columns.
    Twice,
}

/// Resizes and hands each target row to `emit`, first row first.
pub(crate) fn resize<const C: usize>(
    source: Rows<'_, C>,
    target: Size,
    rounding: BoxRounding,
    kernels: Kernels,
    mut emit: impl FnMut(usize, &[u8]),
) {
    if source.size == target {
        (0..target.height).for_each(|y| emit(y, source.row(y)));
        return;
    }
    let Sampling { mut filter, x, y } = Sampling::new(source.size, target);
    if (x.step | y.step) & (ONE - 1) == 0 {
        let is_odd = |step: i64| step & ONE != 0;
        if x.step == 0 || y.step == 0 {
            filter = Filter::None;
        } else if !is_odd(x.step) && !is_odd(y.step) {
            return average_boxes(source, target, x.step, y.step, rounding, emit);
        } else if x.step == ONE && y.step == ONE {
            // Of 32768 pixels and more in a row, one is taken without a step: a copy, whatever the starts are.
            (0..target.height).for_each(|y| emit(y, &source.row(y)[..target.width * C]));
            return;
        } else if is_odd(x.step) && is_odd(y.step) {
            filter = Filter::None;
        }
    }
    let row_bytes = target.width * C;
    let mut out = vec![0; row_bytes];
    let last = source.size.height - 1;
    if x.step == ONE && x.start & (ONE - 1) == 0 {
        let limit = if last > 0 { ((last as i64) << 16) - 1 } else { 0 };
        for row in 0..target.height {
            let position = y.at(row).min(limit);
            let above = whole(position, source.size.height);
            let fraction = if filter == Filter::None { 0 } else { fraction8(position) };
            let below = source.row((above + 1).min(last));
            kernels.blend_rows(
                &source.row(above)[..row_bytes],
                &below[..row_bytes],
                fraction,
                &mut out,
            );
            emit(row, &out);
        }
        return;
    }
    if filter == Filter::None {
        for row in 0..target.height {
            let from = whole(y.at(row), source.size.height);
            for (column, pixel) in out.chunks_exact_mut(C).enumerate() {
                pixel.copy_from_slice(source.pixel(whole(x.at(column), source.size.width), from));
            }
            emit(row, &out);
        }
        return;
    }
    let taps = Taps::new(x, source.size.width, target.width);
    let limit = (last as i64) << 16;
    if y.step < ONE {
        enlarge(source, target, filter, y, limit, &taps, kernels, emit);
        return;
    }
    let mut blended = vec![0; source.size.width * C];
    for row in 0..target.height {
        let position = y.at(row).min(limit);
        let above = whole(position, source.size.height);
        if filter == Filter::Linear {
            kernels.blend_columns::<C>(source.row(above), &taps, &mut out);
        } else {
            let below = source.row((above + 1).min(last));
            kernels.blend_rows(source.row(above), below, fraction8(position), &mut blended);
            kernels.blend_columns::<C>(&blended, &taps, &mut out);
        }
        emit(row, &out);
    }
}

/// Columns first, then rows; a source row serves several target rows.
fn enlarge<const C: usize>(
    source: Rows<'_, C>,
    target: Size,
    filter: Filter,
    y: crate::geometry::Axis,
    limit: i64,
    taps: &Taps,
    kernels: Kernels,
    mut emit: impl FnMut(usize, &[u8]),
) {
    let row_bytes = target.width * C;
    let (mut upper, mut lower) = (Filtered::new(row_bytes), Filtered::new(row_bytes));
    let mut out = vec![0; row_bytes];
    for row in 0..target.height {
        let position = y.at(row).min(limit);
        let above = whole(position, source.size.height);
        if lower.index == Some(above) {
            std::mem::swap(&mut upper, &mut lower);
        }
        upper.load(source, above, taps, kernels);
        if filter == Filter::Linear {
            emit(row, &upper.pixels);
            continue;
        }
        lower.load(source, (above + 1).min(source.size.height - 1), taps, kernels);
        kernels.blend_rows(&upper.pixels, &lower.pixels, fraction8(position), &mut out);
        emit(row, &out);
    }
}

/// A source row after the horizontal pass.
struct Filtered {
    index: Option<usize>,
    pixels: Vec<u8>,
}

impl Filtered {
    fn new(row_bytes: usize) -> Self {
        Self { index: None, pixels: vec![0; row_bytes] }
    }

    fn load<const C: usize>(
        &mut self,
        source: Rows<'_, C>,
        index: usize,
        taps: &Taps,
        kernels: Kernels,
    ) {
        if self.index != Some(index) {
            kernels.blend_columns::<C>(source.row(index), taps, &mut self.pixels);
            self.index = Some(index);
        }
    }
}

/// Means of the 2x2 pixels in the middle of each box of even sides; the rest of a larger box has no influence.
fn average_boxes<const C: usize>(
    source: Rows<'_, C>,
    target: Size,
    step_x: i64,
    step_y: i64,
    rounding: BoxRounding,
    mut emit: impl FnMut(usize, &[u8]),
) {
    let (step_x, step_y) = ((step_x >> 16) as usize, (step_y >> 16) as usize);
    let (start_x, start_y) = (step_x / 2 - 1, step_y / 2 - 1);
    let rounded_twice = match rounding {
        BoxRounding::Exact => 0,
        BoxRounding::Twice => target.width & !3,
    };
    let mut out = vec![0; target.width * C];
    for row in 0..target.height {
        let top = source.row(start_y + row * step_y);
        let bottom = source.row(start_y + row * step_y + 1);
        for (column, pixel) in out.chunks_exact_mut(C).enumerate() {
            let left = (start_x + column * step_x) * C;
            let (top, bottom) = (&top[left..][..2 * C], &bottom[left..][..2 * C]);
            for (channel, value) in pixel.iter_mut().enumerate() {
                let [a, b, c, d] =
                    [top[channel], top[C + channel], bottom[channel], bottom[C + channel]]
                        .map(u16::from);
                *value = if column < rounded_twice {
                    (((a + c + 1) >> 1) + ((b + d + 1) >> 1) + 1) >> 1
                } else {
                    (a + b + c + d + 2) >> 2
                } as u8;
            }
        }
        emit(row, &out);
    }
}
