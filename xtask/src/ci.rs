//! What must hold before a change lands, apart from the tests.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::runtimes::BACKENDS;
use crate::{conformance, onnx, paths, runtimes, shell};

/// Packages in an order that compiles little twice.
const PACKAGES: [&str; 14] = [
    "lookalike-schema",
    "lookalike-core",
    "lookalike-preprocess",
    "lookalike-decode",
    "lookalike-onnx",
    "lookalike-tract",
    "lookalike-tflitec",
    "lookalike-ort",
    "lookalike",
    "lookalike-conformance",
    "lookalike-cli",
    "lookalike-hardening",
    "lookalike-benches",
    "xtask",
];

/// Features of the facade that must compile each alone.
const FEATURES: [&str; 13] = [
    "tract",
    "tflitec",
    "ort",
    "onnx",
    "built-in-model",
    "decode",
    "bmp",
    "gif",
    "jpeg",
    "png",
    "pnm",
    "tiff",
    "webp",
];

/// Licences that dependencies may be under; an expression is fine if one of its alternatives is.
const LICENCES: [&str; 12] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Zlib",
];

/// What looks like a foreign library and is none: rayon-core has the key so as to be there once, linux-raw-sys holds the
/// numbers of Linux's system calls.
const LINKS_NOTHING: [&str; 2] = ["linux-raw-sys", "rayon-core"];

/// Runs all checks.
pub(crate) fn run() -> Result<()> {
    shell::run("cargo", &["fmt", "--all", "--check"])?;
    tidy()?;
    dependencies()?;
    let backends = runtimes::fetch()?;
    let left_out = |name: &str| {
        BACKENDS.iter().any(|backend| {
            let is_meant = name == backend.package || name == backend.feature;
            is_meant && !backends.contains(&backend.feature)
        })
    };
    // Package by package: together, one package's features would hide what another one lacks.
    for package in PACKAGES.into_iter().filter(|package| !left_out(package)) {
        shell::run(
            "cargo",
            &[
                "clippy",
                "--quiet",
                "--locked",
                "--package",
                package,
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ],
        )?;
    }
    for features in std::iter::once("").chain(FEATURES).filter(|feature| !left_out(feature)) {
        shell::run(
            "cargo",
            &[
                "clippy",
                "--quiet",
                "--locked",
                "--package",
                "lookalike",
                "--no-default-features",
                "--features",
                features,
                "--",
                "-D",
                "warnings",
            ],
        )?;
    }
    if BACKENDS.iter().all(|backend| !left_out(backend.feature)) {
        let all = ["clippy", "--quiet", "--locked", "--package", "lookalike", "--all-features"];
        shell::run("cargo", &[&all[..], &["--", "-D", "warnings"]].concat())?;
    }
    let mut documented = vec!["doc", "--quiet", "--locked", "--workspace", "--no-deps"];
    for backend in BACKENDS.iter().filter(|backend| left_out(backend.package)) {
        documented.extend(["--exclude", backend.package]);
    }
    shell::run_with("cargo", &documented, &[("RUSTDOCFLAGS", "-D warnings")])?;
    onnx::check()?;
    conformance::check_report(&backends)
}

/// Habits that no compiler checks.
fn tidy() -> Result<()> {
    let readme = fs::read(paths::root().join("README.md"))?;
    ensure!(
        readme == fs::read(paths::root().join("crates/lookalike/README.md"))?,
        "README.md and crates/lookalike/README.md differ: copy one over the other"
    );
    let files = shell::output("git", &["ls-files", "*.rs"])?;
    for file in files.lines() {
        let text = fs::read_to_string(paths::root().join(file)).with_context(|| file.to_owned())?;
        let begins_well = text.starts_with("//!") || text.starts_with("#![doc = include_str!");
        ensure!(begins_well, "{file} does not begin with what it is for (`//!`)");
        let ignored = text.lines().any(|line| line.trim() == "#[ignore]");
        ensure!(!ignored, "{file} ignores a test without a reason");
    }
    Ok(())
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    license: Option<String>,
    links: Option<String>,
    source: Option<String>,
}

/// The default build links no foreign library, and every dependency has a licence that may be used.
fn dependencies() -> Result<()> {
    let text = shell::output("cargo", &["metadata", "--format-version", "1", "--locked"])?;
    let metadata: Metadata = serde_json::from_str(&text)?;
    for package in &metadata.packages {
        let licence = package.license.as_deref().unwrap_or_default();
        let allowed = |part: &str| LICENCES.contains(&part.trim().trim_matches(['(', ')']));
        let alternatives = licence.replace('/', " OR ");
        let fine =
            alternatives.split(" OR ").any(|alternative| alternative.split(" AND ").all(allowed));
        ensure!(
            fine || package.source.is_none(),
            "{} is under `{licence}`, which is not on the list of {}",
            package.name,
            file!()
        );
    }
    let tree = shell::output(
        "cargo",
        &[
            "tree",
            "--locked",
            "--package",
            "lookalike-cli",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ],
    )?;
    let used: BTreeSet<&str> =
        tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    for package in metadata.packages.iter().filter(|package| used.contains(package.name.as_str())) {
        let foreign = package.links.is_some() || package.name.ends_with("-sys");
        if foreign && !LINKS_NOTHING.contains(&package.name.as_str()) {
            bail!(
                "the default build links a foreign library through {} ({})",
                package.name,
                package.id
            );
        }
    }
    println!("{} packages in the default build, none links a foreign library", used.len());
    Ok(())
}
