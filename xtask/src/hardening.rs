//! Fuzzing, and the campaign of mutations.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, bail, ensure};

use crate::{paths, runtimes, shell, tools, workspace};

/// Fuzz targets are built by the toolchain at hand, which calls instrumentation unstable.
const UNSTABLE: (&str, &str) = ("RUSTC_BOOTSTRAP", "1");

/// Runs the campaign on the backends that are always there and on the optional ones that can be had.
pub(crate) fn campaign(models: usize, report: Option<&Path>, filter: Option<&str>) -> Result<()> {
    let (models, report) = (models.to_string(), report.map(Path::to_string_lossy));
    let mut arguments = vec!["campaign", "--models", &models];
    if let Some(report) = &report {
        arguments.extend(["--report", report]);
    }
    arguments.extend(filter);
    workspace::run("lookalike-hardening", &runtimes::fetch()?, &arguments)
}

/// Fuzzes on every backend that can be had.
pub(crate) fn fuzz(seconds: u64, only: Option<&str>) -> Result<()> {
    fuzz_on(&[&["native", "tract"][..], &runtimes::fetch()?].concat(), seconds, only)
}

fn cargo_fuzz() -> Result<PathBuf> {
    tools::cargo_tool("cargo-fuzz", "0.13.2")
}

/// Builds all targets with these backends.
pub(crate) fn build_targets(backends: &[&str]) -> Result<()> {
    let build = ["fuzz", "build", "--fuzz-dir", "fuzz", "--features", &backends.join(",")];
    shell::run_with(cargo_fuzz()?, &build, &[UNSTABLE])
}

