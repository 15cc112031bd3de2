//! What must hold before a change lands, apart from the tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::runtimes::BACKENDS;
use crate::{
    assembly, conformance, glossary, hardening, onnx, paths, runtimes, shell, tools, wheel,
    workspace,
};

/// What looks like a foreign library and is none: rayon-core has the key so as to be there once, linux-raw-sys holds the
/// numbers of Linux's system calls.
const LINKS_NOTHING: [&str; 2] = ["linux-raw-sys", "rayon-core"];

/// How long each fuzz target runs.
const FUZZ_SECONDS: u64 = 20;

/// Runs all checks.
pub(crate) fn run() -> Result<()> {
    shell::run("cargo", &["fmt", "--all", "--check"])?;
    tidy()?;
    glossary::check()?;
    let metadata = metadata()?;
    foreign_libraries(&metadata)?;
    deny()?;
    let backends = runtimes::fetch()?;
    let left_out = |name: &str| {
        BACKENDS.iter().any(|backend| {
            let is_meant = name == backend.package || name == backend.feature;
            is_meant && !backends.contains(&backend.feature)
        })
    };
    // Package by package: together, one package's features would hide what another one lacks.
    for package in metadata.published().filter(|package| !left_out(package)) {
        shell::run(
            "cargo",
            &["clippy", "--quiet", "--locked", "--package", package, "--", "-D", "warnings"],
        )?;
    }
    for features in std::iter::once("")
        .chain(metadata.features("lookalike"))
        .filter(|feature| !left_out(feature))
    {
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
    let strict = ["--quiet", "--all-targets", "--", "-D", "warnings"];
    workspace::cargo(&["clippy"], &backends, &strict, &[])?;
    shell::run("cargo", &[&["clippy", "--package", "xtask", "--locked"], &strict[..]].concat())?;
    let flags = [("RUSTDOCFLAGS", "-D warnings")];
    workspace::cargo(&["doc"], &backends, &["--quiet", "--no-deps"], &flags)?;
    // tract alone takes as long to build with instrumentation as the rest of the checks; the campaign's sample, which is part of the
    // tests, runs on it.
    let fuzzed = [&["native"][..], &backends].concat();
    // Both wait for minutes for single crates, so that each has a processor to itself.
    thread::scope(|scope| {
        let targets = scope.spawn(|| hardening::build_targets(&fuzzed));
        assembly::check()?;
        onnx::check()?;
        conformance::check_report(&backends)?;
        targets.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    wheel::test()?;
    hardening::fuzz_on(&fuzzed, FUZZ_SECONDS, None)
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
        let attribute =
            |line: &str| line.trim().strip_prefix("#[")?.strip_suffix(']').map(str::to_owned);
        let ignored = text.lines().filter_map(attribute).any(|attribute| attribute == "ignore");
        ensure!(!ignored, "{file} ignores a test without a reason");
    }
    Ok(())
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    links: Option<String>,
    /// Registries the package may be published to; an empty list stands for none.
    publish: Option<Vec<String>>,
    features: BTreeMap<String, Vec<String>>,
}

impl Metadata {
    /// Names of the packages of the workspace that are published.
    fn published(&self) -> impl Iterator<Item = &str> {
        let is_published = |package: &&Package| {
            self.workspace_members.contains(&package.id) && package.publish.is_none()
        };
        self.packages.iter().filter(is_published).map(|package| package.name.as_str())
    }

    /// Features of a package, without the default ones as a whole.
    fn features(&self, name: &str) -> impl Iterator<Item = &str> {
        let package = self.packages.iter().find(|package| package.name == name);
        let features = package.into_iter().flat_map(|package| package.features.keys());
        features.map(String::as_str).filter(|feature| *feature != "default")
    }
}

fn metadata() -> Result<Metadata> {
    let text = shell::output("cargo", &["metadata", "--format-version", "1", "--locked"])?;
    Ok(serde_json::from_str(&text)?)
}

/// Licenses and origins of all dependencies, and what is known against them where the list of that can be had.
fn deny() -> Result<()> {
    let cargo_deny = tools::cargo_tool("cargo-deny", "0.20.2")?;
    let cargo_deny = cargo_deny.to_string_lossy();
    shell::run(&*cargo_deny, &["--locked", "check", "bans", "licenses", "sources"])?;
    match shell::output(&cargo_deny, &["fetch", "db"]) {
        Ok(_) => shell::run(&*cargo_deny, &["--locked", "check", "--disable-fetch", "advisories"]),
        Err(error) => {
            println!("advisories are not checked, their list cannot be fetched: {error:#}");
            Ok(())
        }
    }
}

/// The default builds link no foreign library and need no C compiler, and the library's holds no engine but our own.
fn foreign_libraries(metadata: &Metadata) -> Result<()> {
    let used = dependencies("lookalike-cli", "normal,build")?;
    ensure!(
        !used.contains("cc"),
        "the default build needs a C compiler: see `cargo tree --invert cc`"
    );
    for package in metadata.packages.iter().filter(|package| used.contains(&package.name)) {
        let foreign = package.links.is_some() || package.name.ends_with("-sys");
        if foreign && !LINKS_NOTHING.contains(&package.name.as_str()) {
            bail!(
                "the default build links a foreign library through {} ({})",
                package.name,
                package.id
            );
        }
    }
    let of_library = dependencies("lookalike", "normal")?;
    let tract = of_library.iter().find(|name| name.starts_with("tract"));
    ensure!(tract.is_none(), "the default build of the library holds {tract:?}");
    println!(
        "{} packages in the default build of the program, {} in that of the library, none links a foreign library",
        used.len(),
        of_library.len()
    );
    Ok(())
}

/// Names of the packages that are part of a default build.
fn dependencies(package: &str, edges: &str) -> Result<BTreeSet<String>> {
    let options = ["--edges", edges, "--prefix", "none", "--format", "{p}"];
    let tree = [&["tree", "--locked", "--package", package], &options[..]].concat();
    let tree = shell::output("cargo", &tree)?;
    Ok(tree.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}
