//! The profile `mediapipe` against tensors captured from MediaPipe 1.2.2, and against a model of its arithmetic.

use lookalike_core::InstructionSet;
use lookalike_core::{
    Data, ImageProcessingOptions, ImageView, InputElement, InputSpec, Normalization, Orientation,
    PixelFormat, Plane, Preprocessor, Region, Tensor,
};
use lookalike_preprocess::MediaPipe;
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    src_w: usize,
    src_h: usize,
    dst_w: usize,
    dst_h: usize,
    roi_ltrb: Option<[f32; 4]>,
    rotation_degrees: i32,
    crc32: u32,
}

fn options(roi: Option<[f32; 4]>, rotation_degrees: i32) -> ImageProcessingOptions {
    let region =
        |[left, top, right, bottom]: [f32; 4]| Region::Normalized { left, top, right, bottom };
    ImageProcessingOptions { region_of_interest: roi.map(region), rotation_degrees }
}

fn bytes(
    set: InstructionSet,
    image: &ImageView<'_>,
    processing: &ImageProcessingOptions,
    width: usize,
    height: usize,
) -> Vec<u8> {
    let mut tensor = Tensor::empty();
    let spec = InputSpec::new(height, width, InputElement::U8);
    MediaPipe::with_instruction_set(set).prepare(image, processing, &spec, &mut tensor).unwrap();
    match tensor.data() {
        Data::U8(bytes) => bytes.clone(),
        other => panic!("{other:?}"),
    }
}

/// The image the tensors were captured on.
fn synthetic(width: usize, height: usize) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            pixels.extend([0, 61, 122].map(|c| (7 * x + 13 * y + c + (x * y) % 251) as u8));
        }
    }
    pixels
}

fn compare(cases: &str, count: usize) {
    let cases: Vec<Case> = serde_json::from_str(cases).unwrap();
    assert_eq!(cases.len(), count);
    for case in cases {
        let pixels = synthetic(case.src_w, case.src_h);
        let image = ImageView::rgb(&pixels, case.src_w, case.src_h).unwrap();
        let processing = options(case.roi_ltrb, case.rotation_degrees);
        for set in [InstructionSet::detect(), InstructionSet::PORTABLE] {
            let found = bytes(set, &image, &processing, case.dst_w, case.dst_h);
            assert_eq!(
                crc32fast::hash(&found),
                case.crc32,
                "{}x{} -> {}x{} {:?} {} {}",
                case.src_w,
                case.src_h,
                case.dst_w,
                case.dst_h,
                case.roi_ltrb,
                case.rotation_degrees,
                set.name()
            );
        }
    }
}

#[test]
fn every_captured_tensor_is_equal() {
    compare(include_str!("../data/mediapipe_crc.json"), 24);
}

/// Random sizes, regions and rotations, by a slow model of the reference's arithmetic, written apart from this code.
#[test]
fn every_modelled_tensor_is_equal() {
    compare(include_str!("../data/mediapipe_model_crc.json"), 400);
}

fn side() -> impl Strategy<Value = usize> {
    prop_oneof![1 => Just(1usize), 2 => 2..6usize, 6 => 7..90usize, 1 => 200..400usize]
}

proptest! {
    #[test]
    fn vector_and_scalar_kernels_give_the_same_tensor(
        (width, height, dst_width, dst_height) in (side(), side(), side(), side()),
        roi in prop::option::of((0f32..1.0, 0f32..1.0, 0f32..1.0, 0f32..1.0)),
        quarter_turns in -5..6i32,
        exif in 1..9u8,
        (is_rgba, padding, skip) in (any::<bool>(), 0..5usize, 0..9usize),
        seed: u64,
    ) {
        let channels = if is_rgba { 4 } else { 3 };
        let row_stride = width * channels + padding;
        let data = noise(skip + row_stride * height, seed);
        let plane = Plane { data: &data[skip..], row_stride };
        let format = if is_rgba { PixelFormat::Rgba } else { PixelFormat::Rgb };
        let image = ImageView::from_planes(format, width, height, &[plane])
            .unwrap()
            .with_orientation(Orientation::from_exif(exif).unwrap());
        let roi = roi.map(|(a, b, c, d)| {
            [a.min(c), b.min(d), (a.max(c) + 1e-3).min(1.0), (b.max(d) + 1e-3).min(1.0)]
        });
        let processing = options(roi, quarter_turns * 90);
        let expected = bytes(InstructionSet::PORTABLE, &image, &processing, dst_width, dst_height);
        let found = bytes(InstructionSet::detect(), &image, &processing, dst_width, dst_height);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_rotated_image_is_the_upright_one(
        (width, height) in (1..30usize, 1..30usize),
        exif in 1..9u8,
        seed: u64,
    ) {
        let pixels = noise(width * height * 3, seed);
        let orientation = Orientation::from_exif(exif).unwrap();
        let stored = ImageView::rgb(&pixels, width, height).unwrap().with_orientation(orientation);
        let (upright_width, upright_height) =
            if orientation.swaps_axes() { (height, width) } else { (width, height) };
        // At its own size an image is not resampled.
        let set = InstructionSet::detect();
        let upright = bytes(set, &stored, &options(None, 0), upright_width, upright_height);
        let upright = ImageView::rgb(&upright, upright_width, upright_height).unwrap();
        let processing = options(Some([0.1, 0.2, 0.9, 1.0]), 270);
        prop_assert_eq!(
            bytes(set, &stored, &processing, 17, 11),
            bytes(set, &upright, &processing, 17, 11)
        );
    }
}

fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .collect()
}

