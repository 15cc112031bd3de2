//! Pixels from planes of samples: upsampling and color.

use crate::error::Result;
use crate::frame::{BLOCK, Component, Frame, Tables};
use crate::kernels::Kernels;
use crate::memory;
use crate::samples::Plane;

/// What the components of a pixel stand for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Color {
    Gray,
    Rgb,
    /// A fourth component is dropped, as stb_image does without an Adobe segment.
    YCbCr,
    /// Inverted, as Adobe writes it.
    Cmyk,
    Ycck,
}

impl Color {
    pub(crate) fn of(frame: &Frame, tables: &Tables) -> Self {
        let is_adobe_without_transform = tables.adobe_transform == Some(0);
        match frame.components.len() {
            1 => Self::Gray,
            3 if frame.is_named_rgb || is_adobe_without_transform && !tables.is_jfif => Self::Rgb,
            4 if is_adobe_without_transform => Self::Cmyk,
            4 if tables.adobe_transform == Some(2) => Self::Ycck,
            _ => Self::YCbCr,
        }
    }

    /// Bytes of a pixel.
    pub(crate) fn channels(self) -> usize {
        if self == Self::Gray { 1 } else { 3 }
    }
}

/// How a component gets as many samples as there are pixels.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Upsampling {
    None,
    Across,
    Down,
    Both,
    /// Each sample is repeated so often across and down, without interpolation.
    Repeat,
}

impl Upsampling {
    fn of(component: &Component) -> Self {
        match (component.step_across, component.step_down) {
            (1, 1) => Self::None,
            (2, 1) => Self::Across,
            (1, 2) => Self::Down,
            (2, 2) => Self::Both,
            _ => Self::Repeat,
        }
    }

    fn looks_across(self) -> bool {
        matches!(self, Self::Across | Self::Both)
    }

    fn looks_down(self) -> bool {
        matches!(self, Self::Down | Self::Both)
    }
}

/// The row of samples that a row of pixels shows, and the one that upsampling mixes in; the same where it mixes nothing in.
fn rows_at(component: &Component, y: usize) -> [usize; 2] {
    let last = component.height - 1;
    let near = (y / component.step_down).min(last);
    if !Upsampling::of(component).looks_down() {
        return [near; 2];
    }
    let far = if y.is_multiple_of(2) { near.saturating_sub(1) } else { (near + 1).min(last) };
    [near, far]
}

/// The same of columns.
fn columns_at(component: &Component, x: usize) -> [usize; 2] {
    let last = component.width - 1;
    let near = (x / component.step_across).min(last);
    if !Upsampling::of(component).looks_across() {
        return [near; 2];
    }
    let far = if x.is_multiple_of(2) { near.saturating_sub(1) } else { (near + 1).min(last) };
    [near, far]
}

/// Pixels that are wanted: those of these columns in each of these rows, in ascending order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid<'g> {
    pub(crate) rows: &'g [u32],
    pub(crate) columns: &'g [u32],
}

/// Which blocks of a component are wanted: those at which a wanted row and a wanted column of blocks meet.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) rows: Vec<bool>,
    pub(crate) columns: Vec<bool>,
}

impl Wanted {
    pub(crate) fn new(component: &Component, grid: Grid<'_>) -> Self {
        let mut wanted = Self {
            rows: vec![false; component.blocks_down],
            columns: vec![false; component.blocks_across],
        };
        for &y in grid.rows {
            for row in rows_at(component, y as usize) {
                wanted.rows[row / BLOCK] = true;
            }
        }
        for &x in grid.columns {
            for column in columns_at(component, x as usize) {
                wanted.columns[column / BLOCK] = true;
            }
        }
        wanted
    }

    /// Blocks that are wanted.
    pub(crate) fn count(&self) -> u64 {
        let count = |wanted: &[bool]| wanted.iter().filter(|&&wanted| wanted).count() as u64;
        count(&self.rows) * count(&self.columns)
    }
}

/// Writes the wanted pixels of each row as soon as their samples are there.
#[derive(Debug)]
pub(crate) struct Writer<'g> {
    color: Color,
    kernels: &'static Kernels,
    grid: Grid<'g>,
    /// Columns of pixels from the first wanted one to behind the last one.
    first: usize,
    end: usize,
    /// A row of each component, as long as those columns and a little more.
    lines: Vec<Line>,
    /// A row of pixels, if not all of them are wanted.
    row: Vec<u8>,
    /// Rows that are written.
    written: usize,
    pub(crate) pixels: Vec<u8>,
}

#[derive(Debug)]
struct Line {
    component: Component,
    upsampling: Upsampling,
    /// Samples that are needed.
    from: usize,
    to: usize,
    /// The first wanted column, as counted from the first one that these samples give.
    offset: usize,
    pixels: Vec<u8>,
}

impl Line {
    fn new(component: &Component, first: usize, end: usize) -> Result<Self> {
        let step = component.step_across;
        // A sample more on either side: what upsampling does at the ends of a row of samples is right at those of the image alone.
        let from = (first / step).saturating_sub(1);
        let to = (end.div_ceil(step) + 1).min(component.width);
        let upsampling = Upsampling::of(component);
        let length = if upsampling == Upsampling::None { 0 } else { (to - from) * step };
        Ok(Self {
            component: component.clone(),
            upsampling,
            from,
            to,
            offset: first - from * step,
            pixels: memory::filled(length, 0)?,
        })
    }

