//! A graph made ready to run: kernels chosen, weights packed, and a place in one arena for each value while it is needed.

use std::ops::Range;
use std::sync::Arc;

use lookalike_core::{Error, ErrorKind, InstructionSet, Result};

use crate::conv::{ByteConv, FloatConv};
use crate::depthwise::Depthwise;
use crate::fuse::fuse;
use crate::graph::{Constant, Element, Graph, Node, Op, Value, ValueId, Weights};
use crate::pack::divide;
use crate::plain::Broadcast;
use crate::quantized::QuantizedBinary;
use crate::simd;

/// A model planned for inputs of certain shapes. Sessions share it.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) set: InstructionSet,
    pub(crate) steps: Vec<Step>,
    pub(crate) input_dims: Vec<Vec<usize>>,
    pub(crate) outputs: Vec<Operand>,
    /// Floats of the arena.
    pub(crate) arena: usize,
    /// Floats, and places of segments, that each thread needs for itself.
    pub(crate) scratch: (usize, usize),
}

/// An operator, and where its operands and its result are.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) action: Action,
    pub(crate) inputs: Vec<Operand>,
    pub(crate) output: Operand,
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Action {
    FloatConv(FloatConv),
    ByteConv(ByteConv),
    Depthwise(Depthwise),
    Binary(crate::kernels::elementwise::Binary, Broadcast),
    QuantizedBinary(QuantizedBinary, Broadcast),
    /// An operator that needs no preparation.
    Plain(Op),
}

/// A value and where it is.
#[derive(Clone, Debug)]
pub(crate) struct Operand {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// Where a value is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Place {
    /// An input of the model.
    Input(usize),
    Constant,
    /// Bytes of the arena.
    Arena(Range<usize>),
}

/// Values in the arena begin at a cache line, and one line lies behind the last.
const LINE: usize = 64;

/// Most bytes of the arena, of the weights, or of what a thread needs for itself: a small file must not ask for all memory.
const MOST_BYTES: usize = 1 << 30;

/// Most floats of rings that are begun in a run: some seconds. What is counted of a model beforehand are its products, and a window may reach
/// far beyond an image of one pixel, of which there are many.
const MOST_BEGUN: u64 = 1 << 33;

impl Plan {
    /// Plans a graph. Without fusions it does operator by operator, with the same numbers.
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
        let graph = without_unused(if fuses { fuse(graph) } else { graph });
        let places = Places::new(&graph)?;
        let operand = |value: ValueId| {
            let constant = graph.values[places.holder[value]].constant.clone();
            let value_there = Value { constant, ..graph.values[value].clone() };
            Operand { place: places.of_value[value].clone(), value: value_there }
        };
        let kernels = simd::kernels(set);
        check_bytes(packed_bytes(&graph, kernels.lanes))?;
        let mut scratch = (0, 0);
        let mut begun = 0_u64;
        let mut steps = Vec::new();
        for Node { op, inputs, output } in graph.nodes {
            let inputs: Vec<Operand> = inputs.into_iter().map(operand).collect();
            let output = operand(output);
            let action = match op {
                // They are the same bytes.
                Op::Reshape if inputs[0].place == output.place => continue,
                Op::Conv(conv) => {
                    let window = &conv.window;
                    let pixels = window.batch * window.rows.output * window.columns.output;
                    match &conv.weights {
                        Weights::Floats { .. } => Action::FloatConv(FloatConv::new(
                            &conv,
                            kernels,
                            &divide(&conv, pixels, kernels, threads),
                        )),
                        Weights::Bytes(weights) => {
                            let conv = ByteConv::new(
                                &conv,
                                weights,
                                kernels,
                                &divide(&conv, pixels, kernels, threads),
                            );
                            Action::ByteConv(conv)
                        }
                    }
                }
                Op::DepthwiseConv { conv, expansion } => {
                    Action::Depthwise(Depthwise::new(&conv, expansion.as_deref(), kernels, threads))
                }
                Op::Binary(binary) => {
                    let dims = [&inputs[0], &inputs[1], &output].map(|it| &it.value.dims[..]);
                    Action::Binary(binary, Broadcast::new(dims))
                }
                Op::QuantizedBinary(binary) => {
                    let dims = [&inputs[0], &inputs[1], &output].map(|it| &it.value.dims[..]);
                    Action::QuantizedBinary(binary, Broadcast::new(dims))
                }
                op => Action::Plain(op),
            };
            let ((floats, segments), shares) = match &action {
                Action::FloatConv(conv) => (conv.scratch(), conv.shares(threads)),
                Action::ByteConv(conv) => (conv.scratch(), conv.shares(threads)),
                Action::Depthwise(conv) => (conv.scratch(kernels), conv.shares(threads)),
                _ => ((0, 0), 0),
            };
            scratch = (scratch.0.max(floats), scratch.1.max(segments));
            begun = begun.saturating_add((floats as u64).saturating_mul(shares as u64));
            steps.push(Step { action, inputs, output });
        }
        check_bytes(scratch.0.saturating_mul(size_of::<f32>()))?;
        if begun > MOST_BEGUN {
            let message = format!(
                "its convolutions initialize {begun} values of padding and ring buffers; `native` allows {MOST_BEGUN} at most"
            );
            return Err(Error::new(ErrorKind::ResourceExhausted, message));
        }
        // Threads do not share cache lines.
        let floats = scratch.0.next_multiple_of(LINE / size_of::<f32>());
        let dims = |&input: &ValueId| graph.values[input].dims.clone();
        Ok(Self {
            set,
            steps,
            input_dims: graph.inputs.iter().map(dims).collect(),
            outputs: graph.outputs.iter().copied().map(operand).collect(),
            arena: places.bytes / size_of::<f32>(),
            scratch: (floats, scratch.1),
        })
    }
}

