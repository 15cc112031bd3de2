//! Images, regions, tensors and vectors: what is given is what is handed out, and what cannot be is refused.

use std::io;
use std::path::Path;
use std::sync::Arc;

use lookalike_core::metadata::ModelMetadata;
use lookalike_core::*;

#[test]
fn orientations_are_the_numbers_of_exif() {
    for (number, orientation) in (1..).zip(Orientation::ALL) {
        assert_eq!(Orientation::from_exif(number), Some(orientation));
        assert_eq!(orientation.exif(), number);
        assert_eq!(orientation.swaps_axes(), number >= 5);
    }
    assert_eq!((Orientation::from_exif(0), Orientation::from_exif(9)), (None, None));
    for (degrees, exif) in [(0, 1), (90, 6), (180, 3), (270, 8), (-90, 8), (720, 1)] {
        assert_eq!(Orientation::from_rotation(degrees).unwrap().exif(), exif);
        let processing = ImageProcessingOptions {
            rotation_degrees: degrees,
            ..ImageProcessingOptions::default()
        };
        assert_eq!(processing.orientation(Orientation::TopLeft).unwrap().exif(), exif);
        // What stood on its head is turned on.
        let turned = processing.orientation(Orientation::BottomRight).unwrap();
        assert_eq!(turned, Orientation::from_rotation(degrees + 180).unwrap());
    }
    let processing =
        ImageProcessingOptions { rotation_degrees: 45, ..ImageProcessingOptions::default() };
    assert!(processing.orientation(Orientation::TopLeft).is_err());
}

#[test]
fn images_keep_their_pixels() {
    let pixels: Vec<u8> = (0..18).collect();
    let image = Image::rgb(pixels.clone(), 3, 2).unwrap().with_orientation(Orientation::LeftTop);
    assert_eq!((image.pixels(), image.orientation()), (&pixels[..], Orientation::LeftTop));
    let view = image.view();
    assert_eq!((view.width(), view.height()), (3, 2));
    assert_eq!(view.orientation(), Orientation::LeftTop);
    let copy = Image::from(&view);
    assert_eq!((copy.pixels(), copy.orientation()), (&pixels[..], Orientation::LeftTop));
    let planes = vec![(vec![1; 4], 2), (vec![2; 2], 2)];
    let yuv = Image::from_planes(PixelFormat::Nv12, 2, 2, planes).unwrap();
    assert_eq!(Image::from(&yuv.view()), yuv);
    let names = [PixelFormat::Gray, PixelFormat::I420, PixelFormat::Yv12].map(|it| it.to_string());
    assert_eq!(names, ["GRAY", "I420", "YV12"]);
}

#[test]
fn regions_are_not_empty_and_begin_in_the_image() {
    let pixels = |x, y, width, height| Region::Pixels { x, y, width, height };
    assert!(pixels(0, 0, 1, 1).check().is_ok());
    for region in [pixels(-1, 0, 1, 1), pixels(0, -1, 1, 1), pixels(0, 0, 0, 1), pixels(0, 0, 1, 0)]
    {
        assert!(region.check().is_err(), "{region:?}");
        // Nothing is said of pixels here.
        assert!(region.check_fractions().is_ok());
    }
    assert!(pixels(2, 3, 4, 5).check().is_ok());
    let fractions = |left, top, right, bottom| Region::Normalized { left, top, right, bottom };
    assert!(fractions(0.0, 0.0, 1.0, 1.0).check().is_ok());
    for region in [
        fractions(0.5, 0.0, 0.5, 1.0),
        fractions(0.0, 0.5, 1.0, 0.5),
        fractions(0.6, 0.0, 0.5, 1.0),
        fractions(-0.1, 0.0, 0.5, 1.0),
        fractions(0.0, -0.1, 0.5, 1.0),
        fractions(0.0, 0.0, 1.1, 1.0),
        fractions(0.0, 0.0, 1.0, 1.1),
        fractions(f32::NAN, 0.0, 1.0, 1.0),
        fractions(0.0, 0.0, 1.0, f32::NAN),
    ] {
        assert!(region.check().is_err(), "{region:?}");
    }
    let found = fractions(0.25, 0.5, 0.75, 1.0).to_pixels(80, 40).unwrap();
    assert_eq!(found, PixelRect { x: 20, y: 20, width: 40, height: 20 });
}

