//! `lookalike backends`.

use anyhow::Result;
use serde::Serialize;

use crate::args::BackendsArguments;
use crate::{Outcome, pipe};

#[derive(Serialize)]
struct Row {
    name: &'static str,
    compiled_in: bool,
    usable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    library: Option<String>,
    /// Why it is not usable, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Row {
    fn new(name: &'static str) -> Self {
        let Ok(backend) = lookalike::backend(name) else {
            return Self {
                name,
                compiled_in: false,
                usable: false,
                version: None,
                library: None,
                error: Some(format!("not compiled in: build with `--features {name}`")),
            };
        };
        let checked = backend.check();
        Self {
            name,
            compiled_in: true,
            usable: checked.is_ok(),
            version: checked.as_ref().ok().map(|info| info.version.clone()),
            library: checked
                .as_ref()
                .ok()
                .and_then(|info| info.library.as_ref())
                .map(|path| path.display().to_string()),
            error: checked.err().map(|error| format!("{error:#}")),
        }
    }
}

pub(crate) fn run(arguments: &BackendsArguments) -> Result<Outcome> {
    let rows = lookalike::KNOWN_BACKENDS.map(Row::new);
    if arguments.json {
        pipe::json(&rows)?;
        return Ok(Outcome::Done);
    }
    for row in &rows {
        let details = match (&row.error, &row.version) {
            (Some(error), _) if row.compiled_in => format!("not usable: {error}"),
            (Some(error), _) => error.clone(),
            (None, version) => {
                let version = version.as_deref().unwrap_or("unknown");
                let position = row.library.as_deref().unwrap_or("part of this program");
                format!("usable, version {version}, {position}")
            }
        };
        pipe::line(&format!("{:<12} {}", row.name, pipe::printable(&details)))?;
    }
    Ok(Outcome::Done)
}
