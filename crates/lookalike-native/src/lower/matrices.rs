//! Operators that multiply matrices.

use lookalike_core::Result;
use lookalike_graph::{Activation as Fused, Node, TensorId};

use super::Lowering;
use super::layout::strides;
use super::windows::{Geometry, Source};
use crate::graph::{Element, Op, Side, Value, ValueId, Window2};
use crate::kernels::elementwise::Binary;
use crate::quantized::SumScale;

impl Lowering<'_> {
    pub(super) fn fully_connected(&mut self, node: &Node, activation: Fused) -> Result<()> {
        let (input, weights) = (node.input(0), node.input(1));
        let weight_dims = self.dims(weights);
        let (outputs, depth) = (weight_dims[0], weight_dims[1]);
        let rows = self.source.element_count(input) / depth;
        if self.is_constant(weights) {
            // The rows are the pixels of an image, which has several rows of them where it can: threads divide those.
            let width = (8..=64).rev().find(|&width| rows.is_multiple_of(width)).unwrap_or(rows);
            let side = |pixels: usize| Side {
                input: pixels,
                output: pixels,
                size: 1,
                stride: 1,
                dilation: 1,
                before: 0,
            };
            let (rows, columns) = (side(rows / width), side(width));
            let window = Window2 { batch: 1, rows, columns, channels: depth };
            let geometry = Geometry { window, outputs, groups: 1, is_depthwise: false };
            return self.convolve(node, Source::of(node), geometry, activation);
        }
        let (left, right) = (self.floats(input)?, self.floats(weights)?);
        let right = self.swap_last_dims(right, &weight_dims);
        let product = Op::MatMul { pairs: vec![(0, 0)], rows, depth, columns: outputs };
        let Some(bias) = node.optional_input(2) else {
            return self.define(node, product, vec![left, right], activation);
        };
        let bias = self.floats(bias)?;
        let result = self.float_node(product, vec![left, right], self.dims(node.output()));
        let sum = Op::Binary { function: Binary::Add, bounds: None };
        self.define(node, sum, vec![result, bias], activation)
    }

    /// A value whose last two dimensions are swapped.
    fn swap_last_dims(&mut self, value: ValueId, dims: &[usize]) -> ValueId {
        let rank = dims.len();
        let mut order: Vec<usize> = (0..rank).collect();
        order.swap(rank - 1, rank - 2);
        let strides = strides(dims);
        let offsets = |&axis: &usize| (0..dims[axis]).map(|index| index * strides[axis]).collect();
        let offsets = order.iter().map(offsets).collect();
        let dims = order.iter().map(|&axis| dims[axis]).collect();
        self.remap(value, offsets, dims)
    }

    /// An input of a matrix product, as floats or as steps, and its shape.
    fn matrices(
        &mut self,
        tensor: TensorId,
        transposes: bool,
        is_quantized: bool,
    ) -> Result<(ValueId, Vec<usize>)> {
        let mut dims = self.dims(tensor);
        let value = if is_quantized {
            let stored = self.stored(tensor)?;
            self.float_node(Op::Steps, vec![stored], dims.clone())
        } else {
            self.floats(tensor)?
        };
        if !transposes {
            return Ok((value, dims));
        }
        let value = self.swap_last_dims(value, &dims);
        let rank = dims.len();
        dims.swap(rank - 1, rank - 2);
        Ok((value, dims))
    }

    pub(super) fn batch_matmul(
        &mut self,
        node: &Node,
        transposes_left: bool,
        transposes_right: bool,
    ) -> Result<()> {
        let scale = self.matmul_scale(node);
        let is_quantized = scale.is_some();
        let (left, left_dims) = self.matrices(node.input(0), transposes_left, is_quantized)?;
        let (right, right_dims) = self.matrices(node.input(1), transposes_right, is_quantized)?;
        let dims = self.dims(node.output());
        let outer = &dims[..dims.len() - 2];
        let (rows, columns) = (dims[dims.len() - 2], dims[dims.len() - 1]);
        let depth = left_dims[left_dims.len() - 1];
        let count = outer.iter().product();
        self.spend_positions(count)?;
        let pairs = (0..count)
            .map(|index| {
                let of = |dims: &[usize]| broadcast_index(index, outer, &dims[..dims.len() - 2]);
                (of(&left_dims), of(&right_dims))
            })
            .collect();
        let product = Op::MatMul { pairs, rows, depth, columns };
        let Some(scale) = scale else {
            return self.define(node, product, vec![left, right], Fused::None);
        };
        let sums = Value::new(dims, Element::I32, None);
        let sums = self.node(product, vec![left, right], sums);
        self.define_stored(node, Op::ScaleSums(scale), vec![sums])
    }

    /// What the sums become, where inputs and output are of bytes.
    fn matmul_scale(&self, node: &Node) -> Option<SumScale> {
        let inputs = [self.quantized(node.input(0))?, self.quantized(node.input(1))?];
        let is_constant = !self.source.constant(node.input(1)).is_empty();
        SumScale::matmul(inputs, self.quantized(node.output())?, is_constant)
    }
}

/// Which element of an input of smaller shape goes with an element of the result.
fn broadcast_index(index: usize, result: &[usize], input: &[usize]) -> usize {
    let missing = result.len() - input.len();
    let (of_result, of_input) = (strides(result), strides(input));
    (0..input.len())
        .filter(|&axis| input[axis] > 1)
        .map(|axis| index / of_result[axis + missing] % result[axis + missing] * of_input[axis])
        .sum()
}
