//! Cases with wider bounds than all others, and models that a backend refuses.

use anyhow::{Context, Result};
use libtest_mimic::{Failed, Trial};
use serde::Deserialize;

use crate::Backend;
use crate::bounds::Bounds;

/// The list of exceptions.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exceptions {
    #[serde(default)]
    exception: Vec<Exception>,
    #[serde(default)]
    refusal: Vec<Refusal>,
}

/// Models that a backend refuses.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refusal {
    backend: String,
    /// What the error says.
    pub(crate) says: String,
    /// Names of operator fixtures, or of model files.
    models: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Exception {
    case: String,
    /// Backends and public files without which there is no such case.
    needs: Vec<String>,
    pub(crate) reason: String,
    /// The bounds of the case, those that are not named as of all cases.
    #[serde(flatten)]
    pub(crate) bounds: Bounds,
}

impl Exceptions {
    /// The list that belongs to the suite.
    ///
    /// # Errors
    ///
    /// It is not well formed.
    pub fn listed() -> Result<Self> {
        toml::from_str(include_str!("../exceptions.toml")).context("exceptions.toml")
    }

    /// Those whose needs are met.
    pub(crate) fn that_apply(&self, is_there: impl Fn(&str) -> bool) -> Self {
        let applies = |exception: &&Exception| exception.needs.iter().all(|need| is_there(need));
        Self {
            exception: self.exception.iter().filter(applies).cloned().collect(),
            refusal: self.refusal.clone(),
        }
    }

    /// How a backend refuses a model, if it is listed to.
    pub(crate) fn refusal(&self, backend: &str, model: &str) -> Option<&Refusal> {
        let is_meant = |refusal: &&Refusal| {
            refusal.backend == backend && refusal.models.iter().any(|refused| refused == model)
        };
        self.refusal.iter().find(is_meant)
    }

    /// The backends of these that run a model.
    pub(crate) fn runners(&self, backends: &[Backend], model: &str) -> Vec<Backend> {
        let runs = |backend: &Backend| self.refusal(backend.name(), model).is_none();
        backends.iter().copied().filter(runs).collect()
    }

    pub(crate) fn of(&self, case: &str) -> Option<&Exception> {
        self.exception.iter().find(|exception| exception.case == case)
    }

    /// A failing trial for each exception that names none of these cases.
    pub(crate) fn unknown<'a>(&self, cases: impl Iterator<Item = &'a str>) -> Vec<Trial> {
        let known: Vec<&str> = cases.collect();
        self.exception
            .iter()
            .filter(|exception| !known.contains(&exception.case.as_str()))
            .map(|exception| {
                Trial::test(format!("exceptions/{}", exception.case), || {
                    Err(Failed::from("exceptions.toml lists it, and there is no such case"))
                })
            })
            .collect()
    }
}