/// One pixel off, as in the reference.
#[test]
fn rotations_are_those_of_the_reference() {
    const N: usize = 64;
    let pixels = synthetic(N, N);
    let image = ImageView::rgb(&pixels, N, N).unwrap();
    let pixel = |x: usize, y: usize| pixels[(y * N + x) * 3];
    let turned = |degrees| bytes(InstructionSet::detect(), &image, &options(None, degrees), N, N);
    let [upright, right, over, left] = [0, 90, 180, -90].map(turned);
    assert_eq!(turned(450), right);
    let before = |place: usize| (N - place).min(N - 1);
    for y in 0..N {
        for x in 0..N {
            let of = |bytes: &[u8]| bytes[(y * N + x) * 3];
            assert_eq!(of(&upright), pixel(x, y));
            assert_eq!(of(&right), pixel(y, before(x)));
            assert_eq!(of(&over), pixel(before(x), before(y)));
            assert_eq!(of(&left), pixel(before(y), x));
        }
    }
}

#[test]
fn normalization_is_that_of_the_reference() {
    let pixels: Vec<u8> = (0..=255u8).flat_map(|byte| [byte; 3]).collect();
    let image = ImageView::rgb(&pixels, 256, 1).unwrap();
    let element = InputElement::F32(Normalization::new(&[127.5], &[127.5]).unwrap());
    let mut tensor = Tensor::empty();
    let spec = InputSpec::new(1, 256, element);
    MediaPipe::new().prepare(&image, &options(None, 0), &spec, &mut tensor).unwrap();
    let Data::F32(values) = tensor.data() else { panic!("{tensor:?}") };
    for (byte, value) in values.iter().step_by(3).enumerate() {
        let (low, high) = ((0f32 - 127.5) / 127.5, (255f32 - 127.5) / 127.5);
        let scaled = byte as f32 * ((high - low) / 255.0);
        assert_eq!(value.to_bits(), (scaled + low).to_bits(), "{byte}");
    }
}

#[test]
fn gray_yuv_and_long_images_have_results() {
    let set = InstructionSet::detect();
    let grey: Vec<u8> = (0..35).map(|value| value * 7).collect();
    let image = ImageView::gray(&grey, 7, 5).unwrap();
    let found = bytes(set, &image, &options(None, 0), 7, 5);
    let expected: Vec<u8> = grey.iter().flat_map(|&value| [value; 3]).collect();
    assert_eq!(found, expected);
    // Mid-gray chroma has no color.
    let (luma, chroma) = (vec![126u8; 35], vec![128u8; 4 * 3 * 2]);
    let planes = [Plane { data: &luma, row_stride: 7 }, Plane { data: &chroma, row_stride: 8 }];
    let image = ImageView::from_planes(PixelFormat::Nv12, 7, 5, &planes).unwrap();
    let found = bytes(set, &image, &options(None, 90), 4, 6);
    assert!(found.iter().all(|value| value.abs_diff(128) <= 1), "{found:?}");
    let long = vec![9; 40_000 * 3];
    for (width, height) in [(40_000, 1), (1, 40_000)] {
        let image = ImageView::rgb(&long, width, height).unwrap();
        assert_eq!(bytes(set, &image, &options(None, 0), 8, 8), vec![9; 8 * 8 * 3]);
    }
}

#[test]
fn wrong_regions_and_rotations_are_refused() {
    let pixels = [0; 12];
    let image = ImageView::rgb(&pixels, 2, 2).unwrap();
    let refusal = |processing: &ImageProcessingOptions| {
        let spec = InputSpec::new(4, 4, InputElement::U8);
        let error =
            MediaPipe::new().prepare(&image, processing, &spec, &mut Tensor::empty()).unwrap_err();
        error.to_string()
    };
    let nan = f32::NAN;
    for roi in
        [[0.5, 0.0, 0.5, 1.0], [0.0, 0.9, 1.0, 0.1], [nan, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, nan]]
    {
        assert!(refusal(&options(Some(roi), 0)).starts_with("Expected RectF with left < right"));
    }
    for roi in [[-0.1, 0.0, 0.5, 1.0], [0.0, 0.0, 1.000_000_1, 1.0]] {
        assert!(
            refusal(&options(Some(roi), 0)).starts_with("Expected RectF values to be in [0,1]")
        );
    }
    let both = options(Some([nan; 4]), 45);
    assert!(refusal(&both).starts_with("Expected rotation to be a multiple of 90"));
    // Less than a pixel is a region all the same.
    let tiny = options(Some([0.5, 0.5, 0.501, 0.501]), 0);
    assert_eq!(bytes(InstructionSet::detect(), &image, &tiny, 3, 3), [0; 27]);
}
