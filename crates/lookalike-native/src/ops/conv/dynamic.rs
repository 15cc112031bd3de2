//! Dynamic-range convolutions: float32 inputs, which are quantized at run time, and int8 weights. Sums become floats.
//!
//! It is XNNPACK's arithmetic (`qd8`), bit for bit where the instruction set rounds products and sums together.
#![expect(unsafe_code, reason = "the inner loops take pointers, to places that are checked here")]

use lookalike_core::Result;

use super::products::{ByteProducts, SourceWeights};
use super::ring::{Convolution, Layout, Pixels, RingState, walk};
use crate::graph::{Conv, DynamicWeights, QuantizedRows};
use crate::kernels::Kernels;
use crate::kernels::bytes::{Floats, Results, Scaling};
use crate::kernels::dynamic::RowScale;
use crate::kernels::elementwise::{Activation, Bounds};
use crate::pack::{Block, Division};
use crate::runtime::{Inputs, PreparedOp, RunContext, Scratch, Shared};

/// Rows of floats, quantized.
#[derive(Debug)]
pub(crate) struct QuantizeRows(pub(crate) QuantizedRows);

impl PreparedOp for QuantizeRows {
    fn run(
        &self,
        context: &mut RunContext<'_>,
        inputs: Inputs<'_, '_>,
        output: &mut [u8],
    ) -> Result<()> {
        let QuantizedRows { rows, length } = self.0;
        let input = inputs.floats(0)?;
        assert_eq!(input.len(), rows * length, "the rows of an input");
        let (scales, bytes) = split(self.0, output);
        let (scales, bytes) = (Shared(scales.as_mut_ptr()), Shared(bytes.as_mut_ptr()));
        let kernels = context.kernels;
        let part = rows.div_ceil(context.width());
        context.run(context.width(), 4 * input.len(), &|_, task| {
            let range = (task * part).min(rows)..((task + 1) * part).min(rows);
            // SAFETY: parts of tasks do not overlap, and lie within the output.
            let (scales, bytes) = unsafe {
                (
                    std::slice::from_raw_parts_mut(scales.get().add(range.start), range.len()),
                    std::slice::from_raw_parts_mut(
                        bytes.get().add(range.start * length),
                        range.len() * length,
                    ),
                )
            };
            let input = &input[range.start * length..range.end * length];
            kernels.quantize_rows(length, input, scales, bytes);
        });
        Ok(())
    }
}

/// The scales of rows, and their bytes.
fn split(rows: QuantizedRows, quantized: &mut [u8]) -> (&mut [RowScale], &mut [u8]) {
    let (scales, bytes) = quantized.split_at_mut(rows.rows * size_of::<RowScale>());
    (bytemuck::cast_slice_mut(scales), bytes)
}

/// A convolution of quantized rows, ready to run.
#[derive(Debug)]
pub(crate) struct DynamicConv {
    products: ByteProducts,
    /// Pixels of the output that a row of the input goes with.
    pixels_of_row: usize,
    /// For all lanes of all blocks: sums of the weights, their scales, and biases.
    weight_sums: Vec<i32>,
    scales: Vec<f32>,
    biases: Vec<f32>,
    rows: QuantizedRows,
    bounds: Bounds,
    /// Whether a second input is added to the result.
    has_residual: bool,
    post_add_bounds: Bounds,
}

/// Bounds that leave everything as it is.
const UNBOUNDED: Bounds = (f32::NEG_INFINITY, f32::INFINITY);

impl DynamicConv {
    pub(crate) fn new(
        conv: &Conv,
        source: &DynamicWeights,
        kernels: &Kernels,
        division: &Division,
        has_residual: bool,
    ) -> Self {
        let weights = SourceWeights::new(conv, &source.weights, 0);
        let products = ByteProducts::new(conv, weights, false, kernels, division);
        let (blocks, lanes) = (&products.layout.blocks, kernels.lanes);
        let bounds = match conv.activation {
            Activation::Clamp(low, high) => (low, high),
            _ => UNBOUNDED,
        };
        let bias = source.bias.as_ref().map(|bias| bias.floats());
        Self {
            pixels_of_row: products.layout.output_pixels() / source.rows.rows,
            weight_sums: ByteProducts::by_lane(blocks, lanes, |channel| weights.sum(channel)),
            scales: ByteProducts::by_lane(blocks, lanes, |channel| source.scales[channel]),
            biases: ByteProducts::by_lane(blocks, lanes, |channel| {
                bias.map_or(0.0, |bias| bias[channel])
            }),
            rows: source.rows,
            bounds,
            has_residual,
            post_add_bounds: conv.post_add_bounds.unwrap_or(UNBOUNDED),
            products,
        }
    }
}

/// A convolution with the scales of the rows at hand.
struct DynamicRun<'a> {
    conv: &'a DynamicConv,
    scales: &'a [RowScale],
    residual: Option<&'a [f32]>,
}

