//! What `cargo xtask bench --peers` and `cargo xtask zoo` compare with other libraries: it does one thing as often as each line of its input
//! says, and answers with the nanoseconds that each took. Or it gives the outputs of a model.

#![expect(clippy::print_stdout, reason = "a program for another one")]

use std::error::Error;
use std::hint::black_box;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::thread;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use lookalike::native::{InstructionSet, Native};
use lookalike::{
    Data, DecodeOptions, ImageEmbedder, InferenceBackend, Model, SessionOptions, Shape, Tensor,
    TensorRef, TensorType, Threads, decode, decode_file,
};

/// Runs of each session that are told as one.
const RUNS: usize = 20;

/// Something to be measured.
#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// The model alone.
    Infer,
    /// The model on several sessions at a time, 20 times each; all together are told as one.
    Sessions,
    /// From the bytes of a model to a session that can run.
    Load,
    /// From pixels in memory to a vector.
    Embed,
    /// From an image file to a vector.
    File,
    /// From an image file to all of its pixels.
    Decode,
    /// The bytes of a model's outputs, for bytes of its input.
    Outputs,
}

#[derive(Parser)]
struct Options {
    what: What,
    model: PathBuf,
    /// The image to embed
    #[arg(long)]
    picture: Option<PathBuf>,
    /// Bytes of one or more inputs
    #[arg(long)]
    inputs: Option<PathBuf>,
    #[arg(long, default_value_t = 1)]
    threads: i32,
    #[arg(long, default_value_t = 1)]
    sessions: usize,
    /// Instructions to use in place of the best ones
    #[arg(long)]
    set: Option<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let mut backend = Native::new();
    if let Some(name) = &options.set {
        let sets = InstructionSet::available();
        let set = sets.into_iter().find(|set| set.name() == name);
        backend = Native::with_instructions(set.ok_or("the processor has no such instructions")?);
    }
    let threads = Threads::from_num_threads(options.threads)?;
    let session_options = SessionOptions::default().with_threads(threads);
    // A model is loaded as it lies in memory.
    let bytes: &'static [u8] = Vec::leak(std::fs::read(&options.model)?);
    match options.what {
        What::Load => serve(|| {
            let model = Model::from_bytes(bytes)?;
            black_box(backend.load(&model, &session_options)?);
            Ok(())
        }),
        What::Infer => {
            let model = Model::from_bytes(bytes)?;
            let mut session = backend.load(&model, &session_options)?.session()?;
            let inputs = inputs(&model)?;
            let views: Vec<TensorRef<'_>> = inputs.iter().map(Tensor::as_ref).collect();
            let mut outputs = vec![Tensor::empty(); model.io().outputs.len()];
            serve(|| Ok(session.run(&views, &mut outputs)?))
        }
        What::Sessions => {
            let model = Model::from_bytes(bytes)?;
            let first = backend.load(&model, &session_options)?;
            let inputs = inputs(&model)?;
            let views: Vec<TensorRef<'_>> = inputs.iter().map(Tensor::as_ref).collect();
            let sessions = (0..options.sessions).map(|_| first.session());
            let mut sessions: Vec<_> = sessions.collect::<lookalike::Result<_>>()?;
            serve(|| {
                thread::scope(|scope| {
                    let started = sessions.iter_mut().map(|session| {
                        scope.spawn(|| {
                            let mut outputs = vec![Tensor::empty(); model.io().outputs.len()];
                            (0..RUNS).try_for_each(|_| session.run(&views, &mut outputs))
                        })
                    });
                    let started: Vec<_> = started.collect();
                    let done = started.into_iter().map(|thread| thread.join());
                    done.map(|done| done.map_err(|_| "a session panicked"))
                        .collect::<Result<Vec<_>, _>>()
                })?
                .into_iter()
                .collect::<lookalike::Result<()>>()?;
                Ok(())
            })
        }
        What::Outputs => {
            let model = Model::from_bytes(bytes)?;
            let mut session = backend.load(&model, &session_options)?.session()?;
            let input = &model.io().inputs[0];
            let shape = Shape::new(&input.dims()?)?;
            let mut outputs = vec![Tensor::empty(); model.io().outputs.len()];
            let inputs = std::fs::read(options.inputs.ok_or("name a file of inputs")?)?;
            let size = if input.element_type == TensorType::FLOAT32 { 4 } else { 1 };
            for bytes in inputs.chunks_exact(shape.element_count() * size) {
                let data = match input.element_type {
                    TensorType::FLOAT32 => Data::F32(bytemuck::pod_collect_to_vec(bytes)),
                    TensorType::INT8 => Data::I8(bytemuck::pod_collect_to_vec(bytes)),
                    _ => Data::U8(bytes.to_vec()),
                };
                session.run(&[Tensor::new(shape, data)?.as_ref()], &mut outputs)?;
                outputs.iter().try_for_each(|output| io::stdout().write_all(&to_bytes(output)))?;
            }
            Ok(())
        }
        What::Decode => {
            let bytes = std::fs::read(options.picture.ok_or("name an image")?)?;
            serve(|| {
                black_box(decode(&bytes, &DecodeOptions::default())?);
                Ok(())
            })
        }
        What::Embed | What::File => {
            let embedder = ImageEmbedder::builder()
                .model_file(&options.model)
                .custom_backend(std::sync::Arc::new(backend))
                .threads(threads)
                .build()?;
            let path = options.picture.ok_or("name an image")?;
            if matches!(options.what, What::File) {
                return serve(|| {
                    black_box(embedder.embed_file(&path)?);
                    Ok(())
                });
            }
            let picture = decode_file(&path, &DecodeOptions::default())?;
            serve(|| {
                black_box(embedder.embed(&picture)?);
                Ok(())
            })
        }
    }
}

/// Values of all sizes, as an image has them.
fn inputs(model: &Model) -> lookalike::Result<Vec<Tensor>> {
    let tensor = |input: &lookalike::TensorInfo| {
        let shape = Shape::new(&input.dims()?)?;
        let bytes = (0..shape.element_count()).map(|index| (index * 7919 % 251) as u8);
        let data = match input.element_type {
            TensorType::FLOAT32 => Data::F32(bytes.map(|byte| f32::from(byte) / 255.0).collect()),
            TensorType::INT8 => Data::I8(bytes.map(|byte| byte as i8).collect()),
            _ => Data::U8(bytes.collect()),
        };
        Tensor::new(shape, data)
    };
    model.io().inputs.iter().map(tensor).collect()
}

/// Elements as they lie in memory.
fn to_bytes(tensor: &Tensor) -> Vec<u8> {
    match tensor.data() {
        Data::F32(floats) => bytemuck::cast_slice(floats).to_vec(),
        Data::I8(bytes) => bytemuck::cast_slice(bytes).to_vec(),
        Data::U8(bytes) => bytes.clone(),
        other => panic!("the outputs of an embedder are not {other:?}"),
    }
}

fn serve(mut run: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
    for line in io::stdin().lock().lines() {
        let mut times = Vec::new();
        for _ in 0..line?.trim().parse::<usize>()? {
            let start = Instant::now();
            run()?;
            times.push(start.elapsed().as_nanos().to_string());
        }
        println!("{}", times.join(" "));
        io::stdout().flush()?;
    }
    Ok(())
}
