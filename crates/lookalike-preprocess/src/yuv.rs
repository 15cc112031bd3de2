//! YUV images: planes are resized and rotated each on its own, then become RGB.

use lookalike_core::{ImageView, Orientation, PixelFormat, PixelRect, Plane};

use crate::geometry::Size;
use crate::kernels::Kernels;
use crate::packed::{BoxRounding, Rows};
use crate::target::Target;
use crate::upright::Rotated;
use crate::{packed, plane};

/// Crops, resizes, turns and converts.
pub(crate) fn prepare(
    image: &ImageView<'_>,
    crop: PixelRect,
    orientation: Orientation,
    kernels: Kernels,
    upright: Size,
    target: &mut Target<'_>,
) {
    let luma_size = target.stored_size();
    let luma = plane::resize(rows::<1>(image, 0, crop), luma_size);
    // An odd corner lies within a chroma sample, which then counts from its beginning.
    let chroma_crop = PixelRect {
        x: crop.x / 2,
        y: crop.y / 2,
        width: crop.width.div_ceil(2),
        height: crop.height.div_ceil(2),
    };
    let chroma_size = luma_size.chroma();
    let chroma_plane = |index| plane::resize(rows::<1>(image, index, chroma_crop), chroma_size);
    let chroma_pairs = || {
        let mut pairs = Vec::with_capacity(chroma_size.width * chroma_size.height * 2);
        let source = rows::<2>(image, 1, chroma_crop);
        packed::resize(source, chroma_size, BoxRounding::Exact, kernels, |_, row| {
            pairs.extend_from_slice(row);
        });
        let of = |offset: usize| pairs.iter().skip(offset).step_by(2).copied().collect::<Vec<u8>>();
        (of(0), of(1))
    };
    let (u, v) = match image.format() {
        PixelFormat::Nv12 => chroma_pairs(),
        PixelFormat::Nv21 => {
            let (v, u) = chroma_pairs();
            (u, v)
        }
        PixelFormat::Yv12 => (chroma_plane(2), chroma_plane(1)),
        _ => (chroma_plane(1), chroma_plane(2)),
    };
    let luma_at = Rotated::new(orientation, luma_size);
    let chroma_at = Rotated::new(orientation, chroma_size);
    let index = |(x, y): (usize, usize), size: Size| y * size.width + x;
    let mut row = vec![0; upright.width * 3];
    for y in 0..upright.height {
        for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
            let chroma = index(chroma_at.stored(x / 2, y / 2), chroma_size);
            let luma = luma[index(luma_at.stored(x, y), luma_size)];
            pixel.copy_from_slice(&to_rgb(luma, u[chroma], v[chroma]));
        }
        target.write_upright_row(y, &row);
    }
}

fn rows<'a, const C: usize>(image: &ImageView<'a>, index: usize, crop: PixelRect) -> Rows<'a, C> {
    let plane = image.plane(index);
    let start = crop.y * plane.row_stride + crop.x * C;
    let size = Size { width: crop.width, height: crop.height };
    Rows::new(&plane.data[start..], plane.row_stride, size, None)
}

/// BT.601, limited range, with six-bit coefficients.
fn to_rgb(y: u8, u: u8, v: u8) -> [u8; 3] {
    let (u, v) = (i32::from(u), i32::from(v));
    let y = ((u32::from(y) * 0x0101 * 18_997) >> 16) as i32;
    [y + 102 * v - 14_216, y - 25 * u - 52 * v + 8_696, y + 128 * u - 17_544]
        .map(|value| (value >> 6).clamp(0, 255) as u8)
}

/// The pixels of an image of any format as R, G, B, by column and row of the stored image.
pub(crate) fn pixels<'a>(image: &ImageView<'a>) -> impl Fn(usize, usize) -> [u8; 3] + 'a {
    let format = image.format();
    let first = image.plane(0);
    let is_planar = matches!(format, PixelFormat::Yv12 | PixelFormat::I420);
    let is_packed = matches!(format, PixelFormat::Gray | PixelFormat::Rgb | PixelFormat::Rgba);
    let second = if is_packed { first } else { image.plane(1) };
    let third = if is_planar { image.plane(2) } else { second };
    move |x, y| {
        let row = y * first.row_stride;
        let (chroma_x, chroma_y) = (x / 2, y / 2);
        let pair = |plane: Plane<'_>| {
            let start = chroma_y * plane.row_stride + chroma_x * 2;
            [plane.data[start], plane.data[start + 1]]
        };
        let single = |plane: Plane<'_>| plane.data[chroma_y * plane.row_stride + chroma_x];
        let packed = |size: usize| {
            let start = row + x * size;
            [first.data[start], first.data[start + 1], first.data[start + 2]]
        };
        let (u, v) = match format {
            PixelFormat::Gray => return [first.data[row + x]; 3],
            PixelFormat::Rgb => return packed(3),
            PixelFormat::Rgba => return packed(4),
            PixelFormat::Nv12 => {
                let [u, v] = pair(second);
                (u, v)
            }
            PixelFormat::Nv21 => {
                let [v, u] = pair(second);
                (u, v)
            }
            PixelFormat::Yv12 => (single(third), single(second)),
            _ => (single(second), single(third)),
        };
        to_rgb(first.data[row + x], u, v)
    }
}
