//! What must hold for any image.

use lookalike_core::InstructionSet;
use lookalike_core::{
    Data, ImageOutline, ImageProcessingOptions, ImageView, InputElement, InputSpec, Normalization,
    Orientation, PixelFormat, Plane, Preprocessor, Region, SampleGrid, SampledImage, Tensor,
};
use lookalike_preprocess::{Antialias, MediaPipe, TaskLibrary};
use proptest::prelude::*;

fn prepare(
    set: InstructionSet,
    image: &ImageView<'_>,
    processing: &ImageProcessingOptions,
    spec: &InputSpec,
) -> Tensor {
    let mut tensor = Tensor::empty();
    TaskLibrary::with_instruction_set(set).prepare(image, processing, spec, &mut tensor).unwrap();
    tensor
}

fn bytes_of(tensor: &Tensor) -> &[u8] {
    match tensor.data() {
        Data::U8(bytes) => bytes,
        other => panic!("{other:?}"),
    }
}

fn whole(image: &ImageView<'_>, width: usize, height: usize) -> Vec<u8> {
    let spec = InputSpec::new(height, width, InputElement::U8);
    let tensor =
        prepare(InstructionSet::detect(), image, &ImageProcessingOptions::default(), &spec);
    bytes_of(&tensor).to_vec()
}

/// Sides that kernels stumble over: one pixel, primes, powers of two and their neighbors, and now and then a long one.
fn side() -> impl Strategy<Value = usize> {
    prop_oneof![
        4 => 1..40usize,
        2 => prop::sample::select(vec![1, 2, 3, 31, 32, 33, 63, 64, 65, 127, 128, 129]),
        1 => 200..700usize,
    ]
}

