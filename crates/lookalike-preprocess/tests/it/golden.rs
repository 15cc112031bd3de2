//! Tensors captured from tflite-support 0.4.4, or computed by an exact model of it (the YUV formats, which its Python
//! interface cannot take). Images are noise from a linear congruential generator.

use lookalike_core::InstructionSet;
use lookalike_core::{
    Data, ImageProcessingOptions, ImageView, InputElement, InputSpec, Orientation, PixelFormat,
    Plane, Preprocessor, Region, Tensor,
};
use lookalike_preprocess::TaskLibrary;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    src_w: usize,
    src_h: usize,
    dst_w: usize,
    dst_h: usize,
    #[serde(default)]
    channels: usize,
    #[serde(default)]
    format: String,
    seed: u32,
    #[serde(default)]
    orientation: Option<u8>,
    #[serde(default)]
    roi: Option<[i64; 4]>,
    crc32: u32,
}

#[derive(Deserialize)]
struct TinyCase {
    src_w: usize,
    src_h: usize,
    dst_w: usize,
    dst_h: usize,
    src: Vec<u8>,
    dst: Vec<u8>,
}

fn noise(length: usize, mut state: u32) -> Vec<u8> {
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect()
}

fn prepare(image: &ImageView<'_>, roi: Option<[i64; 4]>, width: usize, height: usize) -> Vec<u8> {
    let processing = ImageProcessingOptions {
        region_of_interest: roi.map(|[x, y, width, height]| Region::Pixels { x, y, width, height }),
        rotation_degrees: 0,
    };
    let spec = InputSpec::new(height, width, InputElement::U8);
    let tensor_of = |set| {
        let mut tensor = Tensor::empty();
        TaskLibrary::with_instruction_set(set)
            .prepare(image, &processing, &spec, &mut tensor)
            .unwrap();
        tensor
    };
    let tensor = tensor_of(InstructionSet::detect());
    assert_eq!(tensor, tensor_of(InstructionSet::PORTABLE));
    match tensor.data() {
        Data::U8(bytes) => bytes.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_captured_resize_is_equal() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../data/resize_crc.json")).unwrap();
    assert_eq!(cases.len(), 65);
    for case in cases {
        let Case { src_w, src_h, dst_w, dst_h, channels, .. } = case;
        let pixels = noise(src_w * src_h * channels, case.seed);
        let image = match channels {
            3 => ImageView::rgb(&pixels, src_w, src_h),
            4 => ImageView::rgba(&pixels, src_w, src_h),
            _ => panic!("{channels} channels"),
        };
        let found = crc32fast::hash(&prepare(&image.unwrap(), case.roi, dst_w, dst_h));
        assert_eq!(
            found, case.crc32,
            "{src_w}x{src_h}x{channels} -> {dst_w}x{dst_h}, {:?}",
            case.roi
        );
    }
}

#[test]
fn every_captured_tiny_resize_is_equal() {
    let cases: Vec<TinyCase> =
        serde_json::from_str(include_str!("../data/resize_tiny.json")).unwrap();
    assert_eq!(cases.len(), 12);
    for TinyCase { src_w, src_h, dst_w, dst_h, src, dst } in cases {
        let image = ImageView::rgb(&src, src_w, src_h).unwrap();
        assert_eq!(prepare(&image, None, dst_w, dst_h), dst, "{src_w}x{src_h} -> {dst_w}x{dst_h}");
    }
}

/// The rows of a plane with bytes behind each but the last.
fn with_padding(plane: &Plane<'_>, padding: usize) -> Vec<u8> {
    let rows: Vec<&[u8]> = plane.data.chunks(plane.row_stride).collect();
    rows.join(&vec![0xA5; padding][..])
}

#[test]
fn every_modelled_yuv_image_is_equal() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../data/yuv_crc.json")).unwrap();
    assert!(cases.len() > 250);
    for case in cases {
        let Case { src_w, src_h, .. } = case;
        let (chroma_w, chroma_h) = (src_w.div_ceil(2), src_h.div_ceil(2));
        let (luma_len, chroma_len) = (src_w * src_h, chroma_w * chroma_h);
        let bytes = noise(luma_len + 2 * chroma_len, case.seed);
        let (luma, chroma) = bytes.split_at(luma_len);
        let plane = |data, row_stride| Plane { data, row_stride };
        let luma = plane(luma, src_w);
        let (first, second) = chroma.split_at(chroma_len);
        let swapped: Vec<u8> = chroma.chunks_exact(2).flat_map(|pair| [pair[1], pair[0]]).collect();
        // The same image in the format with U and V the other way round must give the same tensor.
        let both = match case.format.as_str() {
            "NV12" => [
                (PixelFormat::Nv12, vec![luma, plane(chroma, chroma_w * 2)]),
                (PixelFormat::Nv21, vec![luma, plane(&swapped, chroma_w * 2)]),
            ],
            "I420" => [
                (PixelFormat::I420, vec![luma, plane(first, chroma_w), plane(second, chroma_w)]),
                (PixelFormat::Yv12, vec![luma, plane(second, chroma_w), plane(first, chroma_w)]),
            ],
            other => panic!("{other}"),
        };
        for (format, planes) in both {
            let orientation = Orientation::from_exif(case.orientation.unwrap()).unwrap();
            // What stands behind the rows of a plane must not matter.
            let padded: Vec<Vec<u8>> = planes.iter().map(|plane| with_padding(plane, 5)).collect();
            let pairs = planes.iter().zip(&padded);
            let padded =
                pairs.map(|(plane, data)| Plane { data, row_stride: plane.row_stride + 5 });
            for planes in [padded.collect::<Vec<_>>(), planes.clone()] {
                let image = ImageView::from_planes(format, src_w, src_h, &planes)
                    .unwrap()
                    .with_orientation(orientation);
                let found = crc32fast::hash(&prepare(&image, case.roi, case.dst_w, case.dst_h));
                assert_eq!(
                    found, case.crc32,
                    "{format} {src_w}x{src_h} -> {}x{}, {orientation:?}, {:?}",
                    case.dst_w, case.dst_h, case.roi
                );
            }
        }
    }
}

#[test]
fn the_longest_side_shrinks_to_one_pixel_by_copying() {
    let rows = [10u8, 20, 30, 40].map(|value| vec![value; 32_768 * 3]).concat();
    let image = ImageView::rgb(&rows, 32_768, 4).unwrap();
    let expected = [10, 20, 30, 40].map(|value| [value; 3]).concat();
    assert_eq!(prepare(&image, None, 1, 4), expected);
}
