//! Resize of packed pixels: `ARGBScale` and `UVScale` of libyuv with the bilinear filter.

use lookalike_core::SampleGrid;

use crate::geometry::{Axis, Filter, ONE, Sampling, Size, fraction8, whole};
use crate::kernels::{Kernels, Taps};

/// Rows of pixels with `C` bytes each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows<'a, const C: usize> {
    data: &'a [u8],
    row_stride: usize,
    pub(crate) size: Size,
    lines: Option<&'a Lines>,
}

/// Rows and columns of a source in ascending order.
#[derive(Debug)]
pub(crate) struct Lines {
    pub(crate) rows: Vec<u32>,
    pub(crate) columns: Vec<u32>,
}

impl Lines {
    fn new(
        rows: impl IntoIterator<Item = usize>,
        columns: impl IntoIterator<Item = usize>,
    ) -> Self {
        let grid = SampleGrid::new(
            rows.into_iter().map(|row| row as u32).collect(),
            columns.into_iter().map(|column| column as u32).collect(),
        );
        Self { rows: grid.rows().to_vec(), columns: grid.columns().to_vec() }
    }
}

impl<'a, const C: usize> Rows<'a, C> {
    /// `data` starts at the first pixel and reaches at least to the end of the last row. `lines` are those that are there, side by side, if not
    /// all are.
    pub(crate) fn new(
        data: &'a [u8],
        row_stride: usize,
        size: Size,
        lines: Option<&'a Lines>,
    ) -> Self {
        Self { data, row_stride, size, lines }
    }

    /// Pixels of a row that are there.
    fn width(&self) -> usize {
        self.lines.map_or(self.size.width, |lines| lines.columns.len())
    }

    pub(crate) fn row(&self, y: usize) -> &'a [u8] {
        let y = self.lines.map_or(y, |lines| index(&lines.rows, y));
        &self.data[y * self.row_stride..][..self.width() * C]
    }

    /// Where a column is among those that are there.
    fn column(&self, x: usize) -> usize {
        self.lines.map_or(x, |lines| index(&lines.columns, x))
    }

    fn pixel(&self, x: usize, y: usize) -> &'a [u8] {
        &self.row(y)[self.column(x) * C..][..C]
    }
}

/// The index of a position in a list of positions, which holds it.
fn index(positions: &[u32], offset: usize) -> usize {
    positions.partition_point(|&other| (other as usize) < offset)
}

/// How the mean of 2x2 pixels is rounded when an image shrinks by even factors.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BoxRounding {
    /// Once.
    Exact,
    /// Columns first, then rows, each rounded up: what SSE2 does with all but the last `width % 4` columns.
    Twice,
}

/// The way from one size to another, as libyuv chooses it.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// The first pixels of the first rows.
    Copy,
    /// Means of 2x2 pixels in boxes of even sides.
    Boxes { step_x: usize, step_y: usize },
    /// Columns stay.
    Vertical { filter: Filter, y: Axis },
    /// Of each place the nearest pixel.
    Nearest { x: Axis, y: Axis },
    /// Columns first, then rows.
    Enlarge { filter: Filter, x: Axis, y: Axis },
    /// Rows first, then columns.
    Shrink { filter: Filter, x: Axis, y: Axis },
}

impl Way {
    fn new(source: Size, target: Size) -> Self {
        if source == target {
            return Self::Copy;
        }
        let Sampling { mut filter, x, y } = Sampling::new(source, target);
        if (x.step | y.step) & (ONE - 1) == 0 {
            let is_odd = |step: i64| step & ONE != 0;
            if x.step == 0 || y.step == 0 {
                filter = Filter::None;
            } else if !is_odd(x.step) && !is_odd(y.step) {
                let whole = |step: i64| (step >> 16) as usize;
                return Self::Boxes { step_x: whole(x.step), step_y: whole(y.step) };
            } else if x.step == ONE && y.step == ONE {
                // Of 32768 pixels and more in a row, one is taken without a step: a copy, whatever the starts are.
                return Self::Copy;
            } else if is_odd(x.step) && is_odd(y.step) {
                filter = Filter::None;
            }
        }
        if x.step == ONE && x.start & (ONE - 1) == 0 {
            Self::Vertical { filter, y }
        } else if filter == Filter::None {
            Self::Nearest { x, y }
        } else if y.step < ONE {
            Self::Enlarge { filter, x, y }
        } else {
            Self::Shrink { filter, x, y }
        }
    }
}

