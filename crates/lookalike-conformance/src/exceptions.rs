//! Cases that are known to fail.

use anyhow::{Context, Result};
use libtest_mimic::{Failed, Trial};
use serde::Deserialize;

/// The list of exceptions.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exceptions {
    #[serde(default)]
    exception: Vec<Exception>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    case: String,
    reason: String,
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

    pub(crate) fn reason(&self, case: &str) -> Option<&str> {
        self.exception
            .iter()
            .find(|exception| exception.case == case)
            .map(|exception| exception.reason.as_str())
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
