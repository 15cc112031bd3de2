//! Standard output and standard error: results on the one, everything else on the other.

use std::io::{self, ErrorKind, Write};

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

/// Text of a file or a name, with what would move a terminal's cursor written out.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|letter| {
            let escaped = letter.is_control().then(|| letter.escape_default());
            let plain = escaped.is_none().then_some(letter);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

/// Says on standard error, on one line, what went wrong and why.
pub(crate) fn report(error: &anyhow::Error) {
    // With standard error closed there is nobody left to tell.
    writeln!(io::stderr(), "error: {}", printable(&format!("{error:#}"))).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_on_its_line() {
        assert_eq!(printable("größe\n\u{1b}[31m x"), "größe\\n\\u{1b}[31m x");
    }
}
