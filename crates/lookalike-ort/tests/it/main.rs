//! Libraries that are missing, wrong or too old. Whatever is asked for first stays loaded, so nothing here loads a right one.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::fs;
use std::path::Path;
use std::process::Command;

use lookalike_core::{ErrorKind, InferenceBackend};
use lookalike_ort::Ort;

fn refusal(library: &Path) -> String {
    let error = Ort::with_library(library).check().unwrap_err();
    let message = error.to_string();
    assert_eq!(error.kind(), ErrorKind::FailedPrecondition, "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
    assert!(message.contains(&library.display().to_string()), "{message}");
    assert!(message.contains("1.20.0 or later"), "{message}");
    assert!(message.contains("ORT_DYLIB_PATH"), "{message}");
    message
}

#[test]
fn a_missing_library_is_named() {
    refusal(Path::new("/nowhere/libonnxruntime.so"));
}

#[test]
fn a_file_that_is_no_library_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("libonnxruntime.so");
    fs::write(&path, "text").unwrap();
    refusal(&path);
}

/// A library of this source.
#[cfg(unix)]
fn build(folder: &Path, source: &str) -> std::path::PathBuf {
    let (file, library) = (folder.join("library.c"), folder.join("libonnxruntime.so"));
    fs::write(&file, source).unwrap();
    let status =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &file]).status();
    assert!(status.unwrap().success());
    library
}

/// The number of the machine stands in the header of a library, and no system loads one that is made for another.
#[cfg(target_os = "linux")]
#[test]
fn a_library_of_another_architecture_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let library = build(folder.path(), "int answer(void) { return 42; }");
    let mut bytes = fs::read(&library).unwrap();
    const MACHINE: usize = 18;
    const SPARC: u8 = 2;
    bytes[MACHINE] = SPARC;
    fs::write(&library, bytes).unwrap();
    refusal(&library);
}

#[cfg(unix)]
#[test]
fn another_library_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let message = refusal(&build(folder.path(), "int answer(void) { return 42; }"));
    assert!(message.contains("OrtGetApiBase"), "{message}");
}

#[cfg(unix)]
#[test]
fn the_version_of_an_old_library_is_told() {
    const OLD: &str = r#"
        static const void* get_api(unsigned version) { return 0; }
        static const char* get_version(void) { return "1.10.0"; }
        static const struct { const void* (*get_api)(unsigned); const char* (*get_version)(void); }
            base = { get_api, get_version };
        const void* OrtGetApiBase(void) { return &base; }
    "#;
    let folder = tempfile::tempdir().unwrap();
    let message = refusal(&build(folder.path(), OLD));
    assert!(message.contains("ONNX Runtime 1.10.0"), "{message}");
}
