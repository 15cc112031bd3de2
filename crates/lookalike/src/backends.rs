//! The engines that are compiled in, in order of preference.

use std::sync::Arc;

use lookalike_core::{
    BackendInfo, Error, ErrorKind, InferenceBackend, LoadedModel, Model, Result, SessionOptions,
    SupportCode,
};

#[cfg(feature = "ort")]
static ORT: lookalike_ort::Ort = lookalike_ort::Ort::new();

#[cfg(feature = "native")]
static NATIVE: lookalike_native::Native = lookalike_native::Native::new();

/// All engines there are, in order of preference: each the name of the feature that compiles it in.
pub const KNOWN_BACKENDS: [&str; 5] = ["native", "tract", "tflitec", "ort", "tract-tflite"];

static BACKENDS: &[&dyn InferenceBackend] = &[
    #[cfg(feature = "native")]
    &NATIVE,
    #[cfg(feature = "tract")]
    &lookalike_tract::Tract,
    #[cfg(feature = "tflitec")]
    &lookalike_tflitec::TfLiteC,
    #[cfg(feature = "ort")]
    &ORT,
    #[cfg(feature = "tract-tflite")]
    &lookalike_tract::TractTflite,
];

/// All engines that this build has. When none is asked for, the first one is taken that can run here and has all operators of the
/// model.
pub fn backends() -> &'static [&'static dyn InferenceBackend] {
    BACKENDS
}

/// The engine of this name.
///
/// # Errors
///
/// This build has no such engine; the message names those it has.
pub fn backend(name: &str) -> Result<&'static dyn InferenceBackend> {
    match backends().iter().find(|backend| backend.name() == name) {
        Some(backend) => Ok(*backend),
        None => Err(Error::new(
            ErrorKind::NotFound,
            if KNOWN_BACKENDS.contains(&name) {
                format!(
                    "the backend `{name}` is not in this build, which has: {}; build with `--features {name}`",
                    names()
                )
            } else {
                format!("there is no backend `{name}`; this build has: {}", names())
            },
        )),
    }
}

/// An engine with a model that it has loaded.
pub(crate) struct Loaded {
    pub(crate) backend: &'static str,
    pub(crate) info: BackendInfo,
    pub(crate) model: Arc<dyn LoadedModel>,
}

/// Loads a model on an engine.
///
/// # Errors
///
/// The engine cannot run here, or cannot load the model. For operators that it lacks the message names the engines that have them.
pub(crate) fn load(
    backend: &dyn InferenceBackend,
    model: &Model,
    options: &SessionOptions,
) -> Result<Loaded> {
    let info = backend.check()?;
    match backend.load(model, options) {
        Ok(model) => Ok(Loaded { backend: backend.name(), info, model }),
        Err(error) if lacks_operators(&error) => {
            let (said, code) = (error.to_string(), error.support_code());
            let error = Error::new(error.kind(), format!("{said}; {}", alternatives(model)));
            Err(code.into_iter().fold(error, Error::with_support_code))
        }
        Err(error) => Err(error),
    }
}

/// Loads a model on the first of some engines that can run here and has all that the model needs.
///
/// # Errors
///
/// There is none; the error is that of the first one.
pub(crate) fn load_on_first(
    backends: &[&dyn InferenceBackend],
    model: &Model,
    options: &SessionOptions,
) -> Result<Loaded> {
    let mut first = None;
    for &backend in backends {
        match load(backend, model, options) {
            // What it lacks another one may have, and one that is not there is no choice.
            Err(error)
                if lacks_operators(&error)
                    || error.kind() == ErrorKind::Unimplemented
                    || backend.check().is_err() =>
            {
                first.get_or_insert(error);
            }
            loaded => return loaded,
        }
    }
    Err(first.unwrap_or_else(|| {
        Error::new(
            ErrorKind::NotFound,
            "this build has no backend; enable a feature of the crate `lookalike`, such as `native`",
        )
    }))
}

/// Whether an engine reports that it lacks operators.
pub(crate) fn lacks_operators(error: &Error) -> bool {
    let code = error.support_code();
    matches!(code, Some(SupportCode::UnsupportedBuiltinOp | SupportCode::UnsupportedCustomOp))
}

/// Where a model can be run whose operators one engine lacks.
fn alternatives(model: &Model) -> String {
    let has_all = |backend: &&dyn InferenceBackend| {
        model.operators().iter().all(|operator| backend.has_operator(operator))
    };
    let able: Vec<String> = backends()
        .iter()
        .copied()
        .filter(has_all)
        .map(|backend| format!("`{}`", backend.name()))
        .collect();
    if able.is_empty() {
        "no backend of this build has them all".to_owned()
    } else {
        format!("of the backends of this build, these have them all: {}", able.join(", "))
    }
}

fn names() -> String {
    let names: Vec<String> =
        backends().iter().map(|backend| format!("`{}`", backend.name())).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(all(test, feature = "built-in-model"))]
mod tests {
    use lookalike_core::{Model, OperatorInfo};

    use super::*;

    /// An engine that cannot run, or that refuses a model in one way or the other.
    #[derive(Debug)]
    struct Refusing(&'static str, Refusal);

    #[derive(Debug, PartialEq)]
    enum Refusal {
        NotThere,
        LacksOperators,
        Fails,
    }

    impl InferenceBackend for Refusing {
        fn name(&self) -> &'static str {
            self.0
        }

        fn check(&self) -> Result<BackendInfo> {
            match self.1 {
                Refusal::NotThere => Err(Error::new(ErrorKind::NotFound, "it is not there")),
                _ => Ok(BackendInfo::built_in("1")),
            }
        }

        fn has_operator(&self, _: &OperatorInfo) -> bool {
            self.1 != Refusal::LacksOperators
        }

        fn load(&self, model: &Model, _: &SessionOptions) -> Result<Arc<dyn LoadedModel>> {
            // What every engine of ours answers.
            let model = model.require_tflite(self.0)?;
            model.check_operators(self.0, |operator| self.has_operator(operator))?;
            Err(Error::internal(format!("{} refuses it", self.0)))
        }
    }

    #[test]
    #[cfg(feature = "native")]
    fn the_first_engine_that_has_what_a_model_needs_is_taken() {
        let model = Model::from_bytes(include_bytes!("../models/gist.tflite")).unwrap();
        let options = SessionOptions::default();
        let missing = Refusing("missing", Refusal::NotThere);
        let unsupported = Refusing("unsupported", Refusal::LacksOperators);
        let failing = Refusing("failing", Refusal::Fails);
        let load = |backends: &[&dyn InferenceBackend]| load_on_first(backends, &model, &options);
        let loaded = load(&[&missing, &unsupported, &NATIVE, &failing]).unwrap();
        assert_eq!(loaded.backend, "native");
        // Only what an engine lacks is a reason to ask the next one.
        assert_eq!(
            load(&[&failing, &NATIVE]).map(|loaded| loaded.backend).unwrap_err().to_string(),
            "failing refuses it"
        );
        let error = load(&[&unsupported, &missing]).map(|loaded| loaded.backend).unwrap_err();
        assert!(error.to_string().contains("unsupported lacks these operators"), "{error}");
        assert!(load(&[]).is_err());
    }

    #[test]
    fn every_engine_is_known_by_its_name() {
        let names: Vec<&str> = backends().iter().map(|backend| backend.name()).collect();
        let known = KNOWN_BACKENDS.into_iter().filter(|known| names.contains(known));
        assert!(names.iter().copied().eq(known), "{names:?}");
    }
}
