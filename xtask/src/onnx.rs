//! Converted models, looked at by others: the Python packages onnx and onnxruntime, and tf2onnx.

use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::{paths, python, runtimes, shell, workspace};

/// Models with images of the size that they take.
const PAIRS: [(&str, &str); 3] = [
    ("mobilenet_v3_small.tflite", "burger-224.png"),
    ("mobilenet_v1_0.25_224_1_metadata_1.tflite", "burger-224.png"),
    ("mobilenet_v1_0.25_224_quant.tflite", "burger-224.png"),
];

/// Converts public models that are there, has onnx check them, and compares what onnxruntime gives with our vectors.
pub(crate) fn check() -> Result<()> {
    let (there, missing): (Vec<_>, Vec<_>) =
        PAIRS.into_iter().partition(|(model, _)| paths::cache().join(model).exists());
    for (model, _) in missing {
        println!("models/cache/{model} is missing: its translation is not checked");
    }
    if there.is_empty() {
        return Ok(());
    }
    let backends = runtimes::fetch()?;
    let python = python::environment("onnx", &["numpy", "onnx", "onnxruntime", "pillow"])?;
    let folder = tempfile::tempdir()?;
    let script = paths::root().join("xtask/python/check_onnx.py");
    for (model, picture) in there {
        let (model, picture) = (paths::cache().join(model), paths::cache().join(picture));
        let (converted, vector) =
            (folder.path().join("model.onnx"), folder.path().join("vector.json"));
        let backend = if backends.contains(&"ort") { "ort" } else { "tract" };
        let run = |arguments: &[&std::ffi::OsStr], output: Option<File>| -> Result<()> {
            let mut command = workspace::command("lookalike", &backends)?;
            command.args(arguments);
            if let Some(output) = output {
                command.stdout(output);
            }
            let status = command.status()?;
            ensure!(status.success(), "lookalike {arguments:?} failed: {status}");
            Ok(())
        };
        run(&["convert".as_ref(), model.as_ref(), "-o".as_ref(), converted.as_ref()], None)?;
        let embed = [
            "embed".as_ref(),
            picture.as_ref(),
            "-m".as_ref(),
            model.as_ref(),
            "-b".as_ref(),
            backend.as_ref(),
        ];
        run(&embed, Some(File::create(&vector)?))?;
        let arguments = [script.as_path(), &converted, &picture, &vector];
        let arguments: Vec<_> = arguments.iter().map(|path| path.to_string_lossy()).collect();
        let arguments: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
        shell::run(&python, &arguments).context("the translation is not as it should be")?;
    }
    Ok(())
}

/// The model that tf2onnx makes of MobileNetV3-small.
pub(crate) fn tf2onnx() -> Result<PathBuf> {
    let packages = ["numpy<2", "onnx<1.17", "tensorflow-cpu==2.21.0", "tf2onnx==1.17.0"];
    let python = python::environment("tf2onnx", &packages)?;
    let model = paths::cache().join("mobilenet_v3_small.tflite");
    let made = paths::root().join("target/tf2onnx.onnx");
    let (model, output) = (model.to_string_lossy(), made.to_string_lossy());
    let convert =
        ["-m", "tf2onnx.convert", "--opset", "17", "--tflite", &model, "--output", &output];
    shell::run(&python, &convert)?;
    Ok(made)
}
