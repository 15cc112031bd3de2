//! Running a plan.

use lookalike_core::{DataRef, Error, Result, Shape, Tensor, TensorRef};

use crate::graph::Element;
use crate::kernels::compiled::kernels_for;
use crate::pack::Aligned;
use crate::plan::{Argument, Plan, Slot, Step};
use crate::pool::Pool;
use crate::runtime::{Inputs, RunContext};

/// What a session needs to run a plan, and keeps from run to run.
#[derive(Debug)]
pub(crate) struct Memory {
    arena: Aligned,
    floats: Aligned,
    offsets: Vec<usize>,
}

impl Memory {
    pub(crate) fn new(plan: &Plan, threads: usize) -> Self {
        Self {
            arena: Aligned::zeros(plan.arena),
            floats: Aligned::zeros(plan.scratch.floats.saturating_mul(threads)),
            offsets: vec![0; plan.scratch.offsets.saturating_mul(threads)],
        }
    }
}

/// Runs a plan once.
///
/// # Errors
///
/// An input or output has a type that the traits do not have.
pub(crate) fn run(
    plan: &Plan,
    memory: &mut Memory,
    pool: &mut Pool,
    inputs: &[TensorRef<'_>],
    outputs: &mut [Tensor],
) -> Result<()> {
    let Memory { arena, floats, offsets } = memory;
    let kernels = kernels_for(plan.set);
    let mut context = RunContext::new(kernels, pool, plan.scratch, floats.floats_mut(), offsets);
    for step in &plan.steps {
        run_step(step, &mut context, arena.bytes_mut(), inputs)?;
    }
    for (output, found) in outputs.iter_mut().zip(&plan.outputs) {
        write(found, find(found, inputs, arena.bytes_mut())?, output)?;
    }
    Ok(())
}

/// The bytes of a value.
fn find<'a>(
    argument: &'a Argument,
    inputs: &'a [TensorRef<'_>],
    arena: &'a [u8],
) -> Result<&'a [u8]> {
    match &argument.slot {
        Slot::Input(index) => match inputs[*index].data() {
            DataRef::F32(floats) => Ok(bytemuck::cast_slice(floats)),
            DataRef::I8(bytes) => Ok(bytemuck::cast_slice(bytes)),
            DataRef::U8(bytes) => Ok(bytes),
            other => Err(Error::unimplemented(format!("an input of type {other:?}"))),
        },
        Slot::Constant => Ok(argument.constant()),
        Slot::Arena(range) => Ok(&arena[range.clone()]),
    }
}

fn write(argument: &Argument, bytes: &[u8], output: &mut Tensor) -> Result<()> {
    let shape = Shape::new(&argument.value.dims)?;
    let data = match argument.value.element {
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
    context: &mut RunContext<'_>,
    arena: &mut [u8],
    inputs: &[TensorRef<'_>],
) -> Result<()> {
    let Slot::Arena(range) = &step.output.slot else {
        return Err(Error::internal("a result is not in the arena"));
    };
    // No input of a step overlaps its output, so that each lies on one of its sides.
    let (before, rest) = arena.split_at_mut(range.start);
    let (output, after) = rest.split_at_mut(range.len());
    let (before, after) = (&*before, &*after);
    let input = |index: usize| {
        let input = &step.inputs[index];
        match &input.slot {
            Slot::Arena(of_input) if of_input.start >= range.end => {
                Ok(&after[of_input.start - range.end..of_input.end - range.end])
            }
            _ => find(input, inputs, before),
        }
    };
    step.op.run(context, Inputs(&input), output)
}
