//! What goes wrong around the program while it runs: disks, files, names, signals, memory.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use super::{fixtures, run, stderr, stdout};

/// Runs a line of shell in which `$0` is the program.
fn shell(line: &str) -> Output {
    let mut command = Command::new("sh");
    command.args(["-c", line, env!("CARGO_BIN_EXE_lookalike")]).current_dir(fixtures());
    command.stdin(Stdio::null()).output().unwrap()
}

fn entries(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<String> =
        entries.map(|entry| name(entry).to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_full_disk_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["v.jsonl", "v.csv", "v.npy"] {
        let file = folder.path().join(name);
        fs::write(&file, "old").unwrap();
        // A file may have a block of 512 bytes, which is less than the vectors take.
        let output = shell(&format!(
            "trap '' XFSZ; ulimit -f 1; exec \"$0\" embed tiny.png tiles.png landscape.png -o '{}'",
            file.display()
        ));
        assert_eq!(output.status.code(), Some(2), "{name}: {}", stderr(&output));
        let said = stderr(&output);
        assert!(said.contains("File too large") && said.contains(name), "{said}");
        // The temporary file, of which nobody knows, is not named.
        let said = said.replace(folder.path().to_str().unwrap(), "");
        assert!(!said.contains(".tmp"), "{said}");
        assert_eq!(fs::read(&file).unwrap(), b"old");
    }
    assert_eq!(entries(folder.path()), ["v.csv", "v.jsonl", "v.npy"]);
    #[cfg(target_os = "linux")]
    {
        let output = shell("exec \"$0\" embed tiny.png > /dev/full");
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains("No space left"), "{}", stderr(&output));
    }
}

#[test]
fn one_bad_entry_of_a_directory_does_not_stop_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::copy(fixtures().join("tiny.png"), at("good.png")).unwrap();
    symlink("nowhere.png", at("dangling.png")).unwrap();
    symlink("loop.png", at("loop.png")).unwrap();
    fs::create_dir(at("folder.png")).unwrap();
    symlink("..", at("folder.png/up")).unwrap();
    symlink(".", at("again")).unwrap();
    let fifo = Command::new("mkfifo").arg(at("pipe.png")).status().unwrap();
    assert!(fifo.success());
    let strange = folder.path().join(OsStr::from_bytes(b"\xff\xfe.png"));
    fs::copy(fixtures().join("tiny.png"), strange).unwrap();
    let output = run(&["embed", folder.path().to_str().unwrap()]);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(1), ""));
    let lines: Vec<serde_json::Value> =
        stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<(String, bool)> = lines
        .iter()
        .map(|line| {
            let path = Path::new(line["path"].as_str().unwrap());
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, line.get("error").is_some())
        })
        .collect();
    let named = |name: &str, fails| (name.to_owned(), fails);
    assert_eq!(
        told,
        [
            named("dangling.png", true),
            named("good.png", false),
            named("loop.png", true),
            named("\u{fffd}\u{fffd}.png", false),
        ]
    );
}

#[test]
fn names_that_are_no_text_can_be_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    for name in [&b"inv\xfe.png"[..], b"inv\xff.png"] {
        fs::copy(fixtures().join("tiny.png"), folder.path().join(OsStr::from_bytes(name))).unwrap();
    }
    let output = run(&["embed", folder.path().to_str().unwrap()]);
    let hex = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let hex = line["path_hex"].as_str().unwrap().to_owned();
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect()
    };
    let paths: Vec<Vec<u8>> = stdout(&output).lines().map(hex).collect();
    for path in &paths {
        assert!(Path::new(OsStr::from_bytes(path)).exists());
    }
    assert_ne!(paths[0], paths[1]);
    let array = folder.path().join("v.npy");
    let output = run(&["embed", folder.path().to_str().unwrap(), "-o", array.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let names = fs::read(folder.path().join("v.paths.txt")).unwrap();
    let names: Vec<&[u8]> =
        names.split(|&byte| byte == b'\n').filter(|name| !name.is_empty()).collect();
    assert_eq!(names, paths);
}

#[test]
fn a_file_that_is_replaced_keeps_its_mode() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("v.jsonl");
    fs::write(&file, "old").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let output = run(&["embed", "tiny.png", "-o", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn lists_of_files_come_from_files_and_pipes() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("list.txt");
    fs::write(&list, "tiny.png\r\n\ntiles.png\n").unwrap();
    let output = run(&["embed", "--files-from", list.to_str().unwrap()]);
    assert_eq!((output.status.code(), stdout(&output).lines().count()), (Some(0), 2));
    let output =
        shell("printf 'tiny.png\\0tiles.png\\0' | \"$0\" embed landscape.png --files-from - -0");
    assert_eq!((output.status.code(), stdout(&output).lines().count()), (Some(0), 3));
    let output = shell("\"$0\" embed - < tiny.png");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).starts_with("{\"path\":\"-\",\"width\":24"), "{}", stdout(&output));
    let output = shell("\"$0\" compare - tiny.png < tiny.png");
    assert_eq!(stdout(&output), "Cosine similarity: 1.000000\n");
    let output = shell("\"$0\" compare - - < tiny.png");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn an_unreadable_file_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret.png");
    fs::copy(fixtures().join("tiny.png"), &file).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    let output = run(&["embed", file.to_str().unwrap()]);
    // Permissions do not bind the superuser.
    if fs::read(&file).is_ok() {
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    } else {
        assert_eq!(output.status.code(), Some(1));
        assert!(stdout(&output).contains("permission_denied"), "{}", stdout(&output));
    }
}

