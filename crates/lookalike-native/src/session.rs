//! One loaded model.

use std::fmt;
use std::sync::Arc;

use lookalike_core::{
    Error, InferenceSession, Model, Result, Signature, SupportCode, Tensor, TensorRef,
    contain_panics,
};

use crate::exec::{self, Memory};
use crate::graph;
use crate::plan::Plan;
use crate::pool::Pool;
use crate::simd::InstructionSet;

/// The plan, with its weights, is shared by all sessions of a model; memory and threads are each session's own, and made when they are
/// first needed.
pub(crate) struct NativeSession {
    model: Model,
    set: InstructionSet,
    threads: usize,
    fuses: bool,
    plan: Option<Arc<Plan>>,
    state: Option<(Memory, Pool)>,
}

impl NativeSession {
    /// Plans at once, unless the model leaves the size of an input open.
    pub(crate) fn load(
        model: &Model,
        set: InstructionSet,
        threads: usize,
        fuses: bool,
    ) -> Result<Self> {
        let model = model.clone();
        let mut session = Self { model, set, threads, fuses, plan: None, state: None };
        if let Some(dims) = session.model.fixed_input_dims() {
            session.plan = Some(Arc::new(session.plan(&dims)?));
        }
        Ok(session)
    }

    fn plan(&self, input_dims: &[Vec<usize>]) -> Result<Plan> {
        contain("load", || {
            Plan::new(graph::read(&self.model, input_dims)?, self.set, self.threads, self.fuses)
        })
    }

    fn plan_for(&mut self, inputs: &[TensorRef<'_>]) -> Result<Arc<Plan>> {
        let wanted = || inputs.iter().map(|input| input.shape().dims());
        if let Some(plan) = &self.plan
            && wanted().eq(plan.input_dims.iter().map(Vec::as_slice))
        {
            return Ok(Arc::clone(plan));
        }
        let dims: Vec<Vec<usize>> = wanted().map(<[usize]>::to_vec).collect();
        self.state = None;
        let plan = Arc::new(self.plan(&dims)?);
        Ok(Arc::clone(self.plan.insert(plan)))
    }
}

impl InferenceSession for NativeSession {
    fn signature(&self) -> &Signature {
        self.model.signature()
    }

    fn fork(&self) -> Result<Box<dyn InferenceSession>> {
        let (model, plan) = (self.model.clone(), self.plan.clone());
        Ok(Box::new(Self { model, plan, state: None, ..*self }))
    }

    fn run(&mut self, inputs: &[TensorRef<'_>], outputs: &mut [Tensor]) -> Result<()> {
        self.signature().check_run(inputs, outputs.len())?;
        let plan = self.plan_for(inputs)?;
        // A state that fails or panics is not put back.
        let (mut memory, mut pool) = match self.state.take() {
            Some(state) => state,
            None => {
                let pool = Pool::new(self.threads);
                (Memory::new(&plan, pool.width()), pool)
            }
        };
        contain("run", || exec::run(&plan, &mut memory, &mut pool, inputs, outputs))?;
        self.state = Some((memory, pool));
        Ok(())
    }
}

/// Runs code of the engine; a panic becomes an error.
fn contain<T>(what: &str, run: impl FnOnce() -> Result<T>) -> Result<T> {
    contain_panics(run).unwrap_or_else(|panic| {
        Err(Error::internal(format!("`native` could not {what} the model: it panicked: {panic}"))
            .with_support_code(SupportCode::Error))
    })
}

impl fmt::Debug for NativeSession {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("NativeSession")
            .field("set", &self.set)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}
