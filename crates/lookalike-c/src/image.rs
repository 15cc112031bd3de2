//! Images: the 22 functions that make them and look at them.

use std::ffi::{c_char, c_int};
use std::fmt;
use std::path::Path;
use std::slice;
use std::sync::Arc;

use lookalike::{DecodeOptions, ErrorKind, Exif, Image, PixelFormat, decode, read_file, upright};

use crate::handles::Handles;
use crate::options::path_of;
use crate::status::{Failure, MpStatus, Outcome, call, is_null, memory, text};

/// What an [`MpImagePtr`] points to, as C programs see it.
#[repr(C)]
#[derive(Debug)]
pub struct MpImageInternal {
    _private: [u8; 0],
}

/// An image.
pub type MpImagePtr = *mut MpImageInternal;

pub(crate) static IMAGES: Handles<MpImage> = Handles::new("image");

/// How pixels are laid out; the numbers are MediaPipe's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct ImageFormat(c_int);

impl ImageFormat {
    const SRGB: Self = Self(1);
    const SRGBA: Self = Self(2);
    const GRAY8: Self = Self(3);
    const GRAY16: Self = Self(4);
    const SRGB48: Self = Self(7);
    const SRGBA64: Self = Self(8);
    const VEC32F1: Self = Self(9);
    const VEC32F2: Self = Self(12);
    const VEC32F4: Self = Self(13);

    /// Samples of a pixel; 0 for a number that is no format.
    fn channels(self) -> usize {
        match self {
            Self::GRAY8 | Self::GRAY16 | Self::VEC32F1 => 1,
            Self::VEC32F2 => 2,
            Self::SRGB | Self::SRGB48 => 3,
            Self::SRGBA | Self::SRGBA64 | Self::VEC32F4 => 4,
            _ => 0,
        }
    }
}

impl fmt::Display for ImageFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Self::SRGB => "SRGB",
            Self::SRGBA => "SRGBA",
            Self::GRAY8 => "GRAY8",
            Self::GRAY16 => "GRAY16",
            Self::SRGB48 => "SRGB48",
            Self::SRGBA64 => "SRGBA64",
            Self::VEC32F1 => "VEC32F1",
            Self::VEC32F2 => "VEC32F2",
            Self::VEC32F4 => "VEC32F4",
            Self(0) => "UNKNOWN",
            Self(other) => return write!(formatter, "{other}"),
        };
        formatter.write_str(name)
    }
}

/// An image of any format, without padding between rows.
#[derive(Debug)]
pub(crate) struct MpImage {
    format: ImageFormat,
    width: usize,
    height: usize,
    pixels: Pixels,
}

#[derive(Debug)]
enum Pixels {
    /// An image without pixels.
    Empty,
    /// What can be embedded.
    Bytes(Image),
    Words(Vec<u16>),
    Floats(Vec<f32>),
}

/// A type that samples have.
trait Sample: Copy {
    /// The name of the type in messages.
    const NAME: &'static str;
    /// The formats of these samples, and what they are called in messages.
    const FORMATS: [ImageFormat; 3];
    const EXPECTED: &'static str;

    fn image(
        format: ImageFormat,
        samples: Vec<Self>,
        width: usize,
        height: usize,
    ) -> Outcome<Pixels>;

    /// The samples, if they are of this type.
    fn of(pixels: &Pixels) -> Option<&[Self]>;
}

impl Sample for u8 {
    const NAME: &'static str = "uint8_t";
    const FORMATS: [ImageFormat; 3] = [ImageFormat::GRAY8, ImageFormat::SRGB, ImageFormat::SRGBA];
    const EXPECTED: &'static str = "GRAY8, SRGB, or SRGBA";

    fn image(
        format: ImageFormat,
        samples: Vec<Self>,
        width: usize,
        height: usize,
    ) -> Outcome<Pixels> {
        let image = match format {
            ImageFormat::GRAY8 => Image::gray(samples, width, height),
            ImageFormat::SRGB => Image::rgb(samples, width, height),
            _ => Image::rgba(samples, width, height),
        };
        Ok(Pixels::Bytes(image?))
    }

    fn of(pixels: &Pixels) -> Option<&[Self]> {
        match pixels {
            Pixels::Bytes(image) => Some(image.pixels()),
            _ => None,
        }
    }
}

impl Sample for u16 {
    const NAME: &'static str = "uint16_t";
    const FORMATS: [ImageFormat; 3] =
        [ImageFormat::GRAY16, ImageFormat::SRGB48, ImageFormat::SRGBA64];
    const EXPECTED: &'static str = "GRAY16, SRGB48, or SRGBA64";

