//! Memory that several decoders share.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes that all decoders of a process, or of a part of it, may hold at a time.
///
/// An image waits until the budget has room for it; one that needs more than the whole budget is decoded alone.
#[derive(Debug)]
pub struct MemoryBudget {
    total: u64,
    used: Mutex<u64>,
    freed: Condvar,
}

impl MemoryBudget {
    /// A budget of this many bytes.
    pub fn new(total: u64) -> Self {
        Self { total, used: Mutex::new(0), freed: Condvar::new() }
    }

    /// A budget that never makes anyone wait.
    pub fn unlimited() -> Self {
        Self::new(u64::MAX)
    }

    /// Waits for room. Whoever holds a reservation must not ask for another one, or two threads could wait for each other.
    pub(crate) fn reserve(&self, bytes: u64) -> Reservation<'_> {
        let mut used = self.used();
        while *used > 0 && used.saturating_add(bytes) > self.total {
            used = self.freed.wait(used).unwrap_or_else(PoisonError::into_inner);
        }
        *used = used.saturating_add(bytes);
        Reservation { budget: self, bytes }
    }

    fn free(&self, bytes: u64) {
        let mut used = self.used();
        *used = used.saturating_sub(bytes);
        drop(used);
        self.freed.notify_all();
    }

    /// A panic cannot leave the number half changed.
    fn used(&self) -> MutexGuard<'_, u64> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Part of a budget, given back when it is dropped.
#[derive(Debug)]
pub struct Reservation<'a> {
    budget: &'a MemoryBudget,
    bytes: u64,
}

impl Reservation<'_> {
    /// Gives back all but so many bytes.
    pub(crate) fn shrink(&mut self, bytes: u64) {
        let excess = self.bytes.saturating_sub(bytes);
        self.bytes -= excess;
        self.budget.free(excess);
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.budget.free(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn no_more_is_held_than_the_budget_has() {
        let budget = MemoryBudget::new(100);
        let (held, max) = (AtomicU64::new(0), AtomicU64::new(0));
        thread::scope(|scope| {
            for worker in 0..8u64 {
                let (budget, held, max) = (&budget, &held, &max);
                scope.spawn(move || {
                    for round in 0..50 {
                        let bytes = 10 + (worker * 7 + round * 13) % 60;
                        let mut reservation = budget.reserve(bytes);
                        let now = held.fetch_add(bytes, Ordering::SeqCst) + bytes;
                        max.fetch_max(now, Ordering::SeqCst);
                        thread::yield_now();
                        held.fetch_sub(bytes, Ordering::SeqCst);
                        reservation.shrink(5);
                    }
                });
            }
        });
        assert!(max.into_inner() <= 100);
        assert_eq!(*budget.used(), 0);
        // What is larger than the budget does not wait for ever.
        drop(budget.reserve(1_000));
    }
}
