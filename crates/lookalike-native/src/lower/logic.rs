//! Operators on truth values and indices.

use lookalike_core::{Error, Result};
use lookalike_graph::{Comparison, Logical, Node, TensorId};

use super::Lowering;
use crate::graph::{Element, Op, ValueId};

impl Lowering<'_> {
    /// Inputs as they are stored, all with the dimensions of the output.
    fn broadcast_inputs(&mut self, node: &Node) -> Result<Vec<ValueId>> {
        let dims = self.dims(node.output());
        let inputs = node.inputs.iter().flatten();
        let tensors: Vec<TensorId> = inputs.copied().collect();
        self.spend_positions(tensors.len() * dims.iter().sum::<usize>())?;
        let mut values = Vec::new();
        for tensor in tensors {
            let value = self.stored(tensor)?;
            values.push(self.broadcast(value, &dims));
        }
        Ok(values)
    }

    pub(super) fn comparison(&mut self, node: &Node, comparison: Comparison) -> Result<()> {
        let inputs = self.broadcast_inputs(node)?;
        self.define_stored(node, Op::Compare(comparison), inputs)
    }

    pub(super) fn logical(&mut self, node: &Node, function: Logical) -> Result<()> {
        let inputs = self.broadcast_inputs(node)?;
        self.define_stored(node, Op::Logical(function), inputs)
    }

    /// Elements are taken as they are stored: whatever they stood for, they stand for what the output declares.
    pub(super) fn select(&mut self, node: &Node) -> Result<()> {
        let inputs = self.broadcast_inputs(node)?;
        self.define_stored(node, Op::Select, inputs)
    }

    pub(super) fn arg_max(&mut self, node: &Node, axis: usize) -> Result<()> {
        let dims = self.source.dims(node.input(0));
        let (size, inner) = (dims[axis], dims[axis + 1..].iter().product());
        let input = self.stored(node.input(0))?;
        self.define_stored(node, Op::ArgMax { size, inner }, vec![input])
    }

    pub(super) fn cumulative_sum(
        &mut self,
        node: &Node,
        axis: usize,
        is_exclusive: bool,
        is_reversed: bool,
    ) -> Result<()> {
        let dims = self.source.dims(node.input(0));
        let (size, inner) = (dims[axis], dims[axis + 1..].iter().product());
        let input = self.floats(node.input(0))?;
        let sum = Op::CumulativeSum { size, inner, is_exclusive, is_reversed };
        self.define_stored(node, sum, vec![input])
    }

    pub(super) fn one_hot(&mut self, node: &Node, axis: usize, depth: usize) -> Result<()> {
        let inner = self.source.dims(node.output())[axis + 1..].iter().product();
        let (input, on, off) =
            (self.stored(node.input(0))?, self.stored(node.input(2))?, self.stored(node.input(3))?);
        let bytes = |value: ValueId| {
            let constant = self.graph.values[value].constant.as_ref();
            let bytes = constant.map(|constant| constant.bytes().to_vec());
            bytes.ok_or_else(|| Error::unimplemented("its values are computed"))
        };
        let (on, off) = (bytes(on)?, bytes(off)?);
        if !matches!(self.graph.values[input].element, Element::I32 | Element::I64) {
            return Err(Error::unimplemented("its places are no integers of 32 or 64 bits"));
        }
        self.define_stored(node, Op::OneHot { depth, inner, on, off }, vec![input])
    }
}
