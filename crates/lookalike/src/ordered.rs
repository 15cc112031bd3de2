//! Work on many items at a time, with results in the order of the items and bounded memory.

use std::collections::VecDeque;
use std::fmt;
use std::iter::Fuse;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use lookalike_core::contain_panics;

/// Items that are taken up before the result of the first one is asked for, for each thread: enough that nobody waits for the slowest.
const AHEAD: usize = 32;

/// Most threads: what more would only cost memory.
const MAX_JOBS: usize = 1024;

/// Maps items on threads of its own: results come in the order of the items.
///
/// Whoever asks for a result takes items from the iterator, a bounded number ahead. Dropping the results ends the threads after the
/// items they are at. An item whose work panics has the message of the panic as its result.
///
/// ```
/// use std::num::NonZeroUsize;
///
/// let squares = lookalike::map_ordered(0..5, NonZeroUsize::MIN, |number| number * number);
/// assert_eq!(squares.collect::<Result<Vec<_>, _>>().unwrap(), [0, 1, 4, 9, 16]);
/// ```
pub fn map_ordered<I, R, F>(items: I, jobs: NonZeroUsize, work: F) -> Ordered<I::IntoIter, R>
where
    I: IntoIterator,
    I::Item: Send + 'static,
    R: Send + 'static,
    F: Fn(I::Item) -> R + Send + Sync + 'static,
{
    let jobs = jobs.get().min(MAX_JOBS);
    let capacity = jobs * AHEAD;
    let is_over = Arc::new(AtomicBool::new(false));
    let (sender, receiver) = mpsc::sync_channel::<Job<I::Item, R>>(capacity);
    let (receiver, work) = (Arc::new(Mutex::new(receiver)), Arc::new(work));
    for job in 0..jobs {
        let (receiver, work) = (Arc::clone(&receiver), Arc::clone(&work));
        let is_over = Arc::clone(&is_over);
        let worker = move || {
            while let Some(Job { item, result }) = next(&receiver)
                && !is_over.load(Ordering::Relaxed)
            {
                // Nobody waits for the result of an iterator that was dropped.
                result.send(contain_panics(|| work(item))).ok();
            }
        };
        // Where the system gives fewer threads, there are fewer; without any, items are mapped where results are asked for.
        if thread::Builder::new().name(format!("lookalike-job-{job}")).spawn(worker).is_err() {
            break;
        }
    }
    let inline: Box<dyn Fn(I::Item) -> R + Send + Sync> = Box::new(move |item| work(item));
    let (items, waiting) = (items.into_iter().fuse(), VecDeque::new());
    Ordered { items, sender, inline, waiting, capacity, is_over }
}

fn next<T, R>(receiver: &Mutex<Receiver<Job<T, R>>>) -> Option<Job<T, R>> {
    receiver.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// An item, and where its result goes.
struct Job<T, R> {
    item: T,
    result: SyncSender<Result<R, String>>,
}

/// The results of [`map_ordered`].
pub struct Ordered<I: Iterator, R> {
    items: Fuse<I>,
    sender: SyncSender<Job<I::Item, R>>,
    /// Does the work where there are no threads.
    inline: Box<dyn Fn(I::Item) -> R + Send + Sync>,
    waiting: VecDeque<Receiver<Result<R, String>>>,
    capacity: usize,
    /// Whether nobody waits for results any more.
    is_over: Arc<AtomicBool>,
}

impl<I: Iterator, R> Drop for Ordered<I, R> {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

impl<I: Iterator, R> Iterator for Ordered<I, R> {
    type Item = Result<R, String>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.waiting.len() < self.capacity {
            let Some(item) = self.items.next() else { break };
            let (result, receiver) = mpsc::sync_channel(1);
            self.waiting.push_back(receiver);
            if let Err(mpsc::SendError(job)) = self.sender.send(Job { item, result }) {
                job.result.send(contain_panics(|| (self.inline)(job.item))).ok();
            }
        }
        let result = self.waiting.pop_front()?.recv();
        Some(result.unwrap_or_else(|_| Err("the thread that worked on it ended".to_owned())))
    }
}

impl<I: Iterator, R> fmt::Debug for Ordered<I, R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Ordered")
            .field("waiting", &self.waiting.len())
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;

    use super::*;

    fn jobs(count: usize) -> NonZeroUsize {
        NonZeroUsize::new(count).unwrap()
    }

    #[test]
    fn results_come_in_order_whoever_is_slow() {
        let slow = |number: u64| {
            if number.is_multiple_of(7) {
                thread::sleep(Duration::from_millis(2));
            }
            number
        };
        let results: Vec<u64> = map_ordered(0..300, jobs(4), slow).map(Result::unwrap).collect();
        assert!(results.into_iter().eq(0..300));
        assert_eq!(map_ordered(0..0, jobs(3), slow).count(), 0);
    }

    #[test]
    fn a_panic_is_the_result_of_its_item_alone() {
        let results: Vec<_> = map_ordered(0..10, jobs(2), |number| {
            assert!(number != 3, "three is bad");
            number
        })
        .collect();
        for (number, result) in results.into_iter().enumerate() {
            match result {
                Ok(found) => assert_eq!(found, number),
                Err(panic) => assert_eq!((number, panic.as_str()), (3, "three is bad")),
            }
        }
    }

    #[test]
    fn no_more_is_taken_up_than_there_is_room_for() {
        let taken = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&taken);
        let items = (0..1_000_000).inspect(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        let mut results = map_ordered(items, jobs(2), |number| number);
        assert_eq!(results.next(), Some(Ok(0)));
        assert_eq!(taken.load(Ordering::Relaxed), 2 * AHEAD);
    }

    #[test]
    fn what_nobody_waits_for_is_not_done() {
        let done = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&done);
        let mut results = map_ordered(0..1_000, jobs(1), move |_| {
            thread::sleep(Duration::from_millis(1));
            counted.fetch_add(1, Ordering::Relaxed);
        });
        results.next();
        drop(results);
        thread::sleep(Duration::from_millis(100));
        assert!(done.load(Ordering::Relaxed) < AHEAD);
    }

    #[test]
    fn a_slow_item_does_not_hold_up_the_others() {
        let done = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&done);
        let mut results = map_ordered(0..40, jobs(2), move |number| {
            if number == 0 {
                // Ends only when all others are done, which they would never be in rounds of a few.
                while counted.load(Ordering::Acquire) < 39 {
                    thread::sleep(Duration::from_millis(1));
                }
            } else {
                counted.fetch_add(1, Ordering::Release);
            }
        });
        assert_eq!(results.next(), Some(Ok(())));
        assert_eq!(results.count(), 39);
    }
}
