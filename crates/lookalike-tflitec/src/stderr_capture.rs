//! What the library prints to standard error: kept off the terminal where that is asked for, and made the causes of errors.

/// Runs a step of the library that may print, and returns what it printed.
///
/// The library has no other way out through tflitec. While this runs, what other threads print to standard error is taken
/// for the library's and logged with the rest, and processes that are started have no standard error.
#[cfg(target_os = "linux")]
pub(crate) fn captured<T>(run: impl FnOnce() -> T) -> (T, String) {
    use std::fs::File;
    use std::io::{Read, Seek, SeekFrom};
    use std::sync::{Mutex, PoisonError};

    use rustix::fs::{MemfdFlags, memfd_create};
    use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
    use rustix::stdio::{dup2_stderr, stderr};

    // One at a time: the saved descriptor of one must not be the file of another.
    static CAPTURE: Mutex<()> = Mutex::new(());
    let _capture = CAPTURE.lock().unwrap_or_else(PoisonError::into_inner);

    let redirected = (|| {
        let saved = fcntl_dupfd_cloexec(stderr(), 3)?;
        let file = memfd_create(c"tensorflow-lite", MemfdFlags::CLOEXEC)?;
        dup2_stderr(&file)?;
        // Restoring the saved descriptor clears the flag.
        fcntl_setfd(stderr(), FdFlags::CLOEXEC)?;
        Ok::<_, rustix::io::Errno>((saved, File::from(file)))
    })();
    let Ok((saved, mut file)) = redirected else {
        // Without descriptors to spare the library prints where it likes.
        return (run(), String::new());
    };
    let result = run();
    if let Err(error) = dup2_stderr(&saved) {
        log::warn!("standard error could not be restored: {error}");
    }
    let mut text = String::new();
    let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_string(&mut text));
    if let Err(error) = read {
        log::debug!("what TensorFlow Lite printed cannot be read: {error}");
    }
    for line in text.lines() {
        log::debug!("{line}");
    }
    (result, text)
}

/// Elsewhere the library prints where it likes.
#[cfg(not(target_os = "linux"))]
pub(crate) fn captured<T>(run: impl FnOnce() -> T) -> (T, String) {
    (run(), String::new())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::Write;
    use std::process::Command;

    use super::*;
    use crate::session::contain;

    /// In one test, as both parts redirect what the whole process has.
    #[test]
    fn standard_error_is_captured_where_asked_for_and_of_this_process_alone() {
        let target = || std::fs::read_link("/proc/self/fd/2").unwrap();
        let before = target();
        assert_eq!(contain(false, || Ok(target())).unwrap(), before);
        assert_ne!(contain(true, || Ok(target())).unwrap(), before);
        assert_eq!(target(), before, "it is restored");

        let ((), text) = captured(|| {
            std::io::stderr().write_all(b"of this process\n").ok();
            Command::new("sh").args(["-c", "echo of another one >&2"]).status().ok();
        });
        assert_eq!(text, "of this process\n");
    }
}