/// Builds all targets with these backends, gives each its seeds, and fuzzes it. What a target finds stays in `fuzz/artifacts/`.
pub(crate) fn fuzz_on(backends: &[&str], seconds: u64, only: Option<&str>) -> Result<()> {
    build_targets(backends)?;
    let features = backends.join(",");
    let cargo_fuzz = cargo_fuzz()?;
    let targets = targets()?;
    if let Some(only) = only {
        ensure!(targets.iter().any(|target| target == only), "there is no target `{only}`");
    }
    // cargo-fuzz starts targets itself, without what .cargo/config.toml sets for programs that cargo starts.
    let [libraries, onnxruntime] = runtimes::environment();
    let environment = [
        UNSTABLE,
        (libraries.0, &*libraries.1.to_string_lossy()),
        (onnxruntime.0, &*onnxruntime.1.to_string_lossy()),
        // Engines keep memory until the process ends, and a model may ask for more than there is.
        ("ASAN_OPTIONS", "detect_leaks=0:detect_odr_violation=0:allocator_may_return_null=1"),
    ];
    let chosen: Vec<&String> =
        targets.iter().filter(|target| only.is_none_or(|only| only == *target)).collect();
    let run = |target: &str| -> Result<()> {
        let corpus = seed(target)?;
        let (corpus, limit) = (corpus.to_string_lossy(), format!("-max_total_time={seconds}"));
        let mut arguments = vec!["fuzz", "run", "--fuzz-dir", "fuzz", "--features", &features];
        arguments.extend([target, &corpus, "--", &limit, "-timeout=30"]);
        arguments.extend([
            "-rss_limit_mb=3000",
            "-max_len=65536",
            "-print_final_stats=1",
            "-verbosity=0",
        ]);
        shell::run_with(&cargo_fuzz, &arguments, &environment)
    };
    // A target has one thread.
    let jobs = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    for together in chosen.chunks(jobs) {
        thread::scope(|scope| -> Result<()> {
            let started: Vec<_> =
                together.iter().map(|target| scope.spawn(|| run(target))).collect();
            started.into_iter().try_for_each(|target| {
                target.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
        })?;
    }
    Ok(())
}

/// Names of the targets: one file each.
fn targets() -> Result<Vec<String>> {
    let mut targets = Vec::new();
    for entry in fs::read_dir(paths::root().join("fuzz/fuzz_targets"))? {
        let path = entry?.path();
        let name = path.file_stem().context("a file without a name")?;
        targets.push(name.to_string_lossy().into_owned());
    }
    targets.sort();
    Ok(targets)
}

/// The corpus of a target, with what it was found to choke on before and with files of the checkout that are like its input.
fn seed(target: &str) -> Result<PathBuf> {
    let corpus = paths::root().join("fuzz/corpus").join(target);
    fs::create_dir_all(&corpus)?;
    let mut folders = vec![paths::root().join("fuzz/regressions").join(target)];
    let endings: &[&str] = match target {
        "decode_image" => &["bmp", "gif", "jpg", "png", "ppm", "tif", "webp"],
        "read_model" => &["tflite", "onnx"],
        "decode_jpeg" => &["jpg"],
        "change_jpeg" | "read_metadata" | "run_model" | "translate_model" | "prepare_tensor" => &[],
        "parse_arguments" | "write_vectors" => &[],
        other => bail!("there are no seeds for the target `{other}`: name them in {}", file!()),
    };
    if !endings.is_empty() {
        folders.extend([paths::fixtures(), paths::operators(), paths::cache(), paths::jpegs()]);
    }
    for (index, folder) in folders.iter().enumerate().filter(|(_, folder)| folder.is_dir()) {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
            if index == 0 || endings.contains(&ending) {
                let name = path.file_name().context("a file without a name")?;
                fs::copy(&path, corpus.join(name))?;
            }
        }
    }
    Ok(corpus)
}

/// Changes a package in many small ways, one at a time, and lists in `target/mutants.out` what its own tests notice.
pub(crate) fn mutants(package: &str, file: Option<&str>) -> Result<()> {
    // Without optimization a change is compiled sooner than tests run.
    let opt_level = format!("profile.dev.package.{package}.opt-level=0");
    let program = tools::cargo_tool("cargo-mutants", "27.1.0")?;
    let mut arguments =
        vec!["mutants", "--package", package, "--all-features", "--output", "target"];
    arguments.extend(["--no-shuffle", "--timeout", "30"]);
    for setting in [opt_level.as_str(), "profile.dev.debug=false"] {
        arguments.extend(["--cargo-arg=--config", "--cargo-arg", setting]);
    }
    arguments.extend(file.iter().flat_map(|file| ["--file", file]));
    shell::run(program, &arguments)
}

/// Runs the tests of the crates with `unsafe` code, and of those that call into the libraries, under AddressSanitizer.
pub(crate) fn asan() -> Result<()> {
    let mut packages = vec![
        "lookalike-schema",
        "lookalike-graph",
        "lookalike-core",
        "lookalike-preprocess",
        "lookalike-jpeg",
        "lookalike-native",
        "lookalike-c",
    ];
    let backends = runtimes::fetch()?;
    let usable = runtimes::BACKENDS.iter().filter(|backend| backends.contains(&backend.feature));
    packages.extend(usable.map(|backend| backend.package));
    // With a target named, build scripts and macros are built without the sanitizer.
    let version = shell::output("rustc", &["-vV"])?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let target = host.context("rustc does not name its host")?;
    let mut arguments = vec!["test", "--locked", "--target", target, "--target-dir", "target/asan"];
    packages.iter().for_each(|package| arguments.extend(["--package", package]));
    // C programs would have to be linked to the sanitizer as well; valgrind watches them.
    arguments.extend(["--lib", "--tests", "--", "--skip", "programs::"]);
    // The standard library comes without the sanitizer; what it allocates is watched all the same.
    let flags = "-Zsanitizer=address -Cunsafe-allow-abi-mismatch=sanitizer";
    let options = "detect_leaks=0:detect_odr_violation=0";
    shell::run_with(
        "cargo",
        &arguments,
        &[UNSTABLE, ("RUSTFLAGS", flags), ("ASAN_OPTIONS", options)],
    )
}