#[test]
fn options_keep_what_they_are_given() {
    let threads = Threads::from_num_threads(3).unwrap();
    let options = SessionOptions::default().with_threads(threads).with_captured_stderr(true);
    assert_eq!((options.threads, options.captures_stderr), (threads, true));
    assert_eq!(threads.count().map(usize::from), Some(3));
    let limits = Limits { max_tensors: 5, max_decoder_bytes: 7, ..Limits::default() };
    let values = limits.values();
    assert_eq!(values.len(), 8);
    assert_eq!((values[1], values[7]), (("max_tensors", 5), ("max_decoder_bytes", 7)));
    let normalization = Normalization::new(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]).unwrap();
    assert_eq!(normalization.mean(), [1.0, 2.0, 3.0]);
    assert_eq!(normalization.std(), [4.0, 5.0, 6.0]);
    let grid = SampleGrid::new(vec![4, 2, 4], vec![9, 1]);
    assert_eq!((grid.rows(), grid.columns()), (&[2, 4][..], &[1, 9][..]));
}

#[test]
fn errors_of_files_say_what_the_system_said() {
    for (reason, kind, code) in [
        (io::ErrorKind::NotFound, ErrorKind::NotFound, SupportCode::FileNotFound),
        (
            io::ErrorKind::PermissionDenied,
            ErrorKind::PermissionDenied,
            SupportCode::FilePermissionDenied,
        ),
        (io::ErrorKind::Interrupted, ErrorKind::Unavailable, SupportCode::FileRead),
        (io::ErrorKind::BrokenPipe, ErrorKind::Unknown, SupportCode::FileRead),
    ] {
        let error = Error::file(Path::new("picture.jpg"), reason.into());
        assert_eq!((error.kind(), error.support_code()), (kind, Some(code)));
        assert!(error.to_string().contains("picture.jpg"), "{error}");
    }
}

fn shape(dims: &[usize]) -> Shape {
    Shape::new(dims).unwrap()
}

#[test]
fn tensors_are_written_and_copied() {
    assert_eq!(format!("{:?}", shape(&[1, 2])), "[1, 2]");
    let mut tensor = Tensor::new(shape(&[2]), Data::I8(vec![-1, 5])).unwrap();
    assert!(!tensor.as_ref().data().is_empty());
    assert!(Tensor::empty().as_ref().data().is_empty());
    // Signed bytes are kept where there were some, and are new where there were others.
    assert_eq!(tensor.reset_i8(shape(&[3])), [-1, 5, 0]);
    assert_eq!(tensor.shape().dims(), [3]);
    tensor.reset_f32(shape(&[1]))[0] = 2.0;
    assert_eq!(tensor.data(), &Data::F32(vec![2.0]));
    assert_eq!(tensor.reset_i8(shape(&[1, 2])), [0, 0]);
    assert_eq!(tensor.data(), &Data::I8(vec![0, 0]));
    for data in [Data::F32(vec![1.0, 2.0]), Data::I8(vec![3, -4]), Data::U8(vec![5, 6])] {
        let source = Tensor::new(shape(&[2]), data).unwrap();
        for _ in 0..2 {
            tensor.copy_from(source.as_ref());
            assert_eq!(tensor, source);
            tensor = Tensor::new(shape(&[2]), tensor.data().clone()).unwrap();
        }
        // The same type again, with other values.
        let other = Tensor::new(
            shape(&[1]),
            match source.data() {
                Data::F32(_) => Data::F32(vec![9.0]),
                Data::I8(_) => Data::I8(vec![9]),
                _ => Data::U8(vec![9]),
            },
        );
        let other = other.unwrap();
        tensor.copy_from(other.as_ref());
        assert_eq!(tensor, other);
    }
}

