//! A graph made ready to run: kernels chosen, weights packed, and an arena slot for each value while it is live.

mod arena;

use std::sync::Arc;

use lookalike_core::{Error, ErrorKind, InstructionSet, Result};

use self::arena::{LINE, Slots, check_bytes};
use crate::fuse::fuse;
use crate::graph::{Constant, Graph, Node, Op, Value, ValueId};
use crate::kernels::compiled::kernels_for;
use crate::ops::prepare;
use crate::runtime::{PreparedOp, Scratch};

pub(crate) use self::arena::Slot;

/// A model planned for inputs of certain shapes. Sessions share it.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) set: InstructionSet,
    pub(crate) steps: Vec<Step>,
    pub(crate) input_dims: Vec<Vec<usize>>,
    pub(crate) outputs: Vec<Argument>,
    /// Floats of the arena.
    pub(crate) arena: usize,
    /// What each thread needs for itself.
    pub(crate) scratch: Scratch,
}

/// An operator, and where its inputs and its output are.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) op: Box<dyn PreparedOp>,
    pub(crate) inputs: Vec<Argument>,
    pub(crate) output: Argument,
}

/// A value and where it is.
#[derive(Clone, Debug)]
pub(crate) struct Argument {
    pub(crate) slot: Slot,
    pub(crate) value: Value,
}

/// Upper bound on ring-buffer initialization per run, in floats: some seconds. The multiplication limit does not cover padding, and a
/// window may reach far beyond an image of one pixel, of which there are many.
const MAX_INITIALIZED: u64 = 1 << 33;

impl Plan {
    /// Plans a graph. Without fusions it runs operator by operator, with the same numbers.
    ///
    /// # Errors
    ///
    /// It needs more memory than a model may.
    pub(crate) fn new(
        graph: Graph,
        set: InstructionSet,
        threads: usize,
        fuses: bool,
    ) -> Result<Self> {
        let kernels = kernels_for(set);
        let graph = without_unused(if fuses { fuse(graph, kernels) } else { graph });
        let slots = Slots::new(&graph)?;
        let argument = |value: ValueId| {
            let constant = graph.values[slots.holder[value]].constant.clone();
            let value_there = Value { constant, ..graph.values[value].clone() };
            Argument { slot: slots.of_value[value].clone(), value: value_there }
        };
        check_bytes(packed_bytes(&graph, kernels.lanes))?;
        let mut scratch = Scratch::default();
        let mut initialized = 0_u64;
        let mut steps = Vec::new();
        for Node { op, inputs, output } in graph.nodes {
            let inputs: Vec<Argument> = inputs.into_iter().map(argument).collect();
            let output = argument(output);
            // They are the same bytes.
            if matches!(op, Op::Reshape) && inputs[0].slot == output.slot {
                continue;
            }
            let values: Vec<&Value> = inputs.iter().map(|input| &input.value).collect();
            let op = prepare(op, &values, &output.value, kernels, threads);
            let needed = op.scratch();
            scratch.floats = scratch.floats.max(needed.floats);
            scratch.offsets = scratch.offsets.max(needed.offsets);
            let rings = op.ring_tasks(threads) as u64;
            initialized = initialized.saturating_add((needed.floats as u64).saturating_mul(rings));
            steps.push(Step { op, inputs, output });
        }
        check_bytes(scratch.floats.saturating_mul(size_of::<f32>()))?;
        if initialized > MAX_INITIALIZED {
            let message = format!(
                "its convolutions initialize {initialized} values of padding and ring buffers; `native` allows {MAX_INITIALIZED} at most"
            );
            return Err(Error::new(ErrorKind::ResourceExhausted, message));
        }
        // Threads do not share cache lines.
        scratch.floats = scratch.floats.next_multiple_of(LINE / size_of::<f32>());
        let dims = |&input: &ValueId| graph.values[input].dims.clone();
        Ok(Self {
            set,
            steps,
            input_dims: graph.inputs.iter().map(dims).collect(),
            outputs: graph.outputs.iter().copied().map(argument).collect(),
            arena: slots.bytes / size_of::<f32>(),
            scratch,
        })
    }
}

/// Bytes of all packed weights. Grouped convolutions of few channels leave most lanes of their vectors empty.
fn packed_bytes(graph: &Graph, lanes: usize) -> usize {
    let bytes = |node: &Node| match &node.op {
        Op::Conv(conv) => conv.packed_bytes(lanes),
        Op::DepthwiseConv { conv, producer } => {
            let before = producer.as_ref().map_or(0, |before| before.packed_bytes(lanes));
            before.saturating_add(conv.packed_bytes(lanes))
        }
        _ => 0,
    };
    graph.nodes.iter().map(bytes).fold(0, usize::saturating_add)
}

/// Leaves out operators whose results nobody reads.
fn without_unused(mut graph: Graph) -> Graph {
    let mut is_used = vec![false; graph.values.len()];
    graph.outputs.iter().for_each(|&output| is_used[output] = true);
    let mut kept = Vec::new();
    for node in graph.nodes.into_iter().rev() {
        if is_used[node.output] {
            node.inputs.iter().for_each(|&input| is_used[input] = true);
            kept.push(node);
        }
    }
    kept.reverse();
    graph.nodes = kept;
    graph
}

impl Argument {
    /// The bytes of a constant.
    pub(crate) fn constant(&self) -> &[u8] {
        self.value.constant.as_ref().map_or(&[], |constant: &Arc<Constant>| constant.bytes())
    }
}
