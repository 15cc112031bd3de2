//! Capturing what the reference libraries give for the fixtures.

use std::fs;

use anyhow::{Context, Result};

use crate::{paths, python, shell};

/// Runs tflite-support on the fixtures, and LiteRT on the operators and on random quantized ones, each in a virtual environment below
/// `target/`.
///
/// tflite-support needs Debian's packages libusb-1.0-0 and libportaudio2, and a Python it has wheels for (3.8 to 3.11).
pub(crate) fn capture() -> Result<()> {
    fs::create_dir_all(paths::golden())?;
    let script = |name: &str| paths::root().join("xtask/golden").join(name);
    let python = python::environment("golden", &["numpy<2", "tflite-support==0.4.4"])?;
    shell::run(
        &python,
        &[
            &*script("task_library.py").to_string_lossy(),
            &paths::fixtures().to_string_lossy(),
            &paths::built_in_model().to_string_lossy(),
            &paths::golden().join("task_library.json").to_string_lossy(),
        ],
    )
    .context("tflite-support did not run; it needs `apt-get install libusb-1.0-0 libportaudio2`")?;
    let packages = ["numpy", "flatbuffers", "ai-edge-litert==2.3.0"];
    let python = python::environment("golden-operators", &packages)?;
    shell::run(
        &python,
        &[
            &*script("operators.py").to_string_lossy(),
            &paths::operators().to_string_lossy(),
            &paths::golden().join("operators.json").to_string_lossy(),
        ],
    )?;
    let quantized = paths::root().join("crates/lookalike-native/tests/golden/quantized.txt");
    shell::run(&python, &[&*script("quantized.py").to_string_lossy(), &quantized.to_string_lossy()])
}
