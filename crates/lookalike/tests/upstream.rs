//! The tests that the two reference libraries ship, under their names; `docs/reference-tests.md` has the table.
//!
//! Their model is not public. Ours is another one, on which the references were asked for the numbers. Tests on public files are
//! listed as ignored where `models/cache/` lacks them, and fail if `LOOKALIKE_REQUIRE_MODELS` is set.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, mpsc};

use libtest_mimic::{Arguments, Failed, Trial};
use lookalike::{
    BackendInfo, Data, DecodeOptions, ErrorKind, Exif, FeatureVector, Image, ImageEmbedder,
    ImageEmbedderOptions, ImageProcessingOptions, ImageView, InferenceBackend, InputElement,
    InputSpec, LiveStreamEmbedder, LoadedModel, MediaPipe, Model, Normalization, OperatorInfo,
    PixelFormat, Preprocessor, Region, SessionOptions, SupportCode, TaskLibrary, Tensor,
    VideoEmbedder, backend, cosine_similarity, decode, decode_file, preprocessor, read_model,
};
use lookalike_core::{l2_normalize, scalar_quantize};
use npyz::NpyFile;
use serde::Deserialize;

const MODEL: &str = "mobilenet_v3_small.tflite";
const BURGER: &str = "decoded_burger.jpg.npy";
const CROP: &str = "decoded_burger_crop.jpg.npy";

