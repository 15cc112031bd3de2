//! Pixels, borrowed and owned: formats, planes, strides and orientation.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};

/// How pixels are laid out; eight bits a sample everywhere.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum PixelFormat {
    /// One plane of luminance; expanded to R = G = B.
    Gray,
    /// Planes Y, U, V; chroma at half width and height, rounded up. Also known as YV21.
    I420,
    /// Planes Y and interleaved U, V.
    Nv12,
    /// Planes Y and interleaved V, U.
    Nv21,
    /// One plane of R, G, B.
    Rgb,
    /// One plane of R, G, B, alpha; alpha has no influence.
    Rgba,
    /// Planes Y, V, U.
    Yv12,
}

impl PixelFormat {
    /// The Task Library's name for [`PixelFormat::I420`].
    pub const YV21: Self = Self::I420;

    /// Size of each plane of an image of this size: samples in a row, rows, bytes a sample.
    fn planes(self, width: usize, height: usize) -> Vec<(usize, usize, usize)> {
        let (chroma_width, chroma_height) = (width.div_ceil(2), height.div_ceil(2));
        match self {
            Self::Gray => vec![(width, height, 1)],
            Self::Rgb => vec![(width, height, 3)],
            Self::Rgba => vec![(width, height, 4)],
            Self::Nv12 | Self::Nv21 => vec![(width, height, 1), (chroma_width, chroma_height, 2)],
            Self::I420 | Self::Yv12 => vec![
                (width, height, 1),
                (chroma_width, chroma_height, 1),
                (chroma_width, chroma_height, 1),
            ],
        }
    }
}

impl fmt::Display for PixelFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Gray => "GRAY",
            Self::I420 => "I420",
            Self::Nv12 => "NV12",
            Self::Nv21 => "NV21",
            Self::Rgb => "RGB",
            Self::Rgba => "RGBA",
            Self::Yv12 => "YV12",
        })
    }
}

/// How stored pixels must be rotated or mirrored to stand upright; the numbers are those of EXIF.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Orientation {
    /// 1: stored upright.
    #[default]
    TopLeft = 1,
    /// 2: mirror left and right.
    TopRight = 2,
    /// 3: rotate by 180°.
    BottomRight = 3,
    /// 4: mirror top and bottom.
    BottomLeft = 4,
    /// 5: transpose.
    LeftTop = 5,
    /// 6: rotate by 90° clockwise.
    RightTop = 6,
    /// 7: transpose along the other diagonal.
    RightBottom = 7,
    /// 8: rotate by 90° counter-clockwise.
    LeftBottom = 8,
}

impl Orientation {
    /// All eight, by EXIF number.
    pub const ALL: [Self; 8] = [
        Self::TopLeft,
        Self::TopRight,
        Self::BottomRight,
        Self::BottomLeft,
        Self::LeftTop,
        Self::RightTop,
        Self::RightBottom,
        Self::LeftBottom,
    ];

