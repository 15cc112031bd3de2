//! The program as it is run: output, messages and exit codes.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

#[cfg(unix)]
mod faults;
mod tried;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models/fixtures").canonicalize().unwrap()
}

/// Runs the program in the folder of the fixtures.
fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lookalike"));
    command.args(arguments).current_dir(fixtures()).stdin(Stdio::null()).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Asserts success without a word on standard error, and returns standard output.
fn succeed(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""), "{arguments:?}");
    stdout(&output)
}

/// Asserts an exit code and one line on standard error that contains the words.
fn fail(arguments: &[&str], code: i32, words: &str) {
    let output = run(arguments);
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
    assert!(
        message.starts_with("error: ") && message.lines().count() == 1,
        "{arguments:?}: {message}"
    );
    assert!(message.contains(words), "{arguments:?}: {message}");
}

/// Asserts that wrong usage is refused before work begins, with a message that contains the words.
fn refuse(arguments: &[&str], words: &str) {
    let output = run(arguments);
    let message = stderr(&output);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""), "{arguments:?}");
    assert!(message.starts_with("error: ") && message.contains(words), "{arguments:?}: {message}");
}

/// Exit code, standard output and standard error, with what differs from run to run taken out.
fn transcript(arguments: &[&str]) -> String {
    let output = run(arguments);
    let text = format!(
        "$ lookalike {}\n[exit code {}]\n{}{}",
        arguments.join(" "),
        output.status.code().unwrap(),
        stdout(&output),
        stderr(&output)
    );
    text.replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

#[test]
fn compare_prints_the_similarity_and_nothing_else() {
    let text = succeed(&["compare", "landscape.png", "landscape_crop.jpg"]);
    let value = text.strip_prefix("Cosine similarity: ").unwrap().strip_suffix('\n').unwrap();
    assert_eq!(value.split('.').nth(1).map(str::len), Some(6), "{text}");
    let value: f64 = value.parse().unwrap();
    assert!((0.75..1.0).contains(&value), "{value}");
    assert_eq!(succeed(&["compare", "tiles.png", "tiles.png"]), "Cosine similarity: 1.000000\n");
}

#[test]
fn compare_prints_json_when_asked() {
    let text = succeed(&["compare", "tiles.png", "landscape.png", "--json", "--l2-normalize"]);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(value["cosine_similarity"].as_f64().unwrap() < 0.3, "{value}");
    assert_eq!(value["backend"], "native");
    assert_eq!(value["model"], "the built-in model");
    assert_eq!(value["preprocess"], "task-library");
}

#[test]
fn exif_is_applied_unless_it_is_to_be_ignored() {
    let similarity = |arguments: &[&str]| -> f64 {
        let text = succeed(&[&["compare"], arguments].concat());
        text.trim().rsplit(' ').next().unwrap().parse().unwrap()
    };
    // All eight files show the same stored pixels, which their EXIF data turns.
    let ignored = similarity(&["tiny_exif_1.jpg", "tiny_exif_6.jpg", "--exif", "ignore"]);
    assert_eq!(ignored, 1.0);
    assert!(similarity(&["tiny_exif_1.jpg", "tiny_exif_6.jpg"]) < 0.999);
}

#[test]
fn region_and_rotation_reach_the_image() {
    let whole = succeed(&["embed", "tiny.png", "-m", "echo_f32.tflite"]);
    let region = succeed(&["embed", "tiny.png", "-m", "echo_f32.tflite", "--roi", "0,0,24,16"]);
    assert_eq!(whole, region);
    let normalised =
        succeed(&["embed", "tiny.png", "-m", "echo_f32.tflite", "--roi-normalized", "0,0,1,1"]);
    assert_eq!(whole, normalised);
    let part = succeed(&["embed", "tiny.png", "-m", "echo_f32.tflite", "--roi", "3,2,7,5"]);
    assert_ne!(whole, part);
    let turned = succeed(&["embed", "tiny.png", "-m", "echo_f32.tflite", "--rotation", "-270"]);
    assert_ne!(whole, turned);
    assert_eq!(
        turned,
        succeed(&["embed", "tiny.png", "-m", "echo_f32.tflite", "--rotation", "90"])
    );
}

#[test]
fn embed_gives_a_line_an_image_and_goes_on_after_a_failure() {
    let output = run(&[
        "embed",
        "tiny.png",
        "missing.png",
        "tiny_grey.png",
        "-m",
        "two_heads.tflite",
        "--jobs",
        "2",
    ]);
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<serde_json::Value> =
        stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["path"], "tiny.png");
    assert_eq!((&lines[0]["width"], &lines[0]["height"]), (&24.into(), &16.into()));
    let heads = lines[0]["embeddings"].as_array().unwrap();
    assert_eq!(heads.len(), 2);
    assert_eq!((&heads[1]["head_index"], &heads[1]["head_name"]), (&1.into(), &"texture".into()));
    assert_eq!(heads[1]["values"].as_array().unwrap().len(), 4);
    assert_eq!(lines[1]["kind"], "not_found");
    assert!(lines[1]["error"].as_str().unwrap().contains("missing.png"));
    assert_eq!(lines[2]["path"], "tiny_grey.png");
}