    fn image(_: ImageFormat, samples: Vec<Self>, _: usize, _: usize) -> Outcome<Pixels> {
        Ok(Pixels::Words(samples))
    }

    fn of(pixels: &Pixels) -> Option<&[Self]> {
        match pixels {
            Pixels::Words(samples) => Some(samples),
            _ => None,
        }
    }
}

impl Sample for f32 {
    const NAME: &'static str = "float";
    const FORMATS: [ImageFormat; 3] =
        [ImageFormat::VEC32F1, ImageFormat::VEC32F2, ImageFormat::VEC32F4];
    const EXPECTED: &'static str = "VEC32F1, VEC32F2, or VEC32F4";

    fn image(_: ImageFormat, samples: Vec<Self>, _: usize, _: usize) -> Outcome<Pixels> {
        Ok(Pixels::Floats(samples))
    }

    fn of(pixels: &Pixels) -> Option<&[Self]> {
        match pixels {
            Pixels::Floats(samples) => Some(samples),
            _ => None,
        }
    }
}

/// MediaPipe's rows begin at multiples of this many bytes.
const ROW_ALIGNMENT: usize = 16;

impl MpImage {
    /// What can be embedded of it.
    pub(crate) fn embeddable(&self) -> Outcome<&Image> {
        match &self.pixels {
            Pixels::Bytes(image) => Ok(image),
            Pixels::Empty => Err(Failure::invalid(format!(
                "ROI width and height must be > 0: an image of {}x{} has no pixels",
                self.width, self.height
            ))),
            Pixels::Words(_) | Pixels::Floats(_) => Err(Failure::invalid(format!(
                "Unsupported format: {}; give an image of SRGB, SRGBA or GRAY8",
                self.format
            ))),
        }
    }

    fn byte_depth(&self) -> usize {
        match self.format {
            ImageFormat::GRAY16 | ImageFormat::SRGB48 | ImageFormat::SRGBA64 => 2,
            ImageFormat::VEC32F1 | ImageFormat::VEC32F2 | ImageFormat::VEC32F4 => 4,
            _ => 1,
        }
    }

    fn row_bytes(&self) -> usize {
        self.width * self.format.channels() * self.byte_depth()
    }

    /// Bytes from one row to the next in MediaPipe, whose rows are padded.
    fn width_step(&self) -> usize {
        self.row_bytes().next_multiple_of(ROW_ALIGNMENT)
    }

    fn address(&self) -> usize {
        match &self.pixels {
            Pixels::Empty => 0,
            Pixels::Bytes(image) => image.pixels().as_ptr().addr(),
            Pixels::Words(samples) => samples.as_ptr().addr(),
            Pixels::Floats(samples) => samples.as_ptr().addr(),
        }
    }

    fn samples<T: Sample>(&self) -> Outcome<&[T]> {
        if matches!(self.pixels, Pixels::Empty) && T::FORMATS.contains(&self.format) {
            return Ok(&[]);
        }
        T::of(&self.pixels).ok_or_else(|| {
            Failure::invalid(format!(
                "Unexpected image byte depth: {} (expected {} for {} data)",
                self.byte_depth(),
                size_of::<T>(),
                T::NAME
            ))
        })
    }

    /// The sample at a row, a column and, unless there is but one, a channel.
    fn value<T: Sample>(&self, position: &[c_int]) -> Outcome<T> {
        let channels = self.format.channels();
        let (row, column, channel) = match *position {
            [row, column, channel] => (row, column, channel),
            [row, column] if channels == 1 => (row, column, 0),
            _ => {
                return Err(Failure::invalid(format!(
                    "Invalid index dimension: {} (expected 2 or 3)",
                    position.len()
                )));
            }
        };
        let samples = self.samples::<T>()?;
        let within = |index: c_int, size| usize::try_from(index).ok().filter(|&index| index < size);
        let found = within(row, self.height).zip(within(column, self.width));
        match found.zip(within(channel, channels)) {
            Some(((row, column), channel)) => {
                Ok(samples[(row * self.width + column) * channels + channel])
            }
            None => Err(Failure::new(
                MpStatus::OutOfRange,
                format!(
                    "there is no sample at row {row}, column {column}, channel {channel} of an image of {} rows, {} columns and {channels} channels",
                    self.height, self.width
                ),
            )),
        }
    }
}

