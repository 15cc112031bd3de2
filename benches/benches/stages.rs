//! Each stage between a file and a vector, and all of them together, on an image of 480x325 pixels.
//!
//! The model is MobileNetV3-small where `models/cache/` has it, else the built-in one; the id of a benchmark names it.

#![expect(clippy::unwrap_used, reason = "a benchmark that fails may panic")]

use std::fs;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use lookalike::{
    BackendInfo, Data, DecodeOptions, FeatureVector, HeadSpec, ImageEmbedder,
    ImageProcessingOptions, ImageView, InferenceBackend, InferenceSession, InputElement, InputSpec,
    InstructionSet, LoadedModel, MediaPipe, Model, ModelIo, Normalization, OperatorInfo,
    Preprocessor, Result, SessionOptions, TaskLibrary, Tensor, TensorRef, cosine_similarity,
    decode,
};

const WIDTH: usize = 480;
const HEIGHT: usize = 325;

fn cached(name: &str) -> Option<Vec<u8>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../models/cache").join(name);
    fs::read(path).ok()
}

/// The model to measure, with a name for it.
fn model() -> (&'static str, Model) {
    match cached("mobilenet_v3_small.tflite") {
        Some(bytes) => ("mobilenet_v3_small", Model::from_bytes(bytes).unwrap()),
        None => ("gist", ImageEmbedder::builder().build().unwrap().model().clone()),
    }
}

fn pixels(width: usize, height: usize) -> Vec<u8> {
    (0..width * height * 3).map(|index| (index * 7 + index / 1_000 * 13) as u8).collect()
}

fn float_spec() -> InputSpec {
    let normalization = Normalization::new(&[127.5], &[127.5]).unwrap();
    InputSpec::new(224, 224, InputElement::F32(normalization))
}

fn decoding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    if let Some(bytes) = cached("burger.jpg") {
        group.bench_function("jpeg_480x325", |bencher| {
            bencher.iter(|| decode(black_box(&bytes), &DecodeOptions::default()).unwrap());
        });
    }
    let fixture =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../models/fixtures/landscape.png");
    let bytes = fs::read(fixture).unwrap();
    group.bench_function("png_240x160", |bencher| {
        bencher.iter(|| decode(black_box(&bytes), &DecodeOptions::default()).unwrap());
    });
}

fn preparing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("prepare");
    let processing = ImageProcessingOptions::default();
    let spec = float_spec();
    let mut input = Tensor::empty();
    for (width, height) in [(WIDTH, HEIGHT), (224, 224), (448, 448), (4000, 3000)] {
        let data = pixels(width, height);
        let image = ImageView::rgb(&data, width, height).unwrap();
        for set in [InstructionSet::detect(), InstructionSet::PORTABLE] {
            let profiles: [&dyn Preprocessor; 2] =
                [&TaskLibrary::with_instruction_set(set), &MediaPipe::with_instruction_set(set)];
            for profile in profiles {
                let name =
                    format!("{}/{width}x{height}_to_224x224_f32/{}", profile.name(), set.name());
                group.bench_function(name, |bencher| {
                    bencher.iter(|| {
                        profile.prepare(black_box(&image), &processing, &spec, &mut input).unwrap()
                    });
                });
            }
        }
    }
}

fn inferring(criterion: &mut Criterion) {
    let (name, model) = model();
    let mut group = criterion.benchmark_group("infer");
    let spec = InputSpec::from_model(&model, None).unwrap();
    let data = pixels(WIDTH, HEIGHT);
    let image = ImageView::rgb(&data, WIDTH, HEIGHT).unwrap();
    let mut input = Tensor::empty();
    TaskLibrary::new()
        .prepare(&image, &ImageProcessingOptions::default(), &spec, &mut input)
        .unwrap();
    for backend in lookalike::backends() {
        let loaded = backend.load(&model, &SessionOptions::default()).unwrap();
        let mut session = loaded.session().unwrap();
        let mut outputs = vec![Tensor::empty(); loaded.io().outputs.len()];
        group.bench_function(format!("{}/{name}", backend.name()), |bencher| {
            bencher.iter(|| session.run(&[input.as_ref()], black_box(&mut outputs)).unwrap());
        });
    }
}

/// An engine that gives constant output in no time, so that what is left is the embedder.
#[derive(Debug)]
struct Instant;