#[test]
fn a_run_gets_what_the_model_declares() {
    let info = |shape: &[i32], signature: &[i32], element_type| {
        let mut info = TensorInfo::new("image", signature.to_vec(), element_type);
        info.shape = shape.to_vec();
        info
    };
    let inputs = vec![
        info(&[1, 4, 4, 3], &[-1, -1, 4, 3], TensorType::FLOAT32),
        info(&[1, 2], &[1, 2], TensorType::INT8),
    ];
    let io = ModelIo::new(inputs, vec![info(&[1, 8], &[1, 8], TensorType::FLOAT32)]);
    let tensor = |dims: &[usize]| {
        let count = dims.iter().product();
        Tensor::new(shape(dims), Data::F32(vec![0.0; count])).unwrap()
    };
    let bytes = |data| Tensor::new(shape(&[1, 2]), data).unwrap();
    let signed = bytes(Data::I8(vec![0; 2]));
    let check = |image: &Tensor, other: &Tensor, outputs| {
        io.check_run(&[image.as_ref(), other.as_ref()], outputs)
    };
    let image = tensor(&[1, 4, 4, 3]);
    assert!(check(&image, &signed, 1).is_ok());
    // The rows are open, the batch is not.
    assert!(check(&tensor(&[1, 9, 4, 3]), &signed, 1).is_ok());
    for wrong in [&[2, 4, 4, 3][..], &[1, 0, 4, 3], &[1, 4, 5, 3], &[1, 4, 4], &[1, 4, 4, 3, 1]] {
        assert!(check(&tensor(wrong), &signed, 1).is_err(), "{wrong:?}");
    }
    assert!(check(&image, &bytes(Data::U8(vec![0; 2])), 1).is_err());
    assert!(check(&image, &tensor(&[1, 2]), 1).is_err());
    assert!(check(&image, &signed, 0).is_err());
    assert!(check(&image, &signed, 2).is_err());
    assert!(io.check_run(&[image.as_ref()], 1).is_err());
    // Floats of 16 bits are brought in 32.
    let half = ModelIo::new(vec![info(&[1, 2], &[1, 2], TensorType::FLOAT16)], vec![]);
    assert!(half.check_run(&[tensor(&[1, 2]).as_ref()], 0).is_ok());
    assert!(half.check_run(&[signed.as_ref()], 0).is_err());
}

#[test]
fn models_of_onnx_are_what_their_reader_says() {
    let io = ModelIo::new(vec![TensorInfo::new("image", vec![1, 2], TensorType::FLOAT32)], vec![]);
    let operators = vec![OperatorInfo::named("Conv")];
    let metadata = ModelMetadata { name: Some("name".to_owned()), ..ModelMetadata::default() };
    let model = OnnxModel::new(vec![1, 2, 3], io.clone(), operators.clone(), metadata.clone());
    assert_eq!((model.bytes(), model.io()), (&[1, 2, 3][..], &io));
    assert_eq!((model.operators(), model.metadata()), (&operators[..], &metadata));
    assert!(format!("{model:?}").contains("bytes: 3"));
    let model = Model::Onnx(model);
    assert_eq!((model.bytes(), model.io()), (&[1, 2, 3][..], &io));
    assert!(model.require_tflite("native").is_err());
}

