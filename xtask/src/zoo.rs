//! Models of well-known architectures, made by TensorFlow's converter, on `native` and on LiteRT.

use anyhow::Result;

use crate::{paths, python, shell};

/// What stands above the table.
const INTRODUCTION: &str = "\
# Models of the zoo

What `native` does with models that TensorFlow's converter makes of well-known architectures, by `cargo xtask zoo`. Weights are random, with
the statistics of trained ones. Each architecture is converted in four ways: `float`; `float16`, with weights of 16 bits; `dynamic`, with
weights of 8 bits and floats that are quantized when the model runs; `int8`, of signed bytes from the input to the output.

The first figure is the largest difference from LiteRT's outputs: of values after L2 normalization over four images, or of bytes over a hundred.
Dynamic-range quantization amplifies the last bit of a float: it can flip a rounding, which changes the quantized value by a whole step. So LiteRT is also compared
with itself on inputs that are each the next larger float; `native` is within 1e-5 of LiteRT, or at most twice as far as LiteRT is from itself.
Its convolutions and matrix products of dynamic range are LiteRT's to the bit; LOGISTIC, RSQRT and others that come between are approximations,
which XNNPACK computes otherwise on each kind of processor.

Then the median times of one inference on one thread of the same core, in turns, and their ratio.

";

/// Makes the models, compares all of them or those of these names, and writes `docs/zoo.md` if it was all.
pub(crate) fn compare(names: &[String]) -> Result<()> {
    let maker = python::environment("zoo", &["tensorflow-cpu==2.21.0"])?;
    let litert = python::environment("peers-litert", &["ai-edge-litert", "numpy"])?;
    let build = ["build", "--quiet", "--locked", "--release"];
    shell::run(
        "cargo",
        &[&build[..], &["--package", "lookalike-benches", "--bin", "peer"]].concat(),
    )?;
    let folder = paths::root().join("target/zoo-models");
    let scripts = paths::root().join("xtask/zoo");
    let text = |path: std::path::PathBuf| path.to_string_lossy().into_owned();
    let folder = text(folder);
    let architectures: Vec<&str> =
        names.iter().map(|name| name.split('.').next().unwrap_or(name)).collect();
    let make = text(scripts.join("make.py"));
    shell::run(&maker, &[&[make.as_str(), &folder], architectures.as_slice()].concat())?;
    let (script, peer) =
        (text(scripts.join("compare.py")), text(paths::root().join("target/release/peer")));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let arguments = [&[script.as_str(), &peer, &folder], names.as_slice()].concat();
    let table = shell::output(&litert.to_string_lossy(), &arguments)?;
    print!("{table}");
    if names.is_empty() {
        std::fs::write(paths::root().join("docs/zoo.md"), format!("{INTRODUCTION}{table}"))?;
    }
    Ok(())
}
