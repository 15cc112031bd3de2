//! The profile that averages what it shrinks.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x4;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use lookalike_core::{
    Error, ErrorKind, ImageProcessingOptions, ImageView, InputSpec, InstructionSet, Orientation,
    Preprocessor, Region, Result, Tensor,
};

use crate::geometry::Size;
use crate::kernels::{Kernels, NormalizationTable};
use crate::target::Target;
use crate::upright::Upright;

/// Input tensors of better images than the references': every pixel of the region counts in the result.
///
/// Both references look at four pixels for each one of the tensor, however large the image, so that fine patterns become coarse
/// ones that are not there. This profile weighs all pixels with a triangle as wide as two pixels of the tensor, the antialiased
/// bilinear filter of Pillow and of torchvision. Enlarged images are interpolated bilinearly with pixel centres aligned. No
/// reference gives these tensors, and vectors differ from theirs.
///
/// The image is first brought upright as its orientation says; the region of interest counts there, in fractions of pixels
/// where it is normalized. Then it is stretched to the model's size whatever its aspect, rotated, and normalized as
/// `(1 / std) * (value - mean)` in f32. Gray images count as RGB, YUV images become RGB at their full size first, and alpha is
/// dropped. A model that leaves its input size open gets the region's size, rotated.
///
/// ```
/// use lookalike_core::{ImageProcessingOptions, ImageView, InputElement, InputSpec, Preprocessor, Tensor};
/// use lookalike_preprocess::Antialias;
///
/// let pixels = [128u8; 6 * 4 * 3];
/// let image = ImageView::rgb(&pixels, 6, 4)?;
/// let mut input = Tensor::empty();
/// let spec = InputSpec::new(2, 2, InputElement::U8);
/// Antialias::new().prepare(&image, &ImageProcessingOptions::default(), &spec, &mut input)?;
/// assert_eq!(input.shape().dims(), [1, 2, 2, 3]);
/// # Ok::<(), lookalike_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Antialias(());

impl Antialias {
    /// The profile.
    pub fn new() -> Self {
        Self(())
    }
}

impl Preprocessor for Antialias {
    fn name(&self) -> &'static str {
        "antialias"
    }

    fn prepare(
        &self,
        image: &ImageView<'_>,
        processing: &ImageProcessingOptions,
        spec: &InputSpec,
        input: &mut Tensor,
    ) -> Result<()> {
        let rotation = processing.orientation(Orientation::TopLeft)?;
        let upright = Upright::new(image);
        let pixels = upright.pixels();
        let size = Size { width: pixels.width, height: pixels.height };
        let crop = Crop::new(size, processing.region_of_interest)?;
        let open = crop.size(rotation);
        let target_size = Size {
            width: spec.width.unwrap_or(open.width),
            height: spec.height.unwrap_or(open.height),
        };
        let kernels = Kernels::from(InstructionSet::detect());
        let table = NormalizationTable::centred;
        let mut target = Target::new(input, target_size, spec.element, rotation, kernels, table)?;
        let stored = target.stored_size();

        // The resizer keeps weights of 21 bits for all pixels that a row or a column of the tensor sees.
        let longest = [crop.width, crop.height].map(|side| side.ceil() as usize);
        let longest = longest.into_iter().chain([stored.width, stored.height]).max();
        if let Some(longest @ MAX_SIDE..) = longest {
            return Err(Error::new(
                ErrorKind::ResourceExhausted,
                format!(
                    "a side of {longest} pixels cannot be resized, {MAX_SIDE} are too many; give a smaller region of interest"
                ),
            ));
        }
        // The resizer keeps the region at its own width and the height of the tensor in between.
        let between = (crop.width.ceil() as usize).saturating_mul(stored.height);
        if between > MAX_PIXELS_BETWEEN {
            return Err(Error::new(
                ErrorKind::ResourceExhausted,
                format!(
                    "resizing {}x{} pixels takes more than {MAX_PIXELS_BETWEEN} in between; give a smaller region of interest",
                    size.width, size.height
                ),
            ));
        }
        resize(&upright, size, &crop, &mut target)
    }
}

/// Resizes into the target. All images are resized as RGBA, since the resizer compiles hundreds of functions for each type of pixel.
fn resize(upright: &Upright<'_>, size: Size, crop: &Crop, target: &mut Target<'_>) -> Result<()> {
    let stored = target.stored_size();
    let side = |length: usize| {
        u32::try_from(length)
            .map_err(|_| Error::invalid_argument(format!("a side of {length} pixels is too long")))
    };
    let failure = |error: &dyn std::fmt::Display| {
        Error::internal(format!("the image could not be resized: {error}"))
    };
    let packed = upright.to_rgba();
    let source = TypedImageRef::<U8x4>::from_buffer(side(size.width)?, side(size.height)?, &packed)
        .map_err(|error| failure(&error))?;
    let mut bytes = vec![0; stored.width * stored.height * 4];
    let mut resized =
        TypedImage::<U8x4>::from_buffer(side(stored.width)?, side(stored.height)?, &mut bytes)
            .map_err(|error| failure(&error))?;
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
        .crop(crop.left, crop.top, crop.width, crop.height)
        .use_alpha(false);
    Resizer::new()
        .resize_typed(&source, &mut resized, &options)
        .map_err(|error| failure(&error))?;
    for (y, row) in bytes.chunks_exact(stored.width * 4).enumerate() {
        target.write_row::<4>(y, row);
    }
    Ok(())
}

/// Pixels of a side that are too many for the weights of the resizer.
const MAX_SIDE: usize = 1 << 21;

/// Most pixels of the image between the two passes of the resizer; a long image must not ask for all memory.
const MAX_PIXELS_BETWEEN: usize = 1 << 27;

/// A region in pixels of the upright image.
struct Crop {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

impl Crop {
    fn new(image: Size, region: Option<Region>) -> Result<Self> {
        let [width, height] = [image.width as f64, image.height as f64];
        Ok(match region {
            None => Self { left: 0.0, top: 0.0, width, height },
            Some(region @ Region::Normalized { left, top, right, bottom }) => {
                region.check_fractions()?;
                let [left, top, right, bottom] = [left, top, right, bottom].map(f64::from);
                let (x, y) = (left * width, top * height);
                // Rounding must not carry the region over the border.
                Self {
                    left: x,
                    top: y,
                    width: ((right - left) * width).min(width - x),
                    height: ((bottom - top) * height).min(height - y),
                }
            }
            Some(region) => {
                let rect = region.to_pixels(image.width, image.height)?;
                let [left, top] = [rect.x as f64, rect.y as f64];
                Self { left, top, width: rect.width as f64, height: rect.height as f64 }
            }
        })
    }

    /// Whole pixels after a rotation, one at least.
    fn size(&self, rotation: Orientation) -> Size {
        let [width, height] =
            [self.width, self.height].map(|length| (length.round() as usize).max(1));
        if rotation.swaps_axes() {
            Size { width: height, height: width }
        } else {
            Size { width, height }
        }
    }
}
