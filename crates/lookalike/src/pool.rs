//! Sessions of one model, as many as there are callers at a time.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lookalike_core::{InferenceSession, Result, Tensor};

/// Sessions wait here between runs. No lock is held while one runs.
pub(crate) struct SessionPool {
    /// Never run, so that it can be forked while all others are busy.
    seed: Mutex<Box<dyn InferenceSession>>,
    idle: Mutex<Vec<Worker>>,
}

/// A session with the tensors it reads and writes, which keep their memory from run to run.
pub(crate) struct Worker {
    pub(crate) session: Box<dyn InferenceSession>,
    pub(crate) input: Tensor,
    pub(crate) outputs: Vec<Tensor>,
}

impl SessionPool {
    pub(crate) fn new(seed: Box<dyn InferenceSession>) -> Self {
        Self { seed: Mutex::new(seed), idle: Mutex::new(Vec::new()) }
    }

    /// Lends a worker to the closure; one that was idle, or a new one.
    pub(crate) fn with_worker<T>(&self, run: impl FnOnce(&mut Worker) -> Result<T>) -> Result<T> {
        let idle = lock(&self.idle).pop();
        let mut worker = match idle {
            Some(worker) => worker,
            None => self.new_worker()?,
        };
        let result = run(&mut worker);
        lock(&self.idle).push(worker);
        result
    }

    fn new_worker(&self) -> Result<Worker> {
        let session = lock(&self.seed).fork()?;
        let outputs = vec![Tensor::empty(); session.signature().outputs.len()];
        Ok(Worker { session, input: Tensor::empty(), outputs })
    }
}

impl fmt::Debug for SessionPool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SessionPool")
            .field("idle", &lock(&self.idle).len())
            .finish_non_exhaustive()
    }
}

/// A panic elsewhere cannot leave a list of sessions half changed, so that its poison says nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
