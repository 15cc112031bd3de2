//! Operator fusion.
//!
//! An operator is fused into the producer of its input when it is the only consumer. Each fusion computes in the order of the single operators, so
//! that results are the same to the bit.

use std::sync::Arc;

use lookalike_graph::Unary;

use crate::graph::{Constant, Element, Graph, Node, Op, ValueId, Weights};
use crate::kernels::Kernels;
use crate::kernels::elementwise::{Activation, Binary};

/// Fuses what can be.
pub(crate) fn fuse(graph: Graph, kernels: &Kernels) -> Graph {
    let mut fusion = Fusion::new(graph);
    for position in 0..fusion.nodes.len() {
        let _ = fusion.activation(position)
            || fusion.affine(position)
            || fusion.gate(position, kernels)
            || fusion.scale_shift(position)
            || fusion.residual(position)
            || fusion.prologue(position)
            || fusion.producer(position);
    }
    let mut graph = fusion.graph;
    graph.nodes = fusion.nodes.into_iter().flatten().collect();
    graph
}

struct Fusion {
    graph: Graph,
    nodes: Vec<Option<Node>>,
    /// How often each value is read.
    uses: Vec<usize>,
    /// Which operator makes each value.
    makers: Vec<Option<usize>>,
}

impl Fusion {
    fn new(mut graph: Graph) -> Self {
        let mut uses = vec![0; graph.values.len()];
        let mut makers = vec![None; graph.values.len()];
        for (position, node) in graph.nodes.iter().enumerate() {
            node.inputs.iter().for_each(|&input| uses[input] += 1);
            makers[node.output] = Some(position);
        }
        graph.outputs.iter().for_each(|&output| uses[output] += 1);
        let nodes = graph.nodes.drain(..).map(Some).collect();
        Self { graph, nodes, uses, makers }
    }

    /// The operator that makes a value which nothing else reads.
    fn only_maker(&self, value: ValueId) -> Option<usize> {
        self.makers[value].filter(|_| self.uses[value] == 1)
    }

    fn node(&self, position: usize) -> Option<&Node> {
        self.nodes[position].as_ref()
    }

    /// Lets an operator make the value that another one made of its result.
    fn absorb(&mut self, maker: usize, position: usize) {
        let absorbed = self.nodes[position].take();
        if let (Some(node), Some(absorbed)) = (&mut self.nodes[maker], absorbed) {
            node.output = absorbed.output;
            self.makers[absorbed.output] = Some(maker);
        }
    }

    /// An activation becomes part of the convolution before it, and bounds become part of what else can have some.
    fn activation(&mut self, position: usize) -> bool {
        let Some(Node { op: Op::Activation(activation), inputs, .. }) = self.node(position) else {
            return false;
        };
        let (activation, Some(maker)) = (*activation, self.only_maker(inputs[0])) else {
            return false;
        };
        let Some(node) = &mut self.nodes[maker] else { return false };
        let has_residual = node.inputs.len() == 2;
        if let Op::Binary { bounds, .. } | Op::ScaleShift { bounds, .. } = &mut node.op {
            let (Activation::Clamp(low, high), None) = (activation, *bounds) else { return false };
            *bounds = Some((low, high));
            self.absorb(maker, position);
            return true;
        }
        let (Op::Conv(conv) | Op::DepthwiseConv { conv, .. }) = &mut node.op else { return false };
        let is_fitting = match conv.weights {
            Weights::Floats { .. } => true,
            Weights::Dynamic(_) => matches!(activation, Activation::Clamp(..)),
            Weights::Bytes(_) => false,
        };
        if !is_fitting {
            return false;
        }
        if has_residual {
            let Activation::Clamp(low, high) = activation else { return false };
            if conv.post_add_bounds.is_some() {
                return false;
            }
            conv.post_add_bounds = Some((low, high));
        } else {
            if conv.activation != Activation::None {
                return false;
            }
            conv.activation = activation;
        }
        self.absorb(maker, position);
        true
    }

    /// A difference becomes part of the product before it.
    fn affine(&mut self, position: usize) -> bool {
        let Some(Node { op: Op::Affine { scale, shift: taken }, inputs, .. }) = self.node(position)
        else {
            return false;
        };
        let (1.0, taken, Some(maker)) = (*scale, *taken, self.only_maker(inputs[0])) else {
            return false;
        };
        match &mut self.nodes[maker] {
            Some(Node { op: Op::Affine { shift, .. }, .. }) if *shift == 0.0 => *shift = taken,
            _ => return false,
        }
        self.absorb(maker, position);
        true
    }

    /// An operator on a value and a function of the same value, which no one else reads, becomes one function: the product of floats with their
    /// logistic function, and whatever is computed of bytes and what a table has for them.
    fn gate(&mut self, position: usize, kernels: &Kernels) -> bool {
        let Some(Node { op, inputs, .. }) = self.node(position) else { return false };
        let &[left, right] = &inputs[..] else { return false };
        for (value, gate) in [(left, right), (right, left)] {
            let Some(maker) = self.only_maker(gate) else { continue };
            let Some(function) = self.node(maker).filter(|node| node.inputs[0] == value) else {
                continue;
            };
            let fused = match (op, &function.op) {
                (
                    Op::Binary { function: Binary::Mul, bounds: None },
                    Op::Unary(Unary::Logistic),
                ) => Op::Silu,
                (Op::QuantizedBinary(binary), Op::Table(table)) => {
                    let bytes: [u8; 256] = std::array::from_fn(|byte| byte as u8);
                    let rows = if gate == right { (&bytes, &**table) } else { (&**table, &bytes) };
                    let mut fused = Box::new([0; 256]);
                    kernels.quantized_binary(binary, rows.0, rows.1, &mut *fused);
                    Op::Table(fused)
                }
                _ => continue,
            };
            if let Some(node) = &mut self.nodes[position] {
                node.op = fused;
                node.inputs = vec![value];
            }
            self.uses[value] -= 1;
            self.nodes[maker] = None;
            return true;
        }
        false
    }

