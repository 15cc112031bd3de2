//! One loaded model.

use std::fmt;
use std::sync::Arc;

use lookalike_core::{
    Error, InferenceSession, InstructionSet, LoadedModel, ModelIo, Result, SupportCode, Tensor,
    TensorRef, TfLiteModel, contain_panics,
};

use crate::exec::{self, Memory};
use crate::lower::lower;
use crate::plan::Plan;
use crate::pool::Pool;

/// A loaded model: what its sessions share.
#[derive(Clone)]
pub(crate) struct LoadedPlan {
    model: TfLiteModel,
    set: InstructionSet,
    threads: usize,
    fuses: bool,
    /// The plan with its weights; `None` where the model leaves the size of an input open.
    plan: Option<Arc<Plan>>,
}

impl LoadedPlan {
    /// Plans at once, unless the model leaves the size of an input open.
    pub(crate) fn load(
        model: &TfLiteModel,
        set: InstructionSet,
        threads: usize,
        fuses: bool,
    ) -> Result<Self> {
        let mut loaded = Self { model: model.clone(), set, threads, fuses, plan: None };
        if let Some(dims) = model.fixed_input_dims() {
            loaded.plan = Some(Arc::new(loaded.plan(&dims)?));
        }
        Ok(loaded)
    }

    fn plan(&self, input_dims: &[Vec<usize>]) -> Result<Plan> {
        contain("load", || {
            let graph = lower(&*self.model.graph_for(input_dims)?)?;
            Plan::new(graph, self.set, self.threads, self.fuses)
        })
    }
}

impl LoadedModel for LoadedPlan {
    fn io(&self) -> &ModelIo {
        self.model.io()
    }

    fn session(&self) -> Result<Box<dyn InferenceSession>> {
        Ok(Box::new(NativeSession { loaded: self.clone(), state: None }))
    }
}

/// Memory and threads are each session's own, and made when they are first needed. The plan is the loaded model's, until inputs of another
/// shape ask for another one.
struct NativeSession {
    loaded: LoadedPlan,
    state: Option<(Memory, Pool)>,
}

impl NativeSession {
    fn plan_for(&mut self, inputs: &[TensorRef<'_>]) -> Result<Arc<Plan>> {
        let wanted = || inputs.iter().map(|input| input.shape().dims());
        if let Some(plan) = &self.loaded.plan
            && wanted().eq(plan.input_dims.iter().map(Vec::as_slice))
        {
            return Ok(Arc::clone(plan));
        }
        let dims: Vec<Vec<usize>> = wanted().map(<[usize]>::to_vec).collect();
        self.state = None;
        let plan = Arc::new(self.loaded.plan(&dims)?);
        Ok(Arc::clone(self.loaded.plan.insert(plan)))
    }
}

impl InferenceSession for NativeSession {
    fn run(&mut self, inputs: &[TensorRef<'_>], outputs: &mut [Tensor]) -> Result<()> {
        self.loaded.model.io().check_run(inputs, outputs.len())?;
        let plan = self.plan_for(inputs)?;
        // A state that fails or panics is not put back.
        let (mut memory, mut pool) = match self.state.take() {
            Some(state) => state,
            None => {
                let pool = Pool::new(self.loaded.threads);
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
        formatter.debug_tuple("NativeSession").field(&self.loaded).finish()
    }
}

impl fmt::Debug for LoadedPlan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LoadedPlan")
            .field("set", &self.set)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}
