//! Threads, batches, choices, errors and the way out of them.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lookalike::{
    BackendInfo, DecodeOptions, Error, ErrorKind, Exif, Image, ImageEmbedder,
    ImageProcessingOptions, ImageView, InferenceBackend, InferenceSession, LoadedModel,
    MemoryBudget, Model, ModelIo, OperatorInfo, Region, Result, SessionOptions, SupportCode,
    Tensor, TensorRef, Threads, backend, backends, contain_panics, cosine_similarity, decode,
    preprocessor, read_model,
};

#[cfg(feature = "tflitec")]
use lookalike_schema::{
    VerifiedModel,
    tflite::{BuiltinOperator, Operator},
};

use crate::{fixture, picture};

#[test]
fn eight_threads_get_bit_identical_vectors() {
    let embedder = ImageEmbedder::builder().build().unwrap();
    let (landscape, tiles) = (picture("landscape.png"), picture("tiles.png"));
    let expected = [&landscape, &tiles].map(|picture| embedder.embed(picture).unwrap());
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (embedder, expected) = (&embedder, &expected);
            let pictures = [&landscape, &tiles];
            scope.spawn(move || {
                for round in 0..10 {
                    let which = (thread + round) % 2;
                    let result = embedder.embed(pictures[which]).unwrap();
                    assert_eq!(result, expected[which]);
                }
            });
        }
    });
}

#[test]
fn a_batch_keeps_order_and_gives_a_result_for_each() {
    let embedder = ImageEmbedder::builder().build().unwrap();
    let pictures = [picture("landscape.png"), picture("tiles.png"), picture("tiny.png")];
    let long = vec![0; 32_769 * 3];
    let mut views: Vec<ImageView<'_>> = pictures.iter().cycle().take(12).map(Image::view).collect();
    views.insert(5, ImageView::rgb(&long, 32_769, 1).unwrap());
    let results = embedder.embed_batch(views.iter().copied());
    assert_eq!(results.len(), 13);
    for (index, (result, view)) in results.iter().zip(&views).enumerate() {
        match result {
            Ok(result) => assert_eq!(*result, embedder.embed(view).unwrap()),
            Err(error) => assert_eq!((index, error.kind()), (5, ErrorKind::Unknown)),
        }
    }
    assert_eq!(results.iter().filter(|result| result.is_err()).count(), 1);
}

#[test]
fn heads_come_in_graph_order_with_index_and_name() {
    let embedder = ImageEmbedder::from_file(fixture("two_heads.tflite")).unwrap();
    assert_eq!(embedder.number_of_output_layers(), 2);
    assert_eq!(embedder.embedding_dimension(0), Some(3));
    assert_eq!(embedder.embedding_dimension(1), Some(4));
    assert_eq!(embedder.embedding_dimension(2), None);
    let result = embedder.embed(&picture("landscape.png")).unwrap();
    let heads: Vec<_> = result
        .embeddings
        .iter()
        .map(|head| (head.head_index, head.head_name.as_deref(), head.feature_vector.len()))
        .collect();
    assert_eq!(heads, [(0, Some("colour"), 3), (1, Some("texture"), 4)]);
    let nameless = ImageEmbedder::from_file(fixture("echo_u8_without_parameters.tflite")).unwrap();
    assert_eq!(nameless.heads()[0].name, None);
}

#[test]
fn an_output_without_quantization_parameters_is_all_zeros() {
    let embedder = ImageEmbedder::from_file(fixture("echo_u8_without_parameters.tflite")).unwrap();
    let result = embedder.embed(&picture("tiny.png")).unwrap();
    assert_eq!(result.embeddings[0].feature_vector.as_float().unwrap(), [0.0; 105]);
}

