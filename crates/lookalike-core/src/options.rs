//! What a caller can ask for, per image and per session.

use std::num::NonZeroUsize;

use crate::error::{Error, Result, SupportCode};
use crate::image::Orientation;

/// Part of an image, in pixels or in fractions.
///
/// It refers to the image as stored with the profile `task-library`, and to the upright image with the others.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Region {
    /// In pixels.
    Pixels {
        /// First column.
        x: i64,
        /// First row.
        y: i64,
        /// Columns.
        width: i64,
        /// Rows.
        height: i64,
    },
    /// In fractions of width and height, 0 to 1.
    Normalized {
        /// Left border.
        left: f32,
        /// Upper border.
        top: f32,
        /// Right border, beyond the left one.
        right: f32,
        /// Lower border, beyond the upper one.
        bottom: f32,
    },
}

/// A region in whole pixels that lies within its image.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PixelRect {
    /// First column.
    pub x: usize,
    /// First row.
    pub y: usize,
    /// Columns, at least 1.
    pub width: usize,
    /// Rows, at least 1.
    pub height: usize,
}

impl Region {
    /// Checks what can be checked without an image: that pixels are not negative and the region is not empty, that fractions lie in 0 to 1
    /// and in their order.
    ///
    /// # Errors
    ///
    /// The region lies within no image.
    pub fn check(self) -> Result<()> {
        match self {
            Self::Pixels { x, y, width, height } if x < 0 || y < 0 || width < 1 || height < 1 => {
                Err(Error::invalid_argument(format!(
                    "Invalid crop coordinates: a region of {width}x{height} pixels at ({x}, {y}) is not within any image"
                )))
            }
            _ => self.check_fractions(),
        }
    }

    /// Checks that fractions lie in 0 to 1 and in their order; of a region in pixels it says nothing.
    ///
    /// # Errors
    ///
    /// They do not, or one is not a number.
    pub fn check_fractions(self) -> Result<()> {
        let Self::Normalized { left, top, right, bottom } = self else { return Ok(()) };
        // The comparisons are written so that NaN fails them.
        if !(left < right && top < bottom) {
            return Err(Error::invalid_argument(format!(
                "Expected RectF with left < right and top < bottom, got left {left}, top {top}, right {right}, bottom {bottom}"
            )));
        }
        if !(left >= 0.0 && top >= 0.0 && right <= 1.0 && bottom <= 1.0) {
            return Err(Error::invalid_argument(format!(
                "Expected RectF values to be in [0,1], got left {left}, top {top}, right {right}, bottom {bottom}"
            )));
        }
        Ok(())
    }

    /// The region in whole pixels of an image of this size; fractions are rounded to the nearest pixel border.
    ///
    /// # Errors
    ///
    /// The region is empty, or reaches out of the image.
    pub fn to_pixels(self, image_width: usize, image_height: usize) -> Result<PixelRect> {
        let (x, y, width, height) = match self {
            Self::Pixels { x, y, width, height } => (x, y, width, height),
            Self::Normalized { left, top, right, bottom } => {
                self.check_fractions()?;
                let border =
                    |fraction: f32, size: usize| (f64::from(fraction) * size as f64).round() as i64;
                let (x, y) = (border(left, image_width), border(top, image_height));
                (x, y, border(right, image_width) - x, border(bottom, image_height) - y)
            }
        };
        let inside = |start: i64, size: i64, limit: usize| {
            let start = usize::try_from(start).ok()?;
            let size = usize::try_from(size).ok().filter(|&size| size >= 1)?;
            (start.checked_add(size)? <= limit).then_some((start, size))
        };
        match (inside(x, width, image_width), inside(y, height, image_height)) {
            (Some((x, width)), Some((y, height))) => Ok(PixelRect { x, y, width, height }),
            _ => Err(Error::invalid_argument(format!(
                "Invalid crop coordinates: a region of {width}x{height} pixels at ({x}, {y}) is not within the {image_width}x{image_height} image"
            ))),
        }
    }
}

/// How one image is to be prepared.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ImageProcessingOptions {
    /// The part to embed; the whole image by default.
    pub region_of_interest: Option<Region>,
    /// Rotation in degrees clockwise, a multiple of 90, after the crop and after the image's own orientation.
    pub rotation_degrees: i32,
}

impl ImageProcessingOptions {
    /// The image's own orientation followed by the rotation asked for.
    ///
    /// # Errors
    ///
    /// The rotation is not a multiple of 90.
    pub fn orientation(&self, image: Orientation) -> Result<Orientation> {
        Ok(image.then(Orientation::from_rotation(self.rotation_degrees)?))
    }
}

