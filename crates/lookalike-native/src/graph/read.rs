//! From a model to a graph.

use std::sync::Arc;

use half::f16;
use lookalike_core::shapes::Shapes;
use lookalike_core::{
    Error, ErrorKind, Model, OperatorInfo, Quantization, Result, TensorInfo, TensorType,
};
use lookalike_schema::tflite::{Activation as Fused, BuiltinOptionsRef};

use super::{Constant, Element, Graph, Node, Op, Scale, Unary, Value, ValueId};
use super::{elementwise, layout, matrices, windows};
use crate::kernels::elementwise::{Activation, Binary};
use crate::quantized::Quantized;

/// Adds what an operator does to the graph.
type Reader = fn(&mut Builder<'_>, &Operator<'_>) -> Result<()>;

/// What the engine has, in the schema's names and sorted.
const OPERATORS: &[(&str, Reader)] = &[
    ("ABS", |graph, op| elementwise::unary(graph, op, Unary::Abs)),
    ("ADD", |graph, op| elementwise::binary(graph, op, Binary::Add)),
    ("AVERAGE_POOL_2D", |graph, op| windows::pool(graph, op, false)),
    ("BATCH_MATMUL", matrices::batch_matmul),
    ("BATCH_TO_SPACE_ND", layout::batch_to_space),
    ("CAST", elementwise::cast),
    ("CEIL", |graph, op| elementwise::unary(graph, op, Unary::Ceil)),
    ("CONCATENATION", layout::concatenation),
    ("CONV_2D", windows::conv),
    ("COS", |graph, op| elementwise::unary(graph, op, Unary::Cos)),
    ("DEPTHWISE_CONV_2D", windows::depthwise_conv),
    ("DEQUANTIZE", elementwise::dequantize),
    ("DIV", |graph, op| elementwise::binary(graph, op, Binary::Div)),
    ("ELU", |graph, op| elementwise::unary(graph, op, Unary::Elu)),
    ("EXP", |graph, op| elementwise::unary(graph, op, Unary::Exp)),
    ("EXPAND_DIMS", layout::reshape),
    ("FLOOR", |graph, op| elementwise::unary(graph, op, Unary::Floor)),
    ("FLOOR_MOD", elementwise::known),
    ("FULLY_CONNECTED", matrices::fully_connected),
    ("GATHER", layout::gather),
    ("GELU", elementwise::gelu),
    ("HARD_SWISH", elementwise::hard_swish),
    ("L2_NORMALIZATION", elementwise::l2_normalization),
    ("LEAKY_RELU", elementwise::leaky_relu),
    ("LOG", |graph, op| elementwise::unary(graph, op, Unary::Log)),
    ("LOGISTIC", |graph, op| elementwise::unary(graph, op, Unary::Logistic)),
    ("MAXIMUM", |graph, op| elementwise::binary(graph, op, Binary::Max)),
    ("MAX_POOL_2D", |graph, op| windows::pool(graph, op, true)),
    ("MEAN", |graph, op| elementwise::reduce(graph, op, super::Reduction::Mean)),
    ("MINIMUM", |graph, op| elementwise::binary(graph, op, Binary::Min)),
    ("MIRROR_PAD", layout::mirror_pad),
    ("MUL", |graph, op| elementwise::binary(graph, op, Binary::Mul)),
    ("NEG", |graph, op| elementwise::unary(graph, op, Unary::Neg)),
    ("PACK", layout::pack),
    ("PAD", layout::pad),
    ("PADV2", layout::pad),
    ("POW", |graph, op| elementwise::binary(graph, op, Binary::Pow)),
    ("PRELU", |graph, op| elementwise::binary(graph, op, Binary::Prelu)),
    ("QUANTIZE", elementwise::quantize),
    ("REDUCE_MAX", |graph, op| elementwise::reduce(graph, op, super::Reduction::Max)),
    ("REDUCE_MIN", |graph, op| elementwise::reduce(graph, op, super::Reduction::Min)),
    ("REDUCE_PROD", |graph, op| elementwise::reduce(graph, op, super::Reduction::Product)),
    ("RELU", |graph, op| elementwise::activation(graph, op, Fused::RELU)),
    ("RELU6", |graph, op| elementwise::activation(graph, op, Fused::RELU6)),
    ("RELU_N1_TO_1", |graph, op| elementwise::activation(graph, op, Fused::RELU_N1_TO_1)),
    ("RESHAPE", layout::reshape),
    ("RESIZE_BILINEAR", windows::resize_bilinear),
    ("RESIZE_NEAREST_NEIGHBOR", layout::resize_nearest),
    ("ROUND", |graph, op| elementwise::unary(graph, op, Unary::Round)),
    ("RSQRT", |graph, op| elementwise::unary(graph, op, Unary::Rsqrt)),
    ("SHAPE", elementwise::known),
    ("SIN", |graph, op| elementwise::unary(graph, op, Unary::Sin)),
    ("SLICE", layout::slice),
    ("SOFTMAX", elementwise::softmax),
    ("SPACE_TO_BATCH_ND", layout::space_to_batch),
    ("SPLIT", layout::split),
    ("SQRT", |graph, op| elementwise::unary(graph, op, Unary::Sqrt)),
    ("SQUARE", |graph, op| elementwise::unary(graph, op, Unary::Square)),
    ("SQUARED_DIFFERENCE", |graph, op| elementwise::binary(graph, op, Binary::SquaredDifference)),
    ("SQUEEZE", layout::reshape),
    ("STRIDED_SLICE", layout::strided_slice),
    ("SUB", |graph, op| elementwise::binary(graph, op, Binary::Sub)),
    ("SUM", |graph, op| elementwise::reduce(graph, op, super::Reduction::Sum)),
    ("TANH", |graph, op| elementwise::unary(graph, op, Unary::Tanh)),
    ("TRANSPOSE", layout::transpose),
    ("UNPACK", layout::unpack),
];

