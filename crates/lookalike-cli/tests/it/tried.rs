//! What a new user and an attacker tried, and what should have happened.

use std::fs;
use std::path::Path;

use super::{fail, fixtures, refuse, run, stderr, stdout, succeed};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Part of a file, from its beginning.
fn cut(name: &str, percent: usize, to: &Path) -> String {
    let bytes = fs::read(fixtures().join(name)).unwrap();
    fs::write(to, &bytes[..bytes.len() * percent / 100]).unwrap();
    to.to_str().unwrap().to_owned()
}

#[test]
fn files_that_end_early_are_refused_unless_allowed() {
    let folder = folder();
    let jpeg = cut("landscape_crop.jpg", 20, &folder.path().join("cut.jpg"));
    fail(&["compare", "landscape.png", &jpeg], 1, "expected marker: the file ends early");
    for name in ["landscape.png", "tiny.gif", "tiny.bmp", "tiny.tif", "tiny.webp", "tiny.ppm"] {
        let file = cut(name, 50, &folder.path().join(name));
        fail(&["compare", "landscape.png", &file], 1, name);
    }
    let output = run(&["embed", &jpeg, "--allow-truncated"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).starts_with("warning: "), "{}", stderr(&output));
    assert!(stdout(&output).contains("\"truncated\":true"), "{}", stdout(&output));
}

#[test]
fn vectors_that_are_not_finite_are_errors() {
    let model = ["-m", "refused_no_metadata.tflite"];
    let large = ["compare", "tiny.png", "tiles.png", "--mean", "3e38", "--std", "1e-3"];
    fail(&[&large[..], &model].concat(), 1, "not finite");
    // As large as they are, these are numbers.
    let large = ["compare", "tiny.png", "tiny.png", "--mean", "1e30", "--std", "1"];
    assert_eq!(succeed(&[&large[..], &model].concat()), "Cosine similarity: 1.000000\n");
}

#[test]
fn output_says_what_became_of_this_run() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(folder.path().join("text.jpg"), "no image").unwrap();
    for name in ["v.csv", "v.npy", "v.jsonl"] {
        succeed(&["embed", "tiny.png", "-o", &path(name)]);
        let before = fs::read(folder.path().join(name)).unwrap();
        let output = run(&["embed", &path("text.jpg"), "-o", &path(name)]);
        assert_eq!(output.status.code(), Some(1));
        let after = fs::read(folder.path().join(name)).unwrap();
        if name == "v.jsonl" {
            assert!(String::from_utf8(after).unwrap().contains("unknown image type"));
        } else {
            assert_eq!(after, before);
            let words = "is not written; it is as it was before";
            assert!(stderr(&output).contains(words), "{}", stderr(&output));
        }
    }
    // Rows are those that did not fail, in the order of their names.
    succeed(&["embed", "tiny.png", "tiles.png", "-o", &path("two.npy")]);
    assert_eq!(fs::read_to_string(path("two.paths.txt")).unwrap(), "tiny.png\ntiles.png\n");
}

#[test]
fn folders_are_searched_by_content_and_what_is_left_out_is_counted() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    fs::copy(fixtures().join("tiny.png"), at("a.png")).unwrap();
    fs::copy(fixtures().join("tiles.png"), at("no_ending")).unwrap();
    fs::copy(fixtures().join("tiles.png"), at(".hidden.png")).unwrap();
    fs::write(at("._a.png"), "a resource fork").unwrap();
    fs::write(at("b.heic"), b"\0\0\0\x18ftypheic\0\0\0\0").unwrap();
    fs::write(at("notes.txt"), "notes").unwrap();
    let output = run(&["embed", folder.path().to_str().unwrap()]);
    assert_eq!((output.status.code(), stdout(&output).lines().count()), (Some(0), 2));
    assert_eq!(
        stderr(&output),
        "note: left out 4 files in folders: 2 hidden (--hidden takes them), 1 in an image format that is not supported, 1 in no known image format\n"
    );
    let output = run(&["embed", folder.path().to_str().unwrap(), "--hidden"]);
    assert_eq!((output.status.code(), stdout(&output).lines().count()), (Some(1), 4));
}

