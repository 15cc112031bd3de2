//! Images of any kind, prepared in any way.

use arbitrary::{Arbitrary, Unstructured};
use lookalike::{
    Antialias, ImageProcessingOptions, ImageView, InputElement, InputSpec, InstructionSet,
    MediaPipe, Normalization, Orientation, PixelFormat, Plane, Preprocessor, Region, TaskLibrary,
    Tensor,
};

#[derive(Arbitrary, Debug)]
struct Request {
    format: u8,
    size: [u8; 2],
    stretch: [u8; 2],
    padding: [u8; 3],
    orientation: u8,
    region: Option<AnyRegion>,
    rotation: Rotation,
    target: [Option<u8>; 2],
    normalization: Option<[f32; 2]>,
    pixels: [u8; 4],
}

#[derive(Arbitrary, Debug)]
enum AnyRegion {
    Small([u8; 4]),
    Wild([i64; 4]),
    Fractions([f32; 4]),
    Sixteenths([u8; 4]),
}

#[derive(Arbitrary, Debug)]
enum Rotation {
    Quarters(i8),
    Degrees(i32),
}

/// Prepares an image of any format, stride, orientation, region, rotation and target size, in every profile. Profiles with kernels
/// must give the same bits on every instruction set of this machine.
pub fn prepare_tensor(data: &[u8]) {
    let Ok(request) = Request::arbitrary(&mut Unstructured::new(data)) else { return };
    let processing = request.processing();
    let spec = request.spec();
    let (width, height) = request.sizes();
    let format = FORMATS[usize::from(request.format) % FORMATS.len()];
    let planes: Vec<(Vec<u8>, usize)> = (0..3).map(|index| request.plane(format, index)).collect();
    let count = match format {
        PixelFormat::Gray | PixelFormat::Rgb | PixelFormat::Rgba => 1,
        PixelFormat::Nv12 | PixelFormat::Nv21 => 2,
        _ => 3,
    };
    let planes: Vec<Plane<'_>> = planes[..count]
        .iter()
        .map(|(data, row_stride)| Plane { data, row_stride: *row_stride })
        .collect();
    let Ok(image) = ImageView::from_planes(format, width, height, &planes) else { return };
    let orientation = Orientation::ALL[usize::from(request.orientation) % 8];
    let image = image.with_orientation(orientation);
    let prepare = |profile: &dyn Preprocessor| {
        let mut tensor = Tensor::empty();
        profile.prepare(&image, &processing, &spec, &mut tensor).map(|()| tensor)
    };
    let check =
        |best: &dyn Preprocessor, plain: &dyn Preprocessor| match (prepare(best), prepare(plain)) {
            (Ok(best), Ok(plain)) => {
                assert!(bits(&best) == bits(&plain), "{request:?}: kernels differ")
            }
            (best, plain) => assert_eq!(best.is_ok(), plain.is_ok(), "{request:?}"),
        };
    let scalar = InstructionSet::PORTABLE;
    check(&TaskLibrary::new(), &TaskLibrary::with_instruction_set(scalar));
    check(&MediaPipe::new(), &MediaPipe::with_instruction_set(scalar));
    prepare(&Antialias::new()).ok();
}

const FORMATS: [PixelFormat; 7] = [
    PixelFormat::Gray,
    PixelFormat::Rgb,
    PixelFormat::Rgba,
    PixelFormat::Nv12,
    PixelFormat::Nv21,
    PixelFormat::I420,
    PixelFormat::Yv12,
];

/// The elements as bits, so that not-a-number equals itself.
fn bits(tensor: &Tensor) -> Vec<u32> {
    match tensor.data() {
        lookalike::Data::F32(values) => values.iter().map(|value| value.to_bits()).collect(),
        lookalike::Data::U8(values) => values.iter().map(|&value| value.into()).collect(),
        other => panic!("a tensor of {other:?}"),
    }
}

impl Request {
    /// Mostly small, now and then a long side, so that both ways of resizing are taken.
    fn sizes(&self) -> (usize, usize) {
        let side =
            |size: u8, stretch: u8| usize::from(size % 80) * if stretch > 250 { 16 } else { 1 };
        (side(self.size[0], self.stretch[0]), side(self.size[1], self.stretch[1]))
    }

    fn plane(&self, format: PixelFormat, index: usize) -> (Vec<u8>, usize) {
        let (width, height) = self.sizes();
        let (columns, rows) = match (format, index) {
            (PixelFormat::Rgb, _) => (3 * width, height),
            (PixelFormat::Rgba, _) => (4 * width, height),
            (_, 0) => (width, height),
            (PixelFormat::Nv12 | PixelFormat::Nv21, _) => {
                (2 * width.div_ceil(2), height.div_ceil(2))
            }
            _ => (width.div_ceil(2), height.div_ceil(2)),
        };
        let row_stride = columns + usize::from(self.padding[index] % 40);
        // The last row has no padding behind it.
        let length = row_stride * rows.saturating_sub(1) + columns;
        let [start, step, rotation, noise] = self.pixels;
        let pixel = |position: usize| {
            let ramp = (position as u8).wrapping_mul(step).wrapping_add(start);
            ramp ^ ((position >> (rotation % 16)) as u8 & noise)
        };
        ((0..length).map(pixel).collect(), row_stride)
    }

    fn processing(&self) -> ImageProcessingOptions {
        let region_of_interest = self.region.as_ref().map(|region| match *region {
            AnyRegion::Small(sides) => {
                let [x, y, width, height] = sides.map(i64::from);
                Region::Pixels { x, y, width, height }
            }
            AnyRegion::Wild([x, y, width, height]) => Region::Pixels { x, y, width, height },
            AnyRegion::Fractions([left, top, right, bottom]) => {
                Region::Normalized { left, top, right, bottom }
            }
            AnyRegion::Sixteenths(borders) => {
                let [left, top, right, bottom] =
                    borders.map(|border| f32::from(border % 17) / 16.0);
                Region::Normalized { left, top, right, bottom }
            }
        });
        let rotation_degrees = match self.rotation {
            Rotation::Quarters(quarters) => i32::from(quarters) * 90,
            Rotation::Degrees(degrees) => degrees,
        };
        ImageProcessingOptions { region_of_interest, rotation_degrees }
    }

    fn spec(&self) -> InputSpec {
        let normalization =
            self.normalization.and_then(|[mean, std]| Normalization::new(&[mean], &[std]).ok());
        let element = normalization.map_or(InputElement::U8, InputElement::F32);
        let mut spec = InputSpec::new(1, 1, element);
        let side = |side: u8| usize::from(if side > 250 { side } else { side % 40 });
        spec.height = self.target[0].map(side);
        spec.width = self.target[1].map(side);
        spec
    }
}