impl From<Image> for MpImage {
    /// An image of one plane, as files and C programs give them.
    fn from(image: Image) -> Self {
        let format = match image.format() {
            PixelFormat::Gray => ImageFormat::GRAY8,
            PixelFormat::Rgba => ImageFormat::SRGBA,
            _ => ImageFormat::SRGB,
        };
        let (width, height) = (image.width(), image.height());
        Self { format, width, height, pixels: Pixels::Bytes(image) }
    }
}

/// # Safety
///
/// As for [`MpImageCreateFromUint8Data`].
unsafe fn create<T: Sample>(
    format: c_int,
    width: c_int,
    height: c_int,
    pixel_data: *const T,
    pixel_data_size: c_int,
    out: *mut MpImagePtr,
    error_msg: *mut *mut c_char,
) -> MpStatus {
    let make = || {
        // SAFETY: the caller promised what this asks for.
        let out = unsafe { memory(out, "out") }?;
        let format = ImageFormat(format);
        if !T::FORMATS.contains(&format) {
            return Err(Failure::invalid(format!(
                "Unsupported image format: {format} (expected {} for {} data)",
                T::EXPECTED,
                T::NAME
            )));
        }
        let (Ok(columns), Ok(rows)) = (usize::try_from(width), usize::try_from(height)) else {
            return Err(Failure::invalid(format!("an image of {width}x{height} cannot be")));
        };
        let count = columns as u128 * rows as u128 * format.channels() as u128;
        let given = usize::try_from(pixel_data_size).unwrap_or(0);
        if count > given as u128 {
            return Err(Failure::invalid(format!(
                "Pixel data size is too small: {} (expected {})",
                given * size_of::<T>(),
                count * size_of::<T>() as u128
            )));
        }
        let pixels = if count == 0 {
            Pixels::Empty
        } else if pixel_data.is_null() {
            return Err(is_null("pixel_data"));
        } else {
            // SAFETY: the caller promised that there are as many samples.
            let given = unsafe { slice::from_raw_parts(pixel_data, count as usize) };
            let mut samples = Vec::new();
            samples.try_reserve_exact(given.len()).map_err(|_| {
                let text = format!("there is no memory for {count} samples");
                Failure::new(MpStatus::ResourceExhausted, text)
            })?;
            samples.extend_from_slice(given);
            T::image(format, samples, columns, rows)?
        };
        out.write(IMAGES.insert(Arc::new(MpImage {
            format,
            width: columns,
            height: rows,
            pixels,
        })));
        Ok(())
    };
    // SAFETY: the caller promised what this asks for.
    unsafe { call(error_msg, make) }
}

/// Makes an image of bytes, which are copied: GRAY8, SRGB or SRGBA. `pixel_data_size` is the number of samples.
///
/// # Safety
///
/// There are `pixel_data_size` samples, unless `pixel_data` is null; `out` and `error_msg` are null or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn MpImageCreateFromUint8Data(
    format: c_int,
    width: c_int,
    height: c_int,
    pixel_data: *const u8,
    pixel_data_size: c_int,
    out: *mut MpImagePtr,
    error_msg: *mut *mut c_char,
) -> MpStatus {
    // SAFETY: the caller promised what this asks for.
    unsafe { create(format, width, height, pixel_data, pixel_data_size, out, error_msg) }
}

/// Makes an image of 16-bit samples, which are copied: GRAY16, SRGB48 or SRGBA64. Such an image can be looked at, not embedded.
///
/// # Safety
///
/// As for [`MpImageCreateFromUint8Data`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn MpImageCreateFromUint16Data(
    format: c_int,
    width: c_int,
    height: c_int,
    pixel_data: *const u16,
    pixel_data_size: c_int,
    out: *mut MpImagePtr,
    error_msg: *mut *mut c_char,
) -> MpStatus {
    // SAFETY: the caller promised what this asks for.
    unsafe { create(format, width, height, pixel_data, pixel_data_size, out, error_msg) }
}

/// Makes an image of floats, which are copied: VEC32F1, VEC32F2 or VEC32F4. Such an image can be looked at, not embedded.
///
/// # Safety
///
/// As for [`MpImageCreateFromUint8Data`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn MpImageCreateFromFloatData(
    format: c_int,
    width: c_int,
    height: c_int,
    pixel_data: *const f32,
    pixel_data_size: c_int,
    out: *mut MpImagePtr,
    error_msg: *mut *mut c_char,
) -> MpStatus {
    // SAFETY: the caller promised what this asks for.
    unsafe { create(format, width, height, pixel_data, pixel_data_size, out, error_msg) }
}