#[test]
fn gray_images_count_as_rgb() {
    let embedder = ImageEmbedder::from_file(fixture("echo_f32.tflite")).unwrap();
    let grey = picture("tiny_grey.png");
    let rgb: Vec<u8> = grey.pixels().iter().flat_map(|&value| [value; 3]).collect();
    let as_rgb = ImageView::rgb(&rgb, grey.width(), grey.height()).unwrap();
    assert_eq!(embedder.embed(&grey).unwrap(), embedder.embed(as_rgb).unwrap());
}

#[test]
fn a_float_model_without_normalization_takes_the_callers() {
    let path = fixture("refused_no_metadata.tflite");
    let error = ImageEmbedder::from_file(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.support_code(), Some(SupportCode::MetadataMissingNormalizationOptions));
    assert!(error.to_string().contains("--mean"), "{error}");
    let build = |mean: Vec<f32>, std: Vec<f32>| {
        ImageEmbedder::builder().model_file(&path).normalization(mean, std).build()
    };
    let described = ImageEmbedder::from_file(fixture("echo_f32.tflite")).unwrap();
    let view = picture("tiny.png");
    let expected = described.embed(&view).unwrap().embeddings.remove(0).feature_vector;
    for count in [1, 3] {
        let embedder = build(vec![127.5; count], vec![127.5; count]).unwrap();
        let result = embedder.embed(&view).unwrap();
        assert_eq!(result.embeddings[0].feature_vector, expected);
    }
    assert!(build(vec![0.0], vec![1.0; 3]).is_err());
    assert!(build(vec![0.0; 2], vec![1.0; 2]).is_err());
    assert!(build(vec![], vec![]).is_err());
    assert!(build(vec![0.0], vec![0.0]).unwrap_err().to_string().contains("too close to 0"));
    assert!(build(vec![0.0], vec![1e-30]).is_err());
    // Pixels that are not finite numbers any more are no success.
    let error = build(vec![3e38], vec![1e-3]).unwrap().embed(&view).unwrap_err();
    assert!(error.to_string().contains("is not finite"), "{error}");
}

#[test]
fn near_duplicates_are_found_by_the_built_in_model() {
    let embedder = ImageEmbedder::builder().build().unwrap();
    let vector = |name| embedder.embed(&picture(name)).unwrap().embeddings.remove(0).feature_vector;
    let cosine = |a, b| cosine_similarity(&vector(a), &vector(b)).unwrap();
    assert!(cosine("landscape.png", "landscape_crop.jpg") > 0.75);
    assert!(cosine("landscape.png", "tiles.png") < 0.3);
}

#[test]
fn backends_are_chosen_by_name_or_refused() {
    assert_eq!(backends()[0].name(), "native");
    let info = backend("native").unwrap().check().unwrap();
    assert_eq!(info.library, None);
    let error = ImageEmbedder::builder().backend("abacus").build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(
        error.to_string().contains("`abacus`") && error.to_string().contains("`native`"),
        "{error}"
    );
    let error = preprocessor("blur").unwrap_err();
    assert!(error.to_string().contains("task-library"), "{error}");
    assert!(ImageEmbedder::builder().threads(Threads::EngineChoice).build().is_ok());
}

#[test]
fn heads_are_chosen_by_name() {
    let options = || ImageEmbedder::builder().model_file(fixture("two_heads.tflite"));
    let picture = picture("tiny.png");
    let all = options().build().unwrap().embed(&picture).unwrap();
    for chosen in [options().head_allowlist(["texture"]), options().head_denylist(["colour"])] {
        let embedder = chosen.build().unwrap();
        assert_eq!(embedder.number_of_output_layers(), 1);
        assert_eq!(
            (embedder.embedding_dimension(0), embedder.embedding_dimension(1)),
            (None, Some(4))
        );
        let result = embedder.embed(&picture).unwrap();
        assert_eq!(result.embeddings, all.embeddings[1..]);
    }
    let both = options().head_allowlist(["texture", "colour"]).build().unwrap();
    assert_eq!(both.embed(&picture).unwrap(), all);
    let error = options().head_allowlist(["shape"]).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().ends_with("it names: colour, texture"), "{error}");
    assert!(options().head_denylist(["shape"]).build().is_err());
    assert!(options().head_denylist(["colour", "texture"]).build().is_err());
    assert!(options().head_allowlist([""; 0]).build().is_err());
}