    /// The orientation of an EXIF number, `None` outside 1 to 8.
    pub fn from_exif(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number).checked_sub(1)?).copied()
    }

    /// The EXIF number, 1 to 8.
    pub fn exif(self) -> u8 {
        self as u8
    }

    /// Whether rows become columns.
    pub fn swaps_axes(self) -> bool {
        self.exif() >= 5
    }

    /// The rotation by this many degrees clockwise.
    ///
    /// # Errors
    ///
    /// Not a multiple of 90.
    pub fn from_rotation(degrees: i32) -> Result<Self> {
        match degrees.rem_euclid(360) {
            0 => Ok(Self::TopLeft),
            90 => Ok(Self::RightTop),
            180 => Ok(Self::BottomRight),
            270 => Ok(Self::LeftBottom),
            _ => Err(Error::invalid_argument(format!(
                "Expected rotation to be a multiple of 90°, got {degrees}"
            ))),
        }
    }

    /// This rotation, followed by another one.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        // A rotation is known by where it sends two neighboring corners of an image.
        let image = |corner| next.rotate_corner(self.rotate_corner(corner));
        let found = Self::ALL.into_iter().find(|candidate| {
            candidate.rotate_corner((0, 0)) == image((0, 0))
                && candidate.rotate_corner((1, 0)) == image((1, 0))
        });
        found.unwrap_or_default()
    }

    /// Column and row of the stored image, of this width and height, where a pixel of the upright one lies.
    ///
    /// ```
    /// use lookalike_core::Orientation;
    ///
    /// // The upper left corner of a photograph that is rotated clockwise is stored at the lower left.
    /// assert_eq!(Orientation::RightTop.stored_position((0, 0), (4, 3)), (0, 2));
    /// ```
    #[inline]
    pub fn stored_position(
        self,
        (x, y): (usize, usize),
        (width, height): (usize, usize),
    ) -> (usize, usize) {
        let (right, bottom) = (width - 1, height - 1);
        match self {
            Self::TopLeft => (x, y),
            Self::TopRight => (right - x, y),
            Self::BottomRight => (right - x, bottom - y),
            Self::BottomLeft => (x, bottom - y),
            Self::LeftTop => (y, x),
            Self::RightTop => (y, bottom - x),
            Self::RightBottom => (right - y, bottom - x),
            Self::LeftBottom => (right - y, x),
        }
    }

    /// Where a corner, given as (right, bottom), lies after the rotation.
    fn rotate_corner(self, (x, y): (u8, u8)) -> (u8, u8) {
        match self {
            Self::TopLeft => (x, y),
            Self::TopRight => (1 - x, y),
            Self::BottomRight => (1 - x, 1 - y),
            Self::BottomLeft => (x, 1 - y),
            Self::LeftTop => (y, x),
            Self::RightTop => (1 - y, x),
            Self::RightBottom => (1 - y, 1 - x),
            Self::LeftBottom => (y, 1 - x),
        }
    }
}

/// One plane of samples.
#[derive(Clone, Copy, Debug)]
pub struct Plane<'a> {
    /// The bytes, first row first.
    pub data: &'a [u8],
    /// Bytes from one row to the next.
    pub row_stride: usize,
}

