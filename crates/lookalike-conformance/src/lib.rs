//! The suite that every backend runs: operators one by one, whole models, errors.
//!
//! A case has a name such as `vector/gist.tflite/landscape.png/l2/tract`. What the backends give is compared with numbers that were
//! captured from tflite-support and MediaPipe (whole models) and from LiteRT (operators), and with one another.

#![forbid(unsafe_code)]

mod beyond;
mod bounds;
mod compared;
mod errors;
mod exceptions;
mod files;
mod onnx;
mod operators;
mod report;
mod sessions;

mod subjects;
mod vectors;

use std::path::PathBuf;

use anyhow::Result;
use libtest_mimic::{Failed, Trial};
use lookalike::InferenceBackend;

use crate::bounds::Bounds;
pub use crate::exceptions::Exceptions;
pub use crate::report::Report;

/// A backend as the suite sees it.
pub type Backend = &'static dyn InferenceBackend;

/// Where the files are.
#[derive(Clone, Debug)]
pub struct Folders {
    /// Models and images that are committed.
    pub fixtures: PathBuf,
    /// Public ones, which may be missing.
    pub cache: PathBuf,
}

impl Folders {
    /// Those of a checkout.
    pub fn of_checkout(root: impl Into<PathBuf>) -> Self {
        let models = root.into().join("models");
        Self { fixtures: models.join("fixtures"), cache: models.join("cache") }
    }
}

/// What a case does within bounds.
type Run = Box<dyn FnOnce(&Bounds) -> Result<()> + Send>;

/// A case before it becomes a trial.
pub(crate) struct Case {
    name: String,
    /// The backends it is about; none if it is about all.
    backends: Vec<Backend>,
    run: Run,
}

impl Case {
    fn new(name: String, run: impl FnOnce(&Bounds) -> Result<()> + Send + 'static) -> Self {
        Self { name, backends: Vec::new(), run: Box::new(run) }
    }

    fn of(
        backend: Backend,
        name: &str,
        run: impl FnOnce(&Bounds) -> Result<()> + Send + 'static,
    ) -> Self {
        let name = format!("{name}/{}", backend.name());
        Self { name, backends: vec![backend], run: Box::new(run) }
    }

    fn of_two(
        backends: [Backend; 2],
        name: &str,
        run: impl FnOnce(&Bounds) -> Result<()> + Send + 'static,
    ) -> Self {
        let name = format!("{name}/{}+{}", backends[0].name(), backends[1].name());
        Self { name, backends: backends.to_vec(), run: Box::new(run) }
    }
}

/// What a run has to be able to do.
#[derive(Clone, Debug, Default)]
pub struct Requirements {
    /// Names of the backends that must be usable.
    pub backends: Vec<String>,
    /// Whether the public models must be there.
    pub models: bool,
}

/// All cases for these backends.
///
/// A case of a backend that cannot run here is ignored, with the reason, or fails if the backend is required.
///
/// # Errors
///
/// A file that is committed is missing or unreadable.
pub fn trials(
    backends: &[Backend],
    folders: &Folders,
    exceptions: &Exceptions,
    requirements: &Requirements,
) -> Result<Vec<Trial>> {
    let usable: Vec<Backend> =
        backends.iter().copied().filter(|backend| backend.check().is_ok()).collect();
    let subjects = subjects::all(folders)?;
    let mut cases = operators::cases(backends, folders, exceptions)?;
    for subject in &subjects {
        let runners = exceptions.runners(backends, &subject.name);
        let usable = exceptions.runners(&usable, &subject.name);
        let one = std::slice::from_ref(subject);
        cases.extend(vectors::cases(&runners, &usable, one));
        cases.extend(sessions::cases(&runners, one));
        cases.extend(errors::refusals(backends, subject, exceptions));
    }
    cases.extend(errors::cases(backends, folders)?);
    cases.extend(onnx::cases(backends, &subjects, folders));
    cases.extend(beyond::cases(backends, folders));
    let missing = files::missing(folders);
    let is_there = |need: &str| {
        !missing.contains(&need)
            && (need.contains('.') || usable.iter().any(|backend| backend.name() == need))
    };
    let exceptions = exceptions.that_apply(is_there);
    let mut trials = exceptions.unknown(cases.iter().map(|case| case.name.as_str()));
    for name in &requirements.backends {
        let backend = backends.iter().find(|backend| backend.name() == name);
        let missing = match backend.map(|backend| backend.check()) {
            Some(Ok(_)) => None,
            Some(Err(error)) => Some(error.to_string()),
            None => Some("it is not compiled in".to_owned()),
        };
        let name = name.clone();
        trials.push(Trial::test(format!("required/{name}"), move || match missing {
            None => Ok(()),
            Some(reason) => {
                Err(Failed::from(format!("the backend `{name}` must be usable: {reason}")))
            }
        }));
    }
    for missing in missing {
        let name = format!("models/cache/{missing}");
        trials.push(if requirements.models {
            Trial::test(name, || Err(Failed::from("it is missing: cargo xtask models fetch")))
        } else {
            Trial::test(name, || Ok(()))
                .with_kind("missing: cargo xtask models fetch")
                .with_ignored_flag(true)
        });
    }
    trials.extend(cases.into_iter().map(|case| into_trial(case, &exceptions)));
    Ok(trials)
}

fn into_trial(case: Case, exceptions: &Exceptions) -> Trial {
    let Case { name, backends, run } = case;
    let unusable =
        backends.iter().find_map(|backend| Some((backend.name(), backend.check().err()?)));
    if let Some((backend, error)) = unusable {
        let reason = format!("`{backend}` cannot run here: {error}");
        return Trial::test(name, || Ok(())).with_kind(reason).with_ignored_flag(true);
    }
    let exception = exceptions.of(&name);
    let bounds = exception.map_or_else(Bounds::default, |exception| exception.bounds);
    let run = move || run(&bounds).map_err(|error| Failed::from(format!("{error:#}")));
    let trial = Trial::test(name, run);
    match exception {
        Some(exception) => trial.with_kind(format!("wider bounds: {}", exception.reason)),
        None => trial,
    }
}
