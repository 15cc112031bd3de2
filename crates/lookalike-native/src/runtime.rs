//! What a prepared operator runs with: its inputs, scratch memory, the threads.

use std::fmt;

use lookalike_core::Result;

use crate::kernels::Kernels;
use crate::pool::Pool;

/// The bytes of an operator's inputs, by their number.
#[derive(Clone, Copy)]
pub(crate) struct Inputs<'f, 'a>(pub(crate) &'f dyn Fn(usize) -> Result<&'a [u8]>);

impl<'a> Inputs<'_, 'a> {
    pub(crate) fn bytes(self, index: usize) -> Result<&'a [u8]> {
        (self.0)(index)
    }

    pub(crate) fn floats(self, index: usize) -> Result<&'a [f32]> {
        Ok(bytemuck::cast_slice(self.bytes(index)?))
    }
}

/// Memory that a thread needs for itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) floats: usize,
    /// Offsets of the segments of a window.
    pub(crate) offsets: usize,
}

/// An operator made ready to run.
pub(crate) trait PreparedOp: fmt::Debug + Send + Sync {
    /// What each thread needs for itself.
    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    /// For how many tasks scratch memory is initialized.
    fn ring_tasks(&self, _threads: usize) -> usize {
        0
    }

    /// Computes the output.
    ///
    /// # Errors
    ///
    /// An input is not there.
    fn run(
        &self,
        context: &mut RunContext<'_>,
        inputs: Inputs<'_, '_>,
        output: &mut [u8],
    ) -> Result<()>;
}

/// A pointer that threads share.
pub(crate) struct Shared<T>(pub(crate) *mut T);

impl<T> Shared<T> {
    pub(crate) fn get(&self) -> *mut T {
        self.0
    }
}

// SAFETY: whoever uses the pointer sees to it that no two threads write to a place, or that one reads what another one writes.
#[expect(unsafe_code, reason = "threads write to parts of one result that do not lie in a piece")]
unsafe impl<T> Sync for Shared<T> {}

/// Multiplications below which a task is over before another thread has woken: some microseconds.
const MIN_SHARED_MULTIPLICATIONS: usize = 100_000;

/// What an operator runs with.
pub(crate) struct RunContext<'a> {
    pub(crate) kernels: &'static Kernels,
    pool: &'a mut Pool,
    floats: Shared<f32>,
    offsets: Shared<usize>,
    /// What each thread has of both.
    scratch: Scratch,
}

impl<'a> RunContext<'a> {
    /// With `scratch` for each thread of the pool, one behind the other.
    pub(crate) fn new(
        kernels: &'static Kernels,
        pool: &'a mut Pool,
        scratch: Scratch,
        floats: &'a mut [f32],
        offsets: &'a mut [usize],
    ) -> Self {
        let threads = pool.width();
        assert!(
            floats.len() / threads >= scratch.floats && offsets.len() / threads >= scratch.offsets,
            "scratch memory for fewer threads"
        );
        let (floats, offsets) = (Shared(floats.as_mut_ptr()), Shared(offsets.as_mut_ptr()));
        Self { kernels, pool, floats, offsets, scratch }
    }

    /// Threads.
    pub(crate) fn width(&self) -> usize {
        self.pool.width()
    }

    /// Does tasks on all threads. Small ones run inline: they are over before another thread could wake.
    pub(crate) fn run(
        &mut self,
        tasks: usize,
        multiplications: usize,
        work: &(dyn Fn(Worker, usize) + Sync),
    ) {
        let (floats, offsets, size) = (&self.floats, &self.offsets, self.scratch);
        let of_thread = |number: usize, task| {
            let floats = floats.get().wrapping_add(number * size.floats);
            let offsets = offsets.get().wrapping_add(number * size.offsets);
            work(Worker { floats, offsets, size }, task);
        };
        if multiplications < MIN_SHARED_MULTIPLICATIONS {
            (0..tasks).for_each(|task| of_thread(0, task));
        } else {
            self.pool.run(tasks, &of_thread);
        }
    }

    /// Maps rows of one length in parallel; each thread gets a contiguous range.
    pub(crate) fn rows(
        &mut self,
        length: usize,
        from: &[f32],
        to: &mut [f32],
        work: &(dyn Fn(&[f32], &mut [f32]) + Sync),
    ) {
        // A value that is loaded and stored takes as long as so many multiplications in a row.
        const MULTIPLICATIONS: usize = 8;
        let (count, size) = (to.len(), (to.len() / length).div_ceil(self.width()) * length);
        assert_eq!(from.len(), count, "as many rows of a result as there are");
        let to = Shared(to.as_mut_ptr());
        self.run(self.width(), count.saturating_mul(MULTIPLICATIONS), &|_, task| {
            let range = (task * size).min(count)..((task + 1) * size).min(count);
            // SAFETY: it lies within the result, and parts do not overlap.
            #[expect(unsafe_code, reason = "threads write to parts of one result")]
            let to =
                unsafe { std::slice::from_raw_parts_mut(to.get().add(range.start), range.len()) };
            work(&from[range], to);
        });
    }
}

/// One of the threads.
pub(crate) struct Worker {
    floats: *mut f32,
    offsets: *mut usize,
    size: Scratch,
}

impl Worker {
    /// Memory of the thread's own, with what was left in it.
    ///
    /// The parts of threads do not overlap, and a thread does one task at a time with the one worker that it is handed.
    #[expect(unsafe_code, reason = "each thread has a part of one piece of memory")]
    pub(crate) fn scratch(&mut self, wanted: Scratch) -> (&mut [f32], &mut [usize]) {
        assert!(
            wanted.floats <= self.size.floats && wanted.offsets <= self.size.offsets,
            "an operator that was not planned"
        );
        // SAFETY: see above, and the memory is as large as the size says.
        unsafe {
            (
                std::slice::from_raw_parts_mut(self.floats, wanted.floats),
                std::slice::from_raw_parts_mut(self.offsets, wanted.offsets),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "an operator that was not planned")]
    fn scratch_beyond_the_plan_is_refused() {
        let (mut floats, mut offsets) = ([0.0; 4], [0; 2]);
        let size = Scratch { floats: floats.len(), offsets: offsets.len() };
        let (floats, offsets) = (floats.as_mut_ptr(), offsets.as_mut_ptr());
        let mut worker = Worker { floats, offsets, size };
        let (scratch, list) = worker.scratch(size);
        assert_eq!((scratch.len(), list.len()), (4, 2));
        let _ = worker.scratch(Scratch { floats: 5, ..size });
    }
}
