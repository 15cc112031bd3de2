//! JPEG files to the pixels that stb_image gives, to the bit, and only those that are wanted.
//!
//! | coding | Huffman, baseline and progressive, 8 bits a sample |
//! |---|---|
//! | components | 1 (gray), 3 (YCbCr, or RGB by an Adobe segment or by name), 4 (CMYK and YCCK of Adobe; YCbCr with a fourth one) |
//! | sampling | every one whose factors divide the largest |
//! | pixels | gray, or RGB: CMYK and YCCK become RGB |
//!
//! Arithmetic and lossless coding, hierarchical files and 12 bits a sample are [`ErrorKind::Unsupported`].
//!
//! [`Decoder::decode_at`] decodes the pixels where some rows and some columns meet: data in between pass the entropy decoder and nothing
//! else, which is what makes small versions of large photographs cheap.
//!
//! ```no_run
//! use lookalike_jpeg::{Decoder, Options};
//!
//! let file = std::fs::read("photograph.jpg")?;
//! let decoder = Decoder::new(&file, &Options::default())?;
//! println!("{} x {} pixels", decoder.info().width, decoder.info().height);
//! let image = decoder.decode()?;
//! assert_eq!(image.pixels.len(), image.width * image.height * image.channels);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![deny(unsafe_code)]

mod bits;
mod blocks;
mod error;
mod frame;
mod huffman;
mod kernels;
mod markers;
mod memory;
mod pixels;
mod samples;
mod scans;
mod standard;

use crate::bits::Bits;
use crate::blocks::Block;
pub use crate::error::{Error, ErrorKind, Result};
use crate::frame::{Component, Frame, Scan, Tables, ZIGZAG};
use crate::kernels::Kernels;
use crate::markers::{Markers, Step};
use crate::pixels::{Color, Grid, Wanted, Writer};
use crate::samples::{Plane, Planes};
use crate::scans::{Reader, Sink};

/// What a file may cost, and what becomes of one that ends early.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Options {
    /// Most bytes that decoding may ask for, the pixels included.
    pub max_bytes: u64,
    /// Most scans of a file. A progressive file of a few bytes a scan could take hours otherwise; encoders write about ten.
    pub max_scans: usize,
    /// Whether a file that ends early gives what was decoded before, and gray behind. Otherwise it is refused.
    pub allow_truncated: bool,
    /// Whether processor-specific kernels are left alone. They give the same pixels as the others.
    pub portable: bool,
}

impl Default for Options {
    /// 1 GiB and 128 scans; files that end early are refused.
    fn default() -> Self {
        Self { max_bytes: 1 << 30, max_scans: 128, allow_truncated: false, portable: false }
    }
}

/// Bytes that tables take at most, with those that are made of them.
const TABLE_BYTES: u64 = 1 << 18;

/// What a file says of its image.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Info<'a> {
    /// Pixels across, at least 1.
    pub width: usize,
    /// Pixels down, at least 1.
    pub height: usize,
    /// Bytes of a decoded pixel: 1 for gray, otherwise 3 for R, G and B.
    pub channels: usize,
    /// Whether the file is progressive.
    pub is_progressive: bool,
    /// Sampling factors of each component, across and down: 2 and 2, 1 and 1, 1 and 1 for what is known as 4:2:0.
    pub sampling: Vec<(usize, usize)>,
    /// MCUs between restart markers when the first scan begins; 0 for none.
    pub restart_interval: usize,
    /// The first EXIF block: a TIFF file, without the words before it.
    pub exif: Option<&'a [u8]>,
}

/// Pixels, row by row.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Pixels {
    /// `height * width * channels` bytes.
    pub pixels: Vec<u8>,
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// 1 for gray, otherwise 3 for R, G and B.
    pub channels: usize,
    /// Whether the file ended early, so that some pixels are gray instead.
    pub is_truncated: bool,
}

/// A file whose header is read.
#[derive(Clone, Debug)]
pub struct Decoder<'a> {
    data: &'a [u8],
    options: Options,
    info: Info<'a>,
    frame: Frame,
    scan: Scan,
    tables: Tables,
    markers: Markers<'a>,
    color: Color,
}