#[test]
fn embed_chooses_heads_by_index_or_name_and_quantises() {
    for head in ["1", "texture"] {
        let text =
            succeed(&["embed", "tiny.png", "-m", "two_heads.tflite", "--head", head, "--quantize"]);
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        let heads = line["embeddings"].as_array().unwrap();
        assert_eq!((heads.len(), &heads[0]["head_index"]), (1, &1.into()));
        assert!(heads[0]["values"].as_array().unwrap().iter().all(serde_json::Value::is_i64));
    }
    let count = |arguments: &[&str]| {
        let text = succeed(&[&["embed", "tiny.png", "-m", "two_heads.tflite"], arguments].concat());
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        line["embeddings"].as_array().unwrap().len()
    };
    assert_eq!(count(&[]), 2);
    assert_eq!(count(&["--head", "texture", "--head", "0"]), 2);
    assert_eq!(count(&["--without-head", "colour"]), 1);
    let none = ["--without-head", "0", "--without-head", "1"];
    fail(&[&["embed", "tiny.png", "-m", "two_heads.tflite"], &none[..]].concat(), 2, "no head");
}

#[test]
fn embed_walks_directories_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("b");
    fs::create_dir(&inner).unwrap();
    for (name, source) in
        [("c.PNG", "tiny.png"), ("a.png", "tiles.png"), ("b/x.jpg", "landscape_crop.jpg")]
    {
        fs::copy(fixtures().join(source), folder.path().join(name)).unwrap();
    }
    fs::write(folder.path().join("notes.txt"), "no image").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(folder.path(), inner.join("loop")).unwrap();
    let output = run(&["embed", folder.path().to_str().unwrap()]);
    let said = "note: left out 1 file in folders: 1 in no known image format\n";
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), said));
    let text = stdout(&output);
    let names: Vec<String> = text
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            Path::new(line["path"].as_str().unwrap())
                .file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(names, ["a.png", "x.jpg", "c.PNG"]);
}

#[test]
fn embed_writes_files_of_three_kinds() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let write = |name: &str, more: &[&str]| {
        let output = path(name);
        let arguments =
            [&["embed", "tiny.png", "tiles.png", "-m", "echo_f32.tflite", "-o", &output], more]
                .concat();
        assert_eq!(succeed(&arguments), "");
        fs::read(&output).unwrap()
    };
    let lines = String::from_utf8(write("v.jsonl", &[])).unwrap();
    assert_eq!(lines, succeed(&["embed", "tiny.png", "tiles.png", "-m", "echo_f32.tflite"]));
    let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    let expected: Vec<f32> =
        serde_json::from_value(first["embeddings"][0]["values"].clone()).unwrap();

    let rows = String::from_utf8(write("v.csv", &[])).unwrap();
    let fields: Vec<&str> = rows.lines().next().unwrap().split(',').collect();
    assert_eq!(fields[..3], ["tiny.png", "0", "pixels"]);
    let values: Vec<f32> = fields[3..].iter().map(|field| field.parse().unwrap()).collect();
    assert_eq!(values, expected);

    let bytes = write("v.npy", &[]);
    let array = npyz::NpyFile::new(&bytes[..]).unwrap();
    assert_eq!(array.shape(), [2, 105]);
    assert_eq!(array.into_vec::<f32>().unwrap()[..105], expected);
    let bytes = write("q.npy", &["--l2-normalize", "--quantize"]);
    let array = npyz::NpyFile::new(&bytes[..]).unwrap();
    assert_eq!(array.shape(), [2, 105]);
    assert!(array.into_vec::<i8>().unwrap().iter().any(|&value| value != 0));
}

