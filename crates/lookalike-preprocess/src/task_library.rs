//! The profile of the TensorFlow Lite Task Library.

use lookalike_core::{
    Error, ErrorKind, ImageOutline, ImageProcessingOptions, ImageView, InputSpec, InstructionSet,
    Orientation, PixelFormat, PixelRect, Preprocessor, Result, SampleGrid, SampledImage,
    SupportCode, Tensor,
};

use crate::geometry::{LONGEST_SIDE, Size, not_the_grid};
use crate::kernels::{Kernels, NormalizationTable};
use crate::packed::{BoxRounding, Lines, Rows};
use crate::target::{Target, check_size, stored_size};
use crate::{packed, yuv};

/// Input tensors equal to those of tflite-support 0.4.4 on x86-64, bit for bit.
///
/// The region of interest is cropped from the stored image, stretched to the model's size whatever its aspect (bilinear in
/// fixed point, without antialiasing), rotated upright, and normalized as `(1 / std) * (value - mean)` in f32. Alpha has no
/// influence. Gray images, which the reference refuses, count as RGB with three equal channels.
///
/// A model that leaves its input size open gets the region's own size; the reference does not swap width and height for
/// images that are rotated by 90°, and neither does this profile.
///
/// ```
/// use lookalike_core::{ImageProcessingOptions, ImageView, InputElement, InputSpec, Preprocessor, Tensor};
/// use lookalike_preprocess::TaskLibrary;
///
/// let pixels = [128u8; 6 * 4 * 3];
/// let image = ImageView::rgb(&pixels, 6, 4)?;
/// let mut input = Tensor::empty();
/// let spec = InputSpec::new(2, 2, InputElement::U8);
/// TaskLibrary::new().prepare(&image, &ImageProcessingOptions::default(), &spec, &mut input)?;
/// assert_eq!(input.shape().dims(), [1, 2, 2, 3]);
/// # Ok::<(), lookalike_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TaskLibrary {
    kernels: Kernels,
}

impl TaskLibrary {
    /// The profile on the best instruction set of this processor.
    pub fn new() -> Self {
        Self::with_instruction_set(InstructionSet::detect())
    }

    /// The profile on a given instruction set; all give the same tensors.
    pub fn with_instruction_set(set: InstructionSet) -> Self {
        Self { kernels: set.into() }
    }

    /// Fills the tensor from an image, or from those lines of its region that it is resized from.
    fn fill(
        &self,
        image: &ImageView<'_>,
        plan: &Plan,
        lines: Option<&Lines>,
        spec: &InputSpec,
        input: &mut Tensor,
    ) -> Result<()> {
        let &Plan { crop, upright, orientation } = plan;
        let table = NormalizationTable::centred;
        let mut target =
            Target::new(input, upright, spec.element, orientation, self.kernels, table)?;
        let crop_size = plan.crop_size();
        if crop_size != target.stored_size() && crop.width.max(crop.height) > LONGEST_SIDE {
            return Err(Error::new(
                ErrorKind::Unknown,
                format!(
                    "Libyuv ARGBScale operation failed: a side of {}x{} pixels is longer than {LONGEST_SIDE}; give a smaller image or region of interest, or use the profile `antialias`",
                    crop.width, crop.height
                ),
            )
            .with_support_code(SupportCode::ImageProcessingBackend));
        }
        match image.format() {
            PixelFormat::Gray => self.resize_packed::<1>(image, plan, lines, &mut target),
            PixelFormat::Rgb => self.resize_packed::<3>(image, plan, lines, &mut target),
            PixelFormat::Rgba => self.resize_packed::<4>(image, plan, lines, &mut target),
            _ => yuv::prepare(image, crop, orientation, self.kernels, upright, &mut target),
        }
        Ok(())
    }

    fn resize_packed<const C: usize>(
        &self,
        image: &ImageView<'_>,
        plan: &Plan,
        lines: Option<&Lines>,
        target: &mut Target<'_>,
    ) {
        let plane = image.plane(0);
        let start = match lines {
            Some(_) => 0,
            None => plan.crop.y * plane.row_stride + plan.crop.x * C,
        };
        let source =
            Rows::<C>::new(&plane.data[start..], plane.row_stride, plan.crop_size(), lines);
        packed::resize(source, target.stored_size(), BoxRounding::Twice, self.kernels, |y, row| {
            target.write_row::<C>(y, row);
        });
    }
}

impl Default for TaskLibrary {
    fn default() -> Self {
        Self::new()
    }
}

/// What is cropped from an image, and what becomes of it.
#[derive(Debug)]
struct Plan {
    crop: PixelRect,
    /// The size of the tensor.
    upright: Size,
    orientation: Orientation,
}

impl Plan {
    fn new(
        image: ImageOutline,
        processing: &ImageProcessingOptions,
        spec: &InputSpec,
    ) -> Result<Self> {
        let crop = match processing.region_of_interest {
            Some(region) => region.to_pixels(image.width, image.height)?,
            None => PixelRect { x: 0, y: 0, width: image.width, height: image.height },
        };
        let orientation = processing.orientation(image.orientation)?;
        let upright = Size {
            width: spec.width.unwrap_or(crop.width),
            height: spec.height.unwrap_or(crop.height),
        };
        Ok(Self { crop, upright, orientation })
    }

    fn crop_size(&self) -> Size {
        Size { width: self.crop.width, height: self.crop.height }
    }

    /// The lines of the region that it is resized from, unless these are most of them.
    fn lines(&self) -> Option<Lines> {
        let target = stored_size(self.upright, self.orientation);
        check_size(target).ok()?;
        packed::lines(self.crop_size(), target)
    }

    /// Lines of the region as lines of the image.
    fn grid(&self, lines: &Lines) -> SampleGrid {
        let moved =
            |positions: &[u32], by: usize| positions.iter().map(|at| at + by as u32).collect();
        SampleGrid::new(moved(&lines.rows, self.crop.y), moved(&lines.columns, self.crop.x))
    }
}

impl Preprocessor for TaskLibrary {
    fn name(&self) -> &'static str {
        "task-library"
    }

    fn prepare(
        &self,
        image: &ImageView<'_>,
        processing: &ImageProcessingOptions,
        spec: &InputSpec,
        input: &mut Tensor,
    ) -> Result<()> {
        let plan = Plan::new(image.into(), processing, spec)?;
        self.fill(image, &plan, None, spec, input)
    }

    fn sampling(
        &self,
        image: ImageOutline,
        processing: &ImageProcessingOptions,
        spec: &InputSpec,
    ) -> Option<SampleGrid> {
        let plan = Plan::new(image, processing, spec).ok()?;
        let lines = plan.lines()?;
        Some(plan.grid(&lines))
    }

    fn prepare_sampled(
        &self,
        image: &SampledImage<'_>,
        processing: &ImageProcessingOptions,
        spec: &InputSpec,
        input: &mut Tensor,
    ) -> Result<()> {
        let plan = Plan::new(image.outline(), processing, spec)?;
        let lines = plan.lines().filter(|lines| plan.grid(lines) == *image.grid());
        let lines = lines.ok_or_else(|| not_the_grid(self.name()))?;
        self.fill(&image.pixels(), &plan, Some(&lines), spec, input)
    }
}