/// Whether the engine has an operator.
pub(crate) fn has_operator(operator: &OperatorInfo) -> bool {
    !operator.is_custom && reader(&operator.name).is_some()
}

fn reader(name: &str) -> Option<Reader> {
    let place = OPERATORS.binary_search_by_key(&name, |&(known, _)| known).ok()?;
    Some(OPERATORS[place].1)
}

/// The graph of a model for inputs of these shapes.
///
/// # Errors
///
/// The graph contradicts itself or costs more than its limits allow, or an operator is of a form that the engine lacks.
pub(crate) fn read(model: &Model, input_dims: &[Vec<usize>]) -> Result<Graph> {
    let shapes = model.shapes_for(input_dims)?;
    let mut builder = Builder {
        model,
        shapes,
        graph: Graph::default(),
        of_tensor: vec![None; model.tensors().len()],
        places: 1 << 24,
    };
    for tensor in model.input_indices() {
        let value = builder.declared(tensor)?;
        let value = builder.value(value);
        builder.of_tensor[tensor] = Some(value);
        builder.graph.inputs.push(value);
    }
    for (position, info) in model.operators().iter().enumerate() {
        let at = |error: Error| {
            Error::new(error.kind(), format!("operator {position} ({}): {error}", info.name))
        };
        // Shape inference has computed what follows from shapes.
        let is_known = |&output: &usize| builder.shapes.computed_integers(output).is_some();
        if info.outputs.iter().all(is_known) {
            continue;
        }
        builder.spend(info).map_err(at)?;
        let reader =
            reader(&info.name).ok_or_else(|| at(Error::unimplemented("it is not supported")))?;
        let options = model.operator_options(position);
        reader(&mut builder, &Operator { info, options }).map_err(at)?;
    }
    for tensor in model.output_indices() {
        let output = builder.stored(tensor)?;
        builder.graph.outputs.push(output);
    }
    Ok(builder.graph)
}

