//! The profile of MediaPipe Tasks.

use std::f64::consts::PI;

use lookalike_core::{
    Error, ImageOutline, ImageProcessingOptions, ImageView, InputSpec, InstructionSet, Orientation,
    Preprocessor, Region, Result, SampleGrid, SampledImage, Tensor,
};

use crate::geometry::{Size, not_the_grid};
use crate::kernels::{Kernels, NormalizationTable, Tap};
use crate::target::{Target, check_size, stored_size};
use crate::upright::{Rotated, Upright};

/// Input tensors equal to those of MediaPipe Tasks 1.2.2 on x86-64, bit for bit.
///
/// The image is first brought upright as its orientation says. Then the region of interest, which counts in the upright image,
/// is rotated and stretched to the model's size: bilinear with offsets in 32nds of a pixel, without antialiasing, the first pixel of
/// the tensor on the first one of the region; neighbors outside of the region count, those outside of the image repeat its
/// border. Pixels of 0 to 255 are stretched in f32 to the normalized ends of that range. Alpha is resampled and dropped.
///
/// What MediaPipe refuses, or aborts over, has a result here: gray images count as RGB with three equal channels; YUV images
/// become RGB at their full size before all else, by the Task Library's formula, each chroma sample counting for its four pixels;
/// means and standard deviations may differ from channel to channel; sides may have up to 2^26 pixels. A model that leaves its input size
/// open gets the region's size, with width and height exchanged where it is rotated by 90° or 270°.
///
/// ```
/// use lookalike_core::{ImageProcessingOptions, ImageView, InputElement, InputSpec, Preprocessor, Tensor};
/// use lookalike_preprocess::MediaPipe;
///
/// let pixels = [128u8; 6 * 4 * 3];
/// let image = ImageView::rgb(&pixels, 6, 4)?;
/// let mut input = Tensor::empty();
/// let spec = InputSpec::new(2, 2, InputElement::U8);
/// MediaPipe::new().prepare(&image, &ImageProcessingOptions::default(), &spec, &mut input)?;
/// assert_eq!(input.shape().dims(), [1, 2, 2, 3]);
/// # Ok::<(), lookalike_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MediaPipe {
    kernels: Kernels,
}

impl MediaPipe {
    /// The profile on the best instruction set of this processor.
    pub fn new() -> Self {
        Self::with_instruction_set(InstructionSet::detect())
    }

    /// The profile on a given instruction set; all give the same tensors.
    pub fn with_instruction_set(set: InstructionSet) -> Self {
        Self { kernels: set.into() }
    }
}

impl MediaPipe {
    /// Fills the tensor from an image, or from those lines of it that are wanted.
    fn fill(
        &self,
        image: &ImageView<'_>,
        lines: Option<&Lines>,
        plan: &Plan,
        spec: &InputSpec,
        input: &mut Tensor,
    ) -> Result<()> {
        let Plan { target: size, positions } = plan;
        let upright = Upright::new(image);
        let table = NormalizationTable::stretched;
        let orientation = Orientation::TopLeft;
        let mut target = Target::new(input, *size, spec.element, orientation, self.kernels, table)?;
        let indices =
            lines.map(|lines| (Lines::indices(&lines.columns), Lines::indices(&lines.rows)));
        let (mut taps, mut row) = (vec![Tap::default(); size.width], vec![0; size.width * 3]);
        for y in 0..size.height {
            positions.row(y, &mut taps);
            if let Some((columns, rows)) = &indices {
                for tap in &mut taps {
                    tap.left = columns[tap.left as usize];
                    tap.top = rows[tap.top as usize];
                }
            }
            if upright.is_rgba() {
                self.kernels.sample::<4>(&upright.pixels(), &taps, &mut row);
            } else {
                self.kernels.sample::<3>(&upright.pixels(), &taps, &mut row);
            }
            target.write_upright_row(y, &row);
        }
        Ok(())
    }
}