/// As many planes as a format has at most.
const NO_PLANES: [Plane<'static>; 3] = [Plane { data: &[], row_stride: 0 }; 3];

/// An image borrowed from the caller.
///
/// ```
/// use lookalike_core::{ImageView, Orientation};
///
/// let pixels = [0u8; 4 * 2 * 3];
/// let image = ImageView::rgb(&pixels, 4, 2)?.with_orientation(Orientation::RightTop);
/// assert_eq!((image.width(), image.height()), (4, 2));
/// # Ok::<(), lookalike_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ImageView<'a> {
    format: PixelFormat,
    width: usize,
    height: usize,
    planes: [Plane<'a>; 3],
    orientation: Orientation,
}

impl<'a> ImageView<'a> {
    /// R, G, B bytes without padding between rows.
    ///
    /// # Errors
    ///
    /// Fewer bytes than pixels, or no pixels.
    pub fn rgb(data: &'a [u8], width: usize, height: usize) -> Result<Self> {
        Self::packed(PixelFormat::Rgb, data, width, height, 3)
    }

    /// R, G, B, alpha bytes without padding between rows.
    ///
    /// # Errors
    ///
    /// Fewer bytes than pixels, or no pixels.
    pub fn rgba(data: &'a [u8], width: usize, height: usize) -> Result<Self> {
        Self::packed(PixelFormat::Rgba, data, width, height, 4)
    }

    /// Luminance bytes without padding between rows.
    ///
    /// # Errors
    ///
    /// Fewer bytes than pixels, or no pixels.
    pub fn gray(data: &'a [u8], width: usize, height: usize) -> Result<Self> {
        Self::packed(PixelFormat::Gray, data, width, height, 1)
    }

    fn packed(
        format: PixelFormat,
        data: &'a [u8],
        width: usize,
        height: usize,
        channels: usize,
    ) -> Result<Self> {
        let row_stride = width.saturating_mul(channels);
        Self::from_planes(format, width, height, &[Plane { data, row_stride }])
    }

    /// An image of any format and any row strides; the planes in the order the format names them.
    ///
    /// # Errors
    ///
    /// No pixels, another number of planes than the format has, a stride shorter than a row, or a plane too short for its
    /// rows.
    pub fn from_planes(
        format: PixelFormat,
        width: usize,
        height: usize,
        planes: &[Plane<'a>],
    ) -> Result<Self> {
        if width == 0 || height == 0 {
            return Err(Error::invalid_argument(format!(
                "an image of {width}x{height} has no pixels"
            )));
        }
        let sizes = format.planes(width, height);
        if planes.len() != sizes.len() {
            return Err(Error::invalid_argument(format!(
                "{format} has {} planes, {} were given",
                sizes.len(),
                planes.len()
            )));
        }
        for (index, (plane, (columns, rows, bytes))) in planes.iter().zip(sizes).enumerate() {
            let row = columns.checked_mul(bytes);
            let Some(row) = row.filter(|&row| row <= plane.row_stride) else {
                return Err(Error::invalid_argument(format!(
                    "plane {index} of a {format} image of {width}x{height}: a row stride of {} bytes is shorter than a row",
                    plane.row_stride
                )));
            };
            let needed =
                plane.row_stride.checked_mul(rows - 1).and_then(|bytes| bytes.checked_add(row));
            if needed.is_none_or(|needed| needed > plane.data.len()) {
                return Err(Error::invalid_argument(format!(
                    "plane {index} of a {format} image of {width}x{height}: {} bytes are fewer than {rows} rows need",
                    plane.data.len()
                )));
            }
        }
        let mut all = NO_PLANES;
        all[..planes.len()].copy_from_slice(planes);
        Ok(Self { format, width, height, planes: all, orientation: Orientation::TopLeft })
    }

    /// The image with this orientation.
    #[must_use]
    pub fn with_orientation(mut self, orientation: Orientation) -> Self {
        self.orientation = orientation;
        self
    }

    /// Layout of the pixels.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// Pixels in a row, as stored.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows, as stored.
    pub fn height(&self) -> usize {
        self.height
    }

    /// How the stored pixels must be rotated or mirrored.
    pub fn orientation(&self) -> Orientation {
        self.orientation
    }

    /// A plane by its place in the format; empty where the format has fewer.
    pub fn plane(&self, index: usize) -> Plane<'a> {
        self.planes.get(index).copied().unwrap_or(Plane { data: &[], row_stride: 0 })
    }
}

/// An image that owns its pixels: what decoding a file gives, and what goes to another thread. A clone shares them.
///
/// Wherever an [`ImageView`] is taken, `&Image` is taken as well.
///
/// ```
/// use lookalike_core::Image;
///
/// let image = Image::rgb(vec![0; 4 * 2 * 3], 4, 2)?;
/// assert_eq!((image.width(), image.height()), (4, 2));
/// # Ok::<(), lookalike_core::Error>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Image {
    format: PixelFormat,
    width: usize,
    height: usize,
    planes: Vec<OwnedPlane>,
    orientation: Orientation,
}

/// One plane of samples: the bytes, first row first, and the bytes from one row to the next.
type OwnedPlane = (Arc<Vec<u8>>, usize);

impl Image {
    /// R, G, B bytes without padding between rows.
    ///
    /// # Errors
    ///
    /// Fewer bytes than pixels, or no pixels.
    pub fn rgb(data: Vec<u8>, width: usize, height: usize) -> Result<Self> {
        Self::packed(PixelFormat::Rgb, data, width, height, 3)
    }

    /// R, G, B, alpha bytes without padding between rows.
    ///
    /// # Errors
    ///
    /// As [`rgb`](Self::rgb).
    pub fn rgba(data: Vec<u8>, width: usize, height: usize) -> Result<Self> {
        Self::packed(PixelFormat::Rgba, data, width, height, 4)
    }

    /// Luminance bytes without padding between rows.
    ///
    /// # Errors
    ///
    /// As [`rgb`](Self::rgb).
    pub fn gray(data: Vec<u8>, width: usize, height: usize) -> Result<Self> {
        Self::packed(PixelFormat::Gray, data, width, height, 1)
    }

    fn packed(
        format: PixelFormat,
        data: Vec<u8>,
        width: usize,
        height: usize,
        channels: usize,
    ) -> Result<Self> {
        Self::from_planes(format, width, height, vec![(data, width.saturating_mul(channels))])
    }

