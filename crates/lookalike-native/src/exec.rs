//! Running a plan.

use lookalike_core::{DataRef, Error, Result, Shape, Tensor, TensorRef};

use crate::depthwise::{Input, Output};
use crate::graph::Element;
use crate::kernels::Kernels;
use crate::pack::Aligned;
use crate::plain;
use crate::plan::{Action, Operand, Place, Plan, Step};
use crate::pool::Pool;
use crate::simd;

/// What a session needs to run a plan, and keeps from run to run.
#[derive(Debug)]
pub(crate) struct Memory {
    arena: Aligned,
    scratch: Aligned,
    places: Vec<usize>,
}

impl Memory {
    pub(crate) fn new(plan: &Plan, threads: usize) -> Self {
        Self {
            arena: Aligned::zeros(plan.arena),
            scratch: Aligned::zeros(plan.scratch.0.saturating_mul(threads)),
            places: vec![0; plan.scratch.1.saturating_mul(threads)],
        }
    }
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

/// Multiplications that are worth a thread's coming: some microseconds.
const WORTH_SHARING: usize = 100_000;

/// What an operator runs with.
pub(crate) struct Context<'a> {
    pub(crate) kernels: &'static Kernels,
    pool: &'a mut Pool,
    scratch: Shared<f32>,
    places: Shared<usize>,
    /// What each thread has of both.
    size: (usize, usize),
}

impl Context<'_> {
    /// Threads.
    pub(crate) fn width(&self) -> usize {
        self.pool.width()
    }

    /// Does shares of work on all threads; one alone does what is over before another one has come.
    pub(crate) fn run(
        &mut self,
        shares: usize,
        multiplications: usize,
        work: &(dyn Fn(Worker, usize) + Sync),
    ) {
        let (scratch, places, size) = (&self.scratch, &self.places, self.size);
        let of_thread = |number: usize, share| {
            // What each thread has lies behind what the threads before it have.
            let scratch = scratch.get().wrapping_add(number * size.0);
            let places = places.get().wrapping_add(number * size.1);
            work(Worker { scratch, places, size }, share);
        };
        if multiplications < WORTH_SHARING {
            (0..shares).for_each(|share| of_thread(0, share));
        } else {
            self.pool.run(shares, &of_thread);
        }
    }

    /// Makes rows of rows of one length, each thread some that lie one behind the other.
    pub(crate) fn rows(
        &mut self,
        length: usize,
        from: &[f32],
        to: &mut [f32],
        work: &(dyn Fn(&[f32], &mut [f32]) + Sync),
    ) {
        // A value that is loaded and stored takes as long as so many multiplications in a row.
        const MULTIPLICATIONS: usize = 8;
        let (count, share) = (to.len(), (to.len() / length).div_ceil(self.width()) * length);
        assert_eq!(from.len(), count, "as many rows of a result as there are");
        let to = Shared(to.as_mut_ptr());
        self.run(self.width(), count.saturating_mul(MULTIPLICATIONS), &|_, part| {
            let range = (part * share).min(count)..((part + 1) * share).min(count);
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
    scratch: *mut f32,
    places: *mut usize,
    size: (usize, usize),
}

impl Worker {
    /// Memory of the thread's own, with what was left in it.
    ///
    /// The parts of threads do not overlap, and a thread does one share at a time with the one worker that it is handed.
    #[expect(unsafe_code, reason = "each thread has a part of one piece of memory")]
    pub(crate) fn scratch(&mut self, floats: usize, places: usize) -> (&mut [f32], &mut [usize]) {
        assert!(floats <= self.size.0 && places <= self.size.1, "an operator that was not planned");
        // SAFETY: see above, and the memory is as large as the size says.
        unsafe {
            (
                std::slice::from_raw_parts_mut(self.scratch, floats),
                std::slice::from_raw_parts_mut(self.places, places),
            )
        }
    }
}

/// Runs a plan once.
///
/// # Errors
///
/// An input or output has a type that the traits do not know.
pub(crate) fn run(
    plan: &Plan,
    memory: &mut Memory,
    pool: &mut Pool,
    inputs: &[TensorRef<'_>],
    outputs: &mut [Tensor],
) -> Result<()> {
    let mut context = Context {
        kernels: simd::kernels(plan.set),
        pool,
        scratch: Shared(memory.scratch.floats_mut().as_mut_ptr()),
        places: Shared(memory.places.as_mut_ptr()),
        size: plan.scratch,
    };
    for step in &plan.steps {
        run_step(step, &mut context, memory.arena.bytes_mut(), inputs)?;
    }
    for (output, found) in outputs.iter_mut().zip(&plan.outputs) {
        write(found, find(found, inputs, memory.arena.bytes_mut())?, output)?;
    }
    Ok(())
}

/// The bytes of a value.
fn find<'a>(
    operand: &'a Operand,
    inputs: &'a [TensorRef<'_>],
    arena: &'a [u8],
) -> Result<&'a [u8]> {
    match &operand.place {
        Place::Input(index) => match inputs[*index].data() {
            DataRef::F32(floats) => Ok(bytemuck::cast_slice(floats)),
            DataRef::I8(bytes) => Ok(bytemuck::cast_slice(bytes)),
            DataRef::U8(bytes) => Ok(bytes),
            other => Err(Error::unimplemented(format!("an input of type {other:?}"))),
        },
        Place::Constant => Ok(operand.constant()),
        Place::Arena(range) => Ok(&arena[range.clone()]),
    }
}