impl Default for MediaPipe {
    fn default() -> Self {
        Self::new()
    }
}

impl Preprocessor for MediaPipe {
    fn name(&self) -> &'static str {
        "mediapipe"
    }

    fn prepare(
        &self,
        image: &ImageView<'_>,
        processing: &ImageProcessingOptions,
        spec: &InputSpec,
        input: &mut Tensor,
    ) -> Result<()> {
        self.fill(image, None, &Plan::new(image.into(), processing, spec)?, spec, input)
    }

    fn sampling(
        &self,
        image: ImageOutline,
        processing: &ImageProcessingOptions,
        spec: &InputSpec,
    ) -> Option<SampleGrid> {
        Plan::new(image, processing, spec).ok()?.lines().map(|lines| lines.grid(image))
    }

    fn prepare_sampled(
        &self,
        image: &SampledImage<'_>,
        processing: &ImageProcessingOptions,
        spec: &InputSpec,
        input: &mut Tensor,
    ) -> Result<()> {
        let plan = Plan::new(image.outline(), processing, spec)?;
        let lines = plan.lines().filter(|lines| lines.grid(image.outline()) == *image.grid());
        let lines = lines.ok_or_else(|| not_the_grid(self.name()))?;
        self.fill(&image.pixels(), Some(&lines), &plan, spec, input)
    }
}

/// Where the pixels of a tensor lie in the upright image.
#[derive(Debug)]
struct Plan {
    target: Size,
    positions: Offsets,
}

impl Plan {
    fn new(
        image: ImageOutline,
        processing: &ImageProcessingOptions,
        spec: &InputSpec,
    ) -> Result<Self> {
        let stored = Size { width: image.width, height: image.height };
        let size = stored_size(stored, image.orientation);
        if size.width.max(size.height) > LONGEST_SIDE {
            return Err(Error::invalid_argument(format!(
                "a side of {}x{} pixels is longer than {LONGEST_SIDE}; give a smaller image",
                size.width, size.height
            )));
        }
        let rectangle = Rectangle::new(size, processing)?;
        let open = rectangle.size();
        let target = Size {
            width: spec.width.unwrap_or(open.width),
            height: spec.height.unwrap_or(open.height),
        };
        check_size(target)?;
        Ok(Self { target, positions: Offsets::new(size, target, rectangle.inverse_map(target)) })
    }

    /// The lines of the upright image that the tensor is made of; `None` if more than half of the pixels may lie on them.
    fn lines(&self) -> Option<Lines> {
        let (Size { width, height }, source) = (self.target, self.positions.source);
        // Each pixel of the tensor may have two lines of its own.
        if 2 * (2 * width * 2 * height) > source.width * source.height {
            return None;
        }
        let mut lines =
            Lines { rows: vec![false; source.height], columns: vec![false; source.width] };
        let mut taps = vec![Tap::default(); width];
        for y in 0..height {
            self.positions.row(y, &mut taps);
            // Where lines stay lines, all rows have the same columns, and all taps of a row the same top.
            let is_known = self.positions.columns.is_some() && y > 0;
            for tap in if is_known { &taps[..1] } else { &taps } {
                for (positions, at) in [(&mut lines.rows, tap.top), (&mut lines.columns, tap.left)]
                {
                    let next = (at as usize + 1).min(positions.len() - 1);
                    (positions[at as usize], positions[next]) = (true, true);
                }
            }
        }
        Some(lines)
    }
}

/// Which lines of the upright image are wanted.
#[derive(Debug)]
struct Lines {
    rows: Vec<bool>,
    columns: Vec<bool>,
}