#[test]
fn no_file_is_left_behind_by_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["v.csv", "v.npy"] {
        let output = folder.path().join(name);
        let output = output.to_str().unwrap();
        let failed = run(&["embed", "missing.png", "-o", output]);
        assert_eq!(failed.status.code(), Some(1));
        assert!(stderr(&failed).contains("missing.png"), "{}", stderr(&failed));
        fail(&["embed", "tiny.png", "-m", "missing.tflite", "-o", output], 2, "missing.tflite");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    fail(&["embed", "tiny.png", "-o", "v.parquet"], 2, ".jsonl, .csv, .npy");
    fail(&["embed", "tiny.png", "-o", "no/such/folder/v.npy"], 2, "no/such/folder");
    let output = folder.path().join("two.npy");
    let output = output.to_str().unwrap();
    fail(&["embed", "tiny.png", "-m", "two_heads.tflite", "-o", output], 2, "--head");
}

#[test]
fn wrong_input_is_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let text = path("text.tflite", b"This is no model, whatever its name says.");
    let empty = path("empty.tflite", b"");
    let text_picture = path("text.png", b"This is no image.");
    fail(&["compare", "missing.jpg", "tiny.png"], 1, "missing.jpg");
    fail(&["compare", "tiny.png", &text_picture], 1, "unknown image type");
    fail(&["compare", "tiny.png", folder.path().to_str().unwrap()], 1, "Unable to open file");
    fail(&["compare", "tiny.png", "tiny.png", "-m", &text], 2, "not a valid Flatbuffer");
    fail(&["compare", "tiny.png", "tiny.png", "-m", &empty], 2, "is empty");
    fail(
        &["compare", "tiny.png", "tiny.png", "-m", "refused_truncated.tflite"],
        2,
        "not a valid Flatbuffer",
    );
    fail(&["compare", "tiny.png", "tiny.png", "-m", "tiny.png"], 2, "not a valid Flatbuffer");
    fail(&["compare", "tiny.png", "tiny.png", "--roi", "20,0,5,5"], 1, "Invalid crop coordinates");
    fail(&["compare", "tiny.png", "tiny.png", "--roi", "1,2,3"], 2, "X,Y,W,H");
    fail(&["compare", "tiny.png", "tiny.png", "--roi-normalized", "nan,0,1,1"], 2, "left < right");
    fail(&["compare", "tiny.png", "tiny.png", "--rotation", "45"], 2, "multiple of 90");
    refuse(&["compare", "tiny.png", "tiny.png", "--mean", "1"], "--std");
    refuse(&["compare", "tiny.png", "tiny.png", "--std", "1"], "--mean");
    refuse(&["compare", "tiny.png", "tiny.png", "--threads", "-2"], "number of CPU threads");
    fail(&["compare", "tiny.png", "tiny.png", "-b", "abacus"], 2, "`abacus`");
    refuse(&["compare", "tiny.png", "tiny.png", "--preprocess", "blur"], "blur");
    fail(&["compare", "tiny.png", "tiny.png", "--head", "tail"], 2, "`tail`");
    fail(&["compare", "tiny.png", "tiny.png", "-m", "refused_no_metadata.tflite"], 2, "--mean");
    let nothing = tempfile::tempdir().unwrap();
    fail(&["embed", nothing.path().to_str().unwrap()], 2, "no image");
    refuse(&["embed", "tiny.png", "--jobs", "0"], "--jobs");
    fail(&["inspect", &text], 2, "not a valid Flatbuffer");
}

