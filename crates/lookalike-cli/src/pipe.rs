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

/// Says on standard error, on one line, what went wrong and why.
pub(crate) fn report(error: &anyhow::Error) {
    // With standard error closed there is nobody left to tell.
    writeln!(io::stderr(), "error: {error:#}").ok();
}