fn main() -> ExitCode {
    let files: &[&str] = &[MODEL, BURGER, CROP];
    let trials = vec![
        // Task Library, C++.
        trial(
            "task_library/cpp/CreateFromOptionsTest.SucceedsWithSelectiveOpResolver",
            files,
            || {
                task_library().build().unwrap();
            },
        ),
        trial(
            "task_library/cpp/CreateFromOptionsTest.FailsWithSelectiveOpResolverMissingOps",
            &[],
            operators_are_missing,
        ),
        trial(
            "task_library/cpp/CreateFromOptionsTest.FailsWithMissingModel",
            &[],
            no_model_is_given,
        ),
        trial(
            "task_library/cpp/CosineSimilarityTest.FailsWithDifferentFeatureVectorTypes",
            &[],
            types_differ,
        ),
        trial(
            "task_library/cpp/CosineSimilarityTest.FailsWithDifferentFeatureVectorSizes",
            &[],
            sizes_differ,
        ),
        trial("task_library/cpp/CosineSimilarityTest.FailsWithZeroNorm", &[], norms_are_zero),
        trial("task_library/cpp/CosineSimilarityTest.Succeeds", &[], cosines_of_known_vectors),
        trial("task_library/cpp/EmbedTest.SucceedsWithoutL2Normalization", files, || {
            compare(task_library(), None, 0.919_839_046_559_93, [0.308_115_7, 0.782_587_65]);
        }),
        trial("task_library/cpp/EmbedTest.SucceedsWithL2Normalization", files, || {
            let options = task_library().l2_normalize(true);
            compare(options, None, 0.919_839_042_971_965, [0.019_148_715, 0.048_611_98]);
        }),
        trial("task_library/cpp/EmbedTest.SucceedsWithQuantization", files, || {
            let options = task_library().l2_normalize(true).quantize(true);
            compare(options, None, 0.915_840_339_440_631_7, [2.0, 6.0]);
        }),
        trial("task_library/cpp/EmbedTest.SucceedsWithRegionOfInterest", files, || {
            let region = Region::Pixels { x: 0, y: 0, width: 400, height: 325 };
            let first = [0.773_861_35, 0.782_587_65];
            compare(task_library(), Some(region), 0.999_938_676_291_159_8, first);
        }),
        trial("task_library/cpp/GetEmbeddingDimension.Succeeds", files, || {
            let embedder = task_library().build().unwrap();
            assert_eq!(embedder.embedding_dimension(0), Some(1024));
            assert_eq!(embedder.embedding_dimension(1), None);
        }),
        trial("task_library/cpp/GetNumberOfOutputLayers.Succeeds", files, || {
            assert_eq!(task_library().build().unwrap().number_of_output_layers(), 1);
        }),
        trial(
            "task_library/cpp/DynamicInputTest.GoldenImageComparison",
            &["dilated_conv.tflite", BURGER],
            open_input_is_the_picture,
        ),
        trial(
            "task_library/cpp/DynamicInputTest.OutputDimensionCheck",
            &["dilated_conv.tflite", BURGER],
            open_output_has_the_size_of_the_picture,
        ),
        // Task Library, Python.
        trial(
            "task_library/python/test_create_from_file_succeeds_with_valid_model_path",
            files,
            || {
                ImageEmbedder::from_file(cached(MODEL)).unwrap();
            },
        ),
        trial(
            "task_library/python/test_create_from_options_succeeds_with_valid_model_content",
            files,
            || {
                ImageEmbedder::builder()
                    .model_bytes(fs::read(cached(MODEL)).unwrap())
                    .build()
                    .unwrap();
            },
        ),
        trial(
            "task_library/python/test_create_from_options_fails_with_invalid_model_path",
            &[],
            no_model_is_given,
        ),
        trial("task_library/python/test_embed", files, || {
            let bytes = ImageEmbedder::builder().model_bytes(fs::read(cached(MODEL)).unwrap());
            let options = bytes.l2_normalize(true).quantize(true);
            compare(options, None, 0.915_840_339_440_631_7, [2.0, 6.0]);
        }),
        trial("task_library/python/test_get_embedding_by_index", files, || {
            let embedder = task_library().build().unwrap();
            let pixels = Pixels::read(BURGER);
            let result = embedder.embed(pixels.view()).unwrap();
            assert_eq!(result.embeddings[0].feature_vector.len(), 1024);
            assert!(result.embeddings.get(1).is_none());
        }),
        trial(
            "task_library/python/tensor_image_test.test_create_from_file",
            &["burger.jpg", "burger_crop.jpg", BURGER, CROP],
            pictures_are_read,
        ),
        trial(
            "task_library/python/tensor_image_test.test_create_from_array",
            &[],
            arrays_are_taken_as_they_are,
        ),
        trial(
            "task_library/python/tensor_image_test.test_create_from_buffer",
            &["burger.jpg"],
            || {
                let bytes = fs::read(cached("burger.jpg")).unwrap();
                let of_file = decode_file(cached("burger.jpg"), &as_stored()).unwrap();
                assert_eq!(decode(&bytes, &as_stored()).unwrap(), of_file);
            },
        ),
        // The same models and images beyond what the references test.
        trial(
            "task_library/prepared_pixels_are_equal",
            &[BURGER, CROP, "task_library_images.json"],
            prepared_pixels_are_equal,
        ),
        trial(
            "task_library/cosines_from_files_are_equal",
            &[MODEL, BURGER, "burger.jpg", "burger_crop.jpg"],
            cosines_from_files_are_equal,
        ),
        trial(
            "built_in/near_duplicates_are_found",
            &["burger.jpg", "burger_crop.jpg", "burger-224.png", "cats_and_dogs.jpg"],
            near_duplicates_are_found,
        ),
        // MediaPipe, Python, C++, C.
        trial("mediapipe/python/test_create_from_model_path", files, || {
            media_pipe().build().unwrap();
        }),
        trial(
            "mediapipe/python/test_create_from_options_fails_with_invalid_model_path",
            &[],
            || {
                let error = ImageEmbedder::from_file("/path/to/invalid/model.tflite").unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NotFound);
                assert!(
                    error
                        .to_string()
                        .starts_with("Unable to open file at /path/to/invalid/model.tflite")
                );
            },
        ),
        trial("mediapipe/python/test_embed", files, || {
            compare(media_pipe(), None, 0.920_011_312_6, [0.244_793_6, 0.614_507_3]);
        }),
        trial("mediapipe/python/test_embed_l2", files, || {
            let embedder = media_pipe().l2_normalize(true).build().unwrap();
            let (u, v) = (vector(&embedder, BURGER, None, 0), vector(&embedder, CROP, None, 0));
            assert_near(cosine_similarity(&u, &v).unwrap(), 0.920_011_312_7, 1e-6);
            let squares = u.as_float().unwrap().iter().map(|value| value * value).sum::<f32>();
            assert_near(squares.into(), 1.0, 1e-5);
        }),
        trial("mediapipe/python/test_embed_quantize", files, || {
            let embedder = media_pipe().quantize(true).build().unwrap();
            let (u, v) = (vector(&embedder, BURGER, None, 0), vector(&embedder, CROP, None, 0));
            assert_near(cosine_similarity(&u, &v).unwrap(), 0.904_716_129_4, 1e-3);
            assert_eq!(u.as_quantized().unwrap()[..5], [31, 0, -45, -35, -46]);
        }),
        trial("mediapipe/python/test_embed_with_roi", files, || {
            let embedder = media_pipe().build().unwrap();
            let (u, v) =
                (vector(&embedder, BURGER, Some(ROI), 0), vector(&embedder, CROP, None, 0));
            assert_near(cosine_similarity(&u, &v).unwrap(), 0.999_957_441_7, 1e-6);
        }),
        trial("mediapipe/python/test_embed_for_video", files, || video(None, 0.920_011_312_6)),
        trial(
            "mediapipe/python/test_embed_for_video_succeeds_with_region_of_interest",
            files,
            || video(Some(ROI), 0.999_957_441_7),
        ),
        trial(
            "mediapipe/python/test_calling_embed_for_video_with_out_of_order_timestamp",
            files,
            || {
                let video = VideoEmbedder::new(media_pipe().build().unwrap());
                let pixels = Pixels::read(BURGER);
                video.embed(pixels.view(), 1).unwrap();
                let error = video.embed(pixels.view(), 0).unwrap_err();
                assert!(
                    error
                        .to_string()
                        .starts_with("Input timestamp must be monotonically increasing")
                );
            },
        ),
        trial("mediapipe/python/test_embed_async_calls", files, || live_stream(None)),
        trial("mediapipe/python/test_embed_async_succeeds_with_region_of_interest", files, || {
            live_stream(Some(ROI))
        }),
        trial(
            "mediapipe/python/test_calling_embed_async_with_out_of_order_timestamp",
            files,
            || {
                let stream =
                    LiveStreamEmbedder::new(media_pipe().build().unwrap(), |_, _, _| {}).unwrap();
                let frame = Image::from(&Pixels::read(BURGER).view());
                stream.send(frame.clone(), 1).unwrap();
                assert!(stream.send(frame, 0).is_err());
            },
        ),
        trial("mediapipe/cpp/ImageModeTest.SucceedsWithRotation", files, || {
            // The same image turned, by the reference on the same file.
            let embedder = media_pipe().build().unwrap();
            let upright = vector(&embedder, BURGER, None, 0);
            for (rotation, expected) in [
                (90, 0.602_603_361),
                (180, 0.696_694_902),
                (270, 0.572_286_865),
                (-90, 0.572_286_865),
            ] {
                let turned = vector(&embedder, BURGER, None, rotation);
                assert_near(cosine_similarity(&upright, &turned).unwrap(), expected, 1e-6);
            }
        }),
        trial("mediapipe/cpp/ImageModeTest.SucceedsWithRegionOfInterestAndRotation", files, || {
            let embedder = media_pipe().build().unwrap();
            let region = Region::Normalized { left: 0.1, top: 0.2, right: 0.9, bottom: 0.7 };
            let (u, v) =
                (vector(&embedder, BURGER, None, 0), vector(&embedder, BURGER, Some(region), 90));
            assert_near(cosine_similarity(&u, &v).unwrap(), 0.530_316_002, 1e-6);
        }),
        trial("mediapipe/cpp/VideoModeTest.Succeeds", files, || {
            let video = VideoEmbedder::new(media_pipe().build().unwrap());
            let pixels = Pixels::read(BURGER);
            let first = video.embed(pixels.view(), 0).unwrap();
            for timestamp_ms in 1..100 {
                let result = video.embed(pixels.view(), timestamp_ms).unwrap();
                assert_eq!(result.timestamp_ms, Some(timestamp_ms));
                let [u, v] = [&first, &result].map(|result| &result.embeddings[0].feature_vector);
                assert_near(cosine_similarity(u, v).unwrap(), 1.0, 1e-6);
            }
        }),
        trial("mediapipe/c/InvalidArgumentHandling", &[], no_model_is_given),
        // MediaPipe, the parts of the graph and the web.
        trial("mediapipe/calculator/SucceedsWithL2Normalization", &[], || {
            for (mut values, expected) in [
                ([0.1f32, 0.2], [0.447_213_56, 0.894_427_1]),
                ([-0.2, -0.3], [-0.554_700_2, -0.832_050_3]),
            ] {
                l2_normalize(&mut values);
                for (found, expected) in values.iter().zip(expected) {
                    assert!((found - expected).abs() <= 1e-7, "{found}");
                }
            }
        }),
        trial("mediapipe/calculator/SucceedsWithQuantization", &[], || {
            assert_eq!(scalar_quantize(&[0.1, 0.2]), [13, 26]);
            assert_eq!(scalar_quantize(&[-0.2, -0.3]), [-26, -38]);
        }),
        trial("mediapipe/calculator/SucceedsWithQuantizationAndL2Normalization", &[], || {
            for (mut values, expected) in [([0.1f32, 0.2], [57, 114]), ([-0.2, -0.3], [-71, -107])]
            {
                l2_normalize(&mut values);
                assert_eq!(scalar_quantize(&values), expected);
            }
        }),
        trial(
            "mediapipe/postprocessing/SucceedsWithHeadNames",
            &[MODEL, "automl_labeler_model.tflite"],
            || {
                for (model, expected) in
                    [(MODEL, "feature"), ("automl_labeler_model.tflite", "probability")]
                {
                    let embedder = ImageEmbedder::from_file(cached(model)).unwrap();
                    assert_eq!(embedder.heads()[0].name.as_deref(), Some(expected));
                    let chosen = ImageEmbedder::builder()
                        .model_file(cached(model))
                        .head_allowlist([expected]);
                    assert_eq!(chosen.build().unwrap().number_of_output_layers(), 1);
                }
            },
        ),
        trial("mediapipe/preprocessing/RangeOfFloats", &[], || {
            let element = InputElement::F32(Normalization::new(&[127.5], &[127.5]).unwrap());
            let mut tensor = Tensor::empty();
            let image = ImageView::rgb(&[0, 128, 255], 1, 1).unwrap();
            let spec = InputSpec::new(2, 2, element);
            MediaPipe::new().prepare(&image, &whole(), &spec, &mut tensor).unwrap();
            let Data::F32(values) = tensor.data() else { panic!("{tensor:?}") };
            assert_eq!((values[0], values[2]), (-1.0, 1.0));
        }),
        trial("mediapipe/web/VisionTaskRunner.ErrorsOfRegionAndRotation", &[], errors_of_regions),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// The region that makes the burger what its crop is.
const ROI: Region = Region::Normalized { left: 0.0, top: 0.0, right: 0.833_333, bottom: 1.0 };

fn trial(name: &'static str, files: &'static [&'static str], test: fn()) -> Trial {
    let missing = files.iter().copied().find(|file| !cached(file).exists());
    let required = env::var_os("LOOKALIKE_REQUIRE_MODELS").is_some();
    match missing {
        None => Trial::test(name, move || {
            test();
            Ok(())
        }),
        Some(file) if required => {
            Trial::test(name, move || Err(Failed::from(format!("models/cache/{file} is missing"))))
        }
        Some(file) => Trial::test(name, || Ok(()))
            .with_kind(format!("needs models/cache/{file}: cargo xtask models fetch"))
            .with_ignored_flag(true),
    }
}

fn cached(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models/cache").join(name)
}

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models/fixtures").join(name)
}

/// Pixels as the references decode them.
struct Pixels {
    bytes: Vec<u8>,
    width: usize,
    height: usize,
}

impl Pixels {
    fn read(name: &str) -> Self {
        let bytes = fs::read(cached(name)).unwrap();
        let array = NpyFile::new(&bytes[..]).unwrap();
        let [height, width] = [array.shape()[0], array.shape()[1]].map(|extent| extent as usize);
        Self { bytes: array.into_vec().unwrap(), width, height }
    }

    fn view(&self) -> ImageView<'_> {
        ImageView::rgb(&self.bytes, self.width, self.height).unwrap()
    }
}