#[derive(Debug)]
struct LoadedInstant(ModelIo, usize);

#[derive(Debug)]
struct InstantSession(Vec<f32>);

impl InferenceBackend for Instant {
    fn name(&self) -> &'static str {
        "instant"
    }

    fn check(&self) -> Result<BackendInfo> {
        Ok(BackendInfo::built_in("1"))
    }

    fn has_operator(&self, _operator: &OperatorInfo) -> bool {
        true
    }

    fn load(&self, model: &Model, _options: &SessionOptions) -> Result<Arc<dyn LoadedModel>> {
        let heads = HeadSpec::from_model(model)?;
        Ok(Arc::new(LoadedInstant(model.io().clone(), heads[0].dimension)))
    }
}

impl LoadedModel for LoadedInstant {
    fn io(&self) -> &ModelIo {
        &self.0
    }

    fn session(&self) -> Result<Box<dyn InferenceSession>> {
        Ok(Box::new(InstantSession(vec![0.5; self.1])))
    }
}

impl InferenceSession for InstantSession {
    fn run(&mut self, _inputs: &[TensorRef<'_>], outputs: &mut [Tensor]) -> Result<()> {
        let shape = lookalike::Shape::new(&[1, self.0.len()])?;
        outputs[0].reset_f32(shape).copy_from_slice(&self.0);
        Ok(())
    }
}

fn embedding(criterion: &mut Criterion) {
    let (name, model) = model();
    let mut group = criterion.benchmark_group("embed");
    let data = pixels(WIDTH, HEIGHT);
    let image = ImageView::rgb(&data, WIDTH, HEIGHT).unwrap();
    let options = ImageEmbedder::builder().model(model).l2_normalize(true);
    let empty = options.clone().custom_backend(Arc::new(Instant)).build().unwrap();
    group.bench_function(format!("without_inference/{name}"), |bencher| {
        bencher.iter(|| empty.embed(black_box(&image)).unwrap());
    });
    for backend in lookalike::backends() {
        let embedder = options.clone().backend(backend.name()).build().unwrap();
        group.bench_function(format!("from_pixels/{}/{name}", backend.name()), |bencher| {
            bencher.iter(|| embedder.embed(black_box(&image)).unwrap());
        });
        if let Some(bytes) = cached("burger.jpg") {
            group.bench_function(format!("from_jpeg/{}/{name}", backend.name()), |bencher| {
                bencher.iter(|| {
                    let picture = decode(&bytes, &DecodeOptions::default()).unwrap();
                    embedder.embed(&picture).unwrap()
                });
            });
        }
    }
}

fn postprocessing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("postprocess");
    let (name, model) = model();
    let head = &HeadSpec::from_model(&model).unwrap()[0];
    let shape = lookalike::Shape::new(&[1, head.dimension]).unwrap();
    let values = (0..head.dimension).map(|index| (index as f32).sin()).collect();
    let output = Tensor::new(shape, Data::F32(values)).unwrap();
    group.bench_function(format!("l2_and_quantize/{name}"), |bencher| {
        bencher.iter(|| head.feature_vector(black_box(output.as_ref()), true, true));
    });
    let float = |offset: f32| (0..1024).map(|index| (index as f32 + offset).sin()).collect();
    let (u, v) = (FeatureVector::Float(float(0.0)), FeatureVector::Float(float(0.5)));
    group.bench_function("cosine_1024", |bencher| {
        bencher.iter(|| cosine_similarity(black_box(&u), black_box(&v)).unwrap());
    });
}

fn reading_models(criterion: &mut Criterion) {
    let (name, model) = model();
    // The bytes are borrowed for good, so that an iteration measures reading alone and no allocation of the file.
    let bytes: &'static [u8] = Box::leak(model.bytes().to_vec().into_boxed_slice());
    let mut group = criterion.benchmark_group("model");
    group.bench_function(format!("from_bytes/{name}"), |bencher| {
        bencher.iter(|| Model::from_bytes(black_box(bytes)).unwrap());
    });
    group.bench_function(format!("metadata_rules/{name}"), |bencher| {
        bencher.iter(|| {
            let input = InputSpec::from_model(black_box(&model), None).unwrap();
            (input, HeadSpec::from_model(&model).unwrap())
        });
    });
}

criterion_group!(stages, decoding, preparing, inferring, embedding, postprocessing, reading_models);
criterion_main!(stages);
