//! The inner loops in plain Rust. They compute what stb_image computes with SSE2, which is how both references are built: sums of 16 bits wrap
//! around, and sums that become 16 bits again are saturated. Only damaged files get there.

use std::ops::Range;

use super::{Kernels, Samples};
use crate::blocks::{Block, decode_baseline, skip_baseline};
use crate::frame::BLOCK;

pub(super) static KERNELS: Kernels = Kernels {
    decode: decode_baseline,
    skip: skip_baseline,
    transform,
    store,
    fill,
    upsample_across,
    upsample_down,
    upsample_both,
    to_rgb,
};

/// A factor of the transform, in 4096ths.
pub(super) const fn factor(value: f64) -> i32 {
    // Towards zero, also where it is negative.
    (value * 4096.0 + 0.5) as i32
}

/// The factors of the transform, which is that of the Independent JPEG Group's `jidctint` with 12 bits, and rotations of pairs of
/// coefficients: of the first and the second number, in 4096ths.
pub(super) struct Factors;

impl Factors {
    const EVEN: i32 = factor(0.541_196_1);
    const ODD: i32 = factor(1.175_875_602);
    const BY_THREE: i32 = factor(-1.961_570_560);
    const BY_ONE: i32 = factor(-0.390_180_644);
    /// Of coefficients 2 and 6.
    pub(super) const EVEN_INNER: [i32; 2] = [Self::EVEN, Self::EVEN + factor(-1.847_759_065)];
    pub(super) const EVEN_OUTER: [i32; 2] = [Self::EVEN + factor(0.765_366_865), Self::EVEN];
    /// Of the sums of coefficients 1 and 7, and 3 and 5.
    pub(super) const SUMS_OUTER: [i32; 2] = [Self::ODD + factor(-0.899_976_223), Self::ODD];
    pub(super) const SUMS_INNER: [i32; 2] = [Self::ODD, Self::ODD + factor(-2.562_915_447)];
    /// Of coefficients 7 and 3.
    pub(super) const SEVEN: [i32; 2] = [Self::BY_THREE + factor(0.298_631_336), Self::BY_THREE];
    pub(super) const THREE: [i32; 2] = [Self::BY_THREE, Self::BY_THREE + factor(3.072_711_026)];
    /// Of coefficients 5 and 1.
    pub(super) const FIVE: [i32; 2] = [Self::BY_ONE + factor(2.053_119_869), Self::BY_ONE];
    pub(super) const ONE: [i32; 2] = [Self::BY_ONE, Self::BY_ONE + factor(1.501_321_110)];
}

/// What is added before the sums of columns lose `COLUMN_SHIFT` bits, and those of rows `ROW_SHIFT`.
pub(super) const COLUMN_BIAS: i32 = 512;
pub(super) const COLUMN_SHIFT: i32 = 10;
/// Half of the last bit that is kept, and 128 for the middle of the samples.
pub(super) const ROW_BIAS: i32 = 65_536 + (128 << 17);
pub(super) const ROW_SHIFT: i32 = 17;

/// The one-dimensional inverse transform.
fn transform_line(line: [i16; BLOCK], bias: i32, shift: i32) -> [i16; BLOCK] {
    let rotate = |x: i16, y: i16, [of_x, of_y]: [i32; 2]| {
        i32::from(x).wrapping_mul(of_x).wrapping_add(i32::from(y).wrapping_mul(of_y))
    };
    let [s0, s1, s2, s3, s4, s5, s6, s7] = line;
    let sum = i32::from(s0.wrapping_add(s4)) << 12;
    let difference = i32::from(s0.wrapping_sub(s4)) << 12;
    let outer = rotate(s2, s6, Factors::EVEN_OUTER);
    let inner = rotate(s2, s6, Factors::EVEN_INNER);
    let even = [
        sum.wrapping_add(outer),
        difference.wrapping_add(inner),
        difference.wrapping_sub(inner),
        sum.wrapping_sub(outer),
    ];
    let (s17, s35) = (s1.wrapping_add(s7), s3.wrapping_add(s5));
    let outer = rotate(s17, s35, Factors::SUMS_OUTER);
    let inner = rotate(s17, s35, Factors::SUMS_INNER);
    let odd = [
        rotate(s5, s1, Factors::ONE).wrapping_add(outer),
        rotate(s7, s3, Factors::THREE).wrapping_add(inner),
        rotate(s5, s1, Factors::FIVE).wrapping_add(inner),
        rotate(s7, s3, Factors::SEVEN).wrapping_add(outer),
    ];
    std::array::from_fn(|index| {
        let value = if index < 4 {
            even[index].wrapping_add(bias).wrapping_add(odd[index])
        } else {
            even[7 - index].wrapping_add(bias).wrapping_sub(odd[7 - index])
        };
        saturate(value >> shift)
    })
}