fn pixels(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    (0..length)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn vector_and_scalar_kernels_give_the_same_tensor(
        (width, height, target_width, target_height) in (side(), side(), side(), side()),
        channels in prop::sample::select(vec![1usize, 3, 4]),
        padding in 0..5usize,
        skip in 0..9usize,
        exif in 1..9u8,
        roi in prop::option::of((0f32..1.0, 0f32..1.0, 0f32..1.0, 0f32..1.0)),
        normalised: bool,
        seed: u64,
    ) {
        let row_stride = width * channels + padding;
        let data = pixels(skip + row_stride * height, seed);
        let format = match channels {
            1 => PixelFormat::Gray,
            3 => PixelFormat::Rgb,
            _ => PixelFormat::Rgba,
        };
        // An odd start makes every vector load unaligned.
        let plane = Plane { data: &data[skip..], row_stride };
        let image = ImageView::from_planes(format, width, height, &[plane])
            .unwrap()
            .with_orientation(Orientation::from_exif(exif).unwrap());
        let region_of_interest = roi.map(|(a, b, c, d)| {
            let x = (a * width as f32) as i64;
            let y = (b * height as f32) as i64;
            Region::Pixels {
                x,
                y,
                width: 1 + (c * (width as i64 - x - 1) as f32) as i64,
                height: 1 + (d * (height as i64 - y - 1) as f32) as i64,
            }
        });
        let processing = ImageProcessingOptions { region_of_interest, rotation_degrees: 0 };
        let element = if normalised {
            InputElement::F32(Normalization::new(&[123.7, 116.3, 103.5], &[58.4, 57.1, 57.4]).unwrap())
        } else {
            InputElement::U8
        };
        let spec = InputSpec::new(target_height, target_width, element);
        let expected = prepare(InstructionSet::PORTABLE, &image, &processing, &spec);
        let found = prepare(InstructionSet::detect(), &image, &processing, &spec);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn rotating_the_tensor_is_rotating_the_pixels(
        (width, height, seed) in (1..20usize, 1..20usize, any::<u64>()),
        exif in 1..9u8,
    ) {
        let data = pixels(width * height * 3, seed);
        let orientation = Orientation::from_exif(exif).unwrap();
        let image = ImageView::rgb(&data, width, height).unwrap().with_orientation(orientation);
        let (w, h) = if orientation.swaps_axes() { (height, width) } else { (width, height) };
        let tensor = whole(&image, w, h);
        for y in 0..height {
            for x in 0..width {
                let (right, bottom) = (width - 1 - x, height - 1 - y);
                let (column, row) = match orientation {
                    Orientation::TopLeft => (x, y),
                    Orientation::TopRight => (right, y),
                    Orientation::BottomRight => (right, bottom),
                    Orientation::BottomLeft => (x, bottom),
                    Orientation::LeftTop => (y, x),
                    Orientation::RightTop => (bottom, x),
                    Orientation::RightBottom => (bottom, right),
                    Orientation::LeftBottom => (y, right),
                };
                prop_assert_eq!(
                    &tensor[(row * w + column) * 3..][..3],
                    &data[(y * width + x) * 3..][..3]
                );
            }
        }
    }

    #[test]
    fn gray_is_rgb_with_equal_channels_and_alpha_has_no_influence(
        (width, height, target_width, target_height) in (side(), side(), 1..40usize, 1..40usize),
        seed: u64,
    ) {
        let grey = pixels(width * height, seed);
        let rgb: Vec<u8> = grey.iter().flat_map(|&value| [value; 3]).collect();
        let noise = pixels(width * height, !seed);
        let rgba: Vec<u8> =
            grey.iter().zip(noise).flat_map(|(&value, alpha)| [value, value, value, alpha]).collect();
        let expected = whole(&ImageView::rgb(&rgb, width, height).unwrap(), target_width, target_height);
        let found = whole(&ImageView::gray(&grey, width, height).unwrap(), target_width, target_height);
        prop_assert_eq!(&found, &expected);
        let found = whole(&ImageView::rgba(&rgba, width, height).unwrap(), target_width, target_height);
        prop_assert_eq!(&found, &expected);
    }

    #[test]
    fn a_region_is_the_image_cropped(
        (width, height, seed) in (2..60usize, 2..60usize, any::<u64>()),
        (left, top) in (0.0f64..1.0, 0.0f64..1.0),
    ) {
        let data = pixels(width * height * 3, seed);
        let (x, y) = ((left * width as f64) as usize, (top * height as f64) as usize);
        let (crop_width, crop_height) = (width - x, height - y);
        let cut: Vec<u8> = (y..height)
            .flat_map(|row| data[(row * width + x) * 3..(row * width + width) * 3].to_vec())
            .collect();
        let processing = ImageProcessingOptions {
            region_of_interest: Some(Region::Pixels {
                x: x as i64,
                y: y as i64,
                width: crop_width as i64,
                height: crop_height as i64,
            }),
            rotation_degrees: 0,
        };
        let spec = InputSpec::new(13, 17, InputElement::U8);
        let image = ImageView::rgb(&data, width, height).unwrap();
        let tensor = prepare(InstructionSet::detect(), &image, &processing, &spec);
        prop_assert_eq!(bytes_of(&tensor), whole(&ImageView::rgb(&cut, crop_width, crop_height).unwrap(), 17, 13));
    }

    #[test]
    fn rotation_follows_the_orientation(quarter_turns in -9i32..9, exif in 1..9u8, seed: u64) {
        let data = pixels(6 * 4 * 3, seed);
        let orientation = Orientation::from_exif(exif).unwrap();
        let turn = Orientation::from_rotation(quarter_turns * 90).unwrap();
        let image = ImageView::rgb(&data, 6, 4).unwrap();
        let processing =
            ImageProcessingOptions { region_of_interest: None, rotation_degrees: quarter_turns * 90 };
        let spec = InputSpec::new(5, 7, InputElement::U8);
        let turned = image.with_orientation(orientation);
        let tensor = prepare(InstructionSet::detect(), &turned, &processing, &spec);
        let composed = image.with_orientation(orientation.then(turn));
        prop_assert_eq!(bytes_of(&tensor), whole(&composed, 7, 5));
    }
}

#[test]
fn a_plain_white_image_darkens_as_in_the_reference() {
    let white = vec![255; 100 * 60 * 3];
    let image = ImageView::rgb(&white, 100, 60).unwrap();
    assert!(whole(&image, 224, 224).iter().all(|&value| value == 253));
    assert!(whole(&image, 100, 60).iter().all(|&value| value == 255));
}

#[test]
fn a_side_beyond_32768_pixels_is_refused_unless_nothing_is_resized() {
    let row = vec![7; 32_769 * 3];
    let image = ImageView::rgb(&row, 32_769, 1).unwrap();
    let mut tensor = Tensor::empty();
    let prepare = |width, tensor: &mut Tensor| {
        TaskLibrary::new().prepare(
            &image,
            &ImageProcessingOptions::default(),
            &InputSpec::new(1, width, InputElement::U8),
            tensor,
        )
    };
    let error = prepare(224, &mut tensor).unwrap_err();
    assert!(error.to_string().starts_with("Libyuv ARGBScale operation failed"), "{error}");
    assert!(prepare(32_769, &mut tensor).is_ok());
    let longest = ImageView::rgb(&row, 32_768, 1).unwrap();
    assert_eq!(whole(&longest, 1, 1).len(), 3);
    assert_eq!(whole(&longest, 224, 224).len(), 224 * 224 * 3);
}

#[test]
fn a_standard_deviation_of_zero_is_refused() {
    let image = ImageView::rgb(&[1, 2, 3], 1, 1).unwrap();
    let element = InputElement::F32(Normalization::new(&[0.0; 3], &[1.0, 1e-8, 1.0]).unwrap());
    let error = TaskLibrary::new()
        .prepare(
            &image,
            &ImageProcessingOptions::default(),
            &InputSpec::new(1, 1, element),
            &mut Tensor::empty(),
        )
        .unwrap_err();
    assert!(error.to_string().contains("can't be 0"), "{error}");
}

#[test]
fn an_input_without_pixels_is_refused() {
    let image = ImageView::rgb(&[9; 12], 2, 2).unwrap();
    for (height, width) in [(0, 4), (4, 0), (0, 0)] {
        let error = TaskLibrary::new()
            .prepare(
                &image,
                &ImageProcessingOptions::default(),
                &InputSpec::new(height, width, InputElement::U8),
                &mut Tensor::empty(),
            )
            .unwrap_err();
        assert!(error.to_string().contains("holds no image"), "{error}");
    }
}

fn view(data: &[u8], width: usize, height: usize, channels: usize) -> ImageView<'_> {
    let make = if channels == 1 { ImageView::gray } else { ImageView::rgb };
    make(data, width, height).unwrap()
}

