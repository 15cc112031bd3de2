//! Entropy-coded data of a scan, MCU by MCU.

use std::sync::Arc;

use crate::bits::Bits;
use crate::blocks::{self, Band, BaselineTables, Block, Dequantization, Step};
use crate::error::{Error, Result};
use crate::frame::{Component, Frame, Scan, Tables, ZIGZAG};
use crate::huffman::{BadCode, Table};
use crate::kernels::Kernels;
use crate::pixels::Wanted;

/// What a scan has reached.
pub(crate) struct Reader<'a> {
    pub(crate) bits: Bits<'a>,
    kernels: &'static Kernels,
    /// The DC coefficient before, of each component of the frame.
    predictions: [i32; 4],
    /// Blocks to come that have no coefficients in the band of the scan.
    blocks_without: u32,
    restart_interval: usize,
    /// MCUs up to the next restart marker.
    until_restart: usize,
    allow_truncated: bool,
    /// Whether the data ended before the scan.
    is_over: bool,
    pub(crate) is_truncated: bool,
    /// How many blocks may be decoded of nothing but the zeros behind the data.
    pub(crate) empty_blocks_left: u64,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(
        bits: Bits<'a>,
        kernels: &'static Kernels,
        restart_interval: usize,
        allow_truncated: bool,
        empty_blocks_left: u64,
    ) -> Self {
        Self {
            bits,
            kernels,
            predictions: [0; 4],
            blocks_without: 0,
            restart_interval,
            until_restart: restart_interval,
            allow_truncated,
            is_over: false,
            is_truncated: false,
            empty_blocks_left,
        }
    }

    /// What a block comes to: `None` behind the end of the data.
    fn outcome<T>(&mut self, decoded: Result<T, BadCode>) -> Result<Option<T>> {
        if self.allow_truncated && self.bits.is_truncated() {
            self.is_truncated = true;
            self.is_over = true;
            return Ok(None);
        }
        match decoded {
            Err(_) if self.bits.is_truncated() => Err(Error::truncated("bad huffman code")),
            other => Ok(Some(other?)),
        }
    }

    /// Ends an MCU, behind which there may have to be a restart marker.
    #[inline(always)]
    fn end_mcu(&mut self) {
        if self.restart_interval == 0 {
            return;
        }
        self.until_restart -= 1;
        if self.until_restart == 0 {
            self.restart();
        }
    }

    fn restart(&mut self) {
        // Without a restart marker the data ends, and what is left of the image stays gray.
        if !matches!(self.bits.marker_ahead(), Some(0xD0..=0xD7)) {
            self.is_over = true;
            return;
        }
        self.bits.restart();
        self.predictions = [0; 4];
        self.blocks_without = 0;
        self.until_restart = self.restart_interval;
    }
}

pub(crate) fn missing(what: &str) -> Error {
    Error::invalid(&format!("a scan uses a {what} that is not there"))
}

fn huffman(tables: &[Option<Arc<Table>>; 4], index: usize) -> Result<&Table> {
    tables[index].as_deref().ok_or_else(|| missing("Huffman table"))
}

/// What becomes of the coefficients of a component.
fn dequantization(tables: &Tables, component: &Component) -> Result<Box<Dequantization>> {
    let table = tables.quantization[component.quantization].as_ref();
    let table = table.ok_or_else(|| missing("quantization table"))?;
    let step = |index: usize| Step { position: ZIGZAG[index], factor: table[index.min(63)] };
    Ok(Box::new(std::array::from_fn(step)))
}

/// From so many blocks on that are dropped, a table for them takes less time to make than it saves.
const SKIPPED_BLOCKS: u64 = 4096;

/// A component in a scan of a baseline file.
pub(crate) struct BaselineComponent<'t> {
    pub(crate) index: usize,
    pub(crate) horizontal: usize,
    pub(crate) vertical: usize,
    tables: BaselineTables<'t>,
    wanted: &'t Wanted,
}

/// The components of a scan of a baseline file. The only one of a scan is coded block by block, without those that fill up an MCU.
pub(crate) fn baseline<'t>(
    frame: &Frame,
    scan: &Scan,
    tables: &'t Tables,
    wanted: &'t [Wanted],
) -> Result<Vec<BaselineComponent<'t>>> {
    let is_alone = scan.components.len() == 1;
    let component = |selected: &crate::frame::ScanComponent| {
        let component = &frame.components[selected.index];
        let wanted = &wanted[selected.index];
        let ac = huffman(&tables.ac, selected.ac_table)?;
        let blocks = (component.blocks_across * component.blocks_down) as u64;
        let pays = blocks - wanted.count() >= SKIPPED_BLOCKS;
        let steps = dequantization(tables, component)?;
        Ok(BaselineComponent {
            index: selected.index,
            horizontal: if is_alone { 1 } else { component.horizontal },
            vertical: if is_alone { 1 } else { component.vertical },
            tables: BaselineTables {
                dc: huffman(&tables.dc, selected.dc_table)?,
                ac,
                groups: ac.groups(),
                skips: pays.then(|| ac.skips()),
                steps,
            },
            wanted,
        })
    };
    scan.components.iter().map(component).collect()
}

/// Takes the blocks of a scan that are wanted.
pub(crate) trait Sink {
    /// A block of zeros.
    fn block(&mut self) -> &mut Block;
    /// The block is that of this place; it may have AC coefficients.
    fn put(&mut self, component: usize, row: usize, column: usize, has_ac: bool);
}

