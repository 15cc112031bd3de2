//! One translation for each operator of TensorFlow Lite.

mod convolution;
mod dynamic;
mod elementwise;
mod layout;
mod logic;
mod reduction;

use lookalike_core::{Error, Result, TensorType};
use lookalike_graph::{Activation, Binary, Node, Op, Pool, Reduction, Unary};

use crate::graph::Graph;

/// Operators that have a parser, and no translation.
pub(crate) const UNSUPPORTED: [&str; 2] = ["FLOOR_DIV", "LOG_SOFTMAX"];

impl Graph<'_> {
    /// Adds what an operator does.
    pub(crate) fn translate(&mut self, node: &Node) -> Result<()> {
        match &node.op {
            Op::Activation(activation) => elementwise::activation(self, node, *activation),
            Op::ArgMax { axis } => logic::arg_max(self, node, *axis),
            Op::BatchMatMul { transposes_left, transposes_right } => {
                convolution::batch_matmul(self, node, *transposes_left, *transposes_right)
            }
            Op::BatchToSpace { blocks } => layout::batch_to_space(self, node, blocks),
            Op::Binary { function, activation } => {
                let operator = match function {
                    Binary::Add => "Add",
                    Binary::Div => "Div",
                    Binary::FloorMod => return elementwise::floor_mod(self, node),
                    Binary::Maximum => "Max",
                    Binary::Minimum => "Min",
                    Binary::Mul => "Mul",
                    Binary::Pow => "Pow",
                    Binary::Prelu => "PRelu",
                    Binary::SquaredDifference => {
                        return elementwise::squared_difference(self, node);
                    }
                    Binary::Sub => "Sub",
                    Binary::FloorDiv => return Err(no_translation()),
                };
                elementwise::binary(self, node, operator, *activation)
            }
            Op::BroadcastTo => layout::broadcast_to(self, node),
            Op::Cast => elementwise::cast(self, node),
            Op::Comparison(comparison) => logic::comparison(self, node, *comparison),
            Op::Concatenation { axis, activation } => {
                layout::concatenate(self, node, *axis, *activation)
            }
            Op::Conv2d(conv) => convolution::conv(self, node, conv),
            Op::CumSum { axis, is_exclusive, is_reversed } => {
                logic::cumulative_sum(self, node, *axis, *is_exclusive, *is_reversed)
            }
            Op::DepthwiseConv2d(conv) => convolution::depthwise_conv(self, node, conv),
            Op::Dequantize => elementwise::dequantize(self, node),
            Op::EmbeddingLookup { .. } => {
                layout::gather(self, node, node.input(1), node.input(0), 0)
            }
            Op::FullyConnected { activation } => {
                convolution::fully_connected(self, node, *activation)
            }
            Op::Gather { axis, .. } => {
                layout::gather(self, node, node.input(0), node.input(1), *axis)
            }
            Op::GatherNd { depth, indices } => layout::gather_nd(self, node, *depth, indices),
            Op::L2Normalization { activation } => {
                reduction::l2_normalization(self, node, *activation)
            }
            Op::LogSoftmax => Err(no_translation()),
            Op::Logical(function) => logic::logical(self, node, *function),
            Op::MirrorPad { padding, offset } => layout::mirror_pad(self, node, padding, *offset),
            Op::OneHot { axis, depth } => logic::one_hot(self, node, *axis, *depth),
            Op::Pack { axis } => layout::concatenate(self, node, *axis, Activation::None),
            Op::Pad { padding } => layout::pad(self, node, padding),
            Op::Pool2d { pool, window, activation } => {
                let operator = match pool {
                    Pool::Average => "AveragePool",
                    Pool::Max => "MaxPool",
                };
                convolution::pool(self, node, operator, window, *activation)
            }
            Op::Quantize => elementwise::quantize(self, node),
            Op::Reduce { reduction, axes, keeps_dims } => {
                let operator = match reduction {
                    Reduction::Max => "ReduceMax",
                    Reduction::Mean => return reduction::mean(self, node, axes, *keeps_dims),
                    Reduction::Min => "ReduceMin",
                    Reduction::Product => "ReduceProd",
                    Reduction::Sum => "ReduceSum",
                };
                reduction::reduce(self, node, operator, axes, *keeps_dims)
            }
            Op::Reshape => layout::reshape(self, node),
            Op::ResizeBilinear(sampling) => layout::resize_bilinear(self, node, sampling),
            Op::ResizeNearestNeighbor(sampling) => layout::resize_nearest(self, node, sampling),
            Op::Select => logic::select(self, node),
            Op::Shape => Err(Error::unimplemented(
                "the model computes more lists of integers from shapes than are supported",
            )),
            Op::Slice { ranges, .. } => layout::slice(self, node, ranges),
            Op::Softmax { beta } => reduction::softmax(self, node, *beta),
            Op::SpaceToBatch { blocks } => layout::space_to_batch(self, node, blocks),
            Op::Split { axis } => layout::split(self, node, *axis),
            Op::Tile { multiples } => layout::tile(self, node, multiples),
            Op::Transpose { permutation } => layout::transpose(self, node, permutation),
            Op::TransposeConv2d(conv) => convolution::transpose_conv(self, node, conv),
            Op::Unary(function) => self.translate_unary(node, *function),
            Op::Unpack { axis } => layout::unpack(self, node, *axis),
        }
    }

    fn translate_unary(&mut self, node: &Node, function: Unary) -> Result<()> {
        match function {
            Unary::Abs => elementwise::unary(self, node, "Abs"),
            Unary::Ceil => elementwise::unary(self, node, "Ceil"),
            Unary::Cos => elementwise::unary(self, node, "Cos"),
            Unary::Elu => elementwise::unary(self, node, "Elu"),
            Unary::Exp => elementwise::unary(self, node, "Exp"),
            Unary::Floor => elementwise::unary(self, node, "Floor"),
            Unary::Gelu { is_approximate } => elementwise::gelu(self, node, is_approximate),
            Unary::HardSwish => elementwise::unary(self, node, "HardSwish"),
            Unary::LeakyRelu { slope } => elementwise::leaky_relu(self, node, slope),
            Unary::Log => elementwise::unary(self, node, "Log"),
            Unary::Logistic => elementwise::unary(self, node, "Sigmoid"),
            Unary::Neg => elementwise::unary(self, node, "Neg"),
            Unary::Round => elementwise::unary(self, node, "Round"),
            Unary::Rsqrt => elementwise::rsqrt(self, node),
            Unary::Sin => elementwise::unary(self, node, "Sin"),
            Unary::Sqrt => elementwise::unary(self, node, "Sqrt"),
            Unary::Square => elementwise::square(self, node),
            Unary::Tanh => elementwise::unary(self, node, "Tanh"),
        }
    }
}