fn task_library() -> ImageEmbedderOptions {
    ImageEmbedder::builder().model_file(cached(MODEL))
}

fn media_pipe() -> ImageEmbedderOptions {
    task_library().preprocessor(preprocessor("mediapipe").unwrap())
}

fn whole() -> ImageProcessingOptions {
    ImageProcessingOptions::default()
}

fn vector(
    embedder: &ImageEmbedder,
    picture: &str,
    region_of_interest: Option<Region>,
    rotation_degrees: i32,
) -> FeatureVector {
    let processing = ImageProcessingOptions { region_of_interest, rotation_degrees };
    let pixels = Pixels::read(picture);
    let mut result = embedder.embed_with(pixels.view(), &processing).unwrap();
    assert_eq!(result.embeddings.len(), 1);
    let embedding = result.embeddings.remove(0);
    assert_eq!((embedding.head_index, embedding.feature_vector.len()), (0, 1024));
    embedding.feature_vector
}

fn assert_near(found: f64, expected: f64, most: f64) {
    assert!((found - expected).abs() <= most, "{found} instead of {expected}");
}

/// The cosine of the burger, or a region of it, and its crop, and the first value of each.
fn compare(options: ImageEmbedderOptions, region: Option<Region>, cosine: f64, first: [f32; 2]) {
    let embedder = options.build().unwrap();
    let vectors = [vector(&embedder, BURGER, region, 0), vector(&embedder, CROP, None, 0)];
    // One step of a quantized value moves the cosine.
    let most = if vectors[0].as_quantized().is_some() { 1e-3 } else { 1e-6 };
    assert_near(cosine_similarity(&vectors[0], &vectors[1]).unwrap(), cosine, most);
    for (found, expected) in vectors.iter().zip(first) {
        let found = match found {
            FeatureVector::Float(values) => values[0],
            FeatureVector::Quantized(values) => values[0].into(),
        };
        assert!((found - expected).abs() <= 1e-4, "{found} instead of {expected}");
    }
}