impl Reader<'_> {
    /// Decodes a row of MCUs of a baseline file.
    pub(crate) fn baseline_row(
        &mut self,
        components: &[BaselineComponent<'_>],
        mcu_row: usize,
        mcus_across: usize,
        sink: &mut impl Sink,
    ) -> Result<()> {
        for mcu in 0..mcus_across {
            for component in components {
                for y in 0..component.vertical {
                    let row = mcu_row * component.vertical + y;
                    for x in 0..component.horizontal {
                        let column = mcu * component.horizontal + x;
                        self.baseline_block(component, row, column, sink)?;
                    }
                }
            }
            if !self.is_over {
                self.end_mcu();
            }
        }
        let of_mcu = components.iter().map(|it| it.horizontal * it.vertical).sum::<usize>();
        self.end_row(mcus_across * of_mcu)
    }

    /// Ends a row of so many blocks. Gives up behind the end of the file: whatever blocks the zeros there stand for, no marker follows them.
    fn end_row(&mut self, blocks: usize) -> Result<()> {
        if !self.bits.is_exhausted() {
            return Ok(());
        }
        if self.bits.is_truncated() {
            let refused = Err(Error::truncated("expected marker"));
            return if self.allow_truncated { Ok(()) } else { refused };
        }
        let left = self.empty_blocks_left.checked_sub(blocks as u64);
        self.empty_blocks_left = left.ok_or_else(|| {
            Error::limit("the file has far less data than its scans have blocks".to_owned())
        })?;
        Ok(())
    }

    #[inline(always)]
    fn baseline_block(
        &mut self,
        component: &BaselineComponent<'_>,
        row: usize,
        column: usize,
        sink: &mut impl Sink,
    ) -> Result<()> {
        let is_wanted = component.wanted.rows[row] && component.wanted.columns[column];
        let prediction = &mut self.predictions[component.index];
        if self.is_over {
            if is_wanted {
                sink.block();
                sink.put(component.index, row, column, false);
            }
            return Ok(());
        }
        if let (false, Some(skips)) = (is_wanted, component.tables.skips) {
            let tables = &component.tables;
            return match (self.kernels.skip)(&mut self.bits, tables, skips, prediction) {
                Ok(()) if !self.allow_truncated => Ok(()),
                other => self.outcome(other).map(|_| ()),
            };
        }
        let block = sink.block();
        let tables = &component.tables;
        let has_ac = match (self.kernels.decode)(&mut self.bits, tables, prediction, block) {
            Ok(has_ac) if !self.allow_truncated => has_ac,
            other => self.outcome(other)?.unwrap_or_else(|| {
                *sink.block() = [0; 64];
                false
            }),
        };
        if is_wanted {
            sink.put(component.index, row, column, has_ac);
        } else {
            *sink.block() = [0; 64];
        }
        Ok(())
    }

    /// Decodes a scan of a progressive file into the coefficients of all components.
    pub(crate) fn progressive(
        &mut self,
        frame: &Frame,
        scan: &Scan,
        tables: &Tables,
        coefficients: &mut [Vec<Block>],
    ) -> Result<()> {
        let is_first = scan.previous_shift == 0;
        let is_dc = scan.start == 0;
        if is_dc && scan.end != 0 || !is_dc && scan.components.len() > 1 {
            return Err(Error::invalid("can't merge dc and ac"));
        }
        let band = Band { start: scan.start, end: scan.end, shift: scan.shift };
        let mut decoders = Vec::new();
        for selected in &scan.components {
            let table = if is_dc {
                is_first.then(|| huffman(&tables.dc, selected.dc_table)).transpose()?
            } else {
                Some(huffman(&tables.ac, selected.ac_table)?)
            };
            decoders.push((selected.index, table));
        }
        let mut block = |reader: &mut Self,
                         (index, table): (usize, Option<&Table>),
                         block: usize|
         -> Result<()> {
            let block = &mut coefficients[index][block];
            let (blocks_without, predictions) =
                (&mut reader.blocks_without, &mut reader.predictions);
            let decoded = reader.bits.with_cursor(|bits, cursor| match table {
                Some(table) if !is_dc => {
                    let decode = if is_first {
                        blocks::decode_progressive_ac
                    } else {
                        blocks::refine_progressive_ac
                    };
                    decode(bits, cursor, table, band, blocks_without, block)
                }
                table => blocks::decode_progressive_dc(
                    bits,
                    cursor,
                    table,
                    band.shift,
                    &mut predictions[index],
                    block,
                ),
            });
            if decoded.is_err() || reader.allow_truncated {
                reader.outcome(decoded)?;
            }
            Ok(())
        };
        if let &[decoder] = &decoders[..] {
            let component = &frame.components[decoder.0];
            for row in 0..component.height.div_ceil(8) {
                for column in 0..component.width.div_ceil(8) {
                    block(self, decoder, row * component.blocks_across + column)?;
                    self.end_mcu();
                    if self.is_over {
                        return Ok(());
                    }
                }
                self.end_row(component.width.div_ceil(8))?;
            }
            return Ok(());
        }
        for mcu_row in 0..frame.mcus_down {
            for mcu in 0..frame.mcus_across {
                for &decoder in &decoders {
                    let component = &frame.components[decoder.0];
                    for y in 0..component.vertical {
                        for x in 0..component.horizontal {
                            let row = mcu_row * component.vertical + y;
                            let column = mcu * component.horizontal + x;
                            block(self, decoder, row * component.blocks_across + column)?;
                        }
                    }
                }
                self.end_mcu();
                if self.is_over {
                    return Ok(());
                }
            }
            let of_mcu = |&(index, _): &(usize, _)| {
                frame.components[index].horizontal * frame.components[index].vertical
            };
            self.end_row(frame.mcus_across * decoders.iter().map(of_mcu).sum::<usize>())?;
        }
        Ok(())
    }
}