impl DynamicRun<'_> {
    /// Computes pixels of the output for a block.
    ///
    /// # Safety
    ///
    /// The set is there, and the pointers are good for what that needs.
    unsafe fn pixels(&self, kernels: &Kernels, mut pixels: Pixels<'_, u8>, output: *mut f32) {
        let (products, pixels_of_row) = (&self.conv.products, self.conv.pixels_of_row);
        if pixels_of_row == 1 {
            let row_scales = &self.scales[pixels.first..][..pixels.count];
            // SAFETY: the caller's.
            unsafe { self.pixels_of(kernels, row_scales, 1, &pixels, output) };
            return;
        }
        // Pixels may belong to several images, each of which has a scale of its own.
        while pixels.count > 0 {
            let (image, position) = (pixels.first / pixels_of_row, pixels.first % pixels_of_row);
            let count = pixels.count.min(pixels_of_row - position);
            let of_image = Pixels { count, ..pixels };
            // SAFETY: the caller's.
            unsafe {
                self.pixels_of(kernels, &self.scales[image..][..1], 0, &of_image, output);
            }
            // Behind the last pixel there may be nothing.
            pixels.input = pixels.input.wrapping_add(count * products.pixel_stride());
            pixels.first += count;
            pixels.count -= count;
        }
    }

    /// Computes pixels whose scales lie so far apart, which is not at all for those of an image.
    ///
    /// # Safety
    ///
    /// As for [`Self::pixels`].
    unsafe fn pixels_of(
        &self,
        kernels: &Kernels,
        row_scales: &[RowScale],
        row_stride: usize,
        pixels: &Pixels<'_, u8>,
        output: *mut f32,
    ) {
        let DynamicConv { products, weight_sums, scales, biases, .. } = self.conv;
        let outputs = products.layout.outputs;
        let &Pixels { block, input, segments, first, count } = pixels;
        let Block { channel, lane, .. } = products.layout.blocks[block];
        // SAFETY: the caller's; a block has its lanes in the lists, and each pixel its row.
        unsafe {
            let results = |pixel: usize| {
                let offset = (first + pixel) * outputs + channel;
                let residual = self.residual.map(|residual| residual[offset..].as_ptr());
                let scaling = Scaling {
                    row_scales: row_scales.as_ptr().add(pixel * row_stride),
                    row_stride,
                    weight_sums: weight_sums[lane..].as_ptr(),
                    scales: scales[lane..].as_ptr(),
                    biases: biases[lane..].as_ptr(),
                    bounds: self.conv.bounds,
                    residual: residual.unwrap_or(std::ptr::null()),
                    post_add_bounds: self.conv.post_add_bounds,
                };
                let start = output.add(offset);
                let vector_stride = kernels.lanes;
                Results::Floats(scaling, Floats { start, stride: outputs, vector_stride })
            };
            products.tiles(kernels, block, input, segments, count, results);
        }
    }
}

impl Convolution for DynamicRun<'_> {
    type Element = u8;

    fn layout(&self) -> &Layout {
        &self.conv.products.layout
    }

    fn scratch_size(&self) -> Scratch {
        self.conv.products.scratch_size()
    }

    fn ring<'a>(
        &self,
        image: usize,
        floats: &'a mut [f32],
        offsets: &'a mut [usize],
    ) -> RingState<'a, u8> {
        // Pixels that have a scale each have no padding.
        let padding = self.scales.get(image).map_or(0, |scale| scale.zero_point() as u8);
        RingState::<u8>::of_bytes(self.scratch_size(), floats, offsets, padding)
    }

    fn copy(&self, _: &Kernels, from: &[u8], to: &mut [u8]) {
        to.copy_from_slice(from);
    }
}

impl PreparedOp for DynamicConv {
    fn scratch(&self) -> Scratch {
        self.products.scratch_size()
    }

    fn ring_tasks(&self, threads: usize) -> usize {
        self.products.layout.tasks(threads).1
    }

    fn run(
        &self,
        context: &mut RunContext<'_>,
        inputs: Inputs<'_, '_>,
        output: &mut [u8],
    ) -> Result<()> {
        let (scales, input) = inputs.bytes(0)?.split_at(self.rows.rows * size_of::<RowScale>());
        let layout = &self.products.layout;
        let output: &mut [f32] = bytemuck::cast_slice_mut(output);
        let residual = if self.has_residual { Some(inputs.floats(1)?) } else { None };
        let same_size = residual.is_none_or(|residual| residual.len() == output.len());
        assert!(same_size, "the residual of a convolution");
        let run = DynamicRun { conv: self, scales: bytemuck::cast_slice(scales), residual };
        assert_eq!(input.len(), layout.input_count(), "the input of a convolution");
        let count = layout.output_pixels() * layout.outputs;
        assert_eq!(output.len(), count, "the output of a convolution");
        let (output, kernels) = (Shared(output.as_mut_ptr()), context.kernels);
        // SAFETY: the lengths are those of the window, in whole quads, and the set is there.
        unsafe {
            walk(&run, context, input.as_ptr(), &|pixels| {
                run.pixels(kernels, pixels, output.get());
            });
        }
        Ok(())
    }
}