/// The lines of a source that [`resize`] looks at; `None` if more than half of the pixels lie on them.
pub(crate) fn lines(source: Size, target: Size) -> Option<Lines> {
    let found = all_lines(source, target)?;
    let pixels = found.rows.len() * found.columns.len();
    (pixels * 2 <= source.width * source.height).then_some(found)
}

fn all_lines(source: Size, target: Size) -> Option<Lines> {
    let positions = |axis: Axis, count: usize, length: usize| {
        (0..count).map(move |index| whole(axis.at(index), length))
    };
    let with_next = |length: usize| move |offset: usize| [offset, (offset + 1).min(length - 1)];
    match Way::new(source, target) {
        Way::Copy | Way::Vertical { .. } | Way::Enlarge { .. } => None,
        Way::Boxes { step_x, step_y } => {
            let pairs = |step: usize, count: usize| {
                (0..count).map(move |index| step / 2 - 1 + index * step).flat_map(|at| [at, at + 1])
            };
            Some(Lines::new(pairs(step_y, target.height), pairs(step_x, target.width)))
        }
        Way::Nearest { x, y } => Some(Lines::new(
            positions(y, target.height, source.height),
            positions(x, target.width, source.width),
        )),
        Way::Shrink { x, y, .. } => {
            let last = (source.height as i64 - 1) << 16;
            let rows = (0..target.height).map(|row| whole(y.at(row).min(last), source.height));
            let columns = positions(x, target.width, source.width);
            Some(Lines::new(
                rows.flat_map(with_next(source.height)),
                columns.flat_map(with_next(source.width)),
            ))
        }
    }
}

/// Resizes and hands each target row to `emit`, first row first.
pub(crate) fn resize<const C: usize>(
    source: Rows<'_, C>,
    target: Size,
    rounding: BoxRounding,
    kernels: Kernels,
    mut emit: impl FnMut(usize, &[u8]),
) {
    let row_bytes = target.width * C;
    let mut out = vec![0; row_bytes];
    let last = source.size.height - 1;
    match Way::new(source.size, target) {
        Way::Copy => {
            (0..target.height).for_each(|y| emit(y, &source.row(y)[..row_bytes]));
        }
        Way::Boxes { step_x, step_y } => {
            average_boxes(source, target, step_x, step_y, rounding, emit);
        }
        Way::Vertical { filter, y } => {
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
        }
        Way::Nearest { x, y } => {
            for row in 0..target.height {
                let from = whole(y.at(row), source.size.height);
                for (column, pixel) in out.chunks_exact_mut(C).enumerate() {
                    let at = whole(x.at(column), source.size.width);
                    pixel.copy_from_slice(source.pixel(at, from));
                }
                emit(row, &out);
            }
        }
        Way::Enlarge { filter, x, y } => {
            let taps = taps(&source, x, target.width);
            let limit = (last as i64) << 16;
            enlarge(source, target, filter, y, limit, &taps, kernels, emit);
        }
        Way::Shrink { filter, x, y } => {
            let taps = taps(&source, x, target.width);
            let limit = (last as i64) << 16;
            let mut blended = vec![0; source.width() * C];
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
    }
}

/// Where the pixels of a target row are in a row of those that are there.
fn taps<const C: usize>(source: &Rows<'_, C>, x: Axis, target_width: usize) -> Taps {
    Taps::new(x, source.size.width, target_width, |column| source.column(column))
}

/// Columns first, then rows; a source row serves several target rows.
fn enlarge<const C: usize>(
    source: Rows<'_, C>,
    target: Size,
    filter: Filter,
    y: Axis,
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
    step_x: usize,
    step_y: usize,
    rounding: BoxRounding,
    mut emit: impl FnMut(usize, &[u8]),
) {
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
            let left = source.column(start_x + column * step_x) * C;
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
