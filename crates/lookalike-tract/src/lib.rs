//! The `tract` backend: TensorFlow Lite models in pure Rust, one thread per session.

#![forbid(unsafe_code)]

mod rewrite;
mod session;

use lookalike_core::{
    BackendInfo, Error, InferenceBackend, InferenceSession, Model, Result, SessionOptions,
    SupportCode, contain_panics, one_line,
};
use tract_core::prelude::TractResult;

use crate::session::TractSession;

/// Version of tract this crate is built on.
const TRACT_VERSION: &str = "0.23.9";

/// What tract-tflite can read, in the schema's names.
const OPERATORS: &[&str] = &[
    "ABS",
    "ADD",
    "AVERAGE_POOL_2D",
    "BATCH_MATMUL",
    "BROADCAST_TO",
    "CEIL",
    "CONCATENATION",
    "CONV_2D",
    "COS",
    "DEPTHWISE_CONV_2D",
    "DIV",
    "EQUAL",
    "EXP",
    "EXPAND_DIMS",
    "FLOOR",
    "FULLY_CONNECTED",
    "GREATER",
    "GREATER_EQUAL",
    "HARD_SWISH",
    "LEAKY_RELU",
    "LESS",
    "LESS_EQUAL",
    "LOG",
    "LOGICAL_AND",
    "LOGICAL_NOT",
    "LOGICAL_OR",
    "LOGISTIC",
    "MAXIMUM",
    "MAX_POOL_2D",
    "MEAN",
    "MINIMUM",
    "MUL",
    "NOT_EQUAL",
    "PAD",
    "PADV2",
    "REDUCE_MAX",
    "REDUCE_MIN",
    "REDUCE_PROD",
    "RELU",
    "RELU6",
    "RESHAPE",
    "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR",
    "RSQRT",
    "SELECT",
    "SELECT_V2",
    "SHAPE",
    "SIN",
    "SLICE",
    "SOFTMAX",
    "SQRT",
    "SQUARE",
    "SQUEEZE",
    "STRIDED_SLICE",
    "SUB",
    "SUM",
    "TANH",
    "TRANSPOSE",
];

/// The engine. One inference runs on one thread whatever [`SessionOptions::num_threads`] says; sessions run in parallel.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tract;

impl InferenceBackend for Tract {
    fn name(&self) -> &'static str {
        "tract"
    }

    fn check(&self) -> Result<BackendInfo> {
        Ok(BackendInfo::built_in(TRACT_VERSION))
    }

    fn load(&self, model: &Model, _options: &SessionOptions) -> Result<Box<dyn InferenceSession>> {
        check_operators(model)?;
        let session = contain("load the model", || TractSession::load(model))?;
        Ok(Box::new(session))
    }
}

/// Refuses a model with operators tract does not have, naming all of them.
fn check_operators(model: &Model) -> Result<()> {
    let mut missing: Vec<&str> = Vec::new();
    let mut support_code = SupportCode::UnsupportedBuiltinOp;
    for operator in model.operators() {
        let name = operator.name.as_str();
        if operator.is_custom || OPERATORS.binary_search(&name).is_err() {
            if operator.is_custom {
                support_code = SupportCode::UnsupportedCustomOp;
            }
            if !missing.contains(&name) {
                missing.push(name);
            }
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::invalid_argument(format!(
        "the backend `tract` lacks operators of this model: {}",
        missing.join(", ")
    ))
    .with_support_code(support_code))
}

/// Runs engine code; an error of the engine, and a panic inside it, becomes an error of ours.
fn contain<T>(what: &str, run: impl FnOnce() -> TractResult<T>) -> Result<T> {
    let failure = |cause: &str| {
        Error::internal(format!("tract could not {what}: {cause}"))
            .with_support_code(SupportCode::Error)
    };
    contain_panics(|| run().map_err(|error| failure(&one_line(&error.root_cause().to_string()))))
        .unwrap_or_else(|panic| Err(failure(&format!("it panicked: {panic}"))))
}

#[cfg(test)]
mod tests {
    use lookalike_core::ErrorKind;

    use super::*;

    #[test]
    fn operators_are_sorted() {
        assert!(OPERATORS.is_sorted());
    }

    #[test]
    fn a_panic_becomes_an_error() {
        let error = contain::<()>("run", || panic!("broken\n  thing")).unwrap_err();
        assert_eq!(error.to_string(), "tract could not run: it panicked: broken thing");
        assert_eq!(error.kind(), ErrorKind::Internal);
    }
}
