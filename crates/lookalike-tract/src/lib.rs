//! The `tract` backend: TensorFlow Lite models in pure Rust, one thread per session.

#![forbid(unsafe_code)]

mod rewrite;
mod session;

use std::collections::BTreeSet;

use lookalike_core::{
    BackendInfo, Error, ErrorKind, InferenceBackend, InferenceSession, Model, OperatorInfo, Result,
    SessionOptions, SupportCode, TensorInfo, contain_panics, one_line,
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
        check_sizes_are_fixed(model)?;
        let session = contain("load the model", || TractSession::load(model))?;
        Ok(Box::new(session))
    }
}

/// Refuses a model with operators tract does not have, naming all of them.
fn check_operators(model: &Model) -> Result<()> {
    let is_missing = |operator: &&OperatorInfo| {
        operator.is_custom || OPERATORS.binary_search(&operator.name.as_ref()).is_err()
    };
    let missing = || model.operators().iter().filter(is_missing);
    let Some(first) = missing().find(|operator| operator.is_custom).or_else(|| missing().next())
    else {
        return Ok(());
    };
    let all: BTreeSet<&str> = missing().map(|operator| operator.name.as_ref()).collect();
    let all = all.into_iter().collect::<Vec<_>>().join(", ");
    let (said, support_code) = if first.is_custom {
        let said = format!("Encountered unresolved custom op: {}", first.name);
        (said, SupportCode::UnsupportedCustomOp)
    } else {
        let (name, version) = (&first.name, first.version);
        let said = format!("Didn't find op for builtin opcode '{name}' version '{version}'");
        (said, SupportCode::UnsupportedBuiltinOp)
    };
    Err(Error::invalid_argument(format!(
        "{said}. The backend `tract` lacks these operators of the model: {all}"
    ))
    .with_support_code(support_code))
}

/// tract plans for one size, and would take the 1 that stands for an open one for the size. That of the batch is 1 anyway.
fn check_sizes_are_fixed(model: &Model) -> Result<()> {
    let is_open =
        |input: &&TensorInfo| input.shape_signature.iter().skip(1).any(|&extent| extent == -1);
    match model.signature().inputs.iter().find(is_open) {
        None => Ok(()),
        Some(input) => Err(Error::new(
            ErrorKind::Unimplemented,
            format!(
                "the backend `tract` needs inputs of fixed size, and the model leaves that of `{}` open: {:?}",
                input.name, input.shape_signature
            ),
        )),
    }
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