#[test]
fn heads_take_as_many_finite_values_as_they_have() {
    let io = ModelIo::new(
        vec![TensorInfo::new("image", vec![1, 2], TensorType::FLOAT32)],
        vec![TensorInfo::new("vector", vec![1, 2], TensorType::FLOAT32)],
    );
    let model = OnnxModel::new(vec![], io, vec![], ModelMetadata::default());
    let head = &HeadSpec::from_model(&Model::Onnx(model)).unwrap()[0];
    let vector = |values: &[f32], l2, quantizes| {
        let tensor = Tensor::new(shape(&[1, values.len()]), Data::F32(values.to_vec())).unwrap();
        head.feature_vector(tensor.as_ref(), l2, quantizes)
    };
    assert_eq!(vector(&[3.0, 4.0], false, false).unwrap(), vec![3.0, 4.0].into());
    assert_eq!(vector(&[3.0, 4.0], true, false).unwrap(), vec![0.6, 0.8].into());
    assert_eq!(vector(&[0.5, -0.25], false, true).unwrap(), vec![64_i8, -32].into());
    assert_eq!(vector(&[3.0, 4.0, f32::NAN], false, false).unwrap(), vec![3.0, 4.0].into());
    let error = vector(&[3.0], false, false).unwrap_err().to_string();
    assert!(error.contains("has 1 values instead of 2"), "{error}");
    let error = vector(&[3.0, f32::INFINITY], false, false).unwrap_err().to_string();
    assert!(error.contains("value 1 of output 0"), "{error}");
}

#[test]
fn vectors_are_compared_and_gone_through() {
    let of = |values: &[f32]| FeatureVector::from(values.to_vec());
    assert_eq!(of(&[1.0, 2.0]).cosine(&of(&[2.0, 4.0])).unwrap(), 1.0);
    assert!((of(&[1.0, 0.0]).cosine(&of(&[3.0, 4.0])).unwrap() - 0.6).abs() < 1e-15);
    assert_eq!(of(&[1.0, 0.0]).cosine(&of(&[-3.0, 0.0])).unwrap(), -1.0);
    // Products beyond what 32 bits hold, of one vector or of the other alone, are computed in 64.
    for (u, v) in [([1e30, 0.0], [3.0, 4.0]), ([3.0, 4.0], [1e30, 0.0])] {
        assert!((of(&u).cosine(&of(&v)).unwrap() - 0.6).abs() < 1e-6);
    }
    let bytes = FeatureVector::from(vec![3_i8, 4]);
    assert!((bytes.cosine(&FeatureVector::from(vec![1_i8, 0])).unwrap() - 0.6).abs() < 1e-15);
    let embedding = |value| Embedding::new(0, Some(Arc::from("head")), of(&[value]));
    let result = EmbeddingResult::new(vec![embedding(1.0), embedding(2.0)]);
    let borrowed: Vec<&Embedding> = (&result).into_iter().collect();
    assert_eq!(borrowed, result.embeddings.iter().collect::<Vec<_>>());
    assert_eq!(borrowed.len(), 2);
}

/// A profile that looks at all pixels.
#[derive(Debug)]
struct Whole;

impl Preprocessor for Whole {
    fn name(&self) -> &'static str {
        "whole"
    }

    fn prepare(
        &self,
        _: &ImageView<'_>,
        _: &ImageProcessingOptions,
        _: &InputSpec,
        _: &mut Tensor,
    ) -> Result<()> {
        Ok(())
    }
}

#[test]
fn profiles_need_all_pixels_unless_they_say_otherwise() {
    let pixels = [0; 3];
    let view = ImageView::rgb(&pixels, 1, 1).unwrap();
    let (processing, spec) =
        (ImageProcessingOptions::default(), InputSpec::new(1, 1, InputElement::U8));
    assert_eq!(Whole.sampling((&view).into(), &processing, &spec), None);
    let grid = SampleGrid::new(vec![0], vec![0]);
    let sampled = SampledImage::new(view, &grid, 1, 1).unwrap();
    let error = Whole.prepare_sampled(&sampled, &processing, &spec, &mut Tensor::empty());
    assert!(error.unwrap_err().to_string().contains("whole needs all pixels"));
}
