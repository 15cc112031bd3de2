//! A pool of threads that run the tasks of an operator.
//!
//! A small model runs fifty operators in less than a millisecond, so that a thread must begin within a microsecond: it spins for a while after
//! each operator, and parks when nothing comes any more. A cache line takes 0.2 microseconds from one core to another, so that threads communicate
//! rarely: each owns a range of neighboring tasks, whose inputs it finds in its cache, and takes tasks of others only when it has run its own.

use std::any::Any;
use std::cell::UnsafeCell;
use std::fmt;
use std::hint;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle, Thread};

/// How often a thread looks for work, and the caller for the end, before it lets others have the core: some 50 microseconds.
const SPINS: usize = 4_000;

/// How often it does so before it parks: a millisecond at most. For as long it can be run, so that a scheduler which has put it on the
/// caller's core sees that there are two who want to run, and moves one of them.
const YIELDS: usize = 2_000;

/// A chunk of an operator's work: who does it, and which.
type Work<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// The caller and some threads beside it.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// Chunks of all operators until now.
    chunks: usize,
}

struct Shared {
    /// What is done with a chunk that has been taken.
    work: UnsafeCell<Work<'static>>,
    /// What belongs to each thread, the caller first.
    seats: Box<[Seat]>,
    is_over: AtomicBool,
    /// What the first chunk that panicked said.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

// SAFETY: the work is written after all earlier tasks are done; only a thread holding a claimed task reads it.
#[expect(unsafe_code, reason = "who has taken a chunk reads the work without a lock")]
unsafe impl Sync for Shared {}

/// What belongs to a thread, in cache lines of its own.
#[repr(align(128))]
struct Seat {
    /// The chunks that are left of its range, as [`Chunks::pack`] has them.
    range: AtomicU64,
    done: Done,
}

/// How many chunks a thread has done: all it ever did.
#[repr(align(128))]
struct Done(AtomicUsize);

/// Counts a chunk as done when it is dropped.
struct Counted<'a>(&'a Done);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::Release);
    }
}

/// Chunks that nobody has taken.
#[derive(Clone, Copy)]
struct Chunks {
    next: u32,
    end: u32,
}

impl Chunks {
    fn pack(self) -> u64 {
        u64::from(self.end) << 32 | u64::from(self.next)
    }

    fn unpack(packed: u64) -> Self {
        Self { next: packed as u32, end: (packed >> 32) as u32 }
    }

    fn is_empty(self) -> bool {
        self.next >= self.end
    }
}

impl Pool {
    /// A pool of this many threads, the caller included. Where the system gives fewer, there are fewer.
    pub(crate) fn new(threads: usize) -> Self {
        let seat = |_| Seat { range: AtomicU64::new(0), done: Done(AtomicUsize::new(0)) };
        let shared = Arc::new(Shared {
            work: UnsafeCell::new(&|_, _| {}),
            seats: (0..threads).map(seat).collect(),
            is_over: AtomicBool::new(false),
            panic: Mutex::new(None),
        });
        let start = |worker: usize| {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name(format!("lookalike-native-{worker}"))
                .spawn(move || shared.serve(worker))
                .ok()
        };
        let threads = (1..threads).map_while(start).collect();
        Self { shared, threads, chunks: 0 }
    }

    /// Threads, the caller included.
    pub(crate) fn width(&self) -> usize {
        self.threads.len() + 1
    }

    /// Does all chunks of some work, each once: neighbors on one thread, as far as threads come in time.
    pub(crate) fn run(&mut self, chunks: usize, work: Work<'_>) {
        if self.threads.is_empty() || chunks < 2 {
            (0..chunks).for_each(|chunk| work(0, chunk));
            return;
        }
        let (width, shared) = (self.width(), &self.shared);
        assert!(u32::try_from(chunks).is_ok(), "more chunks than can be counted");
        let bound = |thread: usize| (chunks * thread / width) as u32;
        lend(shared, work);
        for (thread, seat) in shared.seats[..width].iter().enumerate() {
            let range = Chunks { next: bound(thread), end: bound(thread + 1) };
            seat.range.store(range.pack(), Ordering::Release);
        }
        self.threads.iter().map(JoinHandle::thread).for_each(Thread::unpark);
        shared.claim_chunks(0, width);
        self.chunks = self.chunks.wrapping_add(chunks);
        let done = |seat: &Seat| seat.done.0.load(Ordering::Acquire);
        let mut spins = 0;
        while shared.seats.iter().map(done).fold(0, usize::wrapping_add) != self.chunks {
            spins += 1;
            if spins < SPINS { hint::spin_loop() } else { thread::yield_now() }
        }
        if let Some(panic) = shared.panic.lock().unwrap_or_else(PoisonError::into_inner).take() {
            resume_unwind(panic);
        }
    }
}

