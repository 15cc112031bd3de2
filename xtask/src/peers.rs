//! lookalike against other libraries.

use anyhow::{Context, Result};

use crate::{paths, python, shell};

/// Installs the libraries, builds what is measured, and has a script run them in turns.
///
/// tflite-support needs a Python it has wheels for (3.8 to 3.11).
pub(crate) fn bench() -> Result<()> {
    let litert = ["ai-edge-litert", "numpy", "onnxruntime", "pillow", "simplejpeg"];
    let litert = python::environment("peers-litert", &litert)?;
    let mediapipe = python::environment("peers-mediapipe", &["mediapipe"])?;
    let tflite_support = python::environment("golden", &["numpy<2", "tflite-support==0.4.4"])?;
    // Told here, before minutes are spent on what cannot end.
    for (python, module, needed) in [
        (&mediapipe, "mediapipe.tasks.python.vision", "libgl1 libegl1 libgles2"),
        (&tflite_support, "tflite_support.task", "libusb-1.0-0 libportaudio2"),
    ] {
        shell::run(python, &["-c", &format!("import {module}")])
            .with_context(|| format!("{module} is not usable: `apt-get install {needed}`"))?;
    }
    let build = ["build", "--quiet", "--locked", "--release"];
    shell::run(
        "cargo",
        &[&build[..], &["--package", "lookalike-benches", "--bin", "peer"]].concat(),
    )?;
    shell::run("cargo", &[&build[..], &["--package", "lookalike-cli"]].concat())?;
    let release = paths::root().join("target/release");
    let program = release.join("lookalike");
    let folder = tempfile::tempdir()?;
    let converted = folder.path().join("model.onnx").to_string_lossy().into_owned();
    let model = paths::cache().join("mobilenet_v3_small.tflite").to_string_lossy().into_owned();
    shell::run(&program, &["convert", &model, "-o", &converted])
        .context("the public models must be there: cargo xtask models fetch")?;
    let script = paths::root().join("xtask/python/bench_peers.py");
    let folders = [release.join("peer"), program, paths::cache()];
    let arguments =
        [script].into_iter().chain(folders).map(|path| path.to_string_lossy().into_owned());
    let pythons =
        [&litert, &mediapipe, &tflite_support].map(|path| path.to_string_lossy().into_owned());
    let arguments: Vec<String> = arguments.chain([converted]).chain(pythons).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    shell::run("python3", &arguments)
}
