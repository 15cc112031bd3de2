//! Resize of one plane of samples: `ScalePlane` of libyuv with the bilinear filter.

use crate::geometry::{Filter, Sampling, Size, fraction7, fraction8, whole};
use crate::kernels::scalar::blend_rows;
use crate::packed::Rows;

/// Resizes a plane.
pub(crate) fn resize(source: Rows<'_, 1>, target: Size) -> Vec<u8> {
    let Size { width, height } = source.size;
    let mut out = Vec::with_capacity(target.width * target.height);
    if source.size == target {
        (0..height).for_each(|y| out.extend_from_slice(source.row(y)));
        return out;
    }
    let Sampling { filter, x, y } = Sampling::new(source.size, target);
    let last = height - 1;
    let mut row = vec![0; target.width];
    if target.width == width {
        // Unlike packed pixels, a plane that only changes its height is not sampled at pixel centres.
        let step = ((height as i64) << 16) / target.height as i64;
        let limit = if last > 0 { ((last as i64) << 16) - 1 } else { 0 };
        for index in 0..target.height {
            let position = (step * index as i64).min(limit);
            let above = whole(position, height);
            let fraction = if filter == Filter::None { 0 } else { fraction8(position) };
            blend_rows(source.row(above), source.row((above + 1).min(last)), fraction, &mut row);
            out.extend_from_slice(&row);
        }
        return out;
    }
    if 4 * target.width == 3 * width && 4 * target.height == 3 * height {
        return three_quarters(source, target);
    }
    if 2 * target.width == width && 2 * target.height == height {
        return half(source, target);
    }
    if 8 * target.width == 3 * width && 8 * target.height == 3 * height {
        return three_eighths(source, target);
    }
    if filter == Filter::None {
        for index in 0..target.height {
            let from = source.row(whole(y.at(index), height));
            out.extend((0..target.width).map(|column| from[whole(x.at(column), width)]));
        }
        return out;
    }
    let columns = |from: &[u8], to: &mut [u8]| {
        for (column, value) in to.iter_mut().enumerate() {
            let position = x.at(column);
            let left = whole(position, width);
            let a = i32::from(from[left]);
            let b = i32::from(from[(left + 1).min(width - 1)]);
            *value = (a + ((i32::from(fraction7(position)) * (b - a) + 0x40) >> 7)) as u8;
        }
    };
    let limit = (last as i64) << 16;
    let mut blended = vec![0; width];
    let (mut upper, mut lower) = (vec![0; target.width], vec![0; target.width]);
    for index in 0..target.height {
        let position = y.at(index).min(limit);
        let above = whole(position, height);
        let (top, bottom) = (source.row(above), source.row((above + 1).min(last)));
        if filter == Filter::Linear {
            columns(top, &mut row);
        } else if target.height > height {
            columns(top, &mut upper);
            columns(bottom, &mut lower);
            blend_rows(&upper, &lower, fraction8(position), &mut row);
        } else {
            blend_rows(top, bottom, fraction8(position), &mut blended);
            columns(&blended, &mut row);
        }
        out.extend_from_slice(&row);
    }
    out
}

/// Means of 2x2 samples.
fn half(source: Rows<'_, 1>, target: Size) -> Vec<u8> {
    let mut out = Vec::with_capacity(target.width * target.height);
    for y in 0..target.height {
        let (top, bottom) = (source.row(2 * y), source.row(2 * y + 1));
        out.extend(top.chunks_exact(2).zip(bottom.chunks_exact(2)).map(|(top, bottom)| {
            let sum: u16 = top.iter().chain(bottom).map(|&value| u16::from(value)).sum();
            ((sum + 2) >> 2) as u8
        }));
    }
    out
}

/// 4x4 samples become 3x3. SSSE3 serves columns by 24 and rounds the vertical pass first; the rest rounds it last.
fn three_quarters(source: Rows<'_, 1>, target: Size) -> Vec<u8> {
    let vector_columns = target.width - target.width % 24;
    let horizontal = |row: &[u16]| -> Vec<u16> {
        row.chunks_exact(4)
            .flat_map(|s| {
                [(s[0] * 3 + s[1] + 2) >> 2, (s[1] + s[2] + 1) >> 1, (s[3] * 3 + s[2] + 2) >> 2]
            })
            .collect()
    };
    let wide = |y: usize| -> Vec<u16> { source.row(y).iter().map(|&value| value.into()).collect() };
    let combine =
        |near: usize, far: usize, vertical: fn(u16, u16) -> u16, last: fn(u16, u16) -> u16| {
            let (near, far) = (wide(near), wide(far));
            let blended: Vec<u16> = near.iter().zip(&far).map(|(&a, &b)| vertical(a, b)).collect();
            let (near, far, blended) = (horizontal(&near), horizontal(&far), horizontal(&blended));
            (0..target.width)
                .map(|x| {
                    if x < vector_columns { blended[x] as u8 } else { last(near[x], far[x]) as u8 }
                })
                .collect::<Vec<u8>>()
        };
    let outer = |near, far| {
        combine(near, far, |a, b| (a + ((a + b + 1) >> 1) + 1) >> 1, |a, b| (a * 3 + b + 2) >> 2)
    };
    let middle = |near, far| combine(near, far, |a, b| (a + b + 1) >> 1, |a, b| (a + b + 1) >> 1);
    let mut out = Vec::with_capacity(target.width * target.height);
    // Both sides consist of whole boxes.
    for from in (0..source.size.height).step_by(4) {
        out.extend(outer(from, from + 1));
        out.extend(middle(from + 1, from + 2));
        out.extend(outer(from + 3, from + 2));
    }
    out
}

/// 8x8 samples become 3x3. SSSE3 serves columns by 6 and rounds the vertical pass of two-row boxes first.
fn three_eighths(source: Rows<'_, 1>, target: Size) -> Vec<u8> {
    let vector_columns = target.width - target.width % 6;
    // Sums of 3, 3 and 2 columns, divided by the number of samples through a 16-bit reciprocal.
    let horizontal = |row: &[u32], by_three: u32, by_two: u32| -> Vec<u8> {
        row.chunks_exact(8)
            .flat_map(|s| {
                [
                    ((s[0] + s[1] + s[2]) * by_three) >> 16,
                    ((s[3] + s[4] + s[5]) * by_three) >> 16,
                    ((s[6] + s[7]) * by_two) >> 16,
                ]
            })
            .map(|value| value as u8)
            .collect()
    };
    let sum = |rows: &[usize]| -> Vec<u32> {
        (0..source.size.width)
            .map(|x| rows.iter().map(|&y| u32::from(source.row(y)[x])).sum())
            .collect()
    };
    let three_rows = |rows: [usize; 3]| horizontal(&sum(&rows), 65_536 / 9, 65_536 / 6);
    let two_rows = |rows: [usize; 2]| {
        let sum = sum(&rows);
        let mean: Vec<u32> = sum.iter().map(|&sum| (sum + 1) >> 1).collect();
        let mut out = horizontal(&sum, 65_536 / 6, 65_536 / 4);
        let vector = horizontal(&mean, 65_536 / 3, 65_536 / 2);
        out[..vector_columns].copy_from_slice(&vector[..vector_columns]);
        out
    };
    let mut out = Vec::with_capacity(target.width * target.height);
    for from in (0..source.size.height).step_by(8) {
        out.extend(three_rows([from, from + 1, from + 2]));
        out.extend(three_rows([from + 3, from + 4, from + 5]));
        out.extend(two_rows([from + 6, from + 7]));
    }
    out
}
