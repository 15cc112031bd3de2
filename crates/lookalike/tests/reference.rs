//! The real model and real pictures against numbers captured from tflite-support 0.4.4.
//!
//! The files are public but not committed: `cargo xtask models fetch` puts them into `models/cache/`. Without them these tests
//! are listed as ignored, and fail if `LOOKALIKE_REQUIRE_MODELS` is set.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use libtest_mimic::{Arguments, Failed, Trial};
use lookalike::{
    Data, DecodeLimits, Exif, FeatureVector, ImageEmbedder, ImageEmbedderOptions,
    ImageProcessingOptions, ImageView, InputElement, InputSpec, Preprocessor, Region, TaskLibrary,
    Tensor, backends, cosine_similarity, decode_file,
};
use npyz::NpyFile;
use serde::Deserialize;
use serde::de::DeserializeOwned;

const MODEL: &str = "mobilenet_v3_small.tflite";

fn main() -> ExitCode {
    let trials = vec![
        trial(
            "prepared_pixels_are_equal",
            &["task_library_images.json"],
            prepared_pixels_are_equal,
        ),
        trial("vectors_are_close", &["task_library_embeddings.json"], vectors_are_close),
        trial("cosines_are_close", &["task_library_images.json"], cosines_are_close),
        trial(
            "cosines_from_files_are_near",
            &["burger.jpg", "burger_crop.jpg"],
            cosines_from_files_are_near,
        ),
        trial(
            "near_duplicates_of_the_built_in_model",
            &["burger.jpg", "burger_crop.jpg", "burger-224.png", "cats_and_dogs.jpg"],
            near_duplicates_of_the_built_in_model,
        ),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn trial(name: &'static str, files: &'static [&'static str], test: fn()) -> Trial {
    let always = [MODEL, "decoded_burger.jpg.npy", "decoded_burger_crop.jpg.npy"];
    let missing = always.iter().chain(files).copied().find(|file| !cached(file).exists());
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

fn json<T: DeserializeOwned>(name: &str) -> T {
    serde_json::from_slice(&fs::read(cached(name)).unwrap()).unwrap()
}

/// A picture as the reference decodes it.
struct Decoded {
    pixels: Vec<u8>,
    width: usize,
    height: usize,
}

impl Decoded {
    fn new(picture: &str) -> Self {
        let bytes = fs::read(cached(&format!("decoded_{picture}.npy"))).unwrap();
        let array = NpyFile::new(&bytes[..]).unwrap();
        let [height, width] = [array.shape()[0], array.shape()[1]].map(|extent| extent as usize);
        Self { pixels: array.into_vec().unwrap(), width, height }
    }

    fn view(&self) -> ImageView<'_> {
        ImageView::rgb(&self.pixels, self.width, self.height).unwrap()
    }
}

fn options(l2_normalize: bool, quantize: bool) -> ImageEmbedderOptions {
    ImageEmbedder::builder().model_file(cached(MODEL)).l2_normalize(l2_normalize).quantize(quantize)
}

fn vector(embedder: &ImageEmbedder, picture: &str, roi: Option<[i64; 4]>) -> FeatureVector {
    let region = roi.map(|[x, y, width, height]| Region::Pixels { x, y, width, height });
    let processing = ImageProcessingOptions { region_of_interest: region, rotation_degrees: 0 };
    let decoded = Decoded::new(picture);
    let mut result = embedder.embed_with(&decoded.view(), &processing).unwrap();
    result.embeddings.remove(0).feature_vector
}

#[derive(Deserialize)]
struct Images {
    images: std::collections::BTreeMap<String, Checksums>,
    cosine_v3small: std::collections::BTreeMap<String, std::collections::BTreeMap<String, f64>>,
}

#[derive(Deserialize)]
struct Checksums {
    decoded_crc32: u32,
    pre224_crc32: u32,
}

fn prepared_pixels_are_equal() {
    let images: Images = json("task_library_images.json");
    for picture in ["burger.jpg", "burger_crop.jpg"] {
        let checksums = &images.images[picture];
        let decoded = Decoded::new(picture);
        assert_eq!(crc32fast::hash(&decoded.pixels), checksums.decoded_crc32, "{picture}");
        let mut tensor = Tensor::empty();
        TaskLibrary::new()
            .prepare(
                &decoded.view(),
                &ImageProcessingOptions::default(),
                &InputSpec::new(224, 224, InputElement::U8),
                &mut tensor,
            )
            .unwrap();
        let Data::U8(bytes) = tensor.data() else { panic!("{tensor:?}") };
        assert_eq!(crc32fast::hash(bytes), checksums.pre224_crc32, "{picture}");
    }
}

#[derive(Deserialize)]
struct Embeddings {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    model: String,
    image: Option<String>,
    #[serde(default)]
    roi_xywh: Option<[i64; 4]>,
    #[serde(default)]
    l2_normalize: bool,
    #[serde(default)]
    quantize: bool,
    #[serde(default)]
    base64_le: String,
}

fn vectors_are_close() {
    let embeddings: Embeddings = json("task_library_embeddings.json");
    let mut compared = 0;
    for case in embeddings.cases {
        let decoded =
            case.image.as_deref().filter(|image| ["burger.jpg", "burger_crop.jpg"].contains(image));
        let (MODEL, Some(picture)) = (case.model.as_str(), decoded) else { continue };
        let options = || options(case.l2_normalize, case.quantize);
        let bytes = BASE64_STANDARD.decode(&case.base64_le).unwrap();
        for backend in backends() {
            let name = backend.name();
            let embedder = options().backend(name).build().unwrap();
            let found = vector(&embedder, picture, case.roi_xywh);
            let about = format!(
                "{name} {picture} {:?} {} {}",
                case.roi_xywh, case.l2_normalize, case.quantize
            );
            compare(&found, &bytes, &about);
            compared += 1;
        }
    }
    assert!(compared >= 12 * backends().len(), "{compared}");
}

/// Compares with the bytes of a captured vector.
fn compare(found: &FeatureVector, bytes: &[u8], about: &str) {
    match found {
        FeatureVector::Quantized(found) => {
            let expected: Vec<i8> = bytes.iter().map(|&byte| byte as i8).collect();
            let worst = found.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(found.len() == expected.len() && worst <= Some(1), "{about}: {worst:?}");
        }
        FeatureVector::Float(values) => {
            let expected: Vec<f32> = bytes
                .chunks_exact(4)
                .map(|value| f32::from_le_bytes(value.try_into().unwrap()))
                .collect();
            assert_eq!(values.len(), expected.len());
            let worst = worst_after_l2(values, &expected);
            assert!(worst <= 2e-5, "{about}: {worst}");
            let cosine = cosine_similarity(found, &FeatureVector::Float(expected)).unwrap();
            assert!(cosine >= 0.999_999, "{about}: {cosine}");
        }
    }
}

/// The largest difference of two vectors after both are divided by their norms.
fn worst_after_l2(found: &[f32], expected: &[f32]) -> f32 {
    let norm = |values: &[f32]| values.iter().map(|value| value * value).sum::<f32>().sqrt();
    let (a, b) = (norm(found), norm(expected));
    found.iter().zip(expected).map(|(x, y)| (x / a - y / b).abs()).fold(0.0, f32::max)
}

fn cosines_are_close() {
    let images: Images = json("task_library_images.json");
    let expected = &images.cosine_v3small["burger.jpg|burger_crop.jpg"];
    for (key, l2, quantize, bound) in [
        ("l20q0", false, false, 1e-6),
        ("l21q0", true, false, 1e-6),
        ("l20q1", false, true, 1e-3),
        ("l21q1", true, true, 1e-3),
    ] {
        let embedder = options(l2, quantize).build().unwrap();
        let (u, v) =
            (vector(&embedder, "burger.jpg", None), vector(&embedder, "burger_crop.jpg", None));
        let found = cosine_similarity(&u, &v).unwrap();
        assert!((found - expected[key]).abs() <= bound, "{key}: {found}, not {}", expected[key]);
    }
    let embedder = options(false, false).build().unwrap();
    let region = vector(&embedder, "burger.jpg", Some([0, 0, 400, 325]));
    let found = cosine_similarity(&region, &vector(&embedder, "burger_crop.jpg", None)).unwrap();
    assert!((found - 0.999_938_676).abs() <= 1e-6, "{found}");
}

fn from_file(embedder: &ImageEmbedder, picture: &str) -> FeatureVector {
    let picture = decode_file(cached(picture), Exif::Ignore, &DecodeLimits::default()).unwrap();
    embedder.embed(&picture.view().unwrap()).unwrap().embeddings.remove(0).feature_vector
}

/// Decoders differ by a few grey levels, and vectors with them.
fn cosines_from_files_are_near() {
    let embedder = options(false, false).build().unwrap();
    let (u, v) = (from_file(&embedder, "burger.jpg"), from_file(&embedder, "burger_crop.jpg"));
    let found = cosine_similarity(&u, &v).unwrap();
    assert!((found - 0.9198).abs() <= 0.003, "{found}");
    let decoded =
        FeatureVector::Float(vector(&embedder, "burger.jpg", None).as_float().unwrap().to_vec());
    assert!(cosine_similarity(&u, &decoded).unwrap() > 0.999);
}

fn near_duplicates_of_the_built_in_model() {
    let embedder = ImageEmbedder::builder().build().unwrap();
    let burger = from_file(&embedder, "burger.jpg");
    let to_burger = |picture| cosine_similarity(&burger, &from_file(&embedder, picture)).unwrap();
    assert!(to_burger("burger_crop.jpg") >= 0.8);
    assert!(to_burger("burger-224.png") >= 0.98);
    assert!(to_burger("cats_and_dogs.jpg") <= 0.2);
}
