//! `runtimes/`: the shared libraries of the optional backends, taken out of the packages that carry them.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use flate2::read::GzDecoder;

use crate::models::sha256;
use crate::paths;

/// A library in a package.
struct Runtime {
    /// The library as `.cargo/config.toml` names it.
    library: &'static str,
    /// What is left out without it.
    serves: &'static str,
    /// The client that fetches the package, which must be installed.
    client: &'static str,
    /// What the client is to do.
    arguments: &'static [&'static str],
    /// SHA-256 of the package.
    sha256: &'static str,
    /// End of the library's path within the package.
    member: &'static str,
}

const NPM: &str = "npm";
const PIP: &str = "pip";

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
const RUNTIMES: &[Runtime] = &[
    Runtime {
        library: "libtensorflowlite_c.so",
        serves: "tflitec",
        client: NPM,
        arguments: &["pack", "tfjs-tflite-node@0.0.2"],
        sha256: "3be1632328a76a2475e5b6833253763c802c859433becb4d879ee1860e3b5284",
        member: "cc_deps/linux_amd64/libtensorflowlite_c.so",
    },
    Runtime {
        library: "libclang.so",
        serves: "tflitec",
        client: PIP,
        arguments: &["--platform", "manylinux2010_x86_64", "libclang==18.1.1"],
        sha256: "c533091d8a3bbf7460a00cb6c1a71da93bffe148f172c7d03b1c31fbf8aa2a0b",
        member: "clang/native/libclang.so",
    },
    Runtime {
        library: "libonnxruntime.so",
        serves: "ort",
        client: PIP,
        arguments: &[
            "--platform",
            "manylinux_2_28_x86_64",
            "--python-version",
            "3.12",
            "onnxruntime==1.32.0",
        ],
        sha256: "99e1074c4b2197accd5073052a465361be17b89c093b8ffb6e6bd8f986c52df8",
        member: "capi/libonnxruntime.so.1.32.0",
    },
];

#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
const RUNTIMES: &[Runtime] = &[
    Runtime {
        library: "libtensorflowlite_c.so",
        serves: "tflitec",
        client: NPM,
        arguments: &["pack", "tfjs-tflite-node@0.0.2"],
        sha256: "3be1632328a76a2475e5b6833253763c802c859433becb4d879ee1860e3b5284",
        member: "cc_deps/linux_arm64/libtensorflowlite_c.so",
    },
    Runtime {
        library: "libclang.so",
        serves: "tflitec",
        client: PIP,
        arguments: &["--platform", "manylinux2014_aarch64", "libclang==18.1.1"],
        sha256: "54dda940a4a0491a9d1532bf071ea3ef26e6dbaf03b5000ed94dd7174e8f9592",
        member: "clang/native/libclang.so",
    },
    Runtime {
        library: "libonnxruntime.so",
        serves: "ort",
        client: PIP,
        arguments: &[
            "--platform",
            "manylinux_2_28_aarch64",
            "--python-version",
            "3.12",
            "onnxruntime==1.32.0",
        ],
        sha256: "e36c187006e7a7c8b8d6d57f1a209dd63f52430dca6c282b177718ad6b841054",
        member: "capi/libonnxruntime.so.1.32.0",
    },
];

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
const RUNTIMES: &[Runtime] = &[];

/// A backend that needs a runtime.
pub(crate) struct Backend {
    /// Its name, and the feature of the command line that compiles it in.
    pub(crate) feature: &'static str,
    /// The crate.
    pub(crate) package: &'static str,
}

pub(crate) const BACKENDS: [Backend; 2] = [
    Backend { feature: "tflitec", package: "lookalike-tflitec" },
    Backend { feature: "ort", package: "lookalike-ort" },
];

/// Names the backends that must be there, separated by commas.
const REQUIRED: &str = "LOOKALIKE_REQUIRE_BACKENDS";