/// Puts some work where threads find it that have taken a chunk.
///
/// [`Pool::run`], which alone calls this, does not return, nor unwind, before all chunks have been done. Nobody reads the work after that
/// who has not taken a chunk of the next one.
#[expect(unsafe_code, reason = "threads outlive the work, which they are lent for one call")]
fn lend(shared: &Shared, work: Work<'_>) {
    // SAFETY: see above: nobody touches the work when it is over, and nobody has taken a chunk of the next one, which is written here.
    unsafe { *shared.work.get() = std::mem::transmute::<Work<'_>, Work<'static>>(work) }
}

impl Seat {
    /// Takes the next chunk of the range.
    fn take(&self) -> Option<usize> {
        let mut packed = self.range.load(Ordering::Relaxed);
        loop {
            let chunks = Chunks::unpack(packed);
            if chunks.is_empty() {
                return None;
            }
            let left = Chunks { next: chunks.next + 1, ..chunks }.pack();
            match self.range.compare_exchange_weak(
                packed,
                left,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some(chunks.next as usize),
                Err(found) => packed = found,
            }
        }
    }
}

impl Shared {
    /// Does the chunks of a thread's own range, then those that are left of others.
    fn claim_chunks(&self, thread: usize, width: usize) {
        for seat in (0..width).map(|step| &self.seats[(thread + step) % width]) {
            while let Some(chunk) = seat.take() {
                // SAFETY: the chunk that has been taken is one of this work, which stays for as long as the chunk is not done.
                #[expect(unsafe_code, reason = "see `lend`")]
                let work = unsafe { *self.work.get() };
                // Counted however the chunk ends: the caller waits for it.
                let _counted = Counted(&self.seats[thread].done);
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(thread, chunk))) {
                    self.keep(panic);
                }
            }
        }
    }

    /// Keeps the first panic for the caller. Others are dropped, and if that panics as well, what comes of it is leaked: nothing may unwind
    /// from here while other threads do chunks.
    fn keep(&self, panic: Box<dyn Any + Send>) {
        let mut first = self.panic.lock().unwrap_or_else(PoisonError::into_inner);
        if first.is_none() {
            *first = Some(panic);
            return;
        }
        drop(first);
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
            std::mem::forget(second);
        }
    }

    fn serve(&self, thread: usize) {
        let seat = &self.seats[thread];
        loop {
            let mut spins = 0;
            while Chunks::unpack(seat.range.load(Ordering::Relaxed)).is_empty() {
                if self.is_over.load(Ordering::Acquire) {
                    return;
                }
                spins += 1;
                if spins < SPINS {
                    hint::spin_loop();
                } else if spins < SPINS + YIELDS {
                    thread::yield_now();
                } else {
                    thread::park();
                }
            }
            self.claim_chunks(thread, self.seats.len());
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
            for chunks in [0, 1, 2, 7, 100] {
                let done: Vec<AtomicUsize> = (0..chunks).map(|_| AtomicUsize::new(0)).collect();
                pool.run(chunks, &|worker, chunk| {
                    assert!(worker < threads);
                    done[chunk].fetch_add(1, Ordering::Relaxed);
                });
                assert!(done.iter().all(|done| done.load(Ordering::Relaxed) == 1));
            }
        }
    }

    #[test]
    fn operator_after_operator_no_share_is_lost_nor_done_twice() {
        const CHUNKS: usize = 13;
        const ROUNDS: usize = if cfg!(miri) { 100 } else { 5_000 };
        for threads in [2, 5] {
            let mut pool = Pool::new(threads);
            let done: Vec<AtomicUsize> = (0..CHUNKS).map(|_| AtomicUsize::new(0)).collect();
            for round in 1..=ROUNDS {
                pool.run(CHUNKS, &|_, chunk| {
                    done[chunk].fetch_add(1, Ordering::Relaxed);
                });
                // Looked at after each: a chunk that is done late belongs to work that is over.
                assert!(done.iter().all(|done| done.load(Ordering::Relaxed) == round), "{round}");
                if round % (ROUNDS / 5) == 0 {
                    thread::sleep(std::time::Duration::from_millis(20));
                }
            }
        }
    }

    #[test]
    fn panics_while_panics_are_dropped_leave_nobody_waiting() {
        struct Explosive;

        impl Drop for Explosive {
            fn drop(&mut self) {
                panic!("dropped");
            }
        }

        let mut pool = Pool::new(3);
        for _ in 0..50 {
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                pool.run(10, &|_, _| std::panic::panic_any(Explosive));
            }));
            std::mem::forget(outcome);
        }
        pool.run(10, &|_, _| {});
    }

    #[test]
    fn a_panic_comes_back_to_the_caller_and_the_pool_goes_on() {
        let mut pool = Pool::new(3);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            pool.run(10, &|_, chunk| assert!(chunk != 7, "this chunk fails"));
        }));
        assert!(outcome.is_err());
        pool.run(10, &|_, _| {});
    }
}
