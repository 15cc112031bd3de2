//! lookalike against other libraries.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::{paths, python, shell};

const BUILD: [&str; 4] = ["build", "--quiet", "--locked", "--release"];

/// Interpreters that have MediaPipe and tflite-support.
pub(crate) fn python_libraries() -> Result<(PathBuf, PathBuf)> {
    let mediapipe = python::environment("peers-mediapipe", &["mediapipe==1.2.2"])?;
    let tflite_support = python::environment("golden", &["numpy<2", "tflite-support==0.4.4"])?;
    // Told here, before minutes are spent on what cannot end.
    for (python, module, needed) in [
        (&mediapipe, "mediapipe.tasks.python.vision", "libgl1 libegl1 libgles2"),
        (&tflite_support, "tflite_support.task", "libusb-1.0-0 libportaudio2"),
    ] {
        shell::run(python, &["-c", &format!("import {module}")])
            .with_context(|| format!("{module} is not usable: `apt-get install {needed}`"))?;
    }
    Ok((mediapipe, tflite_support))
}

/// The program that does with lookalike what others do with their libraries.
pub(crate) fn peer() -> Result<PathBuf> {
    let peer = ["--package", "lookalike-benches", "--bin", "peer"];
    shell::run("cargo", &[&BUILD[..], &peer].concat())?;
    Ok(paths::root().join("target/release/peer"))
}

/// Installs the libraries, builds what is measured, and has a script run them in turns.
///
/// tflite-support needs a Python it has wheels for (3.8 to 3.11).
pub(crate) fn bench() -> Result<()> {
    let litert = ["ai-edge-litert", "numpy", "onnxruntime", "pillow", "simplejpeg"];
    let litert = python::environment("peers-litert", &litert)?;
    let (mediapipe, tflite_support) = python_libraries()?;
    let peer = peer()?;
    shell::run("cargo", &[&BUILD[..], &["--package", "lookalike-cli"]].concat())?;
    let release = paths::root().join("target/release");
    let program = release.join("lookalike");
    let folder = tempfile::tempdir()?;
    let converted = folder.path().join("model.onnx").to_string_lossy().into_owned();
    let model = paths::cache().join("mobilenet_v3_small.tflite").to_string_lossy().into_owned();
    shell::run(&program, &["convert", &model, "-o", &converted])
        .context("the public models must be there: cargo xtask models fetch")?;
    let script = paths::root().join("xtask/python/bench_peers.py");
    let folders = [peer, program, paths::cache()];
    let arguments =
        [script].into_iter().chain(folders).map(|path| path.to_string_lossy().into_owned());
    let pythons =
        [&litert, &mediapipe, &tflite_support].map(|path| path.to_string_lossy().into_owned());
    let arguments: Vec<String> = arguments.chain([converted]).chain(pythons).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    shell::run("python3", &arguments)
}