    /// An image of any format: the bytes of each plane and its row stride, in the order the format names them.
    ///
    /// # Errors
    ///
    /// As [`ImageView::from_planes`].
    pub fn from_planes(
        format: PixelFormat,
        width: usize,
        height: usize,
        planes: Vec<(Vec<u8>, usize)>,
    ) -> Result<Self> {
        let owned = planes.into_iter().map(|(data, row_stride)| (Arc::new(data), row_stride));
        let planes: Vec<OwnedPlane> = owned.collect();
        let borrowed: Vec<Plane<'_>> = planes.iter().map(borrow).collect();
        ImageView::from_planes(format, width, height, &borrowed)?;
        Ok(Self { format, width, height, planes, orientation: Orientation::TopLeft })
    }

    /// The image with this orientation.
    #[must_use]
    pub fn with_orientation(mut self, orientation: Orientation) -> Self {
        self.orientation = orientation;
        self
    }

    /// Layout of the pixels.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// Pixels in a row, as stored.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows, as stored.
    pub fn height(&self) -> usize {
        self.height
    }

    /// How the stored pixels must be rotated or mirrored to stand upright.
    pub fn orientation(&self) -> Orientation {
        self.orientation
    }

    /// The bytes of the first plane: all pixels, unless the format is a YUV one.
    pub fn pixels(&self) -> &[u8] {
        &self.planes[0].0
    }

    /// The bytes of the first plane, without a copy unless a clone of the image shares them.
    pub fn into_pixels(mut self) -> Vec<u8> {
        let (data, _) = self.planes.swap_remove(0);
        Arc::unwrap_or_clone(data)
    }

    /// The image, borrowed.
    pub fn view(&self) -> ImageView<'_> {
        let mut planes = NO_PLANES;
        for (plane, owned) in planes.iter_mut().zip(&self.planes) {
            *plane = borrow(owned);
        }
        // The planes were checked when the image was made.
        let Self { format, width, height, orientation, .. } = *self;
        ImageView { format, width, height, planes, orientation }
    }
}

fn borrow((data, row_stride): &OwnedPlane) -> Plane<'_> {
    Plane { data, row_stride: *row_stride }
}

impl<'a> From<&'a Image> for ImageView<'a> {
    fn from(image: &'a Image) -> Self {
        image.view()
    }
}

impl<'a> From<&Self> for ImageView<'a> {
    fn from(view: &Self) -> Self {
        *view
    }
}

impl From<&ImageView<'_>> for Image {
    /// Copies the pixels.
    fn from(view: &ImageView<'_>) -> Self {
        let planes = view.planes.iter().take_while(|plane| plane.row_stride > 0);
        Self {
            format: view.format,
            width: view.width,
            height: view.height,
            planes: planes.map(|plane| (Arc::new(plane.data.to_vec()), plane.row_stride)).collect(),
            orientation: view.orientation,
        }
    }
}

/// Conversions from the types of the crate `image`.
#[cfg(feature = "image")]
mod conversions {
    use image::{DynamicImage, GrayImage, RgbImage, RgbaImage};

    use super::Image;
    use crate::error::{Error, Result};

    impl TryFrom<RgbImage> for Image {
        type Error = Error;

        fn try_from(image: RgbImage) -> Result<Self> {
            let (width, height) = (image.width() as usize, image.height() as usize);
            Self::rgb(image.into_raw(), width, height)
        }
    }

    impl TryFrom<RgbaImage> for Image {
        type Error = Error;

        fn try_from(image: RgbaImage) -> Result<Self> {
            let (width, height) = (image.width() as usize, image.height() as usize);
            Self::rgba(image.into_raw(), width, height)
        }
    }

    impl TryFrom<GrayImage> for Image {
        type Error = Error;

        fn try_from(image: GrayImage) -> Result<Self> {
            let (width, height) = (image.width() as usize, image.height() as usize);
            Self::gray(image.into_raw(), width, height)
        }
    }

    /// Samples of 16 bits and floats become 8 bits as the crate `image` converts them; its errors are those of an image without pixels.
    impl TryFrom<DynamicImage> for Image {
        type Error = Error;

        fn try_from(image: DynamicImage) -> Result<Self> {
            match image {
                DynamicImage::ImageLuma8(image) => image.try_into(),
                DynamicImage::ImageRgb8(image) => image.try_into(),
                DynamicImage::ImageRgba8(image) => image.try_into(),
                image if image.color().has_alpha() => image.into_rgba8().try_into(),
                image if image.color().has_color() => image.into_rgb8().try_into(),
                image => image.into_luma8().try_into(),
            }
        }
    }

