//! Capturing what the reference libraries say of the fixtures.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::{conformance, paths, python, runtimes, shell};

/// Installs tflite-support in a virtual environment below `target/` and runs it on the fixtures; then TensorFlow Lite's C library
/// on the operators.
///
/// The library needs Debian's packages libusb-1.0-0 and libportaudio2, and a Python it has wheels for (3.8 to 3.11).
pub(crate) fn capture() -> Result<()> {
    let python = python::environment("golden", &["numpy<2", "tflite-support==0.4.4"])?;
    fs::create_dir_all(paths::golden())?;
    let paths = [
        paths::root().join("xtask/golden/task_library.py"),
        paths::fixtures(),
        paths::built_in_model(),
        paths::golden().join("task_library.json"),
    ];
    let arguments: Vec<_> = paths.iter().map(|path| path.to_string_lossy()).collect();
    let arguments: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
    shell::run(&python, &arguments).context(
        "tflite-support did not run; it needs `apt-get install libusb-1.0-0 libportaudio2`",
    )?;
    let backends = runtimes::fetch()?;
    ensure!(backends.contains(&"tflitec"), "the operators are captured from `tflitec`");
    conformance::run(&backends, &["--capture", "tflitec"])
}
