//! MediaPipe's own Python over our C interface.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::{paths, peers, shell, wheel};

/// Versions of MediaPipe, and the feature of our library that has the layout of their options.
const VERSIONS: [(&str, &[&str]); 2] = [("1.2.2", &[]), ("1.2.3", &["--features", "layout-1-2-3"])];

/// What the tests of MediaPipe's own library need besides: it crashes on the others.
const SURVIVED: [&str; 5] = ["ImageMode", "VideoMode", "LiveStream", "Exceptions", "Images"];

/// How far values of vectors of norm 1 may be apart: engines sum in different orders.
const MAX_DIFFERENCE: f64 = 1e-5;

/// The same for MobileNetV1, whose vector is a softmax: LiteRT's own kernels are up to 1.4e-5 from XNNPACK's, which it has by default.
const MAX_DIFFERENCE_OF_MOBILENET_V1: f64 = 2e-5;

/// Puts our library into copies of the package `mediapipe`, runs tests on them and on the package as it is, compares the vectors of both, and
/// has valgrind watch a C program. Then runs the programs of python/README.md on the packages and on ours.
pub(crate) fn check() -> Result<()> {
    let model = paths::root().join("crates/lookalike/models/gist.tflite");
    let script = paths::root().join("xtask/python/drop_in.py");
    let arguments = [script, model.clone(), paths::fixtures(), paths::cache()];
    let arguments = arguments.map(|path| path.to_string_lossy().into_owned());
    let arguments = arguments.each_ref().map(String::as_str);
    let (reference, _) = peers::python_libraries()?;
    shell::run(&reference, &[&arguments[..], &SURVIVED].concat())?;
    let expected = vectors(&reference, &arguments, &[])?;
    for (version, features) in VERSIONS {
        let library = library(features)?;
        let package = package(&reference, version)?;
        fs::copy(&library, package.join("mediapipe/tasks/c/libmediapipe.so"))?;
        let package = package.to_string_lossy();
        let variables = [("PYTHONPATH", &*package)];
        shell::run_with(&reference, &arguments, &variables)?;
        let actual = vectors(&reference, &arguments, &variables)?;
        compare(&expected, &actual)?;
        if features.is_empty() {
            watch(&library, &model)?;
        }
    }
    wheel::compare_programs()
}

/// Our library in the layout of these features.
fn library(features: &[&str]) -> Result<PathBuf> {
    let build = ["build", "--quiet", "--locked", "--release", "--package", "lookalike-c"];
    shell::run("cargo", &[&build[..], features].concat())?;
    Ok(paths::root().join("target/release/liblookalike_mediapipe.so"))
}

/// A folder with a package of MediaPipe of its own.
fn package(python: &Path, version: &str) -> Result<PathBuf> {
    let folder = paths::root().join("target").join(format!("drop-in-{version}"));
    if !folder.exists() {
        let target = folder.to_string_lossy();
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        let package = format!("mediapipe=={version}");
        shell::run(
            python,
            &[&install[..], &["--no-deps", "--target", &target, &package]].concat(),
        )?;
    }
    Ok(folder)
}

/// Vectors by what they are of: one for each head.
type Vectors = BTreeMap<String, Vec<Vec<f64>>>;

fn vectors(python: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Result<Vectors> {
    let file = tempfile::NamedTempFile::new()?;
    let path = file.path().to_string_lossy();
    shell::run_with(python, &[arguments, &["--vectors", &path]].concat(), variables)?;
    Ok(serde_json::from_slice(&fs::read(file.path())?)?)
}

fn compare(expected: &Vectors, actual: &Vectors) -> Result<()> {
    ensure!(expected.len() == actual.len() && !expected.is_empty(), "not the same vectors");
    let (mut furthest, mut bytes, mut differing) = (0.0_f64, 0, 0);
    for (name, expected) in expected {
        let actual = actual.get(name).with_context(|| format!("no vectors of {name}"))?;
        let is_softmax = name.starts_with("mobilenet_v1 ");
        let max_difference =
            if is_softmax { MAX_DIFFERENCE_OF_MOBILENET_V1 } else { MAX_DIFFERENCE };
        let lengths = |heads: &[Vec<f64>]| heads.iter().map(Vec::len).collect::<Vec<_>>();
        ensure!(lengths(expected) == lengths(actual), "{name}: heads of other sizes");
        for (&expected, &actual) in expected.iter().flatten().zip(actual.iter().flatten()) {
            if name.contains(" bytes ") {
                let steps = (expected as u8).wrapping_sub(actual as u8) as i8;
                ensure!(steps.abs() <= 1, "{name}: {expected} and {actual}");
                bytes += 1;
                differing += usize::from(steps != 0);
            } else {
                let difference = (expected - actual).abs();
                ensure!(difference <= max_difference, "{name}: {expected} and {actual}");
                furthest = furthest.max(difference);
            }
        }
    }
    println!(
        "{} results: values at most {furthest:.1e} apart, {differing} of {bytes} bytes differ by one step",
        expected.len()
    );
    Ok(())
}

/// Has valgrind watch a program that does what it should not.
fn watch(library: &Path, model: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::copy(library, folder.path().join("libmediapipe.so"))?;
    let program = folder.path().join("misuse");
    let sources = paths::root().join("crates/lookalike-c");
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let (program, include) = (path(&program), path(&sources.join("include")));
    let source = path(&sources.join("tests/misuse.c"));
    let compile = ["-std=c11", "-g", "-I", &include, &source, "-L", &path(folder.path())];
    shell::run("cc", &[&compile[..], &["-lmediapipe", "-o", &program]].concat())?;
    let options = ["--quiet", "--error-exitcode=9", "--leak-check=full"];
    let program = [&*program, &path(model), &path(&paths::fixtures().join("tiny.png"))];
    let variables = [("LD_LIBRARY_PATH", &*path(folder.path()))];
    shell::run_with("valgrind", &[&options[..], &program].concat(), &variables)
        .context("valgrind found something, or is not there: `apt-get install valgrind`")
}