/// An engine with no operators.
#[derive(Debug)]
struct Bare;

impl InferenceBackend for Bare {
    fn name(&self) -> &'static str {
        "bare"
    }

    fn check(&self) -> lookalike::Result<BackendInfo> {
        Ok(BackendInfo::built_in("1"))
    }

    fn has_operator(&self, _operator: &OperatorInfo) -> bool {
        false
    }

    fn load(
        &self,
        model: &Model,
        options: &SessionOptions,
    ) -> lookalike::Result<Arc<dyn LoadedModel>> {
        let name = "The backend `bare`";
        let tflite = model.require_tflite(name)?;
        tflite.check_operators(name, |operator| self.has_operator(operator))?;
        backend("native")?.load(model, options)
    }
}

fn operators_are_missing() {
    let options = ImageEmbedder::builder().model_file(fixture("two_heads.tflite"));
    let error = options.custom_backend(Arc::new(Bare)).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert_eq!(error.support_code(), Some(SupportCode::UnsupportedBuiltinOp));
    assert!(error.to_string().contains("Didn't find op for builtin opcode"), "{error}");
}

fn no_model_is_given() {
    let error = ImageEmbedder::from_file("").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert_eq!(error.support_code(), Some(SupportCode::InvalidArgument));
    let words = "ExternalFile must specify at least one of 'file_content', 'file_name'";
    assert!(error.to_string().starts_with(words), "{error}");
}