#[test]
fn only_files_are_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let embed = |to: &str| run(&["embed", "tiny.png", "-o", at(to).to_str().unwrap()]);
    assert!(Command::new("mkfifo").arg(at("pipe.jsonl")).status().unwrap().success());
    fs::create_dir(at("folder.jsonl")).unwrap();
    for name in ["pipe.jsonl", "folder.jsonl"] {
        let output = embed(name);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(stderr(&output).contains("is a folder, a device or a pipe"), "{}", stderr(&output));
    }
    assert!(fs::metadata(at("folder.jsonl")).unwrap().is_dir());
    // A link stays, and its file is the new one.
    fs::write(at("old.jsonl"), "old").unwrap();
    symlink("old.jsonl", at("link.jsonl")).unwrap();
    assert_eq!(embed("link.jsonl").status.code(), Some(0));
    assert!(fs::symlink_metadata(at("link.jsonl")).unwrap().is_symlink());
    assert!(fs::read_to_string(at("old.jsonl")).unwrap().contains("tiny.png"));
}

#[test]
fn an_interrupted_run_leaves_the_old_file() {
    // What the parent has the program ignore, as `nohup` does, and a signal that ends it all the same.
    let cases =
        [("", "INT"), ("", "TERM"), ("", "KILL"), ("INT", "TERM"), ("HUP", "TERM"), ("HUP", "INT")];
    for (ignored, signal) in
        cases.into_iter().filter(|it| cfg!(target_os = "linux") || it.0.is_empty())
    {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("v.jsonl"), "old").unwrap();
        // Nobody writes into the pipe, so that the program waits there.
        assert!(Command::new("mkfifo").arg(at("pipe.png")).status().unwrap().success());
        // A job that a script starts in the background ignores interrupts, and so does what it starts.
        let mut env = Command::new("env");
        if cfg!(target_os = "linux") {
            env.arg("--default-signal=INT");
        }
        if !ignored.is_empty() {
            env.arg(format!("--ignore-signal={ignored}"));
        }
        let mut child = env
            .arg(env!("CARGO_BIN_EXE_lookalike"))
            .args(["embed", "tiny.png"])
            .arg(at("pipe.png"))
            .arg("-o")
            .arg(at("v.jsonl"))
            .current_dir(fixtures())
            .spawn()
            .unwrap();
        while entries(folder.path()).len() < 3 {
            assert!(child.try_wait().unwrap().is_none(), "it ended before it was interrupted");
            sleep(Duration::from_millis(5));
        }
        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
        let status = child.wait().unwrap();
        if signal == "KILL" {
            assert!(status.signal().is_some());
        } else {
            assert_eq!(status.code(), Some(130), "{signal} without {ignored}");
            assert_eq!(
                entries(folder.path()),
                ["pipe.png", "v.jsonl"],
                "{signal} without {ignored}"
            );
        }
        assert_eq!(fs::read(at("v.jsonl")).unwrap(), b"old", "{signal}");
    }
}

/// With little memory the program says so, or ends as Rust does when memory runs out; it prints the whole answer or none.
#[cfg(target_os = "linux")]
#[test]
fn little_memory_means_no_answer_rather_than_a_wrong_one() {
    const ABORT: i32 = 6;
    let with = |kilobytes: usize, arguments: &str| {
        shell(&format!("ulimit -v {kilobytes}; exec \"$0\" {arguments} 2>&1"))
    };
    let whole = stdout(&run(&["compare", "landscape.png", "landscape_crop.jpg"]));
    // Below this the system cannot even start the program.
    let least = (1..1 << 12)
        .map(|megabytes| megabytes << 10)
        .find(|&kilobytes| with(kilobytes, "--version").status.success())
        .unwrap();
    let mut answers = 0;
    for kilobytes in (0..32).map(|step| least + step * 512).chain([4 << 20]) {
        let output = with(kilobytes, "compare landscape.png landscape_crop.jpg");
        let said = stdout(&output);
        match (output.status.code(), output.status.signal()) {
            (Some(0), _) => {
                assert_eq!(said, whole);
                answers += 1;
            }
            (Some(1 | 2), _) => assert!(said.starts_with("error: "), "{said}"),
            (_, Some(ABORT)) => assert!(said.contains("memory allocation of"), "{said}"),
            _ => panic!("{kilobytes} kB: {}: {said}", output.status),
        }
    }
    assert!(answers > 0, "4 GB are enough");
}