#[test]
#[cfg(feature = "tflitec")]
fn a_model_that_native_lacks_an_operator_of_runs_on_the_next_engine() {
    // The model of the fixture, with LOG_SOFTMAX behind its last operator.
    let bytes = fs::read(fixture("mean.tflite")).unwrap();
    let mut model = VerifiedModel::new(bytes).unwrap().root().to_owned();
    let mut code = model.operator_codes[0].clone();
    code.deprecated_builtin_code = BuiltinOperator::LOG_SOFTMAX.0 as i8;
    code.builtin_code = BuiltinOperator::LOG_SOFTMAX;
    model.operator_codes.push(code);
    let graph = &mut model.subgraphs[0];
    let (output, behind) = (graph.outputs[0], graph.tensors.len() as i32);
    graph.tensors.push(graph.tensors[output as usize].clone());
    graph.operators.push(Operator {
        opcode_index: model.operator_codes.len() as u32 - 1,
        inputs: vec![output],
        outputs: vec![behind],
        ..Operator::default()
    });
    graph.outputs = vec![behind];
    let options = || ImageEmbedder::builder().model_bytes(model.to_bytes());
    let embedder = options().build().unwrap();
    assert_eq!(embedder.info().backend, "tflitec");
    let result = embedder.embed(&picture("tiny.png")).unwrap();
    let sum: f32 = result.first().as_float().unwrap().iter().map(|value| value.exp()).sum();
    assert!((sum - 1.0).abs() < 1e-5, "{sum}");
    let error = options().backend("native").build().unwrap_err();
    assert!(error.to_string().contains("LOG_SOFTMAX"), "{error}");
    assert!(error.to_string().contains("`tflitec`"), "{error}");
}

#[test]
fn files_are_embedded_in_their_order_whatever_becomes_of_some() {
    let embedder = ImageEmbedder::builder().build().unwrap();
    let names = ["landscape.png", "missing.png", "tiles.png", "two_heads.tflite", "tiny.png"];
    let paths: Vec<_> = names.iter().cycle().take(100).map(|name| fixture(name)).collect();
    let results: Vec<_> = embedder.embed_files(paths.clone()).collect();
    assert_eq!(results.len(), 100);
    for (path, result) in paths.iter().zip(results) {
        match embedder.embed_file(path) {
            Ok(expected) => assert_eq!(result.unwrap(), expected),
            Err(error) => assert_eq!(result.unwrap_err().to_string(), error.to_string()),
        }
    }
    let bytes = fs::read(fixture("tiny.png")).unwrap();
    assert_eq!(
        embedder.embed_bytes(&bytes).unwrap(),
        embedder.embed_file(fixture("tiny.png")).unwrap()
    );
}

#[test]
fn all_missing_operators_are_named() {
    let error = ImageEmbedder::from_file(fixture("refused_custom_operators.tflite")).unwrap_err();
    let message = error.to_string();
    assert!(message.starts_with("Encountered unresolved custom op: MyOp."), "{message}");
    assert!(
        message.ends_with(
            "lacks these operators of the model: MyOp, OtherOp, RANK; no backend of this build has them all"
        ),
        "{message}"
    );
    assert_eq!(error.support_code(), Some(SupportCode::UnsupportedCustomOp));
}