/// Bytes of all packed weights. Grouped convolutions of few channels leave most lanes of their vectors empty.
fn packed_bytes(graph: &Graph, lanes: usize) -> usize {
    let bytes = |node: &Node| match &node.op {
        Op::Conv(conv) => conv.packed_bytes(lanes),
        Op::DepthwiseConv { conv, expansion } => {
            let before = expansion.as_ref().map_or(0, |before| before.packed_bytes(lanes));
            before.saturating_add(conv.packed_bytes(lanes))
        }
        _ => 0,
    };
    graph.nodes.iter().map(bytes).fold(0, usize::saturating_add)
}

fn check_bytes(bytes: usize) -> Result<()> {
    if bytes <= MOST_BYTES {
        return Ok(());
    }
    let message =
        format!("the model needs {bytes} bytes at a time, and `native` gives {MOST_BYTES} at most");
    Err(Error::new(ErrorKind::ResourceExhausted, message))
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

/// The places of all values.
struct Places {
    of_value: Vec<Place>,
    /// The value that each is a reshaped form of, or itself.
    holder: Vec<ValueId>,
    bytes: usize,
}

impl Places {
    /// Goes through the operators in their order, and gives each result the first gap that is large enough among the values that
    /// are still needed.
    fn new(graph: &Graph) -> Result<Self> {
        let count = graph.values.len();
        let mut of_value = vec![Place::Constant; count];
        for (index, &input) in graph.inputs.iter().enumerate() {
            of_value[input] = Place::Input(index);
        }
        let mut holder: Vec<ValueId> = (0..count).collect();
        for node in graph.nodes.iter().filter(|node| matches!(node.op, Op::Reshape)) {
            holder[node.output] = holder[node.inputs[0]];
        }
        let mut last_use = vec![0; count];
        for (position, node) in graph.nodes.iter().enumerate() {
            node.inputs.iter().for_each(|&input| last_use[holder[input]] = position);
        }
        graph.outputs.iter().for_each(|&output| last_use[holder[output]] = usize::MAX);
        // What is needed now: where, and until which operator; sorted by place.
        let mut live: Vec<(Range<usize>, usize)> = Vec::new();
        let mut bytes = 0;
        for (position, node) in graph.nodes.iter().enumerate() {
            let held = holder[node.output];
            if held != node.output {
                of_value[node.output] = of_value[held].clone();
                continue;
            }
            live.retain(|(_, until)| *until >= position);
            let size = graph.values[node.output].bytes().next_multiple_of(LINE);
            let mut start = 0;
            let mut place = live.len();
            for (index, (range, _)) in live.iter().enumerate() {
                if range.start >= start + size {
                    place = index;
                    break;
                }
                start = range.end;
            }
            let range = start..start + size;
            bytes = bytes.max(range.end);
            check_bytes(bytes)?;
            live.insert(place, (range, last_use[node.output].max(position)));
            of_value[node.output] = Place::Arena(start..start + graph.values[node.output].bytes());
        }
        // Bytes are read in quads, the last of which may reach beyond its value.
        Ok(Self { of_value, holder, bytes: bytes + LINE })
    }
}

impl Operand {
    /// The bytes of a constant.
    pub(crate) fn constant(&self) -> &[u8] {
        self.value.constant.as_ref().map_or(&[], |constant: &Arc<Constant>| constant.bytes())
    }

    pub(crate) fn is_signed(&self) -> bool {
        self.value.element == Element::I8
    }
}
