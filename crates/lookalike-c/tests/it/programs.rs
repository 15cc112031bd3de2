//! Headers and library as the compilers and the linker of C and C++ see them.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

const MODEL: &str = "../lookalike/models/gist.tflite";
const IMAGES: [&str; 2] =
    ["../../models/fixtures/landscape.png", "../../models/fixtures/landscape_crop.jpg"];

/// The folder of the shared library, beside which the tests are.
fn library_folder() -> PathBuf {
    let program = env::current_exe().unwrap();
    let folder = program.parent().unwrap().to_owned();
    assert!(
        folder.join("liblookalike_mediapipe.so").exists(),
        "no library in {}",
        folder.display()
    );
    folder
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    assert_eq!(errors, "");
    String::from_utf8(output.stdout).unwrap()
}

/// The compiler of a language, and its name for the version that the headers are written for.
fn compiler(language: &str) -> Command {
    let (variable, program, standard) = match language {
        "c" => ("CC", "cc", "-std=c11"),
        _ => ("CXX", "c++", "-std=c++20"),
    };
    let mut command = Command::new(env::var(variable).unwrap_or_else(|_| program.to_owned()));
    command.args([standard, "-Wall", "-Wpedantic", "-Werror", "-I", "include"]);
    command
}

/// A program that finds the library in a folder. Where the workspace is built with all engines, the library needs theirs, too.
fn started(program: &Path, folder: &TempDir) -> Command {
    let mut paths = vec![folder.path().to_owned()];
    paths.extend(env::split_paths(&env::var_os("LD_LIBRARY_PATH").unwrap_or_default()));
    let mut command = Command::new(program);
    command.env("LD_LIBRARY_PATH", env::join_paths(paths).unwrap());
    command
}

fn compiled(folder: &TempDir, language: &str, source: &str) -> PathBuf {
    let program = folder.path().join(Path::new(source).file_stem().unwrap());
    let library = library_folder();
    run(compiler(language)
        .arg(source)
        .arg("-L")
        .arg(&library)
        .arg("-llookalike_mediapipe")
        .arg("-o")
        .arg(&program));
    // The library is asked for by its own name, that of MediaPipe's.
    let link = folder.path().join("libmediapipe.so");
    if !link.exists() {
        std::os::unix::fs::symlink(library.join("liblookalike_mediapipe.so"), link).unwrap();
    }
    program
}

#[test]
fn structures_have_the_layout_of_the_reference() {
    for language in ["c", "c++"] {
        for layout in ["LOOKALIKE_LAYOUT_1_2_2", "LOOKALIKE_LAYOUT_1_2_3"] {
            let define = format!("-D{layout}");
            run(compiler(language).args([
                &define,
                "-fsyntax-only",
                "-x",
                language,
                "tests/layout.c",
            ]));
        }
    }
}

#[test]
fn each_header_stands_by_itself() {
    let headers = walk(Path::new("include"));
    assert_eq!(headers.len(), 9);
    for header in headers {
        for language in ["c", "c++"] {
            let mut compiler = compiler(language);
            let included = header.strip_prefix("include").unwrap();
            let folder = tempfile::tempdir().unwrap();
            let source = folder.path().join("source");
            std::fs::write(&source, format!("#include \"{}\"\n", included.display())).unwrap();
            run(compiler.args(["-fsyntax-only", "-x", language]).arg(source));
        }
    }
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn a_c_program_compares_two_images() {
    let folder = tempfile::tempdir().unwrap();
    let program = compiled(&folder, "c", "examples/compare.c");
    let run = |arguments: &[&str]| {
        let mut command = started(&program, &folder);
        command.args(arguments);
        command
    };
    let similarity: f64 =
        self::run(&mut run(&[MODEL, IMAGES[0], IMAGES[1]])).trim().parse().unwrap();
    assert!((0.5..1.0).contains(&similarity), "{similarity}");
    assert_eq!(self::run(&mut run(&[MODEL, IMAGES[0], IMAGES[0]])), "1.000000\n");
    let output = run(&["/nope.tflite", IMAGES[0], IMAGES[0]]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(said, "error 5: Unable to open file at /nope.tflite\n");
}

#[test]
fn a_c_program_survives_all_that_it_does_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let program = compiled(&folder, "c", "tests/misuse.c");
    let mut command = started(&program, &folder);
    command.args([MODEL, IMAGES[0]]);
    assert!(run(&mut command).ends_with(" calls\n"));
}

#[test]
fn a_cpp_program_sends_frames() {
    let folder = tempfile::tempdir().unwrap();
    let program = compiled(&folder, "c++", "examples/live_stream.cc");
    let mut command = started(&program, &folder);
    command.args([MODEL, IMAGES[0]]);
    let lines = run(&mut command);
    assert!(lines.ends_with("400 ms, 240x160: 306 values\n"), "{lines}");
}

#[test]
fn nothing_but_the_interface_is_exported() {
    let library = library_folder().join("liblookalike_mediapipe.so");
    let symbols = run(Command::new("nm").args(["-D", "--defined-only"]).arg(&library));
    let names = symbols.lines().map(|line| line.split_whitespace().last().unwrap());
    let (ours, others): (Vec<&str>, Vec<&str>) = names.partition(|name| name.starts_with("Mp"));
    assert_eq!(ours.len(), 31, "{ours:?}");
    // The version node itself is listed by some versions of `nm`.
    assert!(others.iter().all(|name| *name == "VERS_1.0"), "{others:?}");
    let dynamic = run(Command::new("objdump").arg("-p").arg(&library));
    let name = dynamic.lines().find(|line| line.contains("SONAME")).unwrap();
    assert!(name.ends_with(" libmediapipe.so"), "{name}");
    if cfg!(target_arch = "x86_64") {
        assert!(dynamic.contains("VERS_1.0"), "{dynamic}");
    }
}

#[test]
fn the_library_has_the_layout_of_the_headers() {
    use lookalike_mediapipe::*;
    use std::mem::offset_of;

    let more = if cfg!(feature = "layout-1-2-3") { 8 } else { 0 };
    let sizes = [size_of::<MpBaseOptions>(), size_of::<ImageEmbedderOptions>()];
    assert_eq!(sizes, [72 + more, 88 + more]);
    let sizes = [size_of::<MpEmbedding>(), size_of::<ImageEmbedderResult>()];
    assert_eq!(sizes, [32, 32]);
    let sizes = [size_of::<MpRectF>(), size_of::<MpImageProcessingOptions>()];
    assert_eq!((sizes, size_of::<MpStatus>()), ([16, 24], 4));
    assert_eq!(offset_of!(MpBaseOptions, file_descriptor), 24);
    assert_eq!(offset_of!(MpBaseOptions, app_version), 64);
    assert_eq!(offset_of!(ImageEmbedderOptions, running_mode), 72 + more);
    assert_eq!(offset_of!(ImageEmbedderOptions, embedder_options), 76 + more);
    assert_eq!(offset_of!(ImageEmbedderOptions, result_callback), 80 + more);
    assert_eq!(offset_of!(MpEmbedderOptions, quantize), 1);
    assert_eq!(offset_of!(MpEmbedding, values_count), 16);
    assert_eq!(offset_of!(MpEmbedding, head_name), 24);
    assert_eq!(offset_of!(ImageEmbedderResult, timestamp_ms), 16);
    assert_eq!(offset_of!(ImageEmbedderResult, has_timestamp_ms), 24);
    assert_eq!((offset_of!(MpRectF, bottom), offset_of!(MpRectF, right)), (8, 12));
    assert_eq!(offset_of!(MpImageProcessingOptions, rotation_degrees), 20);
}