#[test]
fn model_files_that_are_none_are_said_so() {
    let kind_of = |path: &str| {
        let error = read_model(path).unwrap_err();
        (error.kind(), error.support_code().unwrap())
    };
    assert_eq!(kind_of("no/such/model.tflite"), (ErrorKind::NotFound, SupportCode::FileNotFound));
    assert_eq!(kind_of(""), (ErrorKind::InvalidArgument, SupportCode::InvalidArgument));
    let directory = fixture("").to_str().unwrap().to_owned();
    assert_eq!(kind_of(&directory), (ErrorKind::Unknown, SupportCode::FileMmap));
    let picture = fixture("tiny.png").to_str().unwrap().to_owned();
    assert_eq!(kind_of(&picture), (ErrorKind::InvalidArgument, SupportCode::InvalidFlatBuffer));
    let error = ImageEmbedder::builder().model_bytes(Vec::new()).build().unwrap_err();
    assert!(error.to_string().starts_with("ExternalFile must specify at least one of"), "{error}");
}

#[test]
fn associated_files_are_read_by_name() {
    let model = read_model(fixture("echo_files.tflite")).unwrap();
    let model = model.require_tflite("the test").unwrap();
    assert_eq!(model.associated_files().collect::<Vec<_>>(), ["labels.txt", "notes/readme.txt"]);
    assert_eq!(model.associated_file("labels.txt").unwrap(), b"first\nsecond\n");
    let error = model.associated_file("labels").unwrap_err();
    assert_eq!(error.support_code(), Some(SupportCode::MetadataAssociatedFileNotFound));
    assert_eq!(model.metadata().unwrap().name.as_deref(), Some("echo"));
}

#[test]
fn a_region_out_of_the_image_is_refused_and_the_embedder_goes_on() {
    let embedder = ImageEmbedder::builder().build().unwrap();
    let picture = picture("tiny.png");
    let view = picture.view();
    let processing = ImageProcessingOptions {
        region_of_interest: Some(Region::Pixels { x: 20, y: 0, width: 5, height: 5 }),
        rotation_degrees: 0,
    };
    let error = embedder.embed_with(view, &processing).unwrap_err();
    assert!(error.to_string().starts_with("Invalid crop coordinates"), "{error}");
    assert!(embedder.embed(view).is_ok());
}

/// From this run on the engine panics.
const PANICS: usize = 1000;

/// Fails every second run.
#[derive(Clone, Debug, Default)]
struct Moody {
    runs: Arc<AtomicUsize>,
    loads: Arc<AtomicUsize>,
    sessions: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct LoadedMoody {
    io: ModelIo,
    moody: Moody,
}

#[derive(Debug)]
struct MoodySession {
    runs: Arc<AtomicUsize>,
}

impl InferenceBackend for Moody {
    fn name(&self) -> &'static str {
        "moody"
    }

    fn check(&self) -> Result<BackendInfo> {
        Ok(BackendInfo::built_in("1"))
    }

    fn has_operator(&self, _operator: &OperatorInfo) -> bool {
        true
    }

    fn load(&self, model: &Model, _options: &SessionOptions) -> Result<Arc<dyn LoadedModel>> {
        self.loads.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::new(LoadedMoody { io: model.io().clone(), moody: self.clone() }))
    }
}

impl LoadedModel for LoadedMoody {
    fn io(&self) -> &ModelIo {
        &self.io
    }

    fn session(&self) -> Result<Box<dyn InferenceSession>> {
        self.moody.sessions.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(MoodySession { runs: Arc::clone(&self.moody.runs) }))
    }
}

