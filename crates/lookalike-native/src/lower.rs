//! Lowering: from the operators of TensorFlow Lite to the engine's own.

mod elementwise;
mod layout;
mod logic;
mod matrices;
mod windows;

use std::sync::Arc;

use lookalike_core::{Error, ErrorKind, Result, TensorType};
use lookalike_graph::{
    Activation as Fused, Binary as Function, Graph as Source, Node as SourceNode, Op as Operator,
    OperatorInfo, TensorId, Unary, elements,
};

use crate::graph::{Constant, Element, Graph, Node, Op, Scale, Value, ValueId};
use crate::kernels::elementwise::{Activation, Binary};
use crate::quantized::Quantized;

/// Operators that have a parser, and no kernel here.
const UNSUPPORTED: [&str; 2] = ["FLOOR_DIV", "LOG_SOFTMAX"];

/// Whether the engine has an operator.
pub(crate) fn has_operator(operator: &OperatorInfo) -> bool {
    operator.is_known() && !UNSUPPORTED.contains(&&*operator.name)
}

/// The engine's graph of a model.
///
/// # Errors
///
/// An operator is of a form that the engine lacks, or its dimensions are longer than the engine lists.
pub(crate) fn lower(source: &Source) -> Result<Graph> {
    let mut lowering = Lowering {
        source,
        graph: Graph::default(),
        of_tensor: vec![None; source.file().tensors().len()],
        positions: 1 << 24,
    };
    for &tensor in source.file().inputs() {
        // Those of 16-bit floats come in 32 bits.
        let value = match source.tensor(tensor).element_type {
            TensorType::FLOAT16 => Value::new(lowering.dims(tensor), Element::F32, None),
            _ => lowering.declared(tensor)?,
        };
        let value = lowering.value(value);
        lowering.of_tensor[tensor] = Some(value);
        lowering.graph.inputs.push(value);
    }
    for node in source.nodes_to_run() {
        lowering.lower(node).map_err(|error| {
            Error::new(error.kind(), format!("{}: {error}", source.describe(node)))
        })?;
    }
    for &tensor in source.file().outputs() {
        let output = lowering.stored(tensor)?;
        lowering.graph.outputs.push(output);
    }
    Ok(lowering.graph)
}

/// A graph in the making.
struct Lowering<'g> {
    source: &'g Source,
    graph: Graph,
    /// The values of the model's tensors, as they are stored.
    of_tensor: Vec<Option<ValueId>>,
    /// Positions of elements that may still be listed.
    positions: usize,
}

