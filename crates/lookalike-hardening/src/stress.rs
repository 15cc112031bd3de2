//! Many threads on one embedder, while others make and drop embedders and streams of their own.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lookalike::{
    BackendInfo, ErrorKind, FeatureVector, Image, ImageEmbedder, ImageEmbedderOptions, ImageView,
    InferenceBackend, InferenceSession, LiveStreamEmbedder, LoadedModel, Model, ModelIo,
    OperatorInfo, SessionOptions, Shape, Tensor, TensorRef, backends,
};

/// Threads that share an embedder.
const SHARING: usize = 64;
/// Threads that make and drop embedders.
const MAKING: usize = 4;

/// The built-in model on every backend of this build that can run here and does not refuse it, and on an engine that is written here.
pub fn subjects() -> Vec<(String, ImageEmbedderOptions)> {
    let refuses = |name: &str| {
        let built = ImageEmbedder::builder().backend(name).build();
        built.is_err_and(|error| error.kind() == ErrorKind::Unimplemented)
    };
    let usable = backends().iter().filter(|backend| backend.check().is_ok());
    let usable = usable.filter(|backend| !refuses(backend.name()));
    let named = usable.map(|backend| {
        (backend.name().to_owned(), ImageEmbedder::builder().backend(backend.name()))
    });
    let toy = ("toy".to_owned(), ImageEmbedder::builder().custom_backend(Arc::new(Toy)));
    named.chain([toy]).collect()
}

/// Embeds images on 64 threads for as long as is said; every vector must be, bit for bit, what one thread alone gave. Returns how
/// many there were.
///
/// # Errors
///
/// A vector was another one, or there was none.
pub fn stress(options: &ImageEmbedderOptions, time: Duration) -> Result<u64> {
    let embedder = options.clone().build()?;
    let images: Vec<(Vec<u8>, usize, usize)> = [(40, 30), (7, 64), (224, 224), (1, 1)]
        .into_iter()
        .map(|(width, height)| {
            let bytes = (0..width * height * 3).map(|index| (index * 31 % 251) as u8);
            (bytes.collect(), width, height)
        })
        .collect();
    let embed = |embedder: &ImageEmbedder, (pixels, width, height): &(Vec<u8>, usize, usize)| {
        let mut result = embedder.embed(ImageView::rgb(pixels, *width, *height)?)?;
        Ok::<_, lookalike::Error>(result.embeddings.swap_remove(0).feature_vector)
    };
    let expected: Vec<FeatureVector> =
        images.iter().map(|image| embed(&embedder, image)).collect::<Result<_, _>>()?;
    let (is_over, count, failure) = (AtomicBool::new(false), AtomicU64::new(0), Mutex::new(None));
    let check = |embedder: &ImageEmbedder, position: usize| -> Result<()> {
        let vector = embed(embedder, &images[position])?;
        ensure!(vector == expected[position], "image {position} has another vector");
        count.fetch_add(1, Ordering::Relaxed);
        Ok(())
    };
    let fail = |error: anyhow::Error| {
        is_over.store(true, Ordering::Relaxed);
        if let Ok(mut failure) = failure.lock() {
            failure.get_or_insert(error);
        }
    };
    let start = Instant::now();
    let is_running = || !is_over.load(Ordering::Relaxed) && start.elapsed() < time;
    let (embedder, images) = (&embedder, &images);
    let (check, fail, is_running) = (&check, &fail, &is_running);
    thread::scope(|scope| {
        for thread in 0..SHARING {
            scope.spawn(move || {
                for round in (0..).take_while(|_| is_running()) {
                    if let Err(error) = check(embedder, (thread + round) % images.len()) {
                        fail(error);
                    }
                }
            });
        }
        for thread in 0..MAKING {
            scope.spawn(move || {
                for round in (thread..).take_while(|_| is_running()) {
                    let made = options.clone().build().context("an embedder more");
                    let result = made.and_then(|made| {
                        check(&made, round % images.len())?;
                        stream(made, &images[round % images.len()])
                    });
                    if let Err(error) = result {
                        fail(error);
                    }
                }
            });
        }
    });
    match failure.into_inner().ok().flatten() {
        Some(error) => Err(error),
        None => Ok(count.into_inner()),
    }
}

/// Sends frames to a live stream and drops it in the middle.
fn stream(
    embedder: ImageEmbedder,
    (pixels, width, height): &(Vec<u8>, usize, usize),
) -> Result<()> {
    let results = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&results);
    let stream = LiveStreamEmbedder::new(embedder, move |_, _, _| {
        counter.fetch_add(1, Ordering::Relaxed);
    })?;
    for time in 0..3 {
        let view = ImageView::rgb(pixels, *width, *height)?;
        stream.send(Image::from(&view), time)?;
    }
    drop(stream);
    Ok(())
}

/// An engine in a few lines, for runs in which the others would be too much: the mean of each of the first values with its
/// neighbors.
#[derive(Debug)]
struct Toy;

#[derive(Debug)]
struct LoadedToy {
    io: ModelIo,
    lengths: Vec<usize>,
}

#[derive(Debug)]
struct ToySession {
    lengths: Vec<usize>,
}

impl InferenceBackend for Toy {
    fn name(&self) -> &'static str {
        "toy"
    }

    fn check(&self) -> lookalike::Result<BackendInfo> {
        Ok(BackendInfo::built_in("1"))
    }

    fn has_operator(&self, _operator: &OperatorInfo) -> bool {
        true
    }

    fn load(
        &self,
        model: &Model,
        _options: &SessionOptions,
    ) -> lookalike::Result<Arc<dyn LoadedModel>> {
        let io = model.io().clone();
        let length = |output: &lookalike::TensorInfo| Ok(output.dims()?.iter().product());
        let lengths = io.outputs.iter().map(length).collect::<lookalike::Result<_>>()?;
        Ok(Arc::new(LoadedToy { io, lengths }))
    }
}

impl LoadedModel for LoadedToy {
    fn io(&self) -> &ModelIo {
        &self.io
    }

    fn session(&self) -> lookalike::Result<Box<dyn InferenceSession>> {
        Ok(Box::new(ToySession { lengths: self.lengths.clone() }))
    }
}

impl InferenceSession for ToySession {
    fn run(&mut self, inputs: &[TensorRef<'_>], outputs: &mut [Tensor]) -> lookalike::Result<()> {
        let lookalike::DataRef::F32(values) = inputs[0].data() else {
            return Err(lookalike::Error::internal("the toy takes floats"));
        };
        for (output, &length) in outputs.iter_mut().zip(&self.lengths) {
            let target = output.reset_f32(Shape::new(&[1, length])?);
            for (index, value) in target.iter_mut().enumerate() {
                *value = values.iter().skip(index).take(9).sum::<f32>() / 9.0;
            }
        }
        Ok(())
    }
}