/// Another handle of the same pixels.
///
/// # Safety
///
/// `out` and `error_msg` are null or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn MpImageCreateFromImageFrame(
    image: MpImagePtr,
    out: *mut MpImagePtr,
    error_msg: *mut *mut c_char,
) -> MpStatus {
    // SAFETY: the caller promised what these ask for.
    unsafe {
        call(error_msg, || {
            let image = IMAGES.get(image)?;
            memory(out, "out")?.write(IMAGES.insert(image));
            Ok(())
        })
    }
}

/// Reads an image file, and rotates it as the EXIF data of a JPEG file say.
///
/// # Safety
///
/// `file_name` is null or a text that ends with 0; `out` and `error_msg` are null or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn MpImageCreateFromFile(
    file_name: *const c_char,
    out: *mut MpImagePtr,
    error_msg: *mut *mut c_char,
) -> MpStatus {
    // SAFETY: the caller promised what these ask for.
    unsafe {
        call(error_msg, || {
            let path = text(file_name).ok_or_else(|| is_null("file_name"))?;
            let out = memory(out, "out")?;
            out.write(IMAGES.insert(Arc::new(MpImage::from(read(&path_of(path)?)?))));
            Ok(())
        })
    }
}

fn read(path: &Path) -> Outcome<Image> {
    let options = DecodeOptions { exif: Exif::ApplyToJpeg, ..DecodeOptions::default() };
    let bytes = read_file(path, &options).map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            Failure::new(MpStatus::NotFound, format!("Can't find file: {}", path.display()))
        }
        ErrorKind::ResourceExhausted => error.into(),
        _ => Failure::new(
            Failure::from(error).status,
            format!("Error while reading file: {}", path.display()),
        ),
    })?;
    let image = decode(&bytes, &options).map_err(|error| {
        Failure::new(MpStatus::Internal, format!("Failed to load image from file: {error}"))
    })?;
    Ok(upright(image)?)
}

/// What a function that cannot fail says of an image; of a handle that is none, what it says of no image.
fn look<T>(image: MpImagePtr, otherwise: T, look: impl FnOnce(&MpImage) -> T) -> T {
    IMAGES.get(image).map_or(otherwise, |image| look(&image))
}

/// A number of pixels or bytes. Images have fewer than C's integers can count, unless they come from files.
fn count(value: usize) -> c_int {
    c_int::try_from(value).unwrap_or(c_int::MAX)
}

/// Whether there is no padding between rows. False for a handle that is none.
#[unsafe(no_mangle)]
pub extern "C" fn MpImageIsContiguous(image: MpImagePtr) -> bool {
    look(image, false, |image| image.width_step() == image.row_bytes())
}

/// Whether the pixels are on a graphics processor, which they never are.
#[unsafe(no_mangle)]
pub extern "C" fn MpImageUsesGpu(_image: MpImagePtr) -> bool {
    false
}

/// Whether there is no image, which is so for a handle that is none. An image of 0x0 pixels is one.
#[unsafe(no_mangle)]
pub extern "C" fn MpImageIsEmpty(image: MpImagePtr) -> bool {
    look(image, true, |_| false)
}

/// Whether pixels and rows begin at multiples of so many bytes. False for a number that is no power of two, and for a handle that is none.
#[unsafe(no_mangle)]
pub extern "C" fn MpImageIsAligned(image: MpImagePtr, alignment: u32) -> bool {
    let alignment = alignment as usize;
    alignment.is_power_of_two()
        && look(image, false, |image| {
            image.address().is_multiple_of(alignment)
                && image.width_step().is_multiple_of(alignment)
        })
}

/// Pixels in a row. 0 for a handle that is none.
#[unsafe(no_mangle)]
pub extern "C" fn MpImageGetWidth(image: MpImagePtr) -> c_int {
    look(image, 0, |image| count(image.width))
}

/// Rows. 0 for a handle that is none.
#[unsafe(no_mangle)]
pub extern "C" fn MpImageGetHeight(image: MpImagePtr) -> c_int {
    look(image, 0, |image| count(image.height))
}

/// Samples of a pixel. 0 for a handle that is none.
#[unsafe(no_mangle)]
pub extern "C" fn MpImageGetChannels(image: MpImagePtr) -> c_int {
    look(image, 0, |image| count(image.format.channels()))
}

/// Bytes of a sample. 0 for a handle that is none.
#[unsafe(no_mangle)]
pub extern "C" fn MpImageGetByteDepth(image: MpImagePtr) -> c_int {
    look(image, 0, |image| count(image.byte_depth()))
}