    /// The samples of a row of pixels, from the first wanted one on.
    fn samples<'l>(&'l mut self, plane: &'l Plane, y: usize, kernels: &Kernels) -> &'l [u8] {
        let [near, far] =
            rows_at(&self.component, y).map(|row| &plane.row(row)[self.from..self.to]);
        let pixels = &mut self.pixels;
        match self.upsampling {
            Upsampling::None => return &near[self.offset..],
            Upsampling::Across => (kernels.upsample_across)(near, pixels),
            Upsampling::Down => (kernels.upsample_down)(near, far, pixels),
            Upsampling::Both => (kernels.upsample_both)(near, far, pixels),
            Upsampling::Repeat => {
                let step = self.component.step_across;
                for (pixels, &sample) in pixels.chunks_exact_mut(step).zip(near) {
                    pixels.fill(sample);
                }
            }
        }
        &self.pixels[self.offset..]
    }
}

impl<'g> Writer<'g> {
    pub(crate) fn new(
        frame: &Frame,
        color: Color,
        grid: Grid<'g>,
        kernels: &'static Kernels,
    ) -> Result<Self> {
        let first = grid.columns.first().map_or(0, |&x| x as usize);
        let end = grid.columns.last().map_or(0, |&x| x as usize + 1);
        let lines = frame.components.iter().map(|component| Line::new(component, first, end));
        let row =
            if grid.columns.len() == end - first { 0 } else { (end - first) * color.channels() };
        let length = grid.rows.len() * grid.columns.len() * color.channels();
        let mut pixels = Vec::new();
        memory::reserve(&mut pixels, length)?;
        Ok(Self {
            color,
            kernels,
            grid,
            first,
            end,
            lines: lines.collect::<Result<_>>()?,
            row: memory::filled(row, 0)?,
            written: 0,
            pixels,
        })
    }

    /// Writes all rows whose samples are among the first `mcu_rows` rows of MCUs.
    pub(crate) fn write(&mut self, planes: &[Plane], mcu_rows: usize) {
        while let Some(&y) = self.grid.rows.get(self.written) {
            let is_there = |line: &Line| {
                let rows = mcu_rows * line.component.vertical * BLOCK;
                rows_at(&line.component, y as usize).iter().all(|&row| row < rows)
            };
            if !self.lines.iter().all(is_there) {
                return;
            }
            self.write_row(planes, y as usize);
            self.written += 1;
        }
    }

    fn write_row(&mut self, planes: &[Plane], y: usize) {
        let (kernels, width) = (self.kernels, self.end - self.first);
        let lines = self.lines.iter_mut().zip(planes);
        let mut samples: [&[u8]; 4] = [&[]; 4];
        for (to, (line, plane)) in samples.iter_mut().zip(lines) {
            *to = &line.samples(plane, y, kernels)[..width];
        }
        let channels = self.color.channels();
        let length = self.grid.columns.len() * channels;
        let written = self.pixels.len();
        self.pixels.resize(written + length, 0);
        let to = &mut self.pixels[written..];
        let row = if self.row.is_empty() { &mut *to } else { &mut self.row[..] };
        let [first, second, third, fourth] = samples;
        match self.color {
            Color::Gray => row.copy_from_slice(first),
            Color::Rgb => interleave([first, second, third], row),
            Color::YCbCr => (kernels.to_rgb)([first, second, third], row),
            Color::Cmyk => {
                interleave([first, second, third], row);
                multiply(row, fourth, |sample| sample);
            }
            Color::Ycck => {
                (kernels.to_rgb)([first, second, third], row);
                multiply(row, fourth, |sample| 255 - sample);
            }
        }
        if self.row.is_empty() {
            return;
        }
        let columns = self.grid.columns.iter().map(|&x| x as usize - self.first);
        if self.color == Color::Gray {
            to.iter_mut().zip(columns).for_each(|(to, x)| *to = self.row[x]);
        } else {
            let row = self.row.as_chunks::<3>().0;
            to.as_chunks_mut().0.iter_mut().zip(columns).for_each(|(to, x)| *to = row[x]);
        }
    }
}

fn interleave([red, green, blue]: [&[u8]; 3], to: &mut [u8]) {
    let pixels = red.iter().zip(green).zip(blue);
    for (to, ((&red, &green), &blue)) in to.as_chunks_mut::<3>().0.iter_mut().zip(pixels) {
        *to = [red, green, blue];
    }
}

/// Takes colors times black, in 255ths, rounded to the nearest.
fn multiply(row: &mut [u8], black: &[u8], color: impl Fn(u8) -> u8) {
    for (pixel, &black) in row.as_chunks_mut::<3>().0.iter_mut().zip(black) {
        *pixel = pixel.map(|sample| {
            let product = u32::from(color(sample)) * u32::from(black) + 128;
            ((product + (product >> 8)) >> 8) as u8
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_rounded_to_the_nearest() {
        for black in [0, 1, 100, 254, 255] {
            let colors: Vec<u8> = (0..=254).collect();
            let mut row = colors.clone();
            multiply(&mut row, &[black; 85], |sample| sample);
            let nearest = |&color: &u8| (f64::from(color) * f64::from(black) / 255.0).round() as u8;
            assert_eq!(row, colors.iter().map(nearest).collect::<Vec<u8>>());
        }
        let mut row = [10, 20, 30];
        multiply(&mut row, &[255], |sample| 255 - sample);
        assert_eq!(row, [245, 235, 225]);
    }
}