fn cosine_error(u: FeatureVector, v: FeatureVector) -> String {
    let error = cosine_similarity(&u, &v).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert_eq!(error.support_code(), Some(SupportCode::InvalidArgument));
    error.to_string()
}

fn types_differ() {
    let error = cosine_error(FeatureVector::Float(vec![0.1]), FeatureVector::Quantized(vec![1]));
    assert!(error.contains("quantized and float"), "{error}");
}

fn sizes_differ() {
    let float = |count| FeatureVector::Float(vec![0.1; count]);
    assert!(cosine_error(float(1), float(2)).contains("different sizes"));
    let bytes = |count| FeatureVector::Quantized(vec![1; count]);
    assert!(cosine_error(bytes(1), bytes(2)).contains("different sizes"));
}

fn norms_are_zero() {
    let float = |value| FeatureVector::Float(vec![value; 2]);
    assert!(cosine_error(float(0.1), float(0.0)).contains("0 norm"));
    let bytes = |value| FeatureVector::Quantized(vec![value; 2]);
    assert!(cosine_error(bytes(0), bytes(1)).contains("0 norm"));
}

fn cosines_of_known_vectors() {
    let (u, v) = (vec![1.0, 0.0, 0.0, 0.0], vec![0.5; 4]);
    let cosine = cosine_similarity(&FeatureVector::Float(u), &FeatureVector::Float(v)).unwrap();
    assert_eq!(cosine, 0.5);
    let bytes = |value| FeatureVector::Quantized(vec![value, 0, 0, 0]);
    assert_eq!(cosine_similarity(&bytes(127), &bytes(-128)).unwrap(), -1.0);
}

