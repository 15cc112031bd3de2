//! The `native` backend: an inference engine for TensorFlow Lite models in pure Rust.
//!
//! A verified model becomes a graph, operators are fused, and a plan chooses kernels, packs weights and assigns each value a slot of one arena. A
//! session runs the plan, and allocates nothing after its first run with an input size.

#![cfg_attr(
    test,
    allow(
        dead_code,
        unused_imports,
        reason = "unit tests leave the instruction sets out: see `simd`"
    )
)]

mod exec;
mod fuse;
mod graph;
mod kernels;
mod lower;
mod ops;
mod pack;
mod plan;
mod pool;
mod quantized;
mod runtime;
mod session;
mod simd;

use std::sync::Arc;
use std::thread;

pub use lookalike_core::InstructionSet;
use lookalike_core::{
    BackendInfo, InferenceBackend, LoadedModel, Model, OperatorInfo, Result, SessionOptions,
    Threads,
};

use crate::session::LoadedPlan;

/// The engine.
#[derive(Clone, Copy, Debug)]
pub struct Native {
    set: Option<InstructionSet>,
    fuses: bool,
}

impl Default for Native {
    fn default() -> Self {
        Self::new()
    }
}

impl Native {
    /// The engine with the best instructions that the processor has.
    pub const fn new() -> Self {
        Self { set: None, fuses: true }
    }

    /// The engine with certain instructions, to compare them.
    pub const fn with_instructions(set: InstructionSet) -> Self {
        Self { set: Some(set), fuses: true }
    }

    /// Does operator by operator, which gives the same numbers more slowly.
    #[must_use]
    pub const fn without_fusions(self) -> Self {
        Self { fuses: false, ..self }
    }
}

impl InferenceBackend for Native {
    fn name(&self) -> &'static str {
        "native"
    }

    fn check(&self) -> Result<BackendInfo> {
        let set = self.set.unwrap_or_else(InstructionSet::detect);
        Ok(BackendInfo::built_in(format!("{} ({})", env!("CARGO_PKG_VERSION"), set.name())))
    }

    fn has_operator(&self, operator: &OperatorInfo) -> bool {
        lower::has_operator(operator)
    }

    fn load(&self, model: &Model, options: &SessionOptions) -> Result<Arc<dyn LoadedModel>> {
        let model = model.require_tflite("The backend `native`")?;
        model.check_operators("The backend `native`", |operator| self.has_operator(operator))?;
        let set = self.set.unwrap_or_else(InstructionSet::detect);
        Ok(Arc::new(LoadedPlan::load(model, set, threads(options.threads), self.fuses)?))
    }
}

/// Threads of a run: as many as there are processors where the choice is the engine's, and no more than that.
fn threads(threads: Threads) -> usize {
    // How many processors there are takes some twenty system calls to find out.
    if threads == Threads::One {
        return 1;
    }
    let max = thread::available_parallelism().map_or(1, usize::from);
    threads.count().map_or(max, |count| count.get().min(max))
}
