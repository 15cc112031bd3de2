//! Every backend on the same model and image, each in a process of its own; and two of them against their bare engines.
//!
//! The model is MobileNetV3-small where `models/cache/` has it, else the built-in one.

#![expect(clippy::unwrap_used, reason = "a benchmark that fails may panic")]
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use std::path::PathBuf;
use std::process::Command;
use std::sync::Barrier;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use lookalike::{
    DataRef, ImageEmbedder, ImageProcessingOptions, ImageView, InferenceBackend, Model,
    Preprocessor, SessionOptions, Tensor, backend, backends,
};

const WIDTH: usize = 480;
const HEIGHT: usize = 325;
/// Runs that a median is taken of.
const RUNS: usize = 201;
/// How long throughput is measured.
const WINDOW: Duration = Duration::from_secs(2);

fn main() {
    let arguments: Vec<String> =
        env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--measure", name] => measure(backend(name).unwrap()),
        _ => table(),
    }
}

fn cached(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../models/cache").join(name);
    path.exists().then_some(path)
}

fn embedder_options() -> lookalike::ImageEmbedderOptions {
    match cached("mobilenet_v3_small.tflite") {
        Some(path) => ImageEmbedder::builder().model_file(path),
        None => ImageEmbedder::builder(),
    }
}

fn pixels() -> Vec<u8> {
    (0..WIDTH * HEIGHT * 3).map(|index| (index * 7 + index / 1_000 * 13) as u8).collect()
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    milliseconds(times[times.len() / 2])
}