/// The tensor of the burger for the model that leaves its size open.
fn open_input(model: &Model, pixels: &Pixels) -> Tensor {
    let spec = InputSpec::from_model(model, None).unwrap();
    assert_eq!((spec.width, spec.height), (None, None));
    let mut tensor = Tensor::empty();
    TaskLibrary::new().prepare(&pixels.view(), &whole(), &spec, &mut tensor).unwrap();
    tensor
}

fn open_input_is_the_picture() {
    let (model, pixels) =
        (read_model(cached("dilated_conv.tflite")).unwrap(), Pixels::read(BURGER));
    let tensor = open_input(&model, &pixels);
    assert_eq!(tensor.shape().dims(), [1, 325, 480, 3]);
    let InputElement::F32(normalization) = InputSpec::from_model(&model, None).unwrap().element
    else {
        panic!("the model takes no floats")
    };
    let (mean, std) = (normalization.mean(), normalization.std());
    let Data::F32(values) = tensor.data() else { panic!("{tensor:?}") };
    for (index, (value, &byte)) in values.iter().zip(&pixels.bytes).enumerate() {
        let expected = (f32::from(byte) - mean[index % 3]) / std[index % 3];
        assert!((value - expected).abs() <= 1e-6, "{value} instead of {expected}");
    }
}

fn open_output_has_the_size_of_the_picture() {
    let (model, pixels) =
        (read_model(cached("dilated_conv.tflite")).unwrap(), Pixels::read(BURGER));
    let tensor = open_input(&model, &pixels);
    let loaded = backend("native").unwrap().load(&model, &SessionOptions::default()).unwrap();
    let mut session = loaded.session().unwrap();
    let mut outputs = [Tensor::empty()];
    session.run(&[tensor.as_ref()], &mut outputs).unwrap();
    assert_eq!(outputs[0].shape().dims(), [1, 325, 480, 16]);
}

/// As the references decode: without EXIF.
fn as_stored() -> DecodeOptions {
    DecodeOptions { exif: Exif::Ignore, ..DecodeOptions::default() }
}

fn pictures_are_read() {
    let picture = decode_file(cached("burger.jpg"), &as_stored()).unwrap();
    assert_eq!((picture.width(), picture.height(), picture.format()), (480, 325, PixelFormat::Rgb));
    let pixels = picture.pixels();
    assert_eq!((pixels[0], pixels[324 * 480 * 3 + 479 * 3 + 2]), (231, 68));
    for (file, decoded) in [("burger.jpg", BURGER), ("burger_crop.jpg", CROP)] {
        let picture = decode_file(cached(file), &as_stored()).unwrap();
        assert!(picture.pixels() == Pixels::read(decoded).bytes, "{file}");
    }
}

fn arrays_are_taken_as_they_are() {
    for channels in [1, 3, 4] {
        let bytes: Vec<u8> = (0..6 * 4 * channels).map(|value| value as u8).collect();
        let image = match channels {
            1 => ImageView::gray(&bytes, 6, 4),
            3 => ImageView::rgb(&bytes, 6, 4),
            _ => ImageView::rgba(&bytes, 6, 4),
        };
        assert_eq!(image.unwrap().plane(0).data, bytes);
    }
}

fn video(region: Option<Region>, expected: f64) {
    let embedder = media_pipe().build().unwrap();
    let crop = vector(&embedder, CROP, None, 0);
    let video = VideoEmbedder::new(embedder);
    let pixels = Pixels::read(BURGER);
    let processing = ImageProcessingOptions { region_of_interest: region, rotation_degrees: 0 };
    for timestamp_ms in (0..300).step_by(30) {
        let result = video.embed_with(pixels.view(), timestamp_ms, &processing).unwrap();
        assert_eq!(result.timestamp_ms, Some(timestamp_ms));
        let found = cosine_similarity(&result.embeddings[0].feature_vector, &crop).unwrap();
        assert_near(found, expected, 1e-6);
    }
}