    impl TryFrom<&DynamicImage> for Image {
        type Error = Error;

        /// Copies the pixels.
        fn try_from(image: &DynamicImage) -> Result<Self> {
            image.clone().try_into()
        }
    }

    #[cfg(test)]
    mod tests {
        use image::{DynamicImage, Rgb, RgbImage};

        use super::*;
        use crate::image::PixelFormat;

        #[test]
        fn images_of_the_crate_image_keep_their_pixels() {
            let rgb = RgbImage::from_pixel(3, 2, Rgb([1, 2, 3]));
            let image = Image::try_from(rgb.clone()).unwrap();
            assert_eq!((image.width(), image.height(), image.format()), (3, 2, PixelFormat::Rgb));
            assert_eq!(image.pixels(), [1, 2, 3].repeat(6));
            let dynamic = DynamicImage::ImageRgb8(rgb);
            assert_eq!(Image::try_from(&dynamic).unwrap(), image);
            let wide = DynamicImage::ImageRgb16(dynamic.to_rgb16());
            assert_eq!(Image::try_from(wide).unwrap(), image);
            let gray = Image::try_from(DynamicImage::ImageLuma16(dynamic.to_luma16())).unwrap();
            assert_eq!(gray.format(), PixelFormat::Gray);
            let gray = Image::try_from(dynamic.to_luma8()).unwrap();
            assert_eq!((gray.format(), gray.pixels().len()), (PixelFormat::Gray, 6));
            let rgba = Image::try_from(dynamic.to_rgba8()).unwrap();
            assert_eq!(rgba.format(), PixelFormat::Rgba);
            assert_eq!(rgba.pixels(), [1, 2, 3, 255].repeat(6));
            let wide = DynamicImage::ImageRgba16(dynamic.to_rgba16());
            assert_eq!(Image::try_from(wide).unwrap(), rgba);
            assert!(Image::try_from(RgbImage::new(0, 5)).is_err());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_are_checked_against_the_size() {
        let data = [0u8; 64];
        let plane = |len: usize, row_stride| Plane { data: &data[..len], row_stride };
        let view =
            |format, planes: &[Plane<'_>]| ImageView::from_planes(format, 5, 3, planes).map(|_| ());
        assert!(view(PixelFormat::Gray, &[plane(15, 5)]).is_ok());
        assert!(view(PixelFormat::Gray, &[plane(14, 5)]).is_err());
        assert!(view(PixelFormat::Gray, &[plane(15, 4)]).is_err());
        // The last row needs no padding behind it.
        assert!(view(PixelFormat::Gray, &[plane(19, 7)]).is_ok());
        assert!(view(PixelFormat::Nv12, &[plane(15, 5), plane(12, 6)]).is_ok());
        assert!(view(PixelFormat::Nv12, &[plane(15, 5), plane(11, 6)]).is_err());
        assert!(view(PixelFormat::Nv12, &[plane(15, 5)]).is_err());
        let chroma = plane(6, 3);
        assert!(view(PixelFormat::I420, &[plane(15, 5), chroma, chroma]).is_ok());
        assert!(ImageView::rgb(&data, 0, 3).is_err());
        assert!(ImageView::rgb(&data, usize::MAX, usize::MAX).is_err());
    }

    #[test]
    fn rotations_compose() {
        use Orientation::*;
        assert_eq!(RightTop.then(RightTop), BottomRight);
        assert_eq!(RightTop.then(LeftBottom), TopLeft);
        assert_eq!(TopRight.then(RightTop), RightBottom);
        assert_eq!(LeftTop.then(LeftTop), TopLeft);
        for first in Orientation::ALL {
            assert_eq!(first.then(TopLeft), first);
            assert_eq!(TopLeft.then(first), first);
            for second in Orientation::ALL {
                for corner in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                    assert_eq!(
                        first.then(second).rotate_corner(corner),
                        second.rotate_corner(first.rotate_corner(corner)),
                    );
                }
            }
        }
    }

    #[test]
    fn rotations_are_multiples_of_90() {
        assert_eq!(Orientation::from_rotation(-90).unwrap(), Orientation::LeftBottom);
        assert_eq!(Orientation::from_rotation(450).unwrap(), Orientation::RightTop);
        assert!(Orientation::from_rotation(45).is_err());
    }
}