#[test]
fn wrong_usage_is_refused_before_work_begins() {
    let images = ["compare", "missing.png", "missing.png"];
    for (wrong, words) in [
        (&["--mean", "0", "--std", "0"][..], "too close to 0"),
        (&["--mean", "0", "--std", "1e-30"], "too close to 0"),
        (&["--roi", "0,0,10,0"], "Invalid crop coordinates"),
        (&["--roi-normalized", "0,0,2,1"], "to be in [0,1]"),
        (&["--background", "blue"], "RRGGBB"),
    ] {
        refuse(&[&images[..], wrong].concat(), words);
    }
    refuse(&["embed", "tiny.png", "--json", "-o", "v.npy"], "--output");
    refuse(&["embed", "-", "-"], "once");
}

#[test]
fn messages_name_the_thing_and_the_way_out() {
    let folder = folder();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    fail(&["compare", &write("empty.jpg", b""), "tiny.png"], 1, "the file is empty");
    let heic = write("x.heic", b"\0\0\0\x18ftypheic\0\0\0\0");
    fail(&["compare", &heic, "tiny.png"], 1, "HEIC is not supported: convert");
    let small = ["--limit", "max_decoder_bytes=100"];
    fail(
        &[&["compare", "tiny.png", "tiny.png"][..], &small].concat(),
        1,
        "max_decoder_bytes is 100",
    );
    for name in lookalike::KNOWN_BACKENDS {
        if lookalike::backend(name).is_err() {
            let words = format!("build with `--features {name}`");
            fail(&["compare", "tiny.png", "tiny.png", "-b", name], 2, &words);
        }
    }
    let wide = folder.path().join("wide.ppm");
    fs::write(&wide, [b"P6 40000 1 255 ", &[7; 120_000][..]].concat()).unwrap();
    fail(&["compare", wide.to_str().unwrap(), "tiny.png"], 1, "antialias");
    // A path is named once.
    let output = run(&["compare", "nope.jpg", "tiny.png"]);
    assert_eq!(stderr(&output).matches("nope.jpg").count(), 1, "{}", stderr(&output));
    let deceiving = write("a\u{202e}gpj.png", b"no image");
    let output = run(&["compare", &deceiving, "tiny.png"]);
    assert!(stderr(&output).contains("\\u{202e}"), "{}", stderr(&output));
}

#[test]
fn transparent_pixels_may_be_put_before_a_color() {
    let cosine =
        |more: &[&str]| succeed(&[&["compare", "tiny_rgba.png", "tiny.png"][..], more].concat());
    assert_eq!(cosine(&["--background", "ffffff"]), cosine(&["--background", "255,255,255"]));
    assert_ne!(cosine(&["--background", "#ffffff"]), cosine(&[]));
}