/// Bytes from one row to the next, as MediaPipe pads them: the next multiple of 16. 0 for a handle that is none. Pixels are handed out without
/// padding.
#[unsafe(no_mangle)]
pub extern "C" fn MpImageGetWidthStep(image: MpImagePtr) -> c_int {
    look(image, 0, |image| count(image.width_step()))
}

/// Format of the pixels. `kMpImageFormatUnknown` for a handle that is none.
#[unsafe(no_mangle)]
pub extern "C" fn MpImageGetFormat(image: MpImagePtr) -> c_int {
    look(image, 0, |image| image.format.0)
}

/// # Safety
///
/// `out` and `error_msg` are null or can be written.
unsafe fn data<T: Sample>(
    image: MpImagePtr,
    out: *mut *const T,
    error_msg: *mut *mut c_char,
) -> MpStatus {
    // SAFETY: the caller promised what these ask for.
    unsafe {
        call(error_msg, || {
            let image = IMAGES.get(image)?;
            memory(out, "out")?.write(image.samples::<T>()?.as_ptr());
            Ok(())
        })
    }
}

/// The samples of an image of bytes, without padding between rows, until the last handle of the image is freed.
///
/// # Safety
///
/// `out` and `error_msg` are null or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn MpImageDataUint8(
    image: MpImagePtr,
    out: *mut *const u8,
    error_msg: *mut *mut c_char,
) -> MpStatus {
    // SAFETY: the caller promised what this asks for.
    unsafe { data(image, out, error_msg) }
}

/// The samples of an image of 16-bit samples.
///
/// # Safety
///
/// As for [`MpImageDataUint8`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn MpImageDataUint16(
    image: MpImagePtr,
    out: *mut *const u16,
    error_msg: *mut *mut c_char,
) -> MpStatus {
    // SAFETY: the caller promised what this asks for.
    unsafe { data(image, out, error_msg) }
}

/// The samples of an image of floats.
///
/// # Safety
///
/// As for [`MpImageDataUint8`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn MpImageDataFloat32(
    image: MpImagePtr,
    out: *mut *const f32,
    error_msg: *mut *mut c_char,
) -> MpStatus {
    // SAFETY: the caller promised what this asks for.
    unsafe { data(image, out, error_msg) }
}

/// # Safety
///
/// As for [`MpImageGetValueUint8`].
unsafe fn value<T: Sample>(
    image: MpImagePtr,
    position: *mut c_int,
    position_size: c_int,
    out: *mut T,
    error_msg: *mut *mut c_char,
) -> MpStatus {
    // SAFETY: the caller promised what these ask for.
    unsafe {
        call(error_msg, || {
            let image = IMAGES.get(image)?;
            let out = memory(out, "out")?;
            let size = usize::try_from(position_size).unwrap_or(0);
            if position.is_null() {
                return Err(is_null("pos"));
            }
            out.write(image.value(slice::from_raw_parts(position, size))?);
            Ok(())
        })
    }
}

/// A sample of an image of bytes, by row, column and, unless there is but one, channel.
///
/// # Safety
///
/// There are `pos_size` numbers, unless `pos` is null; `out` and `error_msg` are null or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn MpImageGetValueUint8(
    image: MpImagePtr,
    pos: *mut c_int,
    pos_size: c_int,
    out: *mut u8,
    error_msg: *mut *mut c_char,
) -> MpStatus {
    // SAFETY: the caller promised what this asks for.
    unsafe { value(image, pos, pos_size, out, error_msg) }
}

/// A sample of an image of 16-bit samples.
///
/// # Safety
///
/// As for [`MpImageGetValueUint8`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn MpImageGetValueUint16(
    image: MpImagePtr,
    pos: *mut c_int,
    pos_size: c_int,
    out: *mut u16,
    error_msg: *mut *mut c_char,
) -> MpStatus {
    // SAFETY: the caller promised what this asks for.
    unsafe { value(image, pos, pos_size, out, error_msg) }
}

/// A sample of an image of floats.
///
/// # Safety
///
/// As for [`MpImageGetValueUint8`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn MpImageGetValueFloat32(
    image: MpImagePtr,
    pos: *mut c_int,
    pos_size: c_int,
    out: *mut f32,
    error_msg: *mut *mut c_char,
) -> MpStatus {
    // SAFETY: the caller promised what this asks for.
    unsafe { value(image, pos, pos_size, out, error_msg) }
}

/// Gives a handle back. Null, and one that was given back before, are fine.
#[unsafe(no_mangle)]
pub extern "C" fn MpImageFree(image: MpImagePtr) {
    IMAGES.remove(image).ok();
}
