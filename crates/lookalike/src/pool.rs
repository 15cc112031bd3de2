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

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
    use std::thread;
    use std::time::Duration;

    use lookalike_core::{ModelIo, TensorRef};

    use super::*;

    /// An engine whose second session takes until it is released.
    #[derive(Debug)]
    struct Slow {
        io: ModelIo,
        sessions: Mutex<usize>,
        begins: SyncSender<()>,
        ready: Mutex<Receiver<()>>,
    }

    #[derive(Debug)]
    struct Session;

    impl LoadedModel for Slow {
        fn io(&self) -> &ModelIo {
            &self.io
        }

        fn session(&self) -> Result<Box<dyn InferenceSession>> {
            let mut sessions = self.sessions.lock().unwrap();
            *sessions += 1;
            if *sessions == 2 {
                self.begins.send(()).unwrap();
                self.ready.lock().unwrap().recv_timeout(PATIENCE).expect("the pool waits for it");
            }
            Ok(Box::new(Session))
        }
    }

    impl InferenceSession for Session {
        fn run(&mut self, _: &[TensorRef<'_>], _: &mut [Tensor]) -> Result<()> {
            Ok(())
        }
    }

    /// A pool that held its lock meanwhile would be stuck for so long.
    const PATIENCE: Duration = Duration::from_secs(20);

    #[test]
    fn nobody_waits_for_the_session_of_another() {
        let (begins, has_begun) = sync_channel(1);
        let (tell, ready) = sync_channel(1);
        let pool = SessionPool::new(Arc::new(Slow {
            io: ModelIo::new(Vec::new(), Vec::new()),
            sessions: Mutex::new(0),
            begins,
            ready: Mutex::new(ready),
        }));
        pool.with_worker(|_| {
            thread::scope(|scope| {
                // The first session is busy, so that this one needs another.
                scope.spawn(|| pool.with_worker(|_| Ok(())).unwrap());
                has_begun.recv_timeout(PATIENCE).unwrap();
                // While it is made, one that is idle can be put back and lent.
                pool.idle().push(Worker {
                    session: Box::new(Session),
                    input: Tensor::empty(),
                    outputs: Vec::new(),
                });
                pool.with_worker(|_| Ok(())).unwrap();
                tell.send(()).unwrap();
            });
            Ok(())
        })
        .unwrap();
        // The one that was put here, the second and the first.
        assert_eq!(pool.idle().len(), 3);
    }
}
