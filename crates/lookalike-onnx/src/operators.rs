//! One function for each operator of TensorFlow Lite.

mod convolution;
mod elementwise;
mod layout;
mod reduction;

use lookalike_core::{Error, OperatorInfo, Result, TensorType};
use lookalike_schema::tflite::{Activation, BuiltinOptionsRef};

use crate::graph::Graph;

/// An operator to translate.
pub(crate) struct Op<'m> {
    pub(crate) info: &'m OperatorInfo,
    pub(crate) options: BuiltinOptionsRef<'m>,
}

impl Op<'_> {
    fn input(&self, place: usize) -> Result<usize> {
        self.optional_input(place)
            .ok_or_else(|| Error::invalid_argument(format!("input {place} is missing")))
    }

    fn optional_input(&self, place: usize) -> Option<usize> {
        self.info.inputs.get(place).copied().flatten()
    }

    fn inputs(&self) -> Result<Vec<usize>> {
        let inputs: Option<Vec<usize>> = self.info.inputs.iter().copied().collect();
        inputs.ok_or_else(|| Error::invalid_argument("an input is missing"))
    }

    fn output(&self) -> Result<usize> {
        match self.info.outputs[..] {
            [output] => Ok(output),
            _ => Err(Error::invalid_argument("there must be one output")),
        }
    }

    fn wrong_options(&self) -> Error {
        Error::invalid_argument(format!(
            "its options are those of {}",
            self.options.to_owned().name()
        ))
    }
}

type Translation = fn(&mut Graph<'_>, &Op<'_>) -> Result<()>;

/// What has a translation, in the schema's names and sorted.
pub(crate) const OPERATORS: &[(&str, Translation)] = &[
    ("ABS", |graph, op| elementwise::unary(graph, op, "Abs")),
    ("ADD", elementwise::add),
    ("AVERAGE_POOL_2D", convolution::average_pool),
    ("BATCH_MATMUL", convolution::batch_matmul),
    ("BATCH_TO_SPACE_ND", layout::batch_to_space),
    ("CAST", elementwise::cast),
    ("CEIL", |graph, op| elementwise::unary(graph, op, "Ceil")),
    ("CONCATENATION", layout::concatenation),
    ("CONV_2D", convolution::conv),
    ("COS", |graph, op| elementwise::unary(graph, op, "Cos")),
    ("DEPTHWISE_CONV_2D", convolution::depthwise_conv),
    ("DEQUANTIZE", elementwise::dequantize),
    ("DIV", elementwise::div),
    ("ELU", |graph, op| elementwise::unary(graph, op, "Elu")),
    ("EXP", |graph, op| elementwise::unary(graph, op, "Exp")),
    ("EXPAND_DIMS", layout::redimension),
    ("FLOOR", |graph, op| elementwise::unary(graph, op, "Floor")),
    ("FLOOR_MOD", elementwise::floor_mod),
    ("FULLY_CONNECTED", convolution::fully_connected),
    ("GATHER", layout::gather),
    ("GELU", elementwise::gelu),
    ("HARD_SWISH", elementwise::hard_swish),
    ("L2_NORMALIZATION", reduction::l2_normalization),
    ("LEAKY_RELU", elementwise::leaky_relu),
    ("LOG", |graph, op| elementwise::unary(graph, op, "Log")),
    ("LOGISTIC", |graph, op| elementwise::unary(graph, op, "Sigmoid")),
    ("MAXIMUM", |graph, op| elementwise::binary(graph, op, "Max")),
    ("MAX_POOL_2D", convolution::max_pool),
    ("MEAN", reduction::mean),
    ("MINIMUM", |graph, op| elementwise::binary(graph, op, "Min")),
    ("MIRROR_PAD", layout::mirror_pad),
    ("MUL", elementwise::mul),
    ("NEG", |graph, op| elementwise::unary(graph, op, "Neg")),
    ("PACK", layout::pack),
    ("PAD", layout::pad),
    ("PADV2", layout::pad),
    ("POW", |graph, op| elementwise::binary(graph, op, "Pow")),
    ("PRELU", elementwise::prelu),
    ("QUANTIZE", elementwise::quantize),
    ("REDUCE_MAX", |graph, op| reduction::reduce(graph, op, "ReduceMax")),
    ("REDUCE_MIN", |graph, op| reduction::reduce(graph, op, "ReduceMin")),
    ("REDUCE_PROD", |graph, op| reduction::reduce(graph, op, "ReduceProd")),
    ("RELU", |graph, op| elementwise::activation(graph, op, Activation::RELU)),
    ("RELU6", |graph, op| elementwise::activation(graph, op, Activation::RELU6)),
    ("RELU_N1_TO_1", |graph, op| elementwise::activation(graph, op, Activation::RELU_N1_TO_1)),
    ("RESHAPE", layout::redimension),
    ("RESIZE_BILINEAR", layout::resize_bilinear),
    ("RESIZE_NEAREST_NEIGHBOR", layout::resize_nearest),
    ("ROUND", |graph, op| elementwise::unary(graph, op, "Round")),
    ("RSQRT", elementwise::rsqrt),
    ("SHAPE", layout::shape),
    ("SIN", |graph, op| elementwise::unary(graph, op, "Sin")),
    ("SLICE", layout::slice),
    ("SOFTMAX", reduction::softmax),
    ("SPACE_TO_BATCH_ND", layout::space_to_batch),
    ("SPLIT", layout::split),
    ("SQRT", |graph, op| elementwise::unary(graph, op, "Sqrt")),
    ("SQUARE", elementwise::square),
    ("SQUARED_DIFFERENCE", elementwise::squared_difference),
    ("SQUEEZE", layout::redimension),
    ("STRIDED_SLICE", layout::strided_slice),
    ("SUB", elementwise::sub),
    ("SUM", |graph, op| reduction::reduce(graph, op, "ReduceSum")),
    ("TANH", |graph, op| elementwise::unary(graph, op, "Tanh")),
    ("TRANSPOSE", layout::transpose),
    ("UNPACK", layout::unpack),
];