/// A row a backend, then the comparisons with bare engines.
fn table() {
    let model = embedder_options().read_model().unwrap();
    println!("{model:?}");
    println!(
        "| backend | load ms | first run ms | 1 thread ms | 2 threads ms | images/s, a session per core | peak MiB |"
    );
    println!("|---|---|---|---|---|---|---|");
    for backend in backends() {
        if let Err(error) = backend.check() {
            println!("| {} | cannot run here: {error} |", backend.name());
            continue;
        }
        let program = env::current_exe().unwrap();
        let output = Command::new(program).args(["--measure", backend.name()]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        print!("{}", String::from_utf8(output.stdout).unwrap());
    }
    let input = prepared(&model);
    #[cfg(feature = "tflitec")]
    against_bare_tflitec(&model, &input);
    #[cfg(feature = "ort")]
    against_tf2onnx(&model, &input);
    drop(input);
}

/// Prints the row of one backend. Runs in a process of its own, so that the peak of memory is the backend's.
fn measure(backend: &'static dyn InferenceBackend) {
    let name = backend.name();
    let (data, start) = (pixels(), Instant::now());
    let image = ImageView::rgb(&data, WIDTH, HEIGHT).unwrap();
    let embedder = match embedder_options().backend(name).build() {
        Ok(embedder) => embedder,
        Err(error) => return println!("| {name} | refused: {error} |"),
    };
    let load = milliseconds(start.elapsed());
    let run = |embedder: &ImageEmbedder| {
        let start = Instant::now();
        embedder.embed(image).unwrap();
        start.elapsed()
    };
    let first = milliseconds(run(&embedder));
    let one = median((0..RUNS).map(|_| run(&embedder)).collect());
    let two_threads = embedder_options()
        .backend(name)
        .threads(lookalike::Threads::from_num_threads(2).unwrap())
        .build()
        .unwrap();
    let two = median((0..RUNS).map(|_| run(&two_threads)).collect());
    drop(two_threads);
    let cores = thread::available_parallelism().unwrap().get();
    let barrier = Barrier::new(cores);
    let count: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..cores)
            .map(|_| {
                scope.spawn(|| {
                    run(&embedder);
                    barrier.wait();
                    let start = Instant::now();
                    let mut count = 0;
                    while start.elapsed() < WINDOW {
                        run(&embedder);
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let throughput = count as f64 / WINDOW.as_secs_f64();
    println!(
        "| {name} | {load:.1} | {first:.2} | {one:.2} | {two:.2} | {throughput:.0} on {cores} | {} |",
        peak_mebibytes()
    );
}

/// The most memory that was resident, as Linux tells it.
fn peak_mebibytes() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes =
        line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
    kibibytes.map_or("unknown".to_owned(), |kibibytes| format!("{:.0}", kibibytes / 1024.0))
}

/// The input tensor of the image.
fn prepared(model: &Model) -> Tensor {
    let data = pixels();
    let image = ImageView::rgb(&data, WIDTH, HEIGHT).unwrap();
    let spec = lookalike::InputSpec::from_model(model, None).unwrap();
    let mut input = Tensor::empty();
    let processing = ImageProcessingOptions::default();
    lookalike::TaskLibrary::new().prepare(&image, &processing, &spec, &mut input).unwrap();
    input
}

/// Prints the medians of a backend's session and of a bare engine, run in turns, and their ratio.
#[cfg_attr(
    not(any(feature = "tflitec", feature = "ort")),
    expect(dead_code, reason = "there is no other engine in this build")
)]
fn compare(
    name: &str,
    bare_name: &str,
    model: &Model,
    input: &Tensor,
    mut bare: impl FnMut(&[f32]) -> f32,
) {
    let engine = backend(name).unwrap();
    let mut session = engine.load(model, &SessionOptions::default()).unwrap().session().unwrap();
    let mut outputs = vec![Tensor::empty(); model.io().outputs.len()];
    let DataRef::F32(values) = input.as_ref().data() else { panic!("the model takes no floats") };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let start = Instant::now();
        session.run(&[input.as_ref()], &mut outputs).unwrap();
        ours.push(start.elapsed());
        let start = Instant::now();
        let first = bare(values);
        theirs.push(start.elapsed());
        let DataRef::F32(found) = outputs[0].as_ref().data() else { panic!("{outputs:?}") };
        assert!(
            (found[0] - first).abs() <= 1e-4 * first.abs().max(1.0),
            "{} and {first}",
            found[0]
        );
    }
    let (ours, theirs) = (median(ours), median(theirs));
    println!("{name}: {ours:.3} ms; {bare_name}: {theirs:.3} ms; ratio {:.3}", ours / theirs);
}

#[cfg(feature = "tflitec")]
fn against_bare_tflitec(model: &Model, input: &Tensor) {
    use tflitec::interpreter::{Interpreter, Options};

    let bare_model = tflitec::model::Model::from_bytes(model.bytes()).unwrap();
    let options = Options { thread_count: 1, is_xnnpack_enabled: true };
    let interpreter = Interpreter::new(&bare_model, Some(options)).unwrap();
    interpreter.allocate_tensors().unwrap();
    compare("tflitec", "bare interpreter", model, input, |values| {
        interpreter.copy(values, 0).unwrap();
        interpreter.invoke().unwrap();
        interpreter.output(0).unwrap().data::<f32>()[0]
    });
}

/// Against the model that tf2onnx makes, taken as it is; `cargo xtask bench --backends` has it made.
#[cfg(feature = "ort")]
fn against_tf2onnx(model: &Model, input: &Tensor) {
    let Some(path) = env::var_os("LOOKALIKE_TF2ONNX_MODEL") else {
        println!("ort: not compared, LOOKALIKE_TF2ONNX_MODEL names no model of tf2onnx");
        return;
    };
    let theirs = lookalike::read_model(path).unwrap();
    let loaded = backend("ort").unwrap().load(&theirs, &SessionOptions::default()).unwrap();
    let mut session = loaded.session().unwrap();
    let mut outputs = vec![Tensor::empty(); theirs.io().outputs.len()];
    compare("ort", "ONNX Runtime on the model of tf2onnx", model, input, |_| {
        session.run(&[input.as_ref()], &mut outputs).unwrap();
        let DataRef::F32(found) = outputs[0].as_ref().data() else { panic!("{outputs:?}") };
        found[0]
    });
}
