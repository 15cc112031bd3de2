//! The profile `antialias`, where its results are known.

use lookalike_core::{
    Data, ImageProcessingOptions, ImageView, InputElement, InputSpec, Orientation, PixelFormat,
    Plane, Preprocessor, Region, Tensor,
};
use lookalike_preprocess::Antialias;

fn bytes(
    image: &ImageView<'_>,
    region: Option<Region>,
    rotation_degrees: i32,
    width: usize,
    height: usize,
) -> Vec<u8> {
    let processing = ImageProcessingOptions { region_of_interest: region, rotation_degrees };
    let spec = InputSpec::new(height, width, InputElement::U8);
    let mut tensor = Tensor::empty();
    Antialias::new().prepare(image, &processing, &spec, &mut tensor).unwrap();
    match tensor.data() {
        Data::U8(bytes) => bytes.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_pixel_counts() {
    // Columns of black and white finer than the tensor: the references see one or the other. At the border the filter is cut
    // off, and not quite fair.
    let pixels: Vec<u8> =
        (0..400 * 30).flat_map(|index| [if index % 2 == 0 { 0 } else { 255 }; 3]).collect();
    let image = ImageView::rgb(&pixels, 400, 30).unwrap();
    for value in bytes(&image, None, 0, 40, 30) {
        assert!(value.abs_diff(127) <= 8, "{value}");
    }
}

#[test]
fn an_image_of_the_right_size_is_copied_and_rotated() {
    let pixels: Vec<u8> = (0..5 * 4 * 3).map(|value| value * 4).collect();
    let image = ImageView::rgb(&pixels, 5, 4).unwrap();
    assert_eq!(bytes(&image, None, 0, 5, 4), pixels);
    let pixel = |x: usize, y: usize| &pixels[(y * 5 + x) * 3..][..3];
    let right = bytes(&image, None, 90, 4, 5);
    for y in 0..5 {
        for x in 0..4 {
            assert_eq!(&right[(y * 4 + x) * 3..][..3], pixel(y, 3 - x));
        }
    }
    // The camera's turn and the caller's are the same turn.
    let turned = image.with_orientation(Orientation::RightTop);
    assert_eq!(bytes(&turned, None, 0, 4, 5), right);
}

#[test]
fn alpha_strides_and_regions_are_taken_care_of() {
    let plain: Vec<u8> = (0..6 * 4 * 3).map(|value| value * 3).collect();
    let image = ImageView::rgb(&plain, 6, 4).unwrap();
    let mut padded = Vec::new();
    for row in plain.chunks(18) {
        for pixel in row.chunks(3) {
            padded.extend_from_slice(pixel);
            padded.push(pixel[0] / 2);
        }
        padded.extend([9; 5]);
    }
    let plane = Plane { data: &padded, row_stride: 29 };
    let rgba = ImageView::from_planes(PixelFormat::Rgba, 6, 4, &[plane]).unwrap();
    let fractions = Region::Normalized { left: 0.5, top: 0.25, right: 1.0, bottom: 1.0 };
    let pixels = Region::Pixels { x: 3, y: 1, width: 3, height: 3 };
    let expected = bytes(&image, Some(pixels), 180, 2, 7);
    assert_eq!(bytes(&rgba, Some(pixels), 180, 2, 7), expected);
    assert_eq!(bytes(&image, Some(fractions), 180, 2, 7), expected);
}

#[test]
fn wrong_regions_are_refused() {
    let image = ImageView::rgb(&[0; 12], 2, 2).unwrap();
    let spec = InputSpec::new(4, 4, InputElement::U8);
    for region in [
        Region::Normalized { left: f32::NAN, top: 0.0, right: 1.0, bottom: 1.0 },
        Region::Normalized { left: 0.0, top: 0.0, right: 1.5, bottom: 1.0 },
        Region::Pixels { x: 1, y: 0, width: 2, height: 1 },
    ] {
        let processing =
            ImageProcessingOptions { region_of_interest: Some(region), rotation_degrees: 0 };
        let result = Antialias::new().prepare(&image, &processing, &spec, &mut Tensor::empty());
        assert!(result.is_err(), "{region:?}");
    }
}

#[test]
fn a_long_image_does_not_ask_for_all_memory() {
    let pixels = vec![9; 3 << 21];
    let spec = InputSpec::new(224, 224, InputElement::U8);
    let prepare = |width, height| {
        let image = ImageView::rgb(&pixels, width, height).unwrap();
        let processing = ImageProcessingOptions::default();
        Antialias::new().prepare(&image, &processing, &spec, &mut Tensor::empty())
    };
    assert!(prepare(2_000_000, 1).unwrap_err().to_string().contains("in between"));
    assert!(prepare(1, 2_000_000).is_ok());
    assert!(prepare(1, 1 << 21).unwrap_err().to_string().contains("a side of 2097152 pixels"));
}

#[test]
fn rounding_does_not_carry_a_region_over_the_border() {
    let pixels = vec![9; 109 * 3];
    let image = ImageView::rgb(&pixels, 109, 1).unwrap();
    let region = Region::Normalized { left: 3.347_11e-10, top: 0.0, right: 1.0, bottom: 1.0 };
    assert_eq!(bytes(&image, Some(region), 0, 3, 1), [9; 9]);
}
