//! An offset in one arena for each value, while it is needed.

use std::ops::Range;

use lookalike_core::{Error, ErrorKind, Result};

use crate::graph::{Graph, Op, ValueId};

/// Where a value is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Slot {
    /// An input of the model.
    Input(usize),
    Constant,
    /// Bytes of the arena.
    Arena(Range<usize>),
}

/// Values in the arena begin at a cache line, and one line lies behind the last.
pub(super) const LINE: usize = 64;

/// The slots of all values.
pub(super) struct Slots {
    pub(super) of_value: Vec<Slot>,
    /// The value that each is a reshaped form of, or itself.
    pub(super) holder: Vec<ValueId>,
    pub(super) bytes: usize,
}

impl Slots {
    /// Goes through the operators in their order, and gives each result the first gap that is large enough among the values that
    /// are still needed.
    pub(super) fn new(graph: &Graph) -> Result<Self> {
        let count = graph.values.len();
        let mut of_value = vec![Slot::Constant; count];
        for (index, &input) in graph.inputs.iter().enumerate() {
            of_value[input] = Slot::Input(index);
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
            let mut index = live.len();
            for (next, (range, _)) in live.iter().enumerate() {
                if range.start >= start + size {
                    index = next;
                    break;
                }
                start = range.end;
            }
            let range = start..start + size;
            bytes = bytes.max(range.end);
            check_bytes(bytes)?;
            live.insert(index, (range, last_use[node.output].max(position)));
            of_value[node.output] = Slot::Arena(start..start + graph.values[node.output].bytes());
        }
        // Bytes are read in quads, the last of which may reach beyond its value.
        Ok(Self { of_value, holder, bytes: bytes + LINE })
    }
}

/// Maximum number of bytes of the arena, of the weights, or of what a thread needs for itself: a small file must not ask for all memory.
const MAX_BYTES: usize = 1 << 30;

pub(super) fn check_bytes(bytes: usize) -> Result<()> {
    if bytes <= MAX_BYTES {
        return Ok(());
    }
    let message =
        format!("the model needs {bytes} bytes at a time, and `native` gives {MAX_BYTES} at most");
    Err(Error::new(ErrorKind::ResourceExhausted, message))
}