impl Lines {
    /// The same lines in the image as it is stored.
    fn grid(&self, image: ImageOutline) -> SampleGrid {
        let rotated =
            Rotated::new(image.orientation, Size { width: image.width, height: image.height });
        let wanted = |lines: &[bool]| {
            let lines = lines.iter().enumerate();
            lines.filter(|&(_, &wanted)| wanted).map(|(at, _)| at).collect::<Vec<_>>()
        };
        let rows = wanted(&self.rows).into_iter().map(|y| rotated.stored(0, y));
        let columns = wanted(&self.columns).into_iter().map(|x| rotated.stored(x, 0));
        if image.orientation.swaps_axes() {
            let rows = rows.map(|(column, _)| column as u32).collect();
            SampleGrid::new(columns.map(|(_, row)| row as u32).collect(), rows)
        } else {
            let rows = rows.map(|(_, row)| row as u32).collect();
            SampleGrid::new(rows, columns.map(|(column, _)| column as u32).collect())
        }
    }

    /// For each line, how many wanted ones come before it.
    fn indices(lines: &[bool]) -> Vec<u32> {
        let counts = lines.iter().scan(0, |count, &wanted| {
            let before = *count;
            *count += u32::from(wanted);
            Some(before)
        });
        counts.collect()
    }
}

/// Offsets are counted in 32nds of a pixel, in 32 bits.
const LONGEST_SIDE: usize = 1 << 26;

/// The region of interest as MediaPipe keeps it: centre and size in pixels, and an angle in degrees, all in f32.
#[derive(Clone, Copy, Debug)]
struct Rectangle {
    centre: [f32; 2],
    size: [f32; 2],
    degrees: f32,
}

impl Rectangle {
    fn new(image: Size, processing: &ImageProcessingOptions) -> Result<Self> {
        // A rotation that no image can have is reported before a region.
        processing.orientation(Orientation::TopLeft)?;
        let [width, height] = [image.width as f32, image.height as f32];
        let (mut centre, mut length) = ([0.5f32; 2], [1f32; 2]);
        if let Some(region) = processing.region_of_interest {
            let [left, top, right, bottom] = match region {
                // A region of less than a pixel is no error here.
                Region::Normalized { left, top, right, bottom } => {
                    region.check_fractions()?;
                    [left, top, right, bottom]
                }
                _ => {
                    let rect = region.to_pixels(image.width, image.height)?;
                    [
                        rect.x as f32 / width,
                        rect.y as f32 / height,
                        (rect.x + rect.width) as f32 / width,
                        (rect.y + rect.height) as f32 / height,
                    ]
                }
            };
            centre = [(left + right) / 2.0, (top + bottom) / 2.0];
            length = [right - left, bottom - top];
        }
        let rotation = processing.rotation_degrees;
        if rotation % 180 != 0 {
            length = [length[1] * height / width, length[0] * width / height];
        }
        let radians = (-f64::from(rotation) * PI / 180.0) as f32;
        let degrees = (f64::from(radians * 180.0) / PI) as f32;
        Ok(Self {
            centre: [centre[0] * width, centre[1] * height],
            size: [length[0] * width, length[1] * height],
            degrees,
        })
    }

    /// Whole pixels, one at least.
    fn size(&self) -> Size {
        let [width, height] = self.size.map(|length| (length.round() as usize).max(1));
        Size { width, height }
    }

    /// Lower left, upper left, upper right and lower right corner.
    fn corners(&self) -> [[f32; 2]; 4] {
        let angle = f64::from(self.degrees) * PI / 180.0;
        let b = angle.cos() as f32 * 0.5;
        let a = angle.sin() as f32 * 0.5;
        let ([cx, cy], [w, h]) = (self.centre, self.size);
        [
            [cx - a * h - b * w, cy + b * h - a * w],
            [cx + a * h - b * w, cy - b * h - a * w],
            [cx + a * h + b * w, cy - b * h + a * w],
            [cx - a * h + b * w, cy + b * h + a * w],
        ]
    }

    /// From offsets in a tensor of this size to offsets in the image.
    fn inverse_map(&self, target: Size) -> Matrix {
        let [w, h] = [target.width as f32, target.height as f32];
        invert(&perspective(self.corners(), [[0.0, h], [0.0, 0.0], [w, 0.0], [w, h]]))
    }
}

