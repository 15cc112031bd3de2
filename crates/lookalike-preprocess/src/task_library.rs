//! The profile of the TensorFlow Lite Task Library.

use lookalike_core::{
    Error, ErrorKind, ImageProcessingOptions, ImageView, InputSpec, InstructionSet, PixelFormat,
    PixelRect, Preprocessor, Result, SupportCode, Tensor,
};

use crate::geometry::{LONGEST_SIDE, Size};
use crate::kernels::{Kernels, NormalizationTable};
use crate::packed::{BoxRounding, Rows};
use crate::target::Target;
use crate::{packed, yuv};

/// Input tensors equal to those of tflite-support 0.4.4 on x86-64, bit for bit.
///
/// The region of interest is cut out of the stored image, stretched to the model's size whatever its aspect (bilinear in
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

    fn resize_packed<const C: usize>(
        &self,
        image: &ImageView<'_>,
        crop: PixelRect,
        target: &mut Target<'_>,
    ) {
        let plane = image.plane(0);
        let start = crop.y * plane.row_stride + crop.x * C;
        let size = Size { width: crop.width, height: crop.height };
        let source = Rows::<C>::new(&plane.data[start..], plane.row_stride, size);
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
        let crop = match processing.region_of_interest {
            Some(region) => region.to_pixels(image.width(), image.height())?,
            None => PixelRect { x: 0, y: 0, width: image.width(), height: image.height() },
        };
        let orientation = processing.orientation(image.orientation())?;
        let upright = Size {
            width: spec.width.unwrap_or(crop.width),
            height: spec.height.unwrap_or(crop.height),
        };
        let table = NormalizationTable::centred;
        let mut target =
            Target::new(input, upright, spec.element, orientation, self.kernels, table)?;
        let crop_size = Size { width: crop.width, height: crop.height };
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
            PixelFormat::Gray => self.resize_packed::<1>(image, crop, &mut target),
            PixelFormat::Rgb => self.resize_packed::<3>(image, crop, &mut target),
            PixelFormat::Rgba => self.resize_packed::<4>(image, crop, &mut target),
            _ => yuv::prepare(image, crop, orientation, self.kernels, upright, &mut target),
        }
        Ok(())
    }
}
