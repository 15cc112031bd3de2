//! `lookalike convert`.

use std::io::Write;

use anyhow::{Context, Result};
use lookalike::{onnx, read_model_within};

use crate::Outcome;
use crate::args::ConvertArguments;
use crate::temporary::TemporaryFile;

pub(crate) fn run(arguments: &ConvertArguments) -> Result<Outcome> {
    let shown = || format!("cannot convert {}", arguments.model.display());
    let model =
        read_model_within(&arguments.model, &arguments.limits.limits()?).with_context(shown)?;
    let translation = onnx::translate(&model).with_context(shown)?;
    let mut file = TemporaryFile::new(&arguments.output)?;
    file.write_all(&translation)?;
    file.persist()?;
    Ok(Outcome::Done)
}
