//! Sessions of one model, as many as there are callers at a time.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lookalike_core::{InferenceSession, LoadedModel, Result, Tensor};

/// Sessions wait here between runs. No lock is held while one is made, nor while one runs.
pub(crate) struct SessionPool {
    model: Arc<dyn LoadedModel>,
    idle: Mutex<Vec<Worker>>,
}

/// A session with the tensors it reads and writes, which keep their memory from run to run.
pub(crate) struct Worker {
    pub(crate) session: Box<dyn InferenceSession>,
    pub(crate) input: Tensor,
    pub(crate) outputs: Vec<Tensor>,
}

impl SessionPool {
    pub(crate) fn new(model: Arc<dyn LoadedModel>) -> Self {
        Self { model, idle: Mutex::new(Vec::new()) }
    }

    /// Lends a worker to the closure; one that was idle, or a new one.
    pub(crate) fn with_worker<T>(&self, run: impl FnOnce(&mut Worker) -> Result<T>) -> Result<T> {
        let idle = self.idle().pop();
        let mut worker = match idle {
            Some(worker) => worker,
            None => self.new_worker()?,
        };
        let result = run(&mut worker);
        self.idle().push(worker);
        result
    }

    fn new_worker(&self) -> Result<Worker> {
        let outputs = vec![Tensor::empty(); self.model.io().outputs.len()];
        Ok(Worker { session: self.model.session()?, input: Tensor::empty(), outputs })
    }

    /// A panic elsewhere cannot leave the list half changed, so that its poison says nothing.
    fn idle(&self) -> MutexGuard<'_, Vec<Worker>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SessionPool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SessionPool")
            .field("model", &self.model)
            .field("idle", &self.idle().len())
            .finish()
    }
}
