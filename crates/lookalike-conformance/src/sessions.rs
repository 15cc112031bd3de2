//! The same numbers again and again, on many threads and sessions.

use std::sync::Arc;
use std::thread;

use anyhow::{Result, ensure};
use lookalike::Threads;

use crate::bounds::Bounds;
use crate::subjects::{Query, Subject};
use crate::{Backend, Case};

/// Threads that use one embedder.
const THREADS: usize = 4;
/// Runs of each thread.
const RUNS: usize = 3;

pub(crate) fn cases(backends: &[Backend], subjects: &[Arc<Subject>]) -> Vec<Case> {
    let mut cases = Vec::new();
    for subject in subjects {
        for &backend in backends {
            let each = Arc::clone(subject);
            cases.push(Case::of(backend, &format!("sessions/{}", subject.name), move |_| {
                sessions_are_equal(&each, backend)
            }));
            let each = Arc::clone(subject);
            cases.push(Case::of(backend, &format!("threads/{}", subject.name), move |_| {
                threads_change_little(&each, backend)
            }));
        }
    }
    cases
}

/// Whichever thread and session ran, the bits are the same.
fn sessions_are_equal(subject: &Subject, backend: Backend) -> Result<()> {
    let query = Query::of(subject.pair[0]);
    let embedder = subject.options(backend).build()?;
    let expected = subject.embed_on(&embedder, &query)?;
    let runs = thread::scope(|scope| {
        let run = || -> Result<Vec<_>> {
            (0..RUNS).map(|_| subject.embed_on(&embedder, &query)).collect()
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(run)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Ok(Vec::new())))
            .collect::<Vec<_>>()
    });
    for run in runs {
        let found = run?;
        ensure!(found.len() == RUNS, "a thread panicked");
        ensure!(found.iter().all(|found| *found == expected), "two runs differ");
    }
    let again = subject.options(backend).build()?;
    ensure!(
        subject.embed_on(&again, &query)? == expected,
        "the model loaded again gives other bits"
    );
    Ok(())
}

/// Two threads within an inference sum up in another order at most.
fn threads_change_little(subject: &Subject, backend: Backend) -> Result<()> {
    let query = Query::of(subject.pair[0]);
    let one = subject.embed(backend, &query)?;
    let two = subject.options(backend).threads(Threads::from_num_threads(2)?).build()?;
    let two = subject.embed_on(&two, &query)?;
    crate::vectors::compare(subject, backend, &query, &two, &one, &Bounds::default()).map(|_| ())
}
