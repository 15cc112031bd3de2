//! Operators that move elements and leave them as they are.

use lookalike_core::{Error, Result};
use lookalike_graph::{Activation as Fused, Block, Node, Sampling, SliceRange, TensorId};

use super::Lowering;
use crate::graph::{Element, Op, PADDING, Remap, Value, ValueId};

/// Elements from one index of each dimension to the next.
pub(super) fn strides(dims: &[usize]) -> Vec<usize> {
    (0..dims.len()).map(|axis| dims[axis + 1..].iter().product()).collect()
}

/// The offsets of all indices of a dimension.
pub(super) fn all(size: usize, stride: usize) -> Vec<usize> {
    (0..size).map(|index| index * stride).collect()
}

/// What lies around a value: zeros, or what stands for them.
fn zero(value: &Value) -> Vec<u8> {
    let zero_point = value.scale.map_or(0, |scale| scale.zero_point);
    match value.element {
        Element::I8 | Element::U8 | Element::Bool => vec![zero_point as u8],
        Element::I16 => (zero_point as i16).to_ne_bytes().to_vec(),
        element => vec![0; element.size()],
    }
}

impl Lowering<'_> {
    /// Adds a value made of another's elements, with zeros where none of them is.
    pub(super) fn remap(
        &mut self,
        input: ValueId,
        offsets: Vec<Vec<usize>>,
        dims: Vec<usize>,
    ) -> ValueId {
        let value = &self.graph.values[input];
        let result = Value::new(dims, value.element, value.scale);
        let filling = zero(&result);
        self.node(Op::Remap(Box::new(Remap { offsets, filling })), vec![input], result)
    }

    /// What a tensor holds once elements of a value have been moved there: they stand for what the tensor declares, whatever they stood
    /// for.
    fn moved(&self, tensor: TensorId, input: ValueId) -> Value {
        let value = &self.graph.values[input];
        Value::new(self.dims(tensor), value.element, self.scale(tensor).or(value.scale))
    }

    /// Moves elements to a tensor, with a filling where none of them is, which is zero unless given.
    fn move_to(
        &mut self,
        tensor: TensorId,
        input: ValueId,
        offsets: Vec<Vec<usize>>,
        filling: Option<Vec<u8>>,
    ) {
        let result = self.moved(tensor, input);
        let filling = filling.unwrap_or_else(|| zero(&result));
        let remap = Op::Remap(Box::new(Remap { offsets, filling }));
        let value = self.node(remap, vec![input], result);
        self.set(tensor, value);
    }

    /// The same for the first input and the only output of an operator.
    fn move_elements(&mut self, node: &Node, offsets: Vec<Vec<usize>>) -> Result<()> {
        let input = self.stored(node.input(0))?;
        self.move_to(node.output(), input, offsets, None);
        Ok(())
    }

    /// The offsets of the elements at these indices of each dimension of the first input.
    fn offsets<I: IntoIterator<Item = usize>>(
        &self,
        tensor: TensorId,
        indices: impl Fn(usize) -> I,
    ) -> Vec<Vec<usize>> {
        let strides = strides(self.source.dims(tensor)).into_iter().enumerate();
        strides
            .map(|(axis, stride)| indices(axis).into_iter().map(|index| index * stride).collect())
            .collect()
    }

    pub(super) fn reshape(&mut self, node: &Node) -> Result<()> {
        let input = self.stored(node.input(0))?;
        let result = self.moved(node.output(), input);
        let value = self.node(Op::Reshape, vec![input], result);
        self.set(node.output(), value);
        Ok(())
    }

    pub(super) fn transpose(&mut self, node: &Node, permutation: &[usize]) -> Result<()> {
        let dims = self.source.dims(node.input(0));
        let strides = strides(dims);
        let offsets = permutation.iter().map(|&axis| all(dims[axis], strides[axis])).collect();
        self.move_elements(node, offsets)
    }

    pub(super) fn tile(&mut self, node: &Node, multiples: &[usize]) -> Result<()> {
        let dims = self.source.dims(node.input(0));
        let offsets = self
            .offsets(node.input(0), |axis| (0..multiples[axis]).flat_map(move |_| 0..dims[axis]));
        self.move_elements(node, offsets)
    }

    pub(super) fn broadcast_to(&mut self, node: &Node) -> Result<()> {
        let (input, output) = (node.input(0), node.output());
        let offsets = broadcast_offsets(self.source.dims(input), self.source.dims(output));
        self.move_elements(node, offsets)
    }

    /// A value whose dimensions of size 1 are repeated up to these dimensions.
    pub(super) fn broadcast(&mut self, value: ValueId, dims: &[usize]) -> ValueId {
        if self.graph.values[value].dims == dims {
            return value;
        }
        let offsets = broadcast_offsets(&self.graph.values[value].dims, dims);
        self.remap(value, offsets, dims.to_vec())
    }

    pub(super) fn slice(&mut self, node: &Node, ranges: &[SliceRange]) -> Result<()> {
        let offsets = self.offsets(node.input(0), |axis| ranges[axis].indices());
        self.move_elements(node, offsets)
    }

    pub(super) fn gather(
        &mut self,
        node: &Node,
        input: TensorId,
        axis: usize,
        indices: &[usize],
    ) -> Result<()> {
        self.spend_positions(indices.len())?;
        let dims = self.source.dims(input);
        let offsets = self.offsets(input, |at| {
            if at == axis { indices.to_vec() } else { (0..dims[at]).collect() }
        });
        let value = self.stored(input)?;
        self.move_to(node.output(), value, offsets, None);
        Ok(())
    }

    pub(super) fn gather_nd(&mut self, node: &Node, depth: usize, indices: &[usize]) -> Result<()> {
        let size = self.source.dims(node.input(0))[depth..].iter().product();
        self.spend_positions(indices.len() + size)?;
        let slices = indices.iter().map(|&index| index * size).collect();
        self.move_elements(node, vec![slices, all(size, 1)])
    }

    /// Gives each output its equal part of an input along a dimension.
    pub(super) fn split(&mut self, node: &Node, input: TensorId, axis: usize) -> Result<()> {
        let dims = self.dims(input);
        let stored = self.stored(input)?;
        let count = dims[axis] / node.outputs.len();
        for (part, &output) in node.outputs.iter().enumerate() {
            let part = part * count..(part + 1) * count;
            let offsets =
                self.offsets(input, |at| if at == axis { part.clone() } else { 0..dims[at] });
            self.move_to(output, stored, offsets, None);
        }
        Ok(())
    }

    /// Lays inputs side by side along a dimension of the output.
    pub(super) fn concatenate(
        &mut self,
        node: &Node,
        axis: usize,
        activation: Fused,
    ) -> Result<()> {
        let declared = self.declared(node.output())?;
        let outer: usize = declared.dims[..axis].iter().product();
        let tensors = || node.inputs.iter().flatten();
        let is_as_it_is = activation == Fused::None
            && tensors().all(|&tensor| self.scale(tensor) == declared.scale);
        let inputs = tensors()
            .map(|&tensor| if is_as_it_is { self.stored(tensor) } else { self.floats(tensor) })
            .collect::<Result<Vec<_>>>()?;
        let inner = inputs.iter().map(|&input| self.graph.values[input].count() / outer).collect();
        let concatenation = Op::Concatenation { outer, inner };
        if is_as_it_is {
            return self.define_stored(node, concatenation, inputs);
        }
        self.define(node, concatenation, inputs, activation)
    }

    /// PAD, and PADV2 with the filling as third input.
    pub(super) fn pad(&mut self, node: &Node, padding: &[(usize, usize)]) -> Result<()> {
        let offsets = padded(self.source.dims(node.input(0)), padding);
        let Some(filling) = node.optional_input(2) else {
            return self.move_elements(node, offsets);
        };
        let filling = self.stored(filling)?;
        let Some(filling) = self.graph.values[filling].constant.clone() else {
            return Err(Error::unimplemented("it pads with what is computed"));
        };
        let input = self.stored(node.input(0))?;
        self.move_to(node.output(), input, offsets, Some(filling.bytes().to_vec()));
        Ok(())
    }

    pub(super) fn mirror_pad(
        &mut self,
        node: &Node,
        padding: &[(usize, usize)],
        offset: usize,
    ) -> Result<()> {
        let dims = self.source.dims(node.input(0));
        let offsets = self.offsets(node.input(0), |axis| {
            let ((before, after), size) = (padding[axis], dims[axis]);
            let front = (0..before).map(move |index| before - 1 - index + offset);
            let back = (0..after).map(move |index| size - 1 - index - offset);
            front.chain(0..size).chain(back)
        });
        self.move_elements(node, offsets)
    }

    pub(super) fn resize_nearest(&mut self, node: &Node, sampling: &Sampling) -> Result<()> {
        let (dims, to) = (self.source.dims(node.input(0)), self.source.dims(node.output()));
        let offsets = self.offsets(node.input(0), |axis| match axis {
            1 | 2 => sampling.nearest(dims[axis], to[axis]).collect(),
            _ => (0..to[axis]).collect::<Vec<usize>>(),
        });
        self.move_elements(node, offsets)
    }

    pub(super) fn space_to_batch(
        &mut self,
        node: &Node,
        [down, across]: &[Block; 2],
    ) -> Result<()> {
        let dims @ [batch, _, _, channels] = self.source.image_dims(node.input(0));
        let [_, rows, columns, _] = self.source.image_dims(node.output());
        // The padded image may have far longer sides than what is made of it.
        self.spend_positions(down.size * rows + across.size * columns)?;
        let input = self.stored(node.input(0))?;
        let around = |block: &Block| (block.before, block.after);
        let offsets = padded(&dims, &[(0, 0), around(down), around(across), (0, 0)]);
        let dims: Vec<usize> = offsets.iter().map(Vec::len).collect();
        let strides = strides(&dims);
        let input = self.remap(input, offsets, dims);
        // Of the padded image: first which pixel of a block, then which image and which block.
        let offsets = vec![
            all(down.size, strides[1]),
            all(across.size, strides[2]),
            all(batch, strides[0]),
            all(rows, down.size * strides[1]),
            all(columns, across.size * strides[2]),
            all(channels, 1),
        ];
        self.move_to(node.output(), input, offsets, None);
        Ok(())
    }

    pub(super) fn batch_to_space(
        &mut self,
        node: &Node,
        [down, across]: &[Block; 2],
    ) -> Result<()> {
        let from @ [_, _, _, channels] = self.source.image_dims(node.input(0));
        let [batch, rows, columns, _] = self.source.image_dims(node.output());
        let strides = strides(&from);
        // A pixel of the result is a pixel of a block, which is an image of the input.
        let side = |count: usize, block: &Block, images: usize, stride: usize| {
            let offset = |index: usize| {
                let index = index + block.before;
                index % block.size * images * strides[0] + index / block.size * stride
            };
            (0..count).map(offset).collect::<Vec<usize>>()
        };
        let offsets = vec![
            all(batch, strides[0]),
            side(rows, down, across.size * batch, strides[1]),
            side(columns, across, batch, strides[2]),
            all(channels, 1),
        ];
        self.move_elements(node, offsets)
    }
}

/// The offsets of a value whose dimensions of size 1 are repeated.
fn broadcast_offsets(from: &[usize], to: &[usize]) -> Vec<Vec<usize>> {
    let strides = strides(from);
    let missing = to.len() - from.len();
    let offsets = to.iter().enumerate().map(|(axis, &size)| {
        let of_input = axis.checked_sub(missing).filter(|&axis| from[axis] > 1);
        all(size, of_input.map_or(0, |axis| strides[axis]))
    });
    offsets.collect()
}

/// The offsets of an image with padding around it.
fn padded(dims: &[usize], padding: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let offsets = |((&size, stride), &(before, after)): ((&usize, usize), &(usize, usize))| {
        let mut offsets = vec![PADDING; before];
        offsets.extend(all(size, stride));
        offsets.resize(before + size + after, PADDING);
        offsets
    };
    dims.iter().zip(strides(dims)).zip(padding).map(offsets).collect()
}
