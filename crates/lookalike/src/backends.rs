//! The engines that are compiled in, in order of preference.

use lookalike_core::{
    BackendInfo, Error, ErrorKind, InferenceBackend, InferenceSession, Model, Result,
    SessionOptions, SupportCode,
};

#[cfg(feature = "ort")]
static ORT: lookalike_ort::Ort = lookalike_ort::Ort::new();

#[cfg(feature = "native")]
static NATIVE: lookalike_native::Native = lookalike_native::Native::new();

static BACKENDS: &[&dyn InferenceBackend] = &[
    #[cfg(feature = "native")]
    &NATIVE,
    #[cfg(feature = "tract")]
    &lookalike_tract::Tract,
    #[cfg(feature = "tflitec")]
    &lookalike_tflitec::TfLiteC,
    #[cfg(feature = "ort")]
    &ORT,
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
            format!("there is no backend `{name}` in this build; it has: {}", names()),
        )),
    }
}

/// An engine with a model that it has loaded.
pub(crate) struct Loaded {
    pub(crate) backend: &'static str,
    pub(crate) info: BackendInfo,
    pub(crate) session: Box<dyn InferenceSession>,
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
        Ok(session) => Ok(Loaded { backend: backend.name(), info, session }),
        Err(error) if is_lacking(&error) => {
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
            Err(error) if error.kind() == ErrorKind::Unimplemented || backend.check().is_err() => {
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

/// Whether an engine said that it lacks operators.
pub(crate) fn is_lacking(error: &Error) -> bool {
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
    struct Refusing(&'static str, ErrorKind);

    impl InferenceBackend for Refusing {
        fn name(&self) -> &'static str {
            self.0
        }

        fn check(&self) -> Result<BackendInfo> {
            match self.1 {
                ErrorKind::NotFound => Err(Error::new(self.1, "it is not there")),
                _ => Ok(BackendInfo::built_in("1")),
            }
        }

        fn has_operator(&self, _: &OperatorInfo) -> bool {
            false
        }

        fn load(&self, _: &Model, _: &SessionOptions) -> Result<Box<dyn InferenceSession>> {
            Err(Error::new(self.1, format!("{} refuses it", self.0)))
        }
    }

    #[test]
    #[cfg(feature = "native")]
    fn the_first_engine_that_has_what_a_model_needs_is_taken() {
        let model = Model::from_bytes(include_bytes!("../models/gist.tflite")).unwrap();
        let options = SessionOptions::default();
        let missing = Refusing("missing", ErrorKind::NotFound);
        let lacking = Refusing("lacking", ErrorKind::Unimplemented);
        let failing = Refusing("failing", ErrorKind::Internal);
        let load = |backends: &[&dyn InferenceBackend]| load_on_first(backends, &model, &options);
        let loaded = load(&[&missing, &lacking, &NATIVE, &failing]).unwrap();
        assert_eq!(loaded.backend, "native");
        // Only what an engine lacks is a reason to ask the next one.
        assert_eq!(
            load(&[&failing, &NATIVE]).map(|loaded| loaded.backend).unwrap_err().to_string(),
            "failing refuses it"
        );
        let error = load(&[&lacking, &missing]).map(|loaded| loaded.backend).unwrap_err();
        assert_eq!(error.to_string(), "lacking refuses it");
        assert!(load(&[]).is_err());
    }
}