impl<'a> Decoder<'a> {
    /// Reads a file as far as its first scan.
    ///
    /// # Errors
    ///
    /// The bytes are no JPEG file, or one that is damaged or of a kind that is not supported.
    pub fn new(data: &'a [u8], options: &Options) -> Result<Self> {
        let mut markers = Markers::new(data)?;
        let (mut tables, mut frame, mut exif) = (Tables::default(), None, None);
        let (frame, scan) = loop {
            match markers.step(&mut tables, frame.as_ref(), &mut exif)? {
                Step::Frame(found) => frame = Some(found),
                Step::Scan(scan) => {
                    if let Some(frame) = frame {
                        break (frame, scan);
                    }
                }
                Step::Lines => {}
                Step::End => return Err(Error::invalid("there is no image between its markers")),
            }
        };
        let color = Color::of(&frame, &tables);
        let sampling = |component: &Component| (component.horizontal, component.vertical);
        let info = Info {
            width: frame.width,
            height: frame.height,
            channels: color.channels(),
            is_progressive: frame.is_progressive,
            sampling: frame.components.iter().map(sampling).collect(),
            restart_interval: tables.restart_interval,
            exif,
        };
        Ok(Self { data, options: options.clone(), info, frame, scan, tables, markers, color })
    }

    /// What the header says.
    #[must_use]
    pub fn info(&self) -> &Info<'a> {
        &self.info
    }

    /// Peak memory in bytes for decoding so many pixels: if the first scan is the only one, and otherwise.
    /// Files that are not progressive usually have one scan.
    #[must_use]
    pub fn memory(&self, pixels: u64) -> (u64, u64) {
        (self.memory_of(pixels, !self.is_streamed()), self.memory_of(pixels, true))
    }

    /// Limits the memory anew, as [`Options::max_bytes`] did.
    pub fn set_max_bytes(&mut self, max_bytes: u64) {
        self.options.max_bytes = max_bytes;
    }

    fn memory_of(&self, pixels: u64, keeps_coefficients: bool) -> u64 {
        let coefficients = self.frame.block_count() * size_of::<Block>() as u64;
        let kept = if keeps_coefficients { coefficients } else { 0 };
        let planes: u64 = self.frame.components.iter().map(Plane::bytes).sum();
        // Rows of each component and of pixels, and lists of what is wanted.
        let lines = (self.frame.width + self.frame.height) as u64 * 12;
        pixels
            .saturating_mul(self.info.channels as u64)
            .saturating_add(kept + planes + lines + TABLE_BYTES)
    }

    /// How many blocks of 8 x 8 samples are transformed for the pixels where the rows and the columns meet, and how many there are. All of them
    /// pass the entropy decoder.
    ///
    /// # Errors
    ///
    /// Rows or columns are not in order or not within the image.
    pub fn blocks_at(&self, rows: &[u32], columns: &[u32]) -> Result<(u64, u64)> {
        let grid = self.grid(rows, columns)?;
        let wanted = self.frame.components.iter().map(|it| Wanted::new(it, grid).count()).sum();
        Ok((wanted, self.frame.block_count()))
    }

    /// Whether rows of MCUs can be shown as they come: all components are in one scan.
    fn is_streamed(&self) -> bool {
        !self.frame.is_progressive && self.scan.components.len() == self.frame.components.len()
    }

    /// All pixels.
    ///
    /// # Errors
    ///
    /// The file is damaged, or exceeds a limit.
    pub fn decode(&self) -> Result<Pixels> {
        let rows: Vec<u32> = (0..self.frame.height as u32).collect();
        let columns: Vec<u32> = (0..self.frame.width as u32).collect();
        self.decode_at(&rows, &columns)
    }

    /// The pixels where the rows and the columns meet, which are equal to those of the whole image.
    ///
    /// Both are in ascending order, each at most once.
    ///
    /// # Errors
    ///
    /// The file is damaged, wherever the damage is, or exceeds a limit; or rows or columns are not in order or not within the image.
    pub fn decode_at(&self, rows: &[u32], columns: &[u32]) -> Result<Pixels> {
        let grid = self.grid(rows, columns)?;
        let wanted: Vec<Wanted> =
            self.frame.components.iter().map(|component| Wanted::new(component, grid)).collect();
        let is_streamed = self.is_streamed();
        let outcome = self.attempt(grid, &wanted, !is_streamed)?;
        // Another scan may code blocks again.
        let outcome = match outcome {
            None => self.attempt(grid, &wanted, true)?,
            done => done,
        };
        outcome.ok_or_else(|| Error::invalid("a scan follows the last one"))
    }

    fn grid<'g>(&self, rows: &'g [u32], columns: &'g [u32]) -> Result<Grid<'g>> {
        let are_within = |positions: &[u32], end: usize| {
            positions.is_sorted_by(|a, b| a < b)
                && positions.last().is_none_or(|&it| (it as usize) < end)
        };
        if are_within(rows, self.frame.height) && are_within(columns, self.frame.width) {
            return Ok(Grid { rows, columns });
        }
        Err(Error::invalid("rows and columns have to ascend, and to be within the image"))
    }

    /// Decodes with coefficients kept or not; `None` if they have to be.
    fn attempt(&self, grid: Grid<'_>, wanted: &[Wanted], keeps: bool) -> Result<Option<Pixels>> {
        let needed = self.memory_of(grid.rows.len() as u64 * grid.columns.len() as u64, keeps);
        if needed > self.options.max_bytes {
            return Err(Error::limit(format!(
                "decoding needs {needed} bytes, and max_bytes is {}",
                self.options.max_bytes
            )));
        }
        let kernels = if self.options.portable { Kernels::scalar() } else { Kernels::detect() };
        let mut output = Output {
            planes: Planes::new(&self.frame.components, kernels)?,
            writer: Writer::new(&self.frame, self.color, grid, kernels)?,
        };
        let mut state = State {
            decoder: self,
            wanted,
            tables: self.tables.clone(),
            markers: self.markers.clone(),
            coefficients: Vec::new(),
            is_truncated: false,
            // Damaged files may lack the data of all their blocks; more are made to take time.
            empty_blocks_left: 2 * self.frame.block_count(),
        };
        if keeps {
            for component in &self.frame.components {
                let count = component.blocks_across * component.blocks_down;
                state.coefficients.push(memory::filled(count, [0; 64])?);
            }
        }
        if !state.scans(keeps, &mut output)? {
            return Ok(None);
        }
        if keeps {
            state.show(&mut output)?;
        }
        Ok(Some(Pixels {
            pixels: output.writer.pixels,
            width: grid.columns.len(),
            height: grid.rows.len(),
            channels: self.info.channels,
            is_truncated: state.is_truncated,
        }))
    }
}