/// An operator of the model.
pub(super) struct Operator<'m> {
    pub(super) info: &'m OperatorInfo,
    pub(super) options: BuiltinOptionsRef<'m>,
}

// The rules of shape inference have checked the number of operands, and the kind of options where there must be some.
impl Operator<'_> {
    pub(super) fn input(&self, place: usize) -> Result<usize> {
        self.optional_input(place)
            .ok_or_else(|| Error::invalid_argument(format!("input {place} is missing")))
    }

    pub(super) fn optional_input(&self, place: usize) -> Option<usize> {
        self.info.inputs.get(place).copied().flatten()
    }

    pub(super) fn output(&self) -> usize {
        self.info.outputs[0]
    }

    pub(super) fn wrong_options(&self) -> Error {
        Error::invalid_argument(format!(
            "its options are those of {}",
            self.options.to_owned().name()
        ))
    }
}

/// A graph in the making.
pub(super) struct Builder<'m> {
    pub(super) model: &'m Model,
    pub(super) shapes: Shapes,
    pub(super) graph: Graph,
    /// The values of the model's tensors, as they are stored.
    of_tensor: Vec<Option<ValueId>>,
    /// Places of elements that may still be listed.
    places: usize,
}

impl<'m> Builder<'m> {
    /// Counts what an operator may list of places: one for each index of each dimension. A small file must not ask for all memory.
    fn spend(&mut self, operator: &OperatorInfo) -> Result<()> {
        for &tensor in operator.inputs.iter().flatten().chain(&operator.outputs) {
            let places = self.dims(tensor)?.iter().sum();
            self.spend_places(places)?;
        }
        Ok(())
    }

    /// The same for lists that are longer.
    pub(super) fn spend_places(&mut self, places: usize) -> Result<()> {
        self.places = self.places.checked_sub(places).ok_or_else(|| {
            let message = "the dimensions of the model are longer than `native` supports";
            Error::new(ErrorKind::ResourceExhausted, message)
        })?;
        Ok(())
    }