/// Fetches what is missing, says what cannot be had, and returns the backends that can be built and run.
pub(crate) fn fetch() -> Result<Vec<&'static str>> {
    fs::create_dir_all(paths::runtimes())?;
    let backends = BACKENDS.map(|backend| backend.feature);
    let mut lacking = Vec::new();
    if RUNTIMES.is_empty() {
        println!("no runtimes are known for this platform");
        lacking.extend(backends);
    }
    for runtime in RUNTIMES {
        if let Err(error) = runtime.fetch() {
            let Runtime { library, serves, .. } = runtime;
            println!("{library}: {error:#}; the backend `{serves}` is left out");
            lacking.push(runtime.serves);
        }
    }
    let required = std::env::var(REQUIRED).unwrap_or_default();
    for backend in required.split(',') {
        ensure!(!lacking.contains(&backend), "{REQUIRED} asks for `{backend}`");
    }
    Ok(backends.into_iter().filter(|backend| !lacking.contains(backend)).collect())
}

/// Variables by which a program that cargo does not start finds the libraries.
pub(crate) fn environment() -> [(&'static str, PathBuf); 2] {
    let folder = paths::runtimes();
    let onnxruntime = folder.join("libonnxruntime.so");
    [("LD_LIBRARY_PATH", folder), ("ORT_DYLIB_PATH", onnxruntime)]
}

impl Runtime {
    fn fetch(&self) -> Result<()> {
        let library = paths::runtimes().join(self.library);
        // The package a library came from is named beside it, so that a new version replaces an old one.
        let mark = paths::runtimes().join(format!("{}.package", self.library));
        if library.exists() && fs::read_to_string(&mark).is_ok_and(|found| found == self.sha256) {
            return Ok(());
        }
        let folder = tempfile::tempdir_in(paths::runtimes())?;
        self.download(folder.path())?;
        let package = only_file(folder.path())?;
        let found = sha256(&fs::read(&package)?);
        ensure!(
            found == self.sha256,
            "the package {} has SHA-256 {found}, not {}",
            package.display(),
            self.sha256
        );
        let unpacked = folder.path().join("library");
        let mut target = File::create(&unpacked)?;
        let mut found = false;
        members(&package, |name, contents| {
            if name.ends_with(self.member) {
                io::copy(contents, &mut target)?;
                found = true;
            }
            Ok(())
        })?;
        ensure!(found, "{} is not in the package", self.member);
        fs::rename(&unpacked, &library)?;
        fs::write(mark, self.sha256)?;
        println!("{}: fetched", self.library);
        Ok(())
    }

    fn download(&self, folder: &Path) -> Result<()> {
        let mut command = match self.client {
            NPM => Command::new("npm"),
            _ => {
                let mut command = Command::new("python3");
                command.args(["-m", "pip", "download", "--quiet", "--no-deps"]);
                command.args(["--only-binary", ":all:", "--disable-pip-version-check"]);
                command
            }
        };
        let output = command
            .args(self.arguments)
            .current_dir(folder)
            .output()
            .with_context(|| format!("{} is not installed", self.client))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.trim().lines().last().unwrap_or("it does not say why");
        bail!("{} could not fetch it: {last}", self.client)
    }
}

fn only_file(folder: &Path) -> Result<PathBuf> {
    let mut files = fs::read_dir(folder)?;
    let file = files.next().context("nothing was fetched")??;
    Ok(file.path())
}

/// Shows every file of a wheel or of an npm package.
fn members(package: &Path, mut show: impl FnMut(&str, &mut dyn Read) -> Result<()>) -> Result<()> {
    let file = File::open(package)?;
    if package.extension().is_some_and(|ending| ending == "whl") {
        let mut archive = zip::ZipArchive::new(file)?;
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index)?;
            let name = entry.name()?.into_owned();
            show(&name, &mut entry)?;
        }
        return Ok(());
    }
    for entry in tar::Archive::new(GzDecoder::new(file)).entries()? {
        let mut entry = entry?;
        let name = entry.path()?.to_string_lossy().into_owned();
        show(&name, &mut entry)?;
    }
    Ok(())
}