fn live_stream(region: Option<Region>) {
    let embedder = media_pipe().build().unwrap();
    let expected = vector(&embedder, BURGER, region, 0);
    let frame = Image::from(&Pixels::read(BURGER).view());
    let (sender, results) = mpsc::channel();
    let sent = frame.clone();
    let stream = LiveStreamEmbedder::new(embedder, move |result, frame: &Image, timestamp_ms| {
        assert_eq!(*frame, sent);
        sender.send((result.unwrap(), timestamp_ms)).unwrap();
    })
    .unwrap();
    let processing = ImageProcessingOptions { region_of_interest: region, rotation_degrees: 0 };
    for timestamp_ms in (0..300).step_by(30) {
        stream.send_with(frame.clone(), timestamp_ms, processing).unwrap();
    }
    stream.close();
    let results: Vec<_> = results.iter().collect();
    assert!((1..=10).contains(&results.len()), "{}", results.len());
    assert!(results.is_sorted_by(|(_, one), (_, other)| one < other));
    assert_eq!(results.last().unwrap().1, 270);
    for (result, timestamp_ms) in results {
        assert_eq!(result.timestamp_ms, Some(timestamp_ms));
        assert_eq!(result.embeddings[0].feature_vector, expected);
    }
}

fn errors_of_regions() {
    let image = ImageView::rgb(&[0; 12], 2, 2).unwrap();
    let refusal = |region: [f32; 4], rotation_degrees| {
        let [left, top, right, bottom] = region;
        let region = Region::Normalized { left, top, right, bottom };
        let processing =
            ImageProcessingOptions { region_of_interest: Some(region), rotation_degrees };
        let spec = InputSpec::new(2, 2, InputElement::U8);
        let error =
            MediaPipe::new().prepare(&image, &processing, &spec, &mut Tensor::empty()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        error.to_string()
    };
    let words = "Expected RectF with left < right and top < bottom";
    assert!(refusal([0.5, 0.0, 0.5, 1.0], 0).starts_with(words));
    assert!(refusal([0.0, 0.0, 1.1, 1.0], 0).starts_with("Expected RectF values to be in [0,1]"));
    assert!(refusal([0.0; 4], 30).starts_with("Expected rotation to be a multiple of 90°"));
}

#[derive(Deserialize)]
struct Images {
    images: BTreeMap<String, Checksums>,
}

#[derive(Deserialize)]
struct Checksums {
    decoded_crc32: u32,
    pre224_crc32: u32,
}

fn prepared_pixels_are_equal() {
    let bytes = fs::read(cached("task_library_images.json")).unwrap();
    let images: Images = serde_json::from_slice(&bytes).unwrap();
    for (picture, decoded) in [("burger.jpg", BURGER), ("burger_crop.jpg", CROP)] {
        let (checksums, pixels) = (&images.images[picture], Pixels::read(decoded));
        assert_eq!(crc32fast::hash(&pixels.bytes), checksums.decoded_crc32, "{picture}");
        let mut tensor = Tensor::empty();
        let spec = InputSpec::new(224, 224, InputElement::U8);
        TaskLibrary::new().prepare(&pixels.view(), &whole(), &spec, &mut tensor).unwrap();
        let Data::U8(bytes) = tensor.data() else { panic!("{tensor:?}") };
        assert_eq!(crc32fast::hash(bytes), checksums.pre224_crc32, "{picture}");
    }
}

fn from_file(embedder: &ImageEmbedder, picture: &str) -> FeatureVector {
    let picture = decode_file(cached(picture), &as_stored()).unwrap();
    embedder.embed(&picture).unwrap().embeddings.remove(0).feature_vector
}

fn cosines_from_files_are_equal() {
    for (options, expected) in [(task_library(), 0.919_839), (media_pipe(), 0.920_011)] {
        let embedder = options.build().unwrap();
        let (u, v) = (from_file(&embedder, "burger.jpg"), from_file(&embedder, "burger_crop.jpg"));
        assert_near(cosine_similarity(&u, &v).unwrap(), expected, 5e-7);
        assert_eq!(u, vector(&embedder, BURGER, None, 0));
    }
}

fn near_duplicates_are_found() {
    let embedder = ImageEmbedder::builder().build().unwrap();
    let burger = from_file(&embedder, "burger.jpg");
    let to_burger = |picture| cosine_similarity(&burger, &from_file(&embedder, picture)).unwrap();
    assert!(to_burger("burger_crop.jpg") >= 0.8);
    assert!(to_burger("burger-224.png") >= 0.98);
    assert!(to_burger("cats_and_dogs.jpg") <= 0.2);
}
