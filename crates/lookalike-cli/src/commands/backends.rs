//! `lookalike backends`.

use anyhow::Result;
use lookalike::InferenceBackend;
use serde::Serialize;

use crate::args::BackendsArguments;
use crate::{Outcome, pipe};

#[derive(Serialize)]
struct Row {
    name: &'static str,
    usable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    library: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Row {
    fn new(backend: &dyn InferenceBackend) -> Self {
        let name = backend.name();
        match backend.check() {
            Ok(info) => Self {
                name,
                usable: true,
                version: Some(info.version),
                library: info.library.map(|path| path.display().to_string()),
                error: None,
            },
            Err(error) => Self {
                name,
                usable: false,
                version: None,
                library: None,
                error: Some(format!("{:#}", anyhow::Error::new(error))),
            },
        }
    }
}

pub(crate) fn run(arguments: &BackendsArguments) -> Result<Outcome> {
    let rows: Vec<Row> = lookalike::backends().iter().map(|backend| Row::new(*backend)).collect();
    if arguments.json {
        pipe::json(&rows)?;
        return Ok(Outcome::Done);
    }
    for row in &rows {
        let details = match (&row.error, &row.version) {
            (Some(error), _) => format!("not usable: {error}"),
            (None, version) => {
                let version = version.as_deref().unwrap_or("unknown");
                let place = row.library.as_deref().unwrap_or("part of this program");
                format!("usable, version {version}, {place}")
            }
        };
        pipe::line(&format!("{:<8} {details}", row.name))?;
    }
    if rows.is_empty() {
        pipe::line("none: build with the feature of a backend, such as `--features tract`")?;
    }
    Ok(Outcome::Done)
}
