//! Where samples are taken: filter choice, steps and starts in 16.16 fixed point, as libyuv computes them.

use lookalike_core::Error;

/// One in 16.16 fixed point.
pub(crate) const ONE: i64 = 1 << 16;

/// The longest side that can be resized.
pub(crate) const LONGEST_SIDE: usize = 32_768;

/// How neighboring samples are combined.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Filter {
    /// Point sampling.
    None,
    /// Along rows only.
    Linear,
    /// Along both axes.
    Bilinear,
}

impl Filter {
    /// Bilinear, or as much of it as these sizes ask for.
    fn reduced(source: Size, target: Size) -> Self {
        let mut filter = Self::Bilinear;
        if source.height == 1
            || target.height == source.height
            || target.height * 3 == source.height
        {
            filter = Self::Linear;
        }
        let nearest_columns = target.width == source.width || target.width * 3 == source.width;
        if source.width == 1 || (filter == Self::Linear && nearest_columns) {
            filter = Self::None;
        }
        filter
    }
}

/// Width and height in samples.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Size {
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl Size {
    /// The size of a chroma plane at half resolution.
    pub(crate) fn chroma(self) -> Self {
        Self { width: self.width.div_ceil(2), height: self.height.div_ceil(2) }
    }
}

/// Start and step of one axis.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Axis {
    pub(crate) start: i64,
    pub(crate) step: i64,
}

impl Axis {
    /// Sample centres when shrinking; corners aligned when enlarging.
    fn filtered(source: usize, target: usize) -> Self {
        let (source, target) = (source as i64, target as i64);
        if target <= source {
            let step = (source << 16) / target;
            Self { start: (step >> 1) - ONE / 2, step }
        } else if source > 1 {
            Self { start: 0, step: ((source << 16) - (ONE + 1)) / (target - 1) }
        } else {
            Self::default()
        }
    }

    fn nearest(source: usize, target: usize) -> Self {
        let step = ((source as i64) << 16) / target as i64;
        Self { start: step >> 1, step }
    }

    /// Position of a target sample.
    pub(crate) fn at(self, index: usize) -> i64 {
        self.start + self.step * index as i64
    }
}

/// Both axes with the filter to use on them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sampling {
    pub(crate) filter: Filter,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
}

impl Sampling {
    pub(crate) fn new(source: Size, target: Size) -> Self {
        let filter = Filter::reduced(source, target);
        // A single target sample of a longest side counts as a side of equal length.
        let stretch = |source, target| {
            if target == 1 && source >= LONGEST_SIDE { source } else { target }
        };
        let width = stretch(source.width, target.width);
        let height = stretch(source.height, target.height);
        let x = match filter {
            Filter::None => Axis::nearest(source.width, width),
            Filter::Linear | Filter::Bilinear => Axis::filtered(source.width, width),
        };
        let y = match filter {
            Filter::None | Filter::Linear => Axis::nearest(source.height, height),
            Filter::Bilinear => Axis::filtered(source.height, height),
        };
        Self { filter, x, y }
    }
}

/// Whole part of a position, kept within `0..length`.
pub(crate) fn whole(position: i64, length: usize) -> usize {
    ((position >> 16).max(0) as usize).min(length - 1)
}

/// The upper eight bits of a position's fraction.
pub(crate) fn fraction8(position: i64) -> u8 {
    (position >> 8) as u8
}

/// The upper seven bits of a position's fraction.
pub(crate) fn fraction7(position: i64) -> u8 {
    ((position >> 9) & 0x7f) as u8
}

/// The error for samples that a profile did not ask for.
pub(crate) fn not_the_grid(profile: &str) -> Error {
    Error::invalid_argument(format!(
        "these samples are not the ones that the profile {profile} asks for"
    ))
}