fn no_translation() -> Error {
    Error::unimplemented("it has no translation")
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
    let Some((low, high)) = activation.bounds() else {
        return Ok(match activation {
            Activation::Tanh => graph.node("Tanh", &[&value], vec![]),
            _ => value,
        });
    };
    if let Some(quantization) = graph.quantization(tensor)
        && let (&[scale], &[zero_point]) =
            (quantization.scale.as_slice(), quantization.zero_point.as_slice())
    {
        let (min, max) = match graph.element_type(tensor) {
            TensorType::INT8 => (-128.0, 127.0),
            _ => (0.0, 255.0),
        };
        let stored = |real: f32| (real / scale).round() + zero_point as f32;
        if stored(low) <= min && stored(high) >= max {
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
    use lookalike_core::{Model, OperatorInfo};
    use lookalike_schema::tflite::{self, *};

    use super::*;

    #[test]
    fn unsupported_operators_are_known() {
        for name in UNSUPPORTED {
            let operator = OperatorInfo::named(name);
            assert!(operator.is_known() && !crate::has_translation(&operator), "{name}");
        }
        assert!(crate::has_translation(&OperatorInfo::named("CONV_2D")));
    }

    /// A few bytes of a file say how many indices are listed.
    #[test]
    fn indices_of_one_hot_vectors_must_not_fill_the_memory() {
        let tensor = |shape: &[i32], element_type, buffer| Tensor {
            shape: shape.to_vec(),
            element_type,
            buffer,
            ..Tensor::default()
        };
        let buffer = |data: [u8; 4]| Buffer { data: data.to_vec(), ..Buffer::default() };
        let model = |depth: i32| tflite::Model {
            version: SCHEMA_VERSION,
            operator_codes: vec![OperatorCode {
                builtin_code: BuiltinOperator::ONE_HOT,
                ..OperatorCode::default()
            }],
            subgraphs: vec![SubGraph {
                tensors: vec![
                    tensor(&[1], TensorType::INT32, 0),
                    tensor(&[], TensorType::INT32, 1),
                    tensor(&[], TensorType::FLOAT32, 2),
                    tensor(&[], TensorType::FLOAT32, 3),
                    tensor(&[1, depth], TensorType::FLOAT32, 0),
                ],
                inputs: vec![0],
                outputs: vec![4],
                operators: vec![Operator {
                    inputs: vec![0, 1, 2, 3],
                    outputs: vec![4],
                    builtin_options: BuiltinOptions::OneHotOptions(OneHotOptions { axis: -1 }),
                    ..Operator::default()
                }],
                ..SubGraph::default()
            }],
            buffers: vec![
                Buffer::default(),
                buffer(depth.to_le_bytes()),
                buffer(1_f32.to_le_bytes()),
                buffer(0_f32.to_le_bytes()),
            ],
            ..tflite::Model::default()
        };
        let translate =
            |depth| crate::translate(&Model::from_bytes(model(depth).to_bytes()).unwrap());
        assert!(translate(10).is_ok());
        let error = translate(1 << 21).unwrap_err().to_string();
        assert!(error.contains("a side of 2097152 is longer than 1048576"), "{error}");
    }
}