/// Threads within one inference.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Threads {
    /// The calling thread alone.
    #[default]
    One,
    /// This many, the calling thread included.
    Count(NonZeroUsize),
    /// As many as the engine chooses.
    EngineChoice,
}

impl Threads {
    /// The references' `num_threads`: -1 for the engine's choice, otherwise a positive number. 0 is the engine's choice as well.
    ///
    /// # Errors
    ///
    /// Less than -1.
    ///
    /// ```
    /// use lookalike_core::Threads;
    ///
    /// assert_eq!(Threads::from_num_threads(1)?, Threads::One);
    /// assert_eq!(Threads::from_num_threads(-1)?, Threads::EngineChoice);
    /// assert!(Threads::from_num_threads(-2).is_err());
    /// # Ok::<(), lookalike_core::Error>(())
    /// ```
    pub fn from_num_threads(num_threads: i32) -> Result<Self> {
        match usize::try_from(num_threads).ok().and_then(NonZeroUsize::new) {
            Some(NonZeroUsize::MIN) => Ok(Self::One),
            Some(count) => Ok(Self::Count(count)),
            None if num_threads >= -1 => Ok(Self::EngineChoice),
            None => Err(Error::internal(format!(
                "Failed setting number of CPU threads: {num_threads}; give a positive number, or -1 for the engine's choice"
            ))
            .with_support_code(SupportCode::Error)),
        }
    }

    /// The number that was chosen, `None` where the choice is the engine's.
    pub fn count(self) -> Option<NonZeroUsize> {
        match self {
            Self::One => Some(NonZeroUsize::MIN),
            Self::Count(count) => Some(count),
            Self::EngineChoice => None,
        }
    }
}

/// How an engine is to run a model.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SessionOptions {
    /// Threads within one inference.
    pub threads: Threads,
    /// Whether an engine that prints to standard error while it loads a model or prepares a session has it redirected meanwhile, so that
    /// what it prints becomes the reason of an error instead. This concerns the whole process, so it is for programs, not for libraries. Default false; of our
    /// engines only `tflitec` prints.
    pub captures_stderr: bool,
}

impl SessionOptions {
    /// These options with other threads.
    #[must_use]
    pub fn with_threads(mut self, threads: Threads) -> Self {
        self.threads = threads;
        self
    }

    /// These options with standard error captured, or not.
    #[must_use]
    pub fn with_captured_stderr(mut self, captures_stderr: bool) -> Self {
        self.captures_stderr = captures_stderr;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pixels(x: i64, y: i64, width: i64, height: i64) -> Result<PixelRect> {
        Region::Pixels { x, y, width, height }.to_pixels(480, 325)
    }

    #[test]
    fn a_region_lies_within_the_image() {
        assert_eq!(pixels(0, 0, 480, 325).unwrap().width, 480);
        assert_eq!(pixels(479, 324, 1, 1).unwrap().x, 479);
        for (x, y, width, height) in [
            (-1, 0, 10, 10),
            (0, -1, 10, 10),
            (0, 0, 0, 10),
            (0, 0, 10, -5),
            (1, 0, 480, 325),
            (0, 1, 480, 325),
            (i64::MAX, 0, i64::MAX, 1),
        ] {
            let error = pixels(x, y, width, height).unwrap_err();
            assert!(error.to_string().starts_with("Invalid crop coordinates"), "{error}");
        }
    }

    #[test]
    fn a_normalized_region_is_rounded_to_pixels() {
        let region = |left, top, right, bottom| {
            Region::Normalized { left, top, right, bottom }.to_pixels(480, 325)
        };
        let rect = region(0.0, 0.0, 0.833_333, 1.0).unwrap();
        assert_eq!(rect, PixelRect { x: 0, y: 0, width: 400, height: 325 });
        assert!(region(0.5, 0.0, 0.5, 1.0).is_err());
        assert!(region(0.0, 0.0, 1.000_000_1, 1.0).is_err());
        assert!(region(f32::NAN, 0.0, 1.0, 1.0).is_err());
        // Thinner than half a pixel.
        assert!(region(0.5, 0.0, 0.500_1, 1.0).is_err());
    }

    #[test]
    fn thread_counts_below_minus_one_are_refused() {
        assert!(Threads::from_num_threads(-2).is_err());
        for (num_threads, count) in [(-1, None), (0, None), (1, Some(1)), (64, Some(64))] {
            let threads = Threads::from_num_threads(num_threads).unwrap();
            assert_eq!(threads.count().map(NonZeroUsize::get), count);
        }
    }
}
