//! Vectors, cosines and refusals captured from tflite-support 0.4.4 on the fixtures (`cargo xtask golden`).

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lookalike::{
    EmbeddingResult, ErrorKind, FeatureVector, ImageEmbedder, ImageEmbedderOptions,
    ImageProcessingOptions, ImageView, Region, cosine_similarity,
};
use serde::Deserialize;

use crate::{fixture, picture};

#[derive(Deserialize)]
struct Golden {
    refused: BTreeMap<String, Refusal>,
    cases: Vec<Case>,
    cosines: Vec<Cosine>,
}

#[derive(Deserialize)]
struct Refusal {
    exception: String,
    message: String,
}

#[derive(Deserialize)]
struct Settings {
    model: String,
    l2_normalize: bool,
    quantize: bool,
}

#[derive(Deserialize)]
struct Case {
    #[serde(flatten)]
    settings: Settings,
    image: String,
    roi: Option<[i64; 4]>,
    #[serde(default)]
    heads: Vec<Head>,
}

#[derive(Deserialize)]
struct Head {
    r#type: String,
    base64: String,
}

#[derive(Deserialize)]
struct Cosine {
    #[serde(flatten)]
    settings: Settings,
    cosine: Option<f64>,
    error: Option<String>,
}

fn golden() -> Golden {
    let text = std::fs::read_to_string(fixture("golden/task_library.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

impl Settings {
    fn options(&self) -> ImageEmbedderOptions {
        let options =
            ImageEmbedder::builder().l2_normalize(self.l2_normalize).quantize(self.quantize);
        match self.model.as_str() {
            "gist.tflite" => options,
            name => options.model_file(fixture(name)),
        }
    }

    /// An echo model's output is its input, so that nothing but preprocessing and postprocessing is compared.
    fn is_echo(&self) -> bool {
        self.model.starts_with("echo")
    }
}

impl Head {
    fn vector(&self) -> FeatureVector {
        let bytes = BASE64_STANDARD.decode(&self.base64).unwrap();
        if self.r#type == "i8" {
            return FeatureVector::Quantized(bytes.into_iter().map(|byte| byte as i8).collect());
        }
        let values =
            bytes.chunks_exact(4).map(|value| f32::from_le_bytes(value.try_into().unwrap()));
        FeatureVector::Float(values.collect())
    }
}

fn embed(embedder: &ImageEmbedder, image: &str, roi: Option<[i64; 4]>) -> EmbeddingResult {
    let region = roi.map(|[x, y, width, height]| Region::Pixels { x, y, width, height });
    let processing = ImageProcessingOptions { region_of_interest: region, rotation_degrees: 0 };
    embedder.embed_with(&picture(image), &processing).unwrap()
}

#[test]
fn vectors_are_those_of_the_reference() {
    let mut compared = 0;
    for case in golden().cases {
        // The reference refuses gray images.
        if case.heads.is_empty() {
            continue;
        }
        let embedder = case.settings.options().build().unwrap();
        let result = embed(&embedder, &case.image, case.roi);
        let about = format!("{} {} {:?}", case.settings.model, case.image, case.roi);
        assert_eq!(result.embeddings.len(), case.heads.len(), "{about}");
        for (embedding, head) in result.embeddings.iter().zip(&case.heads) {
            match (&embedding.feature_vector, head.vector()) {
                (FeatureVector::Float(found), FeatureVector::Float(expected)) => {
                    assert_eq!(found.len(), expected.len(), "{about}");
                    for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
                        let close = if case.settings.is_echo() {
                            found.to_bits() == expected.to_bits()
                        } else {
                            (found - expected).abs() <= 1e-5
                        };
                        assert!(close, "{about}: value {index} is {found}, not {expected}");
                    }
                }
                (FeatureVector::Quantized(found), FeatureVector::Quantized(expected)) => {
                    assert_eq!(found.len(), expected.len(), "{about}");
                    let most = if case.settings.is_echo() { 0 } else { 1 };
                    for (found, expected) in found.iter().zip(&expected) {
                        assert!(
                            found.abs_diff(*expected) <= most,
                            "{about}: {found}, not {expected}"
                        );
                    }
                }
                (found, _) => panic!("{about}: {found:?} is of the wrong kind"),
            }
            compared += 1;
        }
    }
    assert!(compared >= 400, "{compared}");
}

#[test]
fn cosines_are_those_of_the_reference() {
    for Cosine { settings, cosine, error } in golden().cosines {
        let embedder = settings.options().build().unwrap();
        let vector = |image| embed(&embedder, image, None).embeddings.remove(0).feature_vector;
        match (cosine_similarity(&vector("landscape.png"), &vector("tiles.png")), cosine, error) {
            (Ok(found), Some(expected), _) => {
                let most = match (settings.is_echo(), settings.quantize) {
                    (true, _) => 0.0,
                    (false, false) => 1e-6,
                    // One step of one of 306 values.
                    (false, true) => 2e-3,
                };
                assert!(
                    (found - expected).abs() <= most,
                    "{}: {found}, not {expected}",
                    settings.model
                );
            }
            (Err(found), None, Some(expected)) => assert_eq!(found.to_string(), expected),
            (found, ..) => panic!("{}: {found:?}", settings.model),
        }
    }
}

#[test]
fn models_are_refused_with_the_words_of_the_reference() {
    let refused = golden().refused;
    assert!(refused.len() >= 20);
    for (name, Refusal { exception, message }) in refused {
        let embedder = ImageEmbedder::builder().model_file(fixture(&name)).reference_rules(true);
        let error = embedder.build().unwrap_err();
        // Further lines are advice on the reference's own interfaces.
        let message = message.lines().next().unwrap();
        assert!(
            error.to_string().starts_with(message.trim_end_matches('.')),
            "{name}: `{error}` does not begin with `{message}`"
        );
        let expected_exception = match error.kind() {
            ErrorKind::InvalidArgument => "ValueError",
            _ => "RuntimeError",
        };
        assert_eq!(exception, expected_exception, "{name}");
    }
}

#[test]
fn every_refused_fixture_was_put_before_the_reference() {
    let golden = golden();
    for entry in std::fs::read_dir(fixture("")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.starts_with("refused_") {
            assert!(golden.refused.contains_key(&name), "{name}: run `cargo xtask golden`");
        }
    }
}

/// The image whose 306 numbers the descriptor's specification gives.
#[test]
fn the_built_in_model_gives_the_numbers_of_its_specification() {
    #[derive(Deserialize)]
    struct Specified {
        byte_sum: u64,
        embedding: Vec<f32>,
    }
    let specified: Specified = serde_json::from_str(include_str!("../data/gist.json")).unwrap();
    let mut pixels = Vec::new();
    for i in 0..128 {
        for j in 0..128 {
            for c in 0..3 {
                let (i, j, c) = (f64::from(i), f64::from(j), f64::from(c));
                let wave = 60.0 * (2.0 * std::f64::consts::PI * (3.0 * i + 2.0 * j) / 128.0).sin();
                let chirp = 50.0 * (2.0 * std::f64::consts::PI * i * j / 1024.0 + c).cos();
                let step = if i > 64.0 { 10.0 * c } else { 0.0 };
                pixels.push((128.0 + wave + chirp + step).floor().clamp(0.0, 255.0) as u8);
            }
        }
    }
    assert_eq!(pixels.iter().map(|&byte| u64::from(byte)).sum::<u64>(), specified.byte_sum);
    let embedder = ImageEmbedder::builder().build().unwrap();
    let result = embedder.embed(ImageView::rgb(&pixels, 128, 128).unwrap()).unwrap();
    let found = result.embeddings[0].feature_vector.as_float().unwrap();
    assert_eq!(found.len(), 306);
    for (index, (found, expected)) in found.iter().zip(&specified.embedding).enumerate() {
        assert!((found - expected).abs() <= 1e-5, "value {index} is {found}, not {expected}");
    }
}