/// The pixels of a grid, side by side.
fn on_grid(data: &[u8], width: usize, channels: usize, grid: &SampleGrid) -> Vec<u8> {
    let pixel = |y: u32, x: u32| {
        let start = (y as usize * width + x as usize) * channels;
        &data[start..start + channels]
    };
    let places = grid.rows().iter().flat_map(|&y| grid.columns().iter().map(move |&x| (y, x)));
    places.flat_map(|(y, x)| pixel(y, x)).copied().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn samples_give_the_tensor_of_the_whole_image(
        (width, height) in (100..700usize, 100..700usize),
        (target_width, target_height) in (1..60usize, 1..60usize),
        // Whole steps take other ways through the resizer.
        whole_steps in prop::option::of((2..9usize, 2..9usize)),
        is_gray: bool,
        exif in 1..9u8,
        rotation in prop::sample::select(vec![0, 90, 180, 270]),
        roi in prop::option::of((0f32..0.4, 0f32..0.4, 0.6f32..1.0, 0.6f32..1.0)),
        seed: u64,
    ) {
        let (width, height) = match whole_steps {
            Some((across, down)) => (target_width * across, target_height * down),
            None => (width, height),
        };
        let channels = if is_gray { 1 } else { 3 };
        let data = pixels(width * height * channels, seed);
        let orientation = Orientation::from_exif(exif).unwrap();
        let image = view(&data, width, height, channels).with_orientation(orientation);
        let region = |(left, top, right, bottom)| Region::Normalized { left, top, right, bottom };
        let processing = ImageProcessingOptions {
            region_of_interest: roi.map(region),
            rotation_degrees: rotation,
        };
        let spec = InputSpec::new(target_height, target_width, InputElement::U8);
        let profiles: [&dyn Preprocessor; 2] = [&TaskLibrary::new(), &MediaPipe::new()];
        for profile in profiles {
            let mut expected = Tensor::empty();
            let prepared = profile.prepare(&image, &processing, &spec, &mut expected);
            let Some(grid) = profile.sampling((&image).into(), &processing, &spec) else {
                continue;
            };
            prop_assert!(prepared.is_ok());
            let data = on_grid(&data, width, channels, &grid);
            let samples = view(&data, grid.columns().len(), grid.rows().len(), channels);
            let samples = samples.with_orientation(orientation);
            let sampled = SampledImage::new(samples, &grid, width, height).unwrap();
            let mut found = Tensor::empty();
            profile.prepare_sampled(&sampled, &processing, &spec, &mut found).unwrap();
            prop_assert_eq!(bytes_of(&found), bytes_of(&expected));
        }
    }
}