    pub(super) fn tensor(&self, tensor: usize) -> &'m TensorInfo {
        &self.model.tensors()[tensor]
    }

    pub(super) fn dims(&self, tensor: usize) -> Result<Vec<usize>> {
        match self.shapes.dims(tensor) {
            Some(dims) => Ok(dims.to_vec()),
            None => Err(self.not_computed(tensor)),
        }
    }

    pub(super) fn picture(&self, tensor: usize) -> Result<[usize; 4]> {
        self.dims(tensor)?.try_into().map_err(|dims: Vec<usize>| {
            Error::invalid_argument(format!("an image must have four dimensions, not {dims:?}"))
        })
    }

    fn not_computed(&self, tensor: usize) -> Error {
        let name = &self.tensor(tensor).name;
        Error::invalid_argument(format!("`{name}` is used before it is computed"))
    }

    /// The one scale of a tensor of 8 or 16 bits.
    pub(super) fn scale(&self, tensor: usize) -> Option<Scale> {
        let info = self.tensor(tensor);
        let is_small =
            matches!(info.element_type, TensorType::INT8 | TensorType::UINT8 | TensorType::INT16);
        match info.quantization.as_ref() {
            Some(Quantization { scale, zero_point, .. }) if is_small && scale.len() == 1 => {
                let zero_point = zero_point.first().copied().unwrap_or_default() as i32;
                Some(Scale { scale: scale[0], zero_point })
            }
            _ => None,
        }
    }

    /// A value as a tensor is declared, not yet in the graph.
    pub(super) fn declared(&self, tensor: usize) -> Result<Value> {
        let element = Element::of(self.tensor(tensor).element_type)?;
        Ok(Value::new(self.dims(tensor)?, element, self.scale(tensor)))
    }

    pub(super) fn value(&mut self, value: Value) -> ValueId {
        self.graph.values.push(value);
        self.graph.values.len() - 1
    }

    /// Adds an operator whose result is a new value.
    pub(super) fn node(&mut self, op: Op, inputs: Vec<ValueId>, result: Value) -> ValueId {
        let output = self.value(result);
        self.graph.nodes.push(Node { op, inputs, output });
        output
    }

    /// Adds an operator of floats.
    pub(super) fn float_node(&mut self, op: Op, inputs: Vec<ValueId>, dims: Vec<usize>) -> ValueId {
        self.node(op, inputs, Value::new(dims, Element::F32, None))
    }

    /// Makes a value that of a tensor.
    pub(super) fn set(&mut self, tensor: usize, value: ValueId) {
        self.of_tensor[tensor] = Some(value);
    }

    /// Makes floats the value of a tensor, which may store them as integers.
    pub(super) fn define(&mut self, tensor: usize, floats: ValueId) -> Result<()> {
        let declared = self.declared(tensor)?;
        let value = match declared.element {
            Element::F32 => floats,
            _ if declared.scale.is_some() => self.node(Op::Quantize, vec![floats], declared),
            _ => {
                let name = &self.tensor(tensor).name;
                return Err(Error::unimplemented(format!("its result `{name}` has no scale")));
            }
        };
        self.set(tensor, value);
        Ok(())
    }

    /// A tensor's value as it is stored.
    pub(super) fn stored(&mut self, tensor: usize) -> Result<ValueId> {
        if let Some(value) = self.of_tensor[tensor] {
            return Ok(value);
        }
        let mut value = self.declared(tensor)?;
        let constant = match self.shapes.computed_integers(tensor) {
            Some(integers) => Constant::Bytes(match value.element {
                Element::I64 => integers.iter().flat_map(|integer| integer.to_ne_bytes()).collect(),
                _ => integers.iter().flat_map(|&integer| (integer as i32).to_ne_bytes()).collect(),
            }),
            None => {
                let bytes = self.model.constant(self.tensor(tensor));
                if bytes.len() != value.bytes() {
                    return Err(self.not_computed(tensor));
                }
                match value.element {
                    Element::F32 => Constant::of_model(self.model, bytes),
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
    pub(super) fn floats(&mut self, tensor: usize) -> Result<ValueId> {
        if let Some(constant) = self.constant_floats(tensor)? {
            let mut value = Value::new(self.dims(tensor)?, Element::F32, None);
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
                self.tensor(tensor).name,
                self.tensor(tensor).element_type
            ))),
        }
    }

    /// The reals of a constant of floats, or of what stands for them.
    pub(super) fn constant_floats(&mut self, tensor: usize) -> Result<Option<Arc<Constant>>> {
        if let Some(value) = self.of_tensor[tensor] {
            let value = &self.graph.values[value];
            return Ok(value.constant.clone().filter(|_| value.element == Element::F32));
        }
        let info = self.tensor(tensor);
        let bytes = self.model.constant(info);
        if bytes.is_empty() {
            return Ok(None);
        }
        let floats = match info.element_type {
            TensorType::FLOAT32 => {
                return Ok(Some(Arc::new(Constant::of_model(self.model, bytes))));
            }
            TensorType::FLOAT16 => elements(bytes, |bytes| f16::from_le_bytes(bytes).to_f32()),
            TensorType::INT8 => {
                self.reals(tensor, elements(bytes, |[byte]: [u8; 1]| i32::from(byte as i8)))?
            }
            TensorType::UINT8 => {
                self.reals(tensor, elements(bytes, |[byte]: [u8; 1]| byte.into()))?
            }
            TensorType::INT16 => {
                self.reals(tensor, elements(bytes, |bytes| i16::from_le_bytes(bytes).into()))?
            }
            _ => return Ok(None),
        };
        Ok(Some(Arc::new(Constant::Floats(floats))))
    }

    /// What the integers of a quantized constant stand for.
    fn reals(&self, tensor: usize, integers: Vec<i32>) -> Result<Vec<f32>> {
        let info = self.tensor(tensor);
        let Some(Quantization { scale, zero_point, dimension, .. }) = &info.quantization else {
            return Err(Error::unimplemented(format!("`{}` has no scale", info.name)));
        };
        let dims = self.dims(tensor)?;
        let axis = usize::try_from(*dimension).unwrap_or_default();
        let inner: usize = dims.iter().skip(axis + 1).product();
        let real = |(index, &integer): (usize, &i32)| {
            let slice = if scale.len() == 1 { 0 } else { index / inner % scale.len() };
            scale[slice] * (i64::from(integer) - zero_point[slice]) as f32
        };
        Ok(integers.iter().enumerate().map(real).collect())
    }

    /// Integers that are known before the model runs.
    pub(super) fn integers(&self, tensor: usize) -> Result<Vec<i64>> {
        if let Some(integers) = self.shapes.computed_integers(tensor) {
            return Ok(integers.to_vec());
        }
        let info = self.tensor(tensor);
        let bytes = self.model.constant(info);
        if bytes.is_empty() && !self.dims(tensor)?.contains(&0) {
            return Err(Error::unimplemented(format!(
                "`{}` must be a constant of integers",
                info.name
            )));
        }
        Ok(match info.element_type {
            TensorType::INT32 => elements(bytes, |bytes| i32::from_le_bytes(bytes).into()),
            TensorType::INT64 => elements(bytes, i64::from_le_bytes),
            other => {
                return Err(Error::invalid_argument(format!("`{}` is of {other}", info.name)));
            }
        })
    }

    /// The bounds of an activation that is part of an operator, and whether it is one that has none.
    pub(super) fn fused(activation: Fused) -> Result<Activation> {
        Ok(match activation {
            Fused::NONE => Activation::None,
            Fused::RELU => Activation::Clamp(0.0, f32::INFINITY),
            Fused::RELU6 => Activation::Clamp(0.0, 6.0),
            Fused::RELU_N1_TO_1 => Activation::Clamp(-1.0, 1.0),
            other => {
                return Err(Error::unimplemented(format!(
                    "its activation {other} is not supported"
                )));
            }
        })
    }

    /// The smallest and the largest integer that an operator with this activation gives.
    pub(super) fn quantized_bounds(activation: Fused, output: Quantized) -> Result<(i32, i32)> {
        let (low, high) = output.limits();
        let integer = |real: f32| {
            let steps = (real / output.scale.scale).round() as i32;
            steps.saturating_add(output.scale.zero_point).clamp(low, high)
        };
        Ok(match Self::fused(activation)? {
            Activation::Clamp(from, to) => (integer(from), integer(to)),
            _ => (low, high),
        })
    }

    /// Type and scale of a tensor of 8 bits with one scale.
    pub(super) fn quantized(&self, tensor: usize) -> Result<Option<Quantized>> {
        match self.tensor(tensor).element_type {
            TensorType::INT8 | TensorType::UINT8 => Ok(self.declared(tensor)?.quantized()),
            _ => Ok(None),
        }
    }

    /// Applies an activation that is part of an operator to its floats.
    pub(super) fn activated(&mut self, activation: Fused, floats: ValueId) -> Result<ValueId> {
        let dims = self.graph.values[floats].dims.clone();
        if activation == Fused::TANH {
            return Ok(self.float_node(Op::Unary(Unary::Tanh), vec![floats], dims));
        }
        Ok(match Self::fused(activation)? {
            Activation::None => floats,
            activation => self.float_node(Op::Activation(activation), vec![floats], dims),
        })
    }
}

fn elements<const N: usize, T>(bytes: &[u8], element: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks().0.iter().copied().map(element).collect()
}

fn native<const N: usize>(bytes: &[u8], element: impl Fn([u8; N]) -> [u8; N]) -> Constant {
    Constant::Bytes(bytes.as_chunks().0.iter().copied().flat_map(element).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_sorted() {
        assert!(OPERATORS.is_sorted_by_key(|&(name, _)| name));
    }
}
