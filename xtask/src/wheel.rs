//! The Python package.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::{paths, peers, python, shell};

/// Builds the wheel in this profile of cargo's.
fn build(profile: &str) -> Result<PathBuf> {
    let maturin = python::environment("python-build", &["maturin==1.16.0"])?;
    let folder = paths::root().join("target/wheels").join(profile);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let (out, target) = (folder.to_string_lossy(), paths::root().join("target"));
    let manifest = paths::root().join("python/Cargo.toml");
    let arguments = ["-m", "maturin", "build", "--quiet", "--locked", "--profile", profile];
    let folders = ["--out", &out, "--target-dir", &target.to_string_lossy()];
    let of = ["--manifest-path", &manifest.to_string_lossy()];
    shell::run(&maturin, &[&arguments[..], &folders, &of].concat())?;
    let wheel = fs::read_dir(&folder)?.next().context("maturin built no wheel")??;
    Ok(wheel.path())
}

/// An interpreter that has the package, built in this profile, and these others; and the wheel.
fn installed(profile: &str, packages: &[&str]) -> Result<(PathBuf, PathBuf)> {
    let wheel = build(profile)?;
    let python = python::environment("python", packages)?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    let again = ["--force-reinstall", "--no-deps", &wheel.to_string_lossy()];
    shell::run(&python, &[&install[..], &again].concat())?;
    Ok((python, wheel))
}

/// Builds and installs the package, and runs its tests.
pub(crate) fn test() -> Result<()> {
    let packages = ["numpy", "mypy", "pillow", "pytest", "tqdm"];
    let (python, _) = installed("release", &packages)?;
    let folder = paths::root().join("python").to_string_lossy().into_owned();
    // Where the package lies beside its tests, they are to find the one that is installed.
    shell::run(
        &python,
        &["-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", &folder, &folder],
    )
}

/// Measures the package against those whose interfaces it has.
pub(crate) fn bench() -> Result<()> {
    let (mediapipe, tflite_support) = peers::python_libraries()?;
    let (ours, wheel) = installed("dist", &["numpy"])?;
    let peer = peers::peer()?;
    let script = paths::root().join("xtask/python/bench_python.py");
    let model = paths::cache().join("mobilenet_v3_small.tflite");
    ensure!(model.exists(), "the public models must be there: cargo xtask models fetch");
    let image = paths::cache().join("burger.jpg");
    let arguments = [script, peer, model, image, wheel, ours, mediapipe, tflite_support];
    let arguments = arguments.map(|path| path.to_string_lossy().into_owned());
    shell::run("python3", &arguments.each_ref().map(String::as_str))
}

/// Runs the programs of python/README.md on the packages that they are written for, and on ours with the first line changed; what they print is
/// the same.
pub(crate) fn compare_programs() -> Result<()> {
    let (mediapipe, tflite_support) = peers::python_libraries()?;
    let (ours, _) = installed("release", &["numpy"])?;
    let readme = fs::read_to_string(paths::root().join("python/README.md"))?;
    let mut count = 0;
    for program in readme.split("```python\n").skip(1) {
        let program = program.split("```").next().unwrap_or_default();
        let (first, rest) = program.split_once('\n').context("a program of one line")?;
        let Some((reference, changed)) = first.split_once("  # ") else { continue };
        let python = if reference.contains("mediapipe") { &mediapipe } else { &tflite_support };
        let expected = print(python, &format!("{reference}\n{rest}"))?;
        let actual = print(&ours, &format!("{changed}\n{rest}"))?;
        same(&expected, &actual).with_context(|| format!("{first}: {expected}and\n{actual}"))?;
        count += 1;
    }
    ensure!(count == 3, "python/README.md has {count} programs that begin with two imports");
    println!("{count} programs print the same on the packages and on ours");
    Ok(())
}

/// What a program prints in the folder of the public models.
fn print(python: &Path, program: &str) -> Result<String> {
    let output =
        shell::command(python).args(["-c", program]).current_dir(paths::cache()).output()?;
    if !output.status.success() {
        bail!("{}: {}", python.display(), String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Whether two texts are the same but for the last digits of numbers: similarities, which stand by themselves, within 1e-6, values within 1e-5.
fn same(expected: &str, actual: &str) -> Result<()> {
    ensure!(expected.lines().count() == actual.lines().count(), "not as many lines");
    for (expected, actual) in expected.lines().zip(actual.lines()) {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let (expected, actual) = (words(expected), words(actual));
        ensure!(expected.len() == actual.len() && !expected.is_empty(), "not as many words");
        let bound = if expected.len() == 1 { 1e-6 } else { 1e-5 };
        for (expected, actual) in expected.iter().zip(&actual) {
            match (expected.parse::<f64>(), actual.parse::<f64>()) {
                (Ok(a), Ok(b)) => ensure!((a - b).abs() <= bound, "{a} and {b}"),
                _ => ensure!(expected == actual, "{expected} and {actual}"),
            }
        }
    }
    Ok(())
}