#[test]
fn photographs_are_sampled_and_small_images_are_not() {
    let spec = InputSpec::new(224, 224, InputElement::U8);
    let whole = ImageProcessingOptions::default();
    let outline = |width, height| ImageOutline { width, height, orientation: Orientation::TopLeft };
    let profiles: [&dyn Preprocessor; 2] = [&TaskLibrary::new(), &MediaPipe::new()];
    for profile in profiles {
        let grid = profile.sampling(outline(4000, 3000), &whole, &spec).unwrap();
        assert_eq!((grid.columns().len(), grid.rows().len()), (448, 448), "{}", profile.name());
        assert_eq!(profile.sampling(outline(224, 224), &whole, &spec), None);
        assert_eq!(profile.sampling(outline(100, 100), &whole, &spec), None);
    }
    assert_eq!(Antialias::new().sampling(outline(4000, 3000), &whole, &spec), None);
    // MediaPipe's profile counts four pixels for each of the tensor, the Task Library's the lines that are there.
    let sampled = |profile: &dyn Preprocessor, side: usize, width, height| {
        let spec = InputSpec::new(side, side, InputElement::U8);
        profile.sampling(outline(width, height), &whole, &spec)
    };
    assert!(sampled(&MediaPipe::new(), 10, 40, 20).is_some());
    assert_eq!(sampled(&MediaPipe::new(), 10, 39, 20), None);
    let grid = sampled(&MediaPipe::new(), 1, 1, 100).unwrap();
    assert_eq!((grid.columns().len(), grid.rows().len()), (1, 2));
    assert_eq!(sampled(&TaskLibrary::new(), 4, 10, 10), None);
    let grid = sampled(&TaskLibrary::new(), 30, 300, 300).unwrap();
    assert_eq!((grid.columns().len(), grid.rows().len()), (60, 60));
}

/// Rows of samples with so many bytes behind each.
fn padded(data: &[u8], row: usize, padding: usize) -> Vec<u8> {
    data.chunks(row).flat_map(|samples| [samples, &vec![0xA5; padding]].concat()).collect()
}

/// Pixels of any format, with padding or without, and however they lie, give the tensor of the same pixels as RGB. The Task Library's
/// profile, which has goldens for each format, says what these are.
#[test]
fn all_formats_are_rgb_to_all_profiles() {
    let (width, height) = (13, 9);
    let (chroma_width, chroma_height) = (7, 5);
    let data = pixels(width * height * 4 + 2 * chroma_width * chroma_height, 11);
    let formats = [
        (PixelFormat::Gray, vec![(width, height)]),
        (PixelFormat::Rgb, vec![(width * 3, height)]),
        (PixelFormat::Rgba, vec![(width * 4, height)]),
        (PixelFormat::Nv12, vec![(width, height), (chroma_width * 2, chroma_height)]),
        (PixelFormat::Nv21, vec![(width, height), (chroma_width * 2, chroma_height)]),
        (
            PixelFormat::I420,
            vec![(width, height), (chroma_width, chroma_height), (chroma_width, chroma_height)],
        ),
        (
            PixelFormat::Yv12,
            vec![(width, height), (chroma_width, chroma_height), (chroma_width, chroma_height)],
        ),
    ];
    for ((format, sizes), padding) in formats.iter().flat_map(|it| [(it, 0), (it, 7)]) {
        let mut rest = &data[..];
        let planes: Vec<(Vec<u8>, usize)> = sizes
            .iter()
            .map(|&(row, rows)| {
                let (plane, behind) = rest.split_at(row * rows);
                rest = behind;
                (padded(plane, row, padding), row + padding)
            })
            .collect();
        let planes: Vec<Plane<'_>> = planes
            .iter()
            .map(|(data, row_stride)| Plane { data, row_stride: *row_stride })
            .collect();
        let stored = ImageView::from_planes(*format, width, height, &planes).unwrap();
        let rgb = whole(&stored, width, height);
        for exif in 1..9 {
            let orientation = Orientation::from_exif(exif).unwrap();
            let image = stored.with_orientation(orientation);
            let rgb = ImageView::rgb(&rgb, width, height).unwrap().with_orientation(orientation);
            let profiles: [&dyn Preprocessor; 2] = [&MediaPipe::new(), &Antialias::new()];
            for profile in profiles {
                let tensor = |image: &ImageView<'_>| {
                    let mut tensor = Tensor::empty();
                    let spec = InputSpec::new(6, 8, InputElement::U8);
                    let processing = ImageProcessingOptions::default();
                    profile.prepare(image, &processing, &spec, &mut tensor).unwrap();
                    bytes_of(&tensor).to_vec()
                };
                assert_eq!(tensor(&image), tensor(&rgb), "{} {format} {exif}", profile.name());
            }
        }
    }
}