type Matrix = [[f64; 3]; 3];

/// The homography from one quadrilateral to another: an 8 x 8 system, solved by elimination with partial pivoting in f64.
/// Products of coordinates are rounded to f32 before.
fn perspective(from: [[f32; 2]; 4], to: [[f32; 2]; 4]) -> Matrix {
    const N: usize = 8;
    let (mut a, mut b) = ([[0f64; N]; N], [0f64; N]);
    for (i, ([sx, sy], [dx, dy])) in from.into_iter().zip(to).enumerate() {
        let [x, y] = [f64::from(sx), f64::from(sy)];
        a[i] = [x, y, 1.0, 0.0, 0.0, 0.0, f64::from(-sx * dx), f64::from(-sy * dx)];
        a[i + 4] = [0.0, 0.0, 0.0, x, y, 1.0, f64::from(-sx * dy), f64::from(-sy * dy)];
        (b[i], b[i + 4]) = (f64::from(dx), f64::from(dy));
    }
    for i in 0..N {
        let mut pivot = i;
        for j in i + 1..N {
            if a[j][i].abs() > a[pivot][i].abs() {
                pivot = j;
            }
        }
        a.swap(i, pivot);
        b.swap(i, pivot);
        let d = -1.0 / a[i][i];
        let upper = a[i];
        for j in i + 1..N {
            let factor = a[j][i] * d;
            for (value, above) in a[j].iter_mut().zip(upper).skip(i + 1) {
                *value += factor * above;
            }
            b[j] += factor * b[i];
        }
    }
    for i in (0..N).rev() {
        let mut sum = b[i];
        for (coefficient, known) in a[i].iter().zip(b).skip(i + 1) {
            sum -= coefficient * known;
        }
        b[i] = sum / a[i][i];
    }
    [[b[0], b[1], b[2]], [b[3], b[4], b[5]], [b[6], b[7], 1.0]]
}

/// The adjugate, times one over the determinant.
fn invert(m: &Matrix) -> Matrix {
    let determinant = m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1])
        - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
        + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]);
    let d = 1.0 / determinant;
    [
        [
            (m[1][1] * m[2][2] - m[1][2] * m[2][1]) * d,
            (m[0][2] * m[2][1] - m[0][1] * m[2][2]) * d,
            (m[0][1] * m[1][2] - m[0][2] * m[1][1]) * d,
        ],
        [
            (m[1][2] * m[2][0] - m[1][0] * m[2][2]) * d,
            (m[0][0] * m[2][2] - m[0][2] * m[2][0]) * d,
            (m[0][2] * m[1][0] - m[0][0] * m[1][2]) * d,
        ],
        [
            (m[1][0] * m[2][1] - m[1][1] * m[2][0]) * d,
            (m[0][1] * m[2][0] - m[0][0] * m[2][1]) * d,
            (m[0][0] * m[1][1] - m[0][1] * m[1][0]) * d,
        ],
    ]
}

/// Where the pixels of the tensor lie in the image.
#[derive(Debug)]
struct Offsets {
    source: Size,
    map: Matrix,
    /// The resampler goes over the tensor in blocks, and sums a block's first place up before it adds a pixel's place within: the
    /// width of a block decides exact ties.
    block: usize,
    /// Columns of every row, where neither row nor column has a say in the other.
    columns: Option<Vec<(u32, u8)>>,
}

impl Offsets {
    fn new(source: Size, target: Size, map: Matrix) -> Self {
        let block_height = target.height.clamp(1, 16);
        let block = (1024 / block_height).min(target.width).max(1);
        let mut positions = Self { source, map, block, columns: None };
        let is_straight =
            map[0][1] == 0.0 && map[1][0] == 0.0 && map[2][0] == 0.0 && map[2][1] == 0.0;
        if is_straight {
            let column = |x| neighbour(positions.at(x, 0).0, source.width);
            positions.columns = Some((0..target.width).map(column).collect());
        }
        positions
    }

