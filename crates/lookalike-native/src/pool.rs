//! Threads that share the work of an operator.
//!
//! An inference has some fifty operators and takes less than a millisecond, so that a thread must begin within a microsecond or two:
//! it spins for a while after each operator, and parks when there is nothing more to do.

use std::fmt;
use std::hint;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, Thread};

/// How often a thread looks for work before it parks, and the caller for the end before it yields: some 50 microseconds.
const SPINS: usize = 4_000;

/// A share of an operator's work: who does it, and which.
type Work<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// The caller and some threads beside it.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    /// Counts the operators; a thread that sees a new number takes part.
    round: AtomicUsize,
    job: Mutex<Option<Job>>,
    /// The next share that nobody has taken.
    next: AtomicUsize,
    /// Threads that are at the job. They join while it is there.
    busy: AtomicUsize,
    is_over: AtomicBool,
    has_panicked: AtomicBool,
}

#[derive(Clone, Copy)]
struct Job {
    work: Work<'static>,
    shares: usize,
}

impl Pool {
    /// A pool of this many threads, the caller included. Where the system gives fewer, there are fewer.
    pub(crate) fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared {
            round: AtomicUsize::new(0),
            job: Mutex::new(None),
            next: AtomicUsize::new(0),
            busy: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
            has_panicked: AtomicBool::new(false),
        });
        let start = |worker: usize| {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name(format!("lookalike-native-{worker}"))
                .spawn(move || shared.serve(worker))
                .ok()
        };
        let threads = (1..threads).map_while(start).collect();
        Self { shared, threads }
    }

    /// Threads, the caller included.
    pub(crate) fn width(&self) -> usize {
        self.threads.len() + 1
    }

    /// Does all shares of some work, each once.
    pub(crate) fn run(&mut self, shares: usize, work: Work<'_>) {
        if self.threads.is_empty() || shares < 2 {
            (0..shares).for_each(|share| work(0, share));
            return;
        }
        let work = lend(work);
        let (shared, job) = (&self.shared, Job { work, shares });
        shared.next.store(0, Ordering::Relaxed);
        *shared.job() = Some(job);
        shared.round.fetch_add(1, Ordering::Release);
        self.threads.iter().map(JoinHandle::thread).for_each(Thread::unpark);
        let outcome = catch_unwind(AssertUnwindSafe(|| shared.take_shares(0, job)));
        // A thread that has not come by now is not waited for.
        *shared.job() = None;
        let mut spins = 0;
        while shared.busy.load(Ordering::Acquire) > 0 {
            spins += 1;
            if spins < SPINS { hint::spin_loop() } else { thread::yield_now() }
        }
        if let Err(panic) = outcome {
            resume_unwind(panic);
        }
        assert!(!shared.has_panicked.swap(false, Ordering::Relaxed), "a thread has panicked");
    }
}

/// Lets the threads of a pool have some work, which they do not know to end before they do.
///
/// They take it out of the job while they join, under its lock, and leave when they are done with it; [`Pool::run`], which alone calls
/// this, does not return, nor unwind, before the job is gone and all have left.
#[expect(unsafe_code, reason = "threads outlive the work, which they are lent for one call")]
fn lend(work: Work<'_>) -> Work<'static> {
    // SAFETY: see above: nobody touches the work when it is over.
    unsafe { std::mem::transmute::<Work<'_>, Work<'static>>(work) }
}

impl Shared {
    fn job(&self) -> MutexGuard<'_, Option<Job>> {
        self.job.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(&self) -> Option<Job> {
        let job = self.job();
        if job.is_some() {
            self.busy.fetch_add(1, Ordering::Relaxed);
        }
        *job
    }

    fn take_shares(&self, worker: usize, job: Job) {
        loop {
            let share = self.next.fetch_add(1, Ordering::Relaxed);
            if share >= job.shares {
                return;
            }
            (job.work)(worker, share);
        }
    }

    fn serve(&self, worker: usize) {
        let mut seen = 0;
        loop {
            let mut spins = 0;
            while self.round.load(Ordering::Acquire) == seen {
                if self.is_over.load(Ordering::Acquire) {
                    return;
                }
                spins += 1;
                if spins < SPINS { hint::spin_loop() } else { thread::park() }
            }
            seen = self.round.load(Ordering::Acquire);
            if let Some(job) = self.join() {
                if catch_unwind(AssertUnwindSafe(|| self.take_shares(worker, job))).is_err() {
                    self.has_panicked.store(true, Ordering::Relaxed);
                }
                self.busy.fetch_sub(1, Ordering::Release);
            }
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Release);
        self.threads.iter().map(JoinHandle::thread).for_each(Thread::unpark);
        for thread in self.threads.drain(..) {
            // It has caught its panics.
            drop(thread.join());
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Pool").field("width", &self.width()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_share_is_done_once() {
        for threads in [1, 2, 5] {
            let mut pool = Pool::new(threads);
            for shares in [0, 1, 2, 7, 100] {
                let done: Vec<AtomicUsize> = (0..shares).map(|_| AtomicUsize::new(0)).collect();
                pool.run(shares, &|worker, share| {
                    assert!(worker < threads);
                    done[share].fetch_add(1, Ordering::Relaxed);
                });
                assert!(done.iter().all(|done| done.load(Ordering::Relaxed) == 1));
            }
        }
    }

    #[test]
    fn a_panic_comes_back_to_the_caller_and_the_pool_goes_on() {
        let mut pool = Pool::new(3);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            pool.run(10, &|_, share| assert!(share != 7, "this share fails"));
        }));
        assert!(outcome.is_err());
        pool.run(10, &|_, _| {});
    }
}