impl InferenceSession for MoodySession {
    fn run(&mut self, inputs: &[TensorRef<'_>], outputs: &mut [Tensor]) -> Result<()> {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        assert!(run < PANICS, "in a bad mood");
        if run.is_multiple_of(2) {
            return Err(Error::internal("Invoke() failed."));
        }
        outputs[0].copy_from(inputs[0]);
        Ok(())
    }
}

#[test]
fn a_failing_engine_does_not_poison_the_embedder() {
    let embedder = ImageEmbedder::builder()
        .model_file(fixture("echo_f32.tflite"))
        .custom_backend(Arc::new(Moody::default()))
        .build()
        .unwrap();
    let picture = picture("tiny.png");
    for _ in 0..3 {
        let error = embedder.embed(&picture).unwrap_err();
        assert_eq!(error.to_string(), "Invoke() failed.");
        assert!(embedder.embed(&picture).is_ok());
    }
}

#[test]
fn a_model_is_loaded_once_and_has_a_session_for_each_caller() {
    let moody = Moody::default();
    moody.runs.store(1, Ordering::Relaxed);
    let embedder = ImageEmbedder::builder()
        .model_file(fixture("echo_f32.tflite"))
        .custom_backend(Arc::new(moody.clone()))
        .build()
        .unwrap();
    let picture = picture("tiny.png");
    for _ in 0..6 {
        embedder.embed(&picture).ok();
    }
    let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    assert_eq!((count(&moody.loads), count(&moody.sessions)), (1, 1));
}

#[test]
fn a_panic_of_an_engine_of_the_callers_harms_nobody_else() {
    let runs = Arc::new(AtomicUsize::new(PANICS));
    let embedder = ImageEmbedder::builder()
        .model_file(fixture("echo_f32.tflite"))
        .custom_backend(Arc::new(Moody { runs: Arc::clone(&runs), ..Moody::default() }))
        .build()
        .unwrap();
    let picture = picture("tiny.png");
    let embed = || embedder.embed(&picture);
    assert!(contain_panics(embed).unwrap_err().contains("in a bad mood"));
    runs.store(1, Ordering::Relaxed);
    assert!(embed().is_ok());
}

#[test]
fn a_model_file_may_change_once_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.tflite");
    fs::copy(fixture("two_heads.tflite"), &path).unwrap();
    let embedder = ImageEmbedder::from_file(&path).unwrap();
    let picture = picture("tiny.png");
    let before = embedder.embed(&picture).unwrap();
    fs::write(&path, "").unwrap();
    assert_eq!(embedder.embed(&picture).unwrap(), before);
}

#[test]
fn files_give_the_vectors_of_their_images_although_only_part_is_decoded() {
    let bytes = fs::read(fixture("landscape_crop.jpg")).unwrap();
    let options = DecodeOptions { exif: Exif::Ignore, ..DecodeOptions::default() };
    let image = decode(&bytes, &options).unwrap();
    let fractions = Region::Normalized { left: 0.1, top: 0.2, right: 0.9, bottom: 0.8 };
    for profile in lookalike::preprocessor_names() {
        // A model that gives its input, of 24x16 pixels.
        let embedder = ImageEmbedder::builder()
            .model_file(fixture("echo_f32.tflite"))
            .preprocessor(preprocessor(profile).unwrap())
            .build()
            .unwrap();
        for (region_of_interest, rotation_degrees) in
            [(None, 0), (None, 90), (Some(fractions), 0), (Some(fractions), 270)]
        {
            let processing = ImageProcessingOptions { region_of_interest, rotation_degrees };
            let grid = embedder.sampling((&image.view()).into(), &processing);
            assert_eq!(grid.is_none(), profile == "antialias", "{profile}");
            let budget = MemoryBudget::unlimited();
            let file = embedder.embed_bytes_with(&bytes, &processing, &options, &budget).unwrap();
            assert_eq!((file.width, file.height), (image.width(), image.height()));
            assert!(!file.is_truncated);
            assert_eq!(file.result, embedder.embed_with(&image, &processing).unwrap());
        }
        let beyond = Region::Pixels { x: 0, y: 0, width: 10_000, height: 1 };
        let processing =
            ImageProcessingOptions { region_of_interest: Some(beyond), rotation_degrees: 0 };
        let budget = MemoryBudget::unlimited();
        let error = embedder.embed_bytes_with(&bytes, &processing, &options, &budget).unwrap_err();
        let expected = embedder.embed_with(&image, &processing).unwrap_err();
        assert_eq!(error.to_string(), expected.to_string());
    }
}