    /// Column and row in 32nds of a pixel, rounded half to even.
    fn at(&self, x: usize, y: usize) -> (i32, i32) {
        let start = x / self.block * self.block;
        let [start, within, y] = [start as f64, (x - start) as f64, y as f64];
        let along = |[a, b, c]: [f64; 3]| ((a * start + b * y) + c) + a * within;
        let depth = along(self.map[2]);
        let scale = if depth == 0.0 { 0.0 } else { 32.0 / depth };
        // Casting saturates.
        let position = |line: [f64; 3]| (along(line) * scale).round_ties_even() as i32;
        (position(self.map[0]), position(self.map[1]))
    }

    fn row(&self, y: usize, taps: &mut [Tap]) {
        if let Some(columns) = &self.columns {
            let (top, bottom_weight) = neighbour(self.at(0, y).1, self.source.height);
            for (tap, &(left, right_weight)) in taps.iter_mut().zip(columns) {
                *tap = Tap { left, top, right_weight, bottom_weight };
            }
            return;
        }
        for (x, tap) in taps.iter_mut().enumerate() {
            let (column, row) = self.at(x, y);
            let (left, right_weight) = neighbour(column, self.source.width);
            let (top, bottom_weight) = neighbour(row, self.source.height);
            *tap = Tap { left, top, right_weight, bottom_weight };
        }
    }
}

/// The nearer neighbor of a place along a side, and the weight of the next one in 32nds. Beyond the border the image repeats it.
fn neighbour(position: i32, length: usize) -> (u32, u8) {
    let whole = position >> 5;
    let last = i32::try_from(length - 1).unwrap_or(i32::MAX);
    if whole < 0 {
        (0, 0)
    } else if whole >= last {
        // The last pixel, as the second of a pair where there is one.
        if last == 0 { (0, 0) } else { (last as u32 - 1, 32) }
    } else {
        (whole as u32, (position & 31) as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_are_repeated() {
        assert_eq!(neighbour(-1, 10), (0, 0));
        assert_eq!(neighbour(5, 10), (0, 5));
        assert_eq!(neighbour(9 * 32 - 1, 10), (8, 31));
        assert_eq!(neighbour(9 * 32, 10), (8, 32));
        assert_eq!(neighbour(i32::MAX, 10), (8, 32));
        assert_eq!(neighbour(i32::MAX, 1), (0, 0));
    }

    #[test]
    fn a_matrix_times_its_inverse_is_one() {
        let matrix = [[2.0, -3.0, 5.0], [7.0, 11.0, -13.0], [0.25, 0.5, 3.0]];
        let inverse = invert(&matrix);
        let one = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        for (coefficients, expected) in matrix.iter().zip(one) {
            for (column, expected) in expected.into_iter().enumerate() {
                let products = coefficients.iter().zip(&inverse).map(|(a, row)| a * row[column]);
                let found: f64 = products.sum();
                assert!((found - expected).abs() < 1e-12, "{found} in place of {expected}");
            }
        }
    }

    #[test]
    fn corners_are_mapped_to_corners() {
        let from = [[3.0, 40.0], [5.0, 7.0], [60.0, 2.0], [55.0, 45.0]];
        let to = [[0.0, 32.0], [0.0, 0.0], [24.0, 0.0], [24.0, 32.0]];
        let matrix = perspective(from, to);
        for ([x, y], expected) in from.into_iter().zip(to) {
            let along = |[a, b, c]: [f64; 3]| a * f64::from(x) + b * f64::from(y) + c;
            let depth = along(matrix[2]);
            for (line, expected) in [matrix[0], matrix[1]].into_iter().zip(expected) {
                assert!((along(line) / depth - f64::from(expected)).abs() < 1e-4);
            }
        }
    }
}