#[test]
fn a_model_can_be_inspected_with_its_normalization() {
    let output = run(&["inspect", "refused_no_metadata.tflite"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("refused: "), "{}", stdout(&output));
    let text =
        succeed(&["inspect", "refused_no_metadata.tflite", "--mean", "127.5", "--std", "127.5"]);
    assert!(text.contains("image 7 x 5 RGB"), "{text}");
}

#[test]
fn the_doctor_finds_this_machine_well() {
    let text = succeed(&["doctor"]);
    let is_well = |line: &str| line.contains(" ok ") || line.contains(" not run ");
    assert!(text.lines().count() >= 3 && text.lines().all(is_well), "{text}");
    assert!(text.lines().any(|line| line.starts_with("native") && line.contains(" ok ")), "{text}");
    let json: serde_json::Value = serde_json::from_str(&succeed(&["doctor", "--json"])).unwrap();
    for row in json.as_array().unwrap() {
        assert!(row["error"].is_string() || row["largest_difference"].as_f64().unwrap() <= 1e-5);
    }
}

#[test]
fn the_version_is_that_of_the_program() {
    assert_eq!(succeed(&["--version"]), concat!("lookalike ", env!("CARGO_PKG_VERSION"), "\n"));
}

/// The most memory in MiB that a program held, as Linux counts it while it runs.
#[cfg(target_os = "linux")]
fn peak(arguments: &[&str], folder: &Path) -> u64 {
    use std::process::{Command, Stdio};

    let mut child = Command::new(env!("CARGO_BIN_EXE_lookalike"))
        .args(arguments)
        .current_dir(folder)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut peak = 0;
    loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let held = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let held = held.and_then(|held| held.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        peak = peak.max(held.unwrap_or_default() / 1024);
        if let Some(status) = child.try_wait().unwrap() {
            assert_eq!(status.code(), Some(0));
            return peak;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn all_jobs_share_one_budget_of_memory() {
    // A lossless WebP of one color takes 38 bytes, and 52 million for its pixels, which the C library gives back to the system at once.
    const SIDE: u32 = 3_600;
    let mut file = b"RIFF\x26\0\0\0WEBPVP8L\x12\0\0\0\x2f".to_vec();
    file.extend(((SIDE - 1) | (SIDE - 1) << 14).to_le_bytes());
    // Neither transforms nor caches, and five codes of one symbol each.
    file.extend([0x88, 0x88, 0x08]);
    file.resize(38, 0);
    let folder = tempfile::tempdir().unwrap();
    for index in 0..4 {
        fs::write(folder.path().join(format!("{index}.webp")), &file).unwrap();
    }
    let with = |limit: &str| peak(&["embed", ".", "--jobs", "4", "--limit", limit], folder.path());
    // One at a time, or all at once.
    let (narrow, wide) =
        (with("max_decoder_bytes=160000000"), with("max_decoder_bytes=2000000000"));
    assert!(narrow < 230, "{narrow} MiB");
    assert!(wide > narrow + 30, "{wide} MiB with room for all, {narrow} MiB with room for one");
}

/// What a terminal shows of a program's standard error, control sequences included.
#[cfg(target_os = "linux")]
fn shown_on_a_terminal(arguments: &[&str]) -> String {
    use std::fs::{File, OpenOptions};
    use std::io::Read;
    use std::os::unix::ffi::OsStrExt;
    use std::process::{Command, Stdio};

    use rustix::pty::{self, OpenptFlags};

    let ours = pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    pty::grantpt(&ours).unwrap();
    pty::unlockpt(&ours).unwrap();
    let name = pty::ptsname(&ours, Vec::new()).unwrap();
    let name = Path::new(std::ffi::OsStr::from_bytes(name.as_bytes()));
    let theirs = OpenOptions::new().read(true).write(true).open(name).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_lookalike"))
        .args(arguments)
        .current_dir(fixtures())
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::from(theirs))
        .spawn()
        .unwrap();
    let mut shown = Vec::new();
    // Ends with an error as soon as nobody holds the other side.
    File::from(ours).read_to_end(&mut shown).ok();
    child.wait().unwrap();
    String::from_utf8(shown).unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn errors_have_lines_of_their_own_beside_the_progress_bar() {
    let folder = folder();
    let output = folder.path().join("v.jsonl");
    let images = ["tiny.png", "missing.png", "tiles.png", "nowhere.png", "landscape.png"];
    let arguments =
        [&["embed", "-o", output.to_str().unwrap(), "--jobs", "1"][..], &images].concat();
    let shown = shown_on_a_terminal(&arguments);
    assert!(shown.contains("images, "), "there is no progress bar in {shown:?}");
    let errors: Vec<_> = shown.match_indices("error: ").collect();
    assert_eq!(errors.len(), 2, "{shown:?}");
    for (at, _) in errors {
        let before = &shown[..at];
        let is_at_start =
            before.is_empty() || before.ends_with('\n') || before.ends_with("\x1b[2K");
        assert!(is_at_start, "an error does not begin a line: {shown:?}");
    }
    // Whole images a second: no digits behind a point.
    let rates = shown.match_indices(" a second").map(|(at, _)| &shown[..at]);
    for rate in rates.map(|before| before.rsplit(' ').next().unwrap_or_default()) {
        assert!(rate.bytes().all(|byte| byte.is_ascii_digit()), "{rate}");
    }
}