/// The translation of an operator of this name.
pub(crate) fn translation(name: &str) -> Option<Translation> {
    let place = OPERATORS.binary_search_by_key(&name, |&(known, _)| known).ok()?;
    Some(OPERATORS[place].1)
}

/// Applies the activation that is part of an operator whose result becomes this tensor.
///
/// A quantized tensor that holds nothing beyond the activation's bounds needs none: quantizing saturates there.
fn activate(
    graph: &mut Graph<'_>,
    tensor: usize,
    activation: Activation,
    value: String,
) -> Result<String> {
    let (low, high) = match activation {
        Activation::NONE => return Ok(value),
        Activation::TANH => return Ok(graph.node("Tanh", &[&value], vec![])),
        Activation::RELU => (0.0, f32::INFINITY),
        Activation::RELU6 => (0.0, 6.0),
        Activation::RELU_N1_TO_1 => (-1.0, 1.0),
        other => {
            return Err(Error::unimplemented(format!("the activation {other} has no translation")));
        }
    };
    if let Some(quantization) = graph.quantization(tensor)
        && let (&[scale], &[zero_point]) =
            (quantization.scale.as_slice(), quantization.zero_point.as_slice())
    {
        let (least, most) = match graph.element_type(tensor) {
            TensorType::INT8 => (-128.0, 127.0),
            _ => (0.0, 255.0),
        };
        let stored = |real: f32| (real / scale).round() + zero_point as f32;
        if stored(low) <= least && stored(high) >= most {
            return Ok(value);
        }
    }
    if high == f32::INFINITY {
        return Ok(graph.node("Relu", &[&value], vec![]));
    }
    let (low, high) = (graph.number(low)?, graph.number(high)?);
    Ok(graph.node("Clip", &[&value, &low, &high], vec![]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_sorted() {
        assert!(OPERATORS.is_sorted_by_key(|&(name, _)| name));
    }
}