/// What becomes of blocks.
struct Output<'g> {
    planes: Planes,
    writer: Writer<'g>,
}

impl Sink for Planes {
    #[inline(always)]
    fn block(&mut self) -> &mut Block {
        self.block()
    }

    #[inline(always)]
    fn put(&mut self, component: usize, row: usize, column: usize, has_ac: bool) {
        self.put(component, row, column, has_ac);
    }
}

/// Keeps blocks until all scans are read.
struct Keep<'k> {
    frame: &'k Frame,
    coefficients: &'k mut [Vec<Block>],
    block: Block,
}

impl Sink for Keep<'_> {
    fn block(&mut self) -> &mut Block {
        &mut self.block
    }

    fn put(&mut self, component: usize, row: usize, column: usize, _: bool) {
        let across = self.frame.components[component].blocks_across;
        self.coefficients[component][row * across + column] =
            std::mem::replace(&mut self.block, [0; 64]);
    }
}

/// A file that is being decoded.
struct State<'s, 'a> {
    decoder: &'s Decoder<'a>,
    wanted: &'s [Wanted],
    tables: Tables,
    markers: Markers<'a>,
    /// Of each component, row by row, where they are kept: times the quantization table in baseline files.
    coefficients: Vec<Vec<Block>>,
    is_truncated: bool,
    empty_blocks_left: u64,
}