impl Lowering<'_> {
    /// Adds what an operator does to the graph.
    fn lower(&mut self, node: &SourceNode) -> Result<()> {
        // One position for each index of each dimension: a small file must not ask for all memory.
        for &tensor in node.inputs.iter().flatten().chain(node.outputs.iter()) {
            self.spend_positions(self.source.dims(tensor).iter().sum())?;
        }
        match &node.op {
            Operator::Activation(activation) => self.map_activation(node, clamp(*activation)),
            Operator::ArgMax { axis } => self.arg_max(node, *axis),
            Operator::BatchMatMul { transposes_left, transposes_right } => {
                self.batch_matmul(node, *transposes_left, *transposes_right)
            }
            Operator::BatchToSpace { blocks } => self.batch_to_space(node, blocks),
            Operator::Binary { function, activation } => {
                let function = match function {
                    Function::Add => Binary::Add,
                    Function::Div => Binary::Div,
                    Function::Maximum => Binary::Max,
                    Function::Minimum => Binary::Min,
                    Function::Mul => Binary::Mul,
                    Function::Pow => Binary::Pow,
                    Function::Prelu => Binary::Prelu,
                    Function::SquaredDifference => Binary::SquaredDifference,
                    Function::Sub => Binary::Sub,
                    Function::FloorDiv | Function::FloorMod => return Err(unknown_integers()),
                };
                self.binary(node, function, *activation)
            }
            Operator::BroadcastTo => self.broadcast_to(node),
            Operator::Cast => self.cast(node),
            Operator::Comparison(comparison) => self.comparison(node, *comparison),
            Operator::Concatenation { axis, activation } => {
                self.concatenate(node, *axis, *activation)
            }
            Operator::Conv2d(conv) => self.conv(node, conv, false),
            Operator::CumSum { axis, is_exclusive, is_reversed } => {
                self.cumulative_sum(node, *axis, *is_exclusive, *is_reversed)
            }
            Operator::DepthwiseConv2d(conv) => self.conv(node, conv, true),
            Operator::Dequantize => self.dequantize(node),
            Operator::EmbeddingLookup { indices } => self.gather(node, node.input(1), 0, indices),
            Operator::FullyConnected { activation } => self.fully_connected(node, *activation),
            Operator::Gather { axis, indices } => self.gather(node, node.input(0), *axis, indices),
            Operator::GatherNd { depth, indices } => self.gather_nd(node, *depth, indices),
            Operator::L2Normalization { activation } => self.l2_normalization(node, *activation),
            Operator::LogSoftmax => Err(Error::unimplemented("`native` does not support it")),
            Operator::Logical(function) => self.logical(node, *function),
            Operator::MirrorPad { padding, offset } => self.mirror_pad(node, padding, *offset),
            Operator::OneHot { axis, depth } => self.one_hot(node, *axis, *depth),
            Operator::Pack { axis } => self.concatenate(node, *axis, Fused::None),
            Operator::Pad { padding } => self.pad(node, padding),
            Operator::Pool2d { pool, window, activation } => {
                self.pool(node, *pool, window, *activation)
            }
            Operator::Quantize => self.quantize(node),
            Operator::Reduce { reduction, axes, .. } => self.reduce(node, *reduction, axes),
            Operator::Reshape => self.reshape(node),
            Operator::ResizeBilinear(sampling) => self.resize_bilinear(node, sampling),
            Operator::ResizeNearestNeighbor(sampling) => self.resize_nearest(node, sampling),
            Operator::Select => self.select(node),
            Operator::Shape => Err(unknown_integers()),
            Operator::Slice { ranges, .. } => self.slice(node, ranges),
            Operator::Softmax { beta } => self.softmax(node, *beta),
            Operator::SpaceToBatch { blocks } => self.space_to_batch(node, blocks),
            Operator::Split { axis } => self.split(node, node.input(1), *axis),
            Operator::Tile { multiples } => self.tile(node, multiples),
            Operator::Transpose { permutation } => self.transpose(node, permutation),
            Operator::TransposeConv2d(conv) => self.transpose_conv(node, conv),
            Operator::Unary(function) => self.unary(node, *function),
            Operator::Unpack { axis } => self.split(node, node.input(0), *axis),
        }
    }

    /// Counts positions that an operator lists.
    fn spend_positions(&mut self, count: usize) -> Result<()> {
        self.positions = self.positions.checked_sub(count).ok_or_else(|| {
            let message = "the dimensions of the model are longer than `native` supports";
            Error::new(ErrorKind::ResourceExhausted, message)
        })?;
        Ok(())
    }

    fn dims(&self, tensor: TensorId) -> Vec<usize> {
        self.source.dims(tensor).to_vec()
    }

    /// The one scale of a tensor of 8 or 16 bits.
    fn scale(&self, tensor: TensorId) -> Option<Scale> {
        let (scale, zero_point) = self.source.tensor(tensor).scale()?;
        Some(Scale { scale, zero_point })
    }

    /// A value as a tensor is declared, not yet in the graph.
    fn declared(&self, tensor: TensorId) -> Result<Value> {
        let element = Element::of(self.source.tensor(tensor).element_type)?;
        Ok(Value::new(self.dims(tensor), element, self.scale(tensor)))
    }

    fn value(&mut self, value: Value) -> ValueId {
        self.graph.values.push(value);
        self.graph.values.len() - 1
    }

    /// Adds an operator whose result is a new value.
    fn node(&mut self, op: Op, inputs: Vec<ValueId>, result: Value) -> ValueId {
        let output = self.value(result);
        self.graph.nodes.push(Node { op, inputs, output });
        output
    }

    /// Adds an operator of floats.
    fn float_node(&mut self, op: Op, inputs: Vec<ValueId>, dims: Vec<usize>) -> ValueId {
        self.node(op, inputs, Value::new(dims, Element::F32, None))
    }

    /// Makes a value that of a tensor.
    fn set(&mut self, tensor: TensorId, value: ValueId) {
        self.of_tensor[tensor] = Some(value);
    }

    /// Adds an operator that computes with what is stored, and makes its result the only output.
    fn define_stored(&mut self, node: &SourceNode, op: Op, inputs: Vec<ValueId>) -> Result<()> {
        let declared = self.declared(node.output())?;
        let value = self.node(op, inputs, declared);
        self.set(node.output(), value);
        Ok(())
    }

    /// Adds an operator of floats, applies an activation, and makes the result the only output, which may store integers.
    fn define(
        &mut self,
        node: &SourceNode,
        op: Op,
        inputs: Vec<ValueId>,
        activation: Fused,
    ) -> Result<()> {
        let dims = self.dims(node.output());
        let result = self.float_node(op, inputs, dims.clone());
        let result = match activation {
            Fused::None => result,
            Fused::Tanh => self.float_node(Op::Unary(Unary::Tanh), vec![result], dims),
            bounded => self.float_node(Op::Activation(clamp(bounded)), vec![result], dims),
        };
        self.define_floats(node.output(), result)
    }

    /// Makes floats the value of a tensor, which may store them as integers.
    fn define_floats(&mut self, tensor: TensorId, floats: ValueId) -> Result<()> {
        let declared = self.declared(tensor)?;
        let value = match declared.element {
            Element::F32 => floats,
            _ if declared.scale.is_some() => self.node(Op::Quantize, vec![floats], declared),
            _ => {
                let name = &self.source.tensor(tensor).name;
                return Err(Error::unimplemented(format!("its result `{name}` has no scale")));
            }
        };
        self.set(tensor, value);
        Ok(())
    }

    /// A tensor's value as it is stored.
    fn stored(&mut self, tensor: TensorId) -> Result<ValueId> {
        if let Some(value) = self.of_tensor[tensor] {
            return Ok(value);
        }
        let mut value = self.declared(tensor)?;
        let constant = match self.source.computed_integers(tensor) {
            Some(integers) => Constant::Bytes(match value.element {
                Element::I64 => integers.iter().flat_map(|integer| integer.to_ne_bytes()).collect(),
                _ => integers.iter().flat_map(|&integer| (integer as i32).to_ne_bytes()).collect(),
            }),
            None => {
                let bytes = self.source.constant(tensor);
                match value.element {
                    Element::F32 => Constant::of_file(self.source.file(), bytes),
                    Element::I16 => native(bytes, |bytes| i16::from_le_bytes(bytes).to_ne_bytes()),
                    Element::I32 => native(bytes, |bytes| i32::from_le_bytes(bytes).to_ne_bytes()),
                    Element::I64 => native(bytes, |bytes| i64::from_le_bytes(bytes).to_ne_bytes()),
                    _ => Constant::Bytes(bytes.to_vec()),
                }
            }
        };
        value.constant = Some(Arc::new(constant));
        let value = self.value(value);
        self.set(tensor, value);
        Ok(value)
    }

    /// A tensor's value as floats.
    fn floats(&mut self, tensor: TensorId) -> Result<ValueId> {
        if let Some(constant) = self.constant_floats(tensor)? {
            let mut value = Value::new(self.dims(tensor), Element::F32, None);
            value.constant = Some(constant);
            return Ok(self.value(value));
        }
        let stored = self.stored(tensor)?;
        let value = &self.graph.values[stored];
        match value.element {
            Element::F32 => Ok(stored),
            Element::I8 | Element::U8 | Element::I16 if value.scale.is_some() => {
                let dims = value.dims.clone();
                Ok(self.float_node(Op::Dequantize, vec![stored], dims))
            }
            _ => Err(Error::unimplemented(format!(
                "it computes with `{}`, whose type {} `native` does not support here",
                self.source.tensor(tensor).name,
                self.source.tensor(tensor).element_type
            ))),
        }
    }

    fn is_constant(&self, tensor: TensorId) -> bool {
        let is_constant = |value: ValueId| self.graph.values[value].constant.is_some();
        !self.source.constant(tensor).is_empty() || self.of_tensor[tensor].is_some_and(is_constant)
    }

    /// The reals of a constant of floats, or of what stands for them.
    fn constant_floats(&mut self, tensor: TensorId) -> Result<Option<Arc<Constant>>> {
        if let Some(value) = self.of_tensor[tensor] {
            let value = &self.graph.values[value];
            if value.element == Element::F32 {
                return Ok(value.constant.clone());
            }
        }
        let bytes = self.source.constant(tensor);
        if self.source.tensor(tensor).element_type == TensorType::FLOAT32 && !bytes.is_empty() {
            return Ok(Some(Arc::new(Constant::of_file(self.source.file(), bytes))));
        }
        let reals = self.source.constant_reals(tensor)?;
        Ok(reals.map(|reals| Arc::new(Constant::Floats(reals))))
    }

    /// Type and scale of a tensor of 8 bits with one scale.
    fn quantized(&self, tensor: TensorId) -> Option<Quantized> {
        let is_signed = match self.source.tensor(tensor).element_type {
            TensorType::INT8 => true,
            TensorType::UINT8 => false,
            _ => return None,
        };
        Some(Quantized { is_signed, scale: self.scale(tensor)? })
    }

    /// Type and scale of the first input and of the output, where both have 8 bits and one scale.
    fn quantized_pair(&self, node: &SourceNode) -> Option<(Quantized, Quantized)> {
        self.quantized(node.input(0)).zip(self.quantized(node.output()))
    }
}

/// The bounds of an activation that only bounds a value.
fn clamp(activation: Fused) -> Activation {
    activation.bounds().map_or(Activation::None, |(low, high)| Activation::Clamp(low, high))
}

/// The smallest and the largest integer that an operator with this activation gives.
fn quantized_bounds(activation: Fused, output: Quantized) -> (i32, i32) {
    let (low, high) = output.limits();
    let integer = |real: f32| {
        let steps = (real / output.scale.scale).round() as i32;
        steps.saturating_add(output.scale.zero_point).clamp(low, high)
    };
    activation.bounds().map_or((low, high), |(from, to)| (integer(from), integer(to)))
}

fn unknown_integers() -> Error {
    Error::unimplemented("its integers depend on the input, which `native` does not support")
}

fn native<const N: usize>(bytes: &[u8], element: impl Fn([u8; N]) -> [u8; N]) -> Constant {
    Constant::Bytes(elements(bytes, element).concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsupported_operators_are_known() {
        for name in UNSUPPORTED {
            let operator = OperatorInfo::named(name);
            assert!(operator.is_known() && !has_operator(&operator), "{name}");
        }
        assert!(has_operator(&OperatorInfo::named("CONV_2D")));
    }
}