#[test]
fn profiles_have_the_names_they_are_asked_for_by() {
    let profiles: [&dyn Preprocessor; 3] =
        [&TaskLibrary::new(), &MediaPipe::new(), &Antialias::new()];
    assert_eq!(profiles.map(Preprocessor::name), ["task-library", "mediapipe", "antialias"]);
}

/// The Task Library subtracts the mean and multiplies by the reciprocal of the deviation, in 32-bit floats.
#[test]
fn floats_are_normalized_as_the_task_library_does() {
    let (mean, std) = ([123.7f32, 116.3, 103.5], [58.4f32, 57.1, 0.3]);
    let element = InputElement::F32(Normalization::new(&mean, &std).unwrap());
    let data = pixels(4 * 3 * 3, 5);
    let image = ImageView::rgb(&data, 4, 3).unwrap();
    let spec = InputSpec::new(3, 4, element);
    let processing = ImageProcessingOptions::default();
    let tensor = prepare(InstructionSet::detect(), &image, &processing, &spec);
    let Data::F32(floats) = tensor.data() else { panic!("other elements") };
    let normalized = data.iter().enumerate().map(|(index, &byte)| {
        let channel = index % 3;
        (f32::from(byte) - mean[channel]) * (1.0 / std[channel])
    });
    assert!(normalized.eq(floats.iter().copied()));
}

#[test]
fn other_samples_than_those_asked_for_are_refused() {
    let spec = InputSpec::new(10, 10, InputElement::U8);
    let grid = SampleGrid::new(vec![0, 1], vec![0, 1, 2]);
    let pixels = [0; 6];
    let samples = ImageView::gray(&pixels, 3, 2).unwrap();
    let sampled = SampledImage::new(samples, &grid, 100, 100).unwrap();
    let profiles: [&dyn Preprocessor; 3] =
        [&TaskLibrary::new(), &MediaPipe::new(), &Antialias::new()];
    for profile in profiles {
        let whole = ImageProcessingOptions::default();
        let result = profile.prepare_sampled(&sampled, &whole, &spec, &mut Tensor::empty());
        assert!(result.is_err(), "{}", profile.name());
    }
    assert!(SampledImage::new(samples, &grid, 2, 100).is_err());
    assert!(SampledImage::new(samples, &SampleGrid::new(vec![0], vec![0, 1, 2]), 9, 9).is_err());
}

/// Signed bytes are the normalized floats in steps of the scale, and 16-bit floats those that are nearest to them, in every profile, however
/// the image lies.
#[test]
fn other_elements_are_rounded_floats() {
    let normalization = Normalization::new(&[123.7, 116.3, 103.5], &[58.4, 57.1, 57.4]).unwrap();
    let (scale, zero_point) = (0.018_658_5, -14);
    let signed = InputElement::I8 { normalization, scale, zero_point };
    let data = pixels(23 * 17 * 3, 7);
    let profiles: [&dyn Preprocessor; 3] =
        [&TaskLibrary::new(), &MediaPipe::new(), &Antialias::new()];
    for profile in profiles {
        for exif in 1..9 {
            let orientation = Orientation::from_exif(exif).unwrap();
            let image = ImageView::rgb(&data, 23, 17).unwrap().with_orientation(orientation);
            let prepare = |element: InputElement| {
                let mut tensor = Tensor::empty();
                let spec = InputSpec::new(9, 11, element);
                let processing = ImageProcessingOptions::default();
                profile.prepare(&image, &processing, &spec, &mut tensor).unwrap();
                tensor
            };
            let (floats, bytes) = (prepare(InputElement::F32(normalization)), prepare(signed));
            let (Data::F32(floats), Data::I8(bytes)) = (floats.data(), bytes.data()) else {
                panic!("other types");
            };
            let quantized = floats
                .iter()
                .map(|value| ((value / scale).round() as i32 + zero_point).clamp(-128, 127) as i8);
            assert!(quantized.eq(bytes.iter().copied()), "{} {exif}", profile.name());
            let halves = prepare(InputElement::F16(normalization));
            let Data::F32(halves) = halves.data() else { panic!("other types") };
            let rounded = floats.iter().map(|&value| half::f16::from_f32(value).to_f32());
            assert!(rounded.eq(halves.iter().copied()), "{} {exif}", profile.name());
        }
    }
}