fn write(operand: &Operand, bytes: &[u8], output: &mut Tensor) -> Result<()> {
    let shape = Shape::new(&operand.value.dims)?;
    let data = match operand.value.element {
        Element::F32 => DataRef::F32(bytemuck::cast_slice(bytes)),
        Element::I8 => DataRef::I8(bytemuck::cast_slice(bytes)),
        Element::U8 => DataRef::U8(bytes),
        other => return Err(Error::unimplemented(format!("an output of type {other:?}"))),
    };
    output.copy_from(TensorRef::new(shape, data)?);
    Ok(())
}

fn run_step(
    step: &Step,
    context: &mut Context<'_>,
    arena: &mut [u8],
    inputs: &[TensorRef<'_>],
) -> Result<()> {
    let Place::Arena(range) = &step.output.place else {
        return Err(Error::internal("a result is not in the arena"));
    };
    // No operand of a step overlaps its result, so that each lies on one of its sides.
    let (before, rest) = arena.split_at_mut(range.start);
    let (output, after) = rest.split_at_mut(range.len());
    let operand = |index: usize| -> Result<&[u8]> {
        let operand = &step.inputs[index];
        match &operand.place {
            Place::Arena(of_operand) if of_operand.start >= range.end => {
                Ok(&after[of_operand.start - range.end..of_operand.end - range.end])
            }
            _ => find(operand, inputs, before),
        }
    };
    let floats = |index: usize| -> Result<&[f32]> { Ok(bytemuck::cast_slice(operand(index)?)) };
    match &step.action {
        Action::FloatConv(conv) => {
            let addend = if step.inputs.len() > 1 { Some(floats(1)?) } else { None };
            conv.run(context, floats(0)?, addend, bytemuck::cast_slice_mut(output));
        }
        Action::ByteConv(conv) => conv.run(context, operand(0)?, output),
        Action::Depthwise(conv) => {
            let is_float = |operand: &Operand| operand.value.element == Element::F32;
            let input = if is_float(&step.inputs[0]) {
                Input::Floats(floats(0)?)
            } else {
                Input::Bytes(operand(0)?)
            };
            let output = if is_float(&step.output) {
                Output::Floats(bytemuck::cast_slice_mut(output))
            } else {
                Output::Bytes(output)
            };
            conv.run(context, input, output);
        }
        Action::Binary(binary, broadcast) => {
            let output = bytemuck::cast_slice_mut(output);
            broadcast.run(context, *binary, floats(0)?, floats(1)?, output);
        }
        Action::QuantizedBinary(binary, broadcast) => {
            broadcast.run_quantized(binary, operand(0)?, operand(1)?, output);
        }
        Action::Plain(op) => {
            plain::run(op, context.kernels, step, &operand, output)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "an operator that was not planned")]
    fn scratch_beyond_the_plan_is_refused() {
        let (mut floats, mut places) = ([0.0; 4], [0; 2]);
        let mut worker = Worker {
            scratch: floats.as_mut_ptr(),
            places: places.as_mut_ptr(),
            size: (floats.len(), places.len()),
        };
        let (scratch, list) = worker.scratch(4, 2);
        assert_eq!((scratch.len(), list.len()), (4, 2));
        let _ = worker.scratch(5, 2);
    }
}
