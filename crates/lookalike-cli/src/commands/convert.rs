//! `lookalike convert`.

use std::io::Write;

use anyhow::{Context, Result};
use lookalike::{onnx, read_model_within};

use crate::args::ConvertArguments;
use crate::temporary::TemporaryFile;
use crate::{Outcome, pipe};

pub(crate) fn run(arguments: &ConvertArguments) -> Result<Outcome> {
    let limits = arguments.limits.limits()?;
    let model = read_model_within(&arguments.model, &limits)
        .map_err(|error| pipe::about(&arguments.model, error))?;
    let shown = || format!("cannot convert {}", arguments.model.display());
    let translation = onnx::translate(&model).with_context(shown)?;
    let mut file = TemporaryFile::new(&arguments.output)?;
    file.write_all(&translation)?;
    file.persist()?;
    Ok(Outcome::Done)
}