    /// A product with a constant for each channel and a sum with another one become one operator.
    fn scale_shift(&mut self, position: usize) -> bool {
        let Some((product, shifts)) = self.with_channel_constants(position, Binary::Add) else {
            return false;
        };
        let Some(maker) = self.only_maker(product) else { return false };
        let Some((input, factors)) = self.with_channel_constants(maker, Binary::Mul) else {
            return false;
        };
        if let Some(node) = &mut self.nodes[position] {
            node.op = Op::ScaleShift { factors, shifts, bounds: None };
            node.inputs = vec![input];
        }
        self.nodes[maker] = None;
        true
    }

    /// The other input of an operator on a value and a constant for each of its channels, and that constant.
    fn with_channel_constants(
        &self,
        position: usize,
        wanted: Binary,
    ) -> Option<(ValueId, Arc<Constant>)> {
        let Node { op: Op::Binary { function, bounds: None }, inputs, output } =
            self.node(position)?
        else {
            return None;
        };
        let (&[left, right], values) = (&inputs[..], &self.graph.values) else { return None };
        let dims = &values[*output].dims;
        let &channels = dims.last().filter(|_| *function == wanted)?;
        let constant = |value: ValueId| {
            let value = &values[value];
            let is_row = value.dims.last() == Some(&channels) && value.count() == channels;
            value.constant.clone().filter(|_| is_row && value.element == Element::F32)
        };
        [(left, right), (right, left)].into_iter().find_map(|(value, other)| {
            let constant = constant(other).filter(|_| values[value].dims == *dims)?;
            Some((value, constant))
        })
    }

    /// A sum becomes part of the convolution that makes one of its inputs.
    fn residual(&mut self, position: usize) -> bool {
        let Some(Node { op: Op::Binary { function: Binary::Add, bounds: None }, inputs, output }) =
            self.node(position)
        else {
            return false;
        };
        let (&[left, right], output) = (&inputs[..], *output) else { return false };
        let values = &self.graph.values;
        if values[left].dims != values[right].dims || left == right {
            return false;
        }
        for (value, residual) in [(left, right), (right, left)] {
            let Some(maker) = self.only_maker(value) else { continue };
            let is_fitting = matches!(
                self.node(maker),
                Some(Node { op: Op::Conv(conv), inputs, .. })
                    if inputs.len() == 1 && !matches!(conv.weights, Weights::Bytes(_))
            );
            if is_fitting && let Some(mut node) = self.nodes[maker].take() {
                // It takes the place of the sum: by then the other input is there.
                node.inputs.push(residual);
                node.output = output;
                self.nodes[position] = Some(node);
                return true;
            }
        }
        false
    }

    /// A factor and a difference are applied to the rows of an image as a convolution takes them up.
    fn prologue(&mut self, position: usize) -> bool {
        let Some(Node { op: Op::Conv(conv), inputs, .. }) = self.node(position) else {
            return false;
        };
        let window = &conv.window;
        let is_fitting = matches!(conv.weights, Weights::Floats { .. })
            && !(window.rows.is_pointwise() && window.columns.is_pointwise());
        let Some(maker) = self.only_maker(inputs[0]).filter(|_| is_fitting) else { return false };
        let Some(Node { op: Op::Affine { scale, shift }, inputs, .. }) = self.node(maker) else {
            return false;
        };
        let (affine, input) = (Some((*scale, *shift)), inputs[0]);
        if let Some(Node { op: Op::Conv(conv), inputs, .. }) = &mut self.nodes[position] {
            conv.affine = affine;
            inputs[0] = input;
        }
        self.nodes[maker] = None;
        true
    }

    /// A convolution makes the rows that a depthwise one takes up.
    fn producer(&mut self, position: usize) -> bool {
        let Some(Node { op: Op::DepthwiseConv { conv, .. }, inputs, .. }) = self.node(position)
        else {
            return false;
        };
        let is_fitting = conv.outputs == conv.window.channels;
        let Some(maker) = self.only_maker(inputs[0]).filter(|_| is_fitting) else { return false };
        let window = &conv.window;
        // A fully connected layer may make an image of what are pixels of one row to it.
        let is_plain = matches!(
            self.node(maker),
            Some(Node { op: Op::Conv(before), inputs, .. })
                if inputs.len() == 1
                    && before.groups == 1
                    && !matches!(before.weights, Weights::Dynamic(_))
                    && before.window.batch == window.batch
                    && before.window.rows.output == window.rows.input
                    && before.window.columns.output == window.columns.input
        );
        if is_plain
            && let Some(Node { op: Op::Conv(before), inputs: sources, .. }) =
                self.nodes[maker].take()
            && let Some(Node { op: Op::DepthwiseConv { producer, .. }, inputs, .. }) =
                &mut self.nodes[position]
        {
            *producer = Some(before);
            *inputs = sources;
            return true;
        }
        false
    }
}
