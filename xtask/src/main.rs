//! Development tasks: `cargo xtask help` lists them.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a program for people")]

mod assembly;
mod ci;
mod conformance;
mod drop_in;
mod fixtures;
mod glossary;
mod golden;
mod hardening;
mod models;
mod onnx;
mod paths;
mod peers;
mod python;
mod release;
mod runtimes;
mod shell;
mod test;
mod tools;
mod wheel;
mod workspace;
mod zoo;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Development tasks of lookalike.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
enum Task {
    /// Run every test
    Test,
    /// Check formatting, lints, features, documentation, dependencies
    Ci,
    /// Run the benchmarks of the stages, or of the backends
    Bench {
        /// Measure every backend on the same model and image, and two of them against their bare engines
        #[arg(long, conflicts_with = "filter")]
        backends: bool,
        /// Measure this library against others, which are installed from PyPI
        #[arg(long, conflicts_with_all = ["filter", "backends"])]
        peers: bool,
        /// Measure the Python package against those whose interfaces it has
        #[arg(long, conflicts_with_all = ["filter", "backends", "peers"])]
        python: bool,
        /// Those whose name contains this
        filter: Option<String>,
    },
    /// Look whether the engine's inner loops keep their vectors in registers
    Assembly,
    /// Have Python's onnx and onnxruntime check converted models
    CheckOnnx,
    /// Compare every backend with the references and with the others
    Conformance {
        /// Only this backend
        #[arg(long, value_name = "NAME")]
        backend: Option<String>,
        /// Write the table of models and backends to this file instead
        #[arg(long, value_name = "FILE")]
        report: Option<PathBuf>,
        /// Only cases whose name contains this
        filter: Option<String>,
    },
    /// Mutate models and images, run them on every backend in processes of their own, and count what becomes of them
    Campaign {
        /// Mutations of each model
        #[arg(long, value_name = "N", default_value_t = 5000)]
        models: usize,
        /// Write the table of docs/hardening.md to this file
        #[arg(long, value_name = "FILE")]
        report: Option<PathBuf>,
        /// Only files whose name contains this
        filter: Option<String>,
    },
    /// Run the tests of crates with `unsafe` code or foreign libraries under AddressSanitizer
    Asan,
    /// Change a package in many small ways, and list the changes that its own tests do not notice
    Mutants {
        /// The package
        #[arg(default_value = "lookalike-graph")]
        package: String,
        /// Only files of this name
        #[arg(long, value_name = "GLOB")]
        file: Option<String>,
    },
    /// Fuzz every target
    Fuzz {
        /// Seconds for each target
        #[arg(long, value_name = "N", default_value_t = 20)]
        seconds: u64,
        /// Only this target
        #[arg(long, value_name = "NAME")]
        target: Option<String>,
    },
    /// Capture vectors and messages of tflite-support on the fixtures
    Golden,
    /// Check what must hold before a release, which a tag makes
    Release {
        /// Only check: there is nothing else, as workflows make the release of a tag
        #[arg(long, required = true)]
        dry_run: bool,
    },
    /// Fetch the shared libraries that the backends `tflitec` and `ort` run from
    Runtimes,
    /// Run MediaPipe's own Python over the library of lookalike-c, and programs for other Python packages on ours
    DropIn,
    /// Build and install the Python package, and run its tests
    Python,
    /// Have TensorFlow make models of well-known architectures, and compare the engine with LiteRT on them
    Zoo {
        /// Only models of these names, such as `vit.int8`
        names: Vec<String>,
    },
    /// Public models, fixtures and the built-in model
    #[command(subcommand)]
    Models(Models),
}

#[derive(Subcommand)]
enum Models {
    /// Fill models/cache/ from the network, or from a folder
    Fetch {
        /// Take the files from this folder and the folders in it
        #[arg(long, value_name = "DIR")]
        from: Option<PathBuf>,
    },
    /// Write models/fixtures/ and the built-in model
    Build,
    /// Compare models/fixtures/ and the built-in model with what would be built, and models/cache/ with its checksums
    Verify,
}

fn main() -> anyhow::Result<()> {
    match Task::parse() {
        Task::Test => test::run(),
        Task::Ci => ci::run(),
        Task::Bench { backends: true, .. } => {
            let features = [&["tract-tflite"][..], &runtimes::fetch()?].concat().join(",");
            let model = onnx::tf2onnx()?;
            let arguments = ["bench", "--package", "lookalike-benches", "--features", &features];
            let variable = ("LOOKALIKE_TF2ONNX_MODEL", &*model.to_string_lossy());
            shell::run_with(
                "cargo",
                &[&arguments[..], &["--bench", "backends"]].concat(),
                &[variable],
            )
        }
        Task::Bench { peers: true, .. } => peers::bench(),
        Task::Bench { python: true, .. } => wheel::bench(),
        Task::Bench { filter, .. } => {
            let arguments = ["bench", "--package", "lookalike-benches", "--bench", "stages"];
            let filter: Vec<&str> =
                filter.iter().flat_map(|filter| ["--", filter.as_str()]).collect();
            shell::run("cargo", &[&arguments[..], &filter].concat())
        }
        Task::Assembly => assembly::check(),
        Task::CheckOnnx => onnx::check(),
        Task::DropIn => drop_in::check(),
        Task::Python => wheel::test(),
        Task::Release { dry_run: _ } => release::check(),
        Task::Zoo { names } => zoo::compare(&names),
        Task::Runtimes => runtimes::fetch().map(|_| ()),
        Task::Conformance { report: Some(file), .. } => conformance::report(&file),
        Task::Conformance { backend, filter, .. } => {
            let backends = runtimes::fetch()?;
            let chosen = backend.iter().flat_map(|name| ["--backend", name]);
            let arguments: Vec<&str> = chosen.chain(filter.as_deref()).collect();
            conformance::run(&backends, &arguments)
        }
        Task::Campaign { models, report, filter } => {
            hardening::campaign(models, report.as_deref(), filter.as_deref())
        }
        Task::Asan => hardening::asan(),
        Task::Mutants { package, file } => hardening::mutants(&package, file.as_deref()),
        Task::Fuzz { seconds, target } => hardening::fuzz(seconds, target.as_deref()),
        Task::Golden => golden::capture(),
        Task::Models(Models::Fetch { from }) => models::fetch(from.as_deref()),
        Task::Models(Models::Build) => fixtures::build(),
        Task::Models(Models::Verify) => models::verify(),
    }
}