#[test]
fn a_model_without_normalization_takes_it_from_the_command_line() {
    let own = succeed(&["embed", "tiny.png", "-m", "echo_f32.tflite"]);
    for (mean, std) in [("127.5", "127.5"), ("127.5,127.5,127.5", "127.5,127.5,127.5")] {
        let given = succeed(&[
            "embed",
            "tiny.png",
            "-m",
            "refused_no_metadata.tflite",
            "--mean",
            mean,
            "--std",
            std,
        ]);
        let values = |text: &str| {
            let line: serde_json::Value = serde_json::from_str(text).unwrap();
            line["embeddings"][0]["values"].clone()
        };
        assert_eq!(values(&given), values(&own));
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_lookalike"))
        .args(["embed", "tiny.png", "tiles.png", "landscape.png", "--jobs", "1"])
        .current_dir(fixtures())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}

#[test]
fn inspect_describes_models() {
    // The backends besides native depend on the features of the build.
    let filters = vec![(r"(?m)^  (tract|tract-tflite|tflitec|ort): .*\n", "")];
    insta::with_settings!({ filters => filters }, {
        insta::assert_snapshot!("inspect_two_heads", transcript(&["inspect", "two_heads.tflite"]));
        insta::assert_snapshot!("inspect_with_files", transcript(&["inspect", "echo_files.tflite"]));
        insta::assert_snapshot!(
            "inspect_refused",
            transcript(&["inspect", "refused_four_channels.tflite"])
        );
    });
    let json: serde_json::Value =
        serde_json::from_str(&succeed(&["inspect", "weights_i8.tflite", "--json"])).unwrap();
    assert_eq!(json["operators"]["DEQUANTIZE"], 1);
    assert_eq!(json["backends"][0]["name"], "native");
    assert_eq!(json["backends"][0]["is_default"], true);
    assert!(json["backends"][0].get("error").is_none());
    assert_eq!(json["metadata"]["inputs"][0]["content"], "ImageProperties");
}

#[test]
fn backends_lists_what_is_compiled_in() {
    let text = succeed(&["backends"]);
    assert!(text.starts_with("native       usable, version 0.1."), "{text}");
    for name in lookalike::KNOWN_BACKENDS {
        assert!(text.lines().any(|line| line.starts_with(&format!("{name:<12} "))), "{text}");
    }
    let json: serde_json::Value = serde_json::from_str(&succeed(&["backends", "--json"])).unwrap();
    assert_eq!((&json[0]["name"], &json[0]["usable"]), (&"native".into(), &true.into()));
    for row in json.as_array().unwrap() {
        let says_why = row["error"].as_str().is_some_and(|reason| !reason.is_empty());
        assert_eq!(row["usable"] == true, !says_why, "{row}");
        let is_known = lookalike::backend(row["name"].as_str().unwrap()).is_ok();
        assert_eq!(row["compiled_in"] == true, is_known, "{row}");
    }
}

#[test]
fn help_is_as_it_was() {
    insta::assert_snapshot!("help", transcript(&["--help"]));
    insta::assert_snapshot!("help_compare", transcript(&["compare", "--help"]));
    insta::assert_snapshot!("help_embed", transcript(&["embed", "--help"]));
    insta::assert_snapshot!("help_inspect", transcript(&["inspect", "--help"]));
    insta::assert_snapshot!("help_convert", transcript(&["convert", "--help"]));
    insta::assert_snapshot!("help_backends", transcript(&["backends", "--help"]));
    insta::assert_snapshot!("help_doctor", transcript(&["doctor", "--help"]));
}

#[test]
fn inspect_takes_images_it_cannot_read_for_no_models() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(at("photo.heic"), b"\0\0\0\x18ftypheic").unwrap();
    fs::write(at("empty.png"), b"").unwrap();
    fail(&["inspect", &at("photo.heic")], 2, "HEIC is not supported");
    fail(&["inspect", &at("empty.png")], 2, "the file is empty");
}

#[test]
fn errors_name_the_file_that_was_meant() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("missing/vectors.csv");
    let output = run(&["embed", "tiny.png", "-o", file.to_str().unwrap()]);
    let said = stderr(&output);
    let expected = format!("error: cannot write {}: ", file.display());
    // The temporary file would be named behind it.
    assert!(said.starts_with(&expected) && said.matches("missing").count() == 1, "{said}");
    let said = stderr(&run(&["compare", "tiny.png", "tiny.png", "-m", "missing.tflite"]));
    assert_eq!(said.matches("missing.tflite").count(), 1, "{said}");
}

#[test]
fn inspect_says_how_an_image_is_coded_and_what_a_model_looks_at() {
    insta::assert_snapshot!(transcript(&["inspect", "landscape_crop.jpg"]));
    insta::assert_snapshot!(transcript(&[
        "inspect",
        "landscape_crop.jpg",
        "-m",
        "echo_f32.tflite",
        "--preprocess",
        "mediapipe"
    ]));
    insta::assert_snapshot!(transcript(&["inspect", "tiny_exif_6.jpg", "--json"]));
    insta::assert_snapshot!(transcript(&["inspect", "tiny.webp"]));
    fail(&["inspect", "echo_f32.tflite", "-m", "echo_f32.tflite"], 2, "is no image");
    fail(&["inspect", "tiny.png", "-m", "missing.tflite"], 2, "missing.tflite");
    // As embedding would be, of JPEG files too.
    for image in ["tiny.png", "landscape_crop.jpg"] {
        fail(&["inspect", image, "--limit", "max_pixels=1"], 1, "max_pixels");
    }
}
