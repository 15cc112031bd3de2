//! Keeping foreign panics away from callers.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs code of an engine or a decoder; a panic inside comes back as its message, on one line.
///
/// The caller must not go on using what the code was changing when it panicked. Programs that set `panic = "abort"` do not
/// get this protection.
///
/// # Errors
///
/// The code panicked.
pub fn contain_panics<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let message = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        one_line(message.unwrap_or("no message"))
    })
}

/// Foreign text on one line of bearable length: some engines print whole tables into their messages.
pub fn one_line(text: &str) -> String {
    const LONGEST: usize = 300;
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(LONGEST) {
        line.truncate(end);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_comes_back_as_its_message() {
        assert_eq!(contain_panics(|| 7), Ok(7));
        assert_eq!(
            contain_panics::<()>(|| panic!("broken\n  {}", "thing")),
            Err("broken thing".to_owned())
        );
        assert_eq!(contain_panics::<()>(|| std::panic::panic_any(7)), Err("no message".to_owned()));
    }

    #[test]
    fn long_text_is_truncated_between_characters() {
        assert_eq!(one_line(&"é ".repeat(1000)).chars().count(), 301);
        assert_eq!(one_line(" a\n b "), "a b");
    }
}