impl State<'_, '_> {
    /// Reads all scans. Without coefficients kept the first one is shown, and `false` says that there is another.
    fn scans(&mut self, keeps: bool, output: &mut Output<'_>) -> Result<bool> {
        let options = &self.decoder.options;
        let mut scan = self.decoder.scan.clone();
        for count in 1.. {
            if count > options.max_scans {
                return Err(Error::limit(format!(
                    "the file has more than {} scans (max_scans)",
                    options.max_scans
                )));
            }
            self.scan(&scan, keeps, output)?;
            if self.is_truncated {
                return Ok(true);
            }
            self.markers.search();
            loop {
                let step =
                    self.markers.step(&mut self.tables, Some(&self.decoder.frame), &mut None);
                match step {
                    Ok(Step::Scan(next)) => {
                        scan = next;
                        break;
                    }
                    Ok(Step::End) => return Ok(true),
                    Ok(Step::Lines | Step::Frame(_)) => {}
                    Err(error)
                        if error.kind() == ErrorKind::Truncated && options.allow_truncated =>
                    {
                        self.is_truncated = true;
                        return Ok(true);
                    }
                    Err(error) => return Err(error),
                }
            }
            if !keeps {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn scan(&mut self, scan: &Scan, keeps: bool, output: &mut Output<'_>) -> Result<()> {
        let (frame, options) = (&self.decoder.frame, &self.decoder.options);
        let bits = Bits::new(self.decoder.data, self.markers.position);
        let interval = self.tables.restart_interval;
        let left = self.empty_blocks_left;
        let kernels = output.planes.kernels;
        let mut reader = Reader::new(bits, kernels, interval, options.allow_truncated, left);
        if frame.is_progressive {
            reader.progressive(frame, scan, &self.tables, &mut self.coefficients)?;
        } else {
            let components = scans::baseline(frame, scan, &self.tables, self.wanted)?;
            let (rows, across) = match &scan.components[..] {
                [only] => {
                    let component = &frame.components[only.index];
                    (component.height.div_ceil(8), component.width.div_ceil(8))
                }
                _ => (frame.mcus_down, frame.mcus_across),
            };
            if keeps {
                let coefficients = &mut self.coefficients;
                let mut keep = Keep { frame, coefficients, block: [0; 64] };
                for row in 0..rows {
                    reader.baseline_row(&components, row, across, &mut keep)?;
                }
            } else {
                for row in 0..rows {
                    reader.baseline_row(&components, row, across, &mut output.planes)?;
                    output.planes.flush();
                    output.writer.write(&output.planes.planes, row + 1);
                }
            }
        }
        self.is_truncated |= reader.is_truncated;
        self.empty_blocks_left = reader.empty_blocks_left;
        (self.markers.position, self.markers.pending) = reader.bits.end();
        Ok(())
    }

    /// Shows coefficients that were kept.
    fn show(&mut self, output: &mut Output<'_>) -> Result<()> {
        let frame = &self.decoder.frame;
        // A progressive file may define its tables at any time, and stb_image takes those at the end.
        let mut factors = Vec::new();
        for component in &frame.components {
            let table = self.tables.quantization[component.quantization].as_deref();
            let mut natural = [1_u16; 64];
            if frame.is_progressive {
                let table = table.ok_or_else(|| scans::missing("quantization table"))?;
                for (&offset, &factor) in ZIGZAG.iter().zip(table) {
                    natural[usize::from(offset)] = factor;
                }
            }
            factors.push(natural);
        }
        for mcu_row in 0..frame.mcus_down {
            for (index, component) in frame.components.iter().enumerate() {
                let wanted = &self.wanted[index];
                for row in mcu_row * component.vertical..(mcu_row + 1) * component.vertical {
                    if !wanted.rows[row] {
                        continue;
                    }
                    for column in (0..component.blocks_across).filter(|&it| wanted.columns[it]) {
                        let block =
                            &self.coefficients[index][row * component.blocks_across + column];
                        let to = output.planes.block();
                        for ((to, &value), &factor) in to.iter_mut().zip(block).zip(&factors[index])
                        {
                            *to = value.wrapping_mul(factor as i16);
                        }
                        let has_ac = to[1..].iter().any(|&value| value != 0);
                        output.planes.put(index, row, column, has_ac);
                    }
                }
            }
            output.planes.flush();
            output.writer.write(&output.planes.planes, mcu_row + 1);
        }
        Ok(())
    }
}