fn saturate(value: i32) -> i16 {
    value.clamp(i16::MIN.into(), i16::MAX.into()) as i16
}

fn transform(blocks: &[Block; 4], samples: &mut [Samples; 4]) {
    for (block, samples) in blocks.iter().zip(samples) {
        let mut columns = [[0; BLOCK]; BLOCK];
        for (x, column) in columns.iter_mut().enumerate() {
            let line = std::array::from_fn(|y| block[y * BLOCK + x]);
            *column = transform_line(line, COLUMN_BIAS, COLUMN_SHIFT);
        }
        for (y, row) in samples.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
            let line = std::array::from_fn(|x| columns[x][y]);
            let line = transform_line(line, ROW_BIAS, ROW_SHIFT);
            *row = line.map(|value| value.clamp(0, 255) as u8);
        }
    }
}

fn store(samples: &Samples, to: &mut [u8], stride: usize) {
    for (to, row) in to.chunks_mut(stride).zip(samples.as_chunks::<BLOCK>().0) {
        to[..BLOCK].copy_from_slice(row);
    }
}

fn fill(sample: u8, to: &mut [u8], stride: usize) {
    store(&[sample; 64], to, stride);
}

fn upsample_across(row: &[u8], to: &mut [u8]) {
    across_range(row, to, 0..row.len());
}

/// Upsamples some of the samples of a row. Of each pixel a quarter is that of a neighbor, whose place the sample itself takes at both ends.
/// The last pixel but one has three quarters of the neighbor, as in stb_image.
pub(super) fn across_range(row: &[u8], to: &mut [u8], range: Range<usize>) {
    let mix =
        |near: usize, far: usize| ((3 * u16::from(row[near]) + u16::from(row[far]) + 2) >> 2) as u8;
    for (index, pair) in range.clone().zip(to.as_chunks_mut::<2>().0[range].iter_mut()) {
        let (left, last) = (index.saturating_sub(1), row.len() - 1);
        *pair = [
            if index == last { mix(left, index) } else { mix(index, left) },
            mix(index, (index + 1).min(last)),
        ];
    }
}

pub(super) fn upsample_down(near: &[u8], far: &[u8], to: &mut [u8]) {
    for ((&near, &far), to) in near.iter().zip(far).zip(to) {
        *to = ((3 * u16::from(near) + u16::from(far) + 2) >> 2) as u8;
    }
}

fn upsample_both(near: &[u8], far: &[u8], to: &mut [u8]) {
    both_range(near, far, to, 0..near.len());
}

/// Upsamples some of the samples of a row, as both others do, one after the other without rounding in between.
pub(super) fn both_range(near: &[u8], far: &[u8], to: &mut [u8], range: Range<usize>) {
    let at = |index: usize| 3 * u16::from(near[index]) + u16::from(far[index]);
    for (index, pair) in range.clone().zip(to.as_chunks_mut::<2>().0[range].iter_mut()) {
        let (left, right) = (index.saturating_sub(1), (index + 1).min(near.len() - 1));
        let neighbors = [at(left), at(right)];
        *pair = neighbors.map(|neighbor| ((3 * at(index) + neighbor + 8) >> 4) as u8);
    }
}

/// Factors of Cr for red and green, and of Cb for green and blue, in 4096ths.
pub(super) const RED_OF_CR: i32 = factor(1.402);
pub(super) const GREEN_OF_CR: i32 = -factor(0.714_14);
pub(super) const GREEN_OF_CB: i32 = -factor(0.344_14);
pub(super) const BLUE_OF_CB: i32 = factor(1.772);

pub(super) fn to_rgb([y, cb, cr]: [&[u8]; 3], to: &mut [u8]) {
    for (((&y, &cb), &cr), to) in y.iter().zip(cb).zip(cr).zip(to.as_chunks_mut::<3>().0) {
        // In 2^20ths, rounded to the nearest.
        let y = (i32::from(y) << 20) + (1 << 19);
        let (cb, cr) = (i32::from(cb) - 128, i32::from(cr) - 128);
        // The share of Cb is truncated in green, so that 16 bits are enough for it.
        let of_cb = (cb * (GREEN_OF_CB << 8)) & !0xFFFF;
        let sums = [
            y + cr * (RED_OF_CR << 8),
            y + cr * (GREEN_OF_CR << 8) + of_cb,
            y + cb * (BLUE_OF_CB << 8),
        ];
        *to = sums.map(|sum| (sum >> 20).clamp(0, 255) as u8);
    }
}
