//! Standard output and standard error: results on the one, everything else on the other.

use std::io::{self, ErrorKind, Write};
use std::path::Path;

use serde::Serialize;

/// Writes a line to standard output.
pub(crate) fn line(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")?;
    stdout.flush()
}

/// Writes a value as one line of JSON to standard output.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    Ok(line(&serde_json::to_string(value)?)?)
}

/// Whether the reader of our output went away, which is no failure of ours.
pub(crate) fn is_closed(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
    })
}

/// Text of a file or a name, with what would move a terminal's cursor or hide text written out.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|letter| {
            let escaped = is_invisible(letter).then(|| letter.escape_default());
            let plain = escaped.is_none().then_some(letter);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

/// Control characters, and those that set the direction of text or have no width.
fn is_invisible(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The error with the file that it is about, unless it names that itself.
pub(crate) fn about(path: &Path, error: impl Into<anyhow::Error>) -> anyhow::Error {
    let (error, shown) = (error.into(), path.display().to_string());
    let text = format!(" {error:#}");
    // A short name may be part of a word.
    let names_it = text.contains(&format!(" {shown}:"))
        || text.ends_with(&format!(" {shown}"))
        || shown.len() > 3 && text.contains(&format!(" {shown}"));
    if names_it { error } else { error.context(shown) }
}

/// Reports on standard error, on one line, something that is no failure.
pub(crate) fn note(word: &str, text: &str) {
    writeln!(io::stderr(), "{word}: {}", printable(text)).ok();
}

/// Reports on standard error, on one line, what went wrong and why.
pub(crate) fn report(error: &anyhow::Error) {
    // With standard error closed there is nobody left to tell.
    note("error", &format!("{error:#}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_their_file_once() {
        let shown = |path: &str, error: &str| {
            format!("{:#}", about(Path::new(path), anyhow::anyhow!("{error}")))
        };
        assert_eq!(shown("a.jpg", "no image"), "a.jpg: no image");
        assert_eq!(shown("a.jpg", "cannot open a.jpg: gone"), "cannot open a.jpg: gone");
        assert_eq!(shown(".", "cannot open .: a folder"), "cannot open .: a folder");
        assert_eq!(shown("a", "it ends at a"), "it ends at a");
        assert_eq!(shown("a", "an answer"), "a: an answer");
    }

    #[test]
    fn text_stays_on_its_line() {
        assert_eq!(printable("größe\n\u{1b}[31m x"), "größe\\n\\u{1b}[31m x");
        assert_eq!(printable("a\u{202e}gpj.exe"), "a\\u{202e}gpj.exe");
    }
}
