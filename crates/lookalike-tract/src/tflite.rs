//! The backend `tract-tflite`, on tract's own reader of TensorFlow Lite models.

use std::io::Cursor;
use std::sync::Arc;

use lookalike_core::{
    BackendInfo, Error, InferenceBackend, LoadedModel, Model, OperatorInfo, Result, SessionOptions,
    TensorType, TfLiteModel,
};
use lookalike_graph::{Graph, Node, Op};
use tract_core::prelude::{Framework, TypedModel};

use crate::session::LoadedTract;
use crate::{TRACT_VERSION, contain};

/// The engine. One inference runs on one thread whatever [`SessionOptions::threads`] says; sessions run in parallel.
///
/// It refuses what tract's reader lacks or reads otherwise than TensorFlow Lite, by name of operator and form; [`Tract`](crate::Tract)
/// runs those models.
#[derive(Clone, Copy, Debug, Default)]
pub struct TractTflite;

const NAME: &str = "The backend `tract-tflite`";

impl InferenceBackend for TractTflite {
    fn name(&self) -> &'static str {
        "tract-tflite"
    }

    fn check(&self) -> Result<BackendInfo> {
        Ok(BackendInfo::built_in(TRACT_VERSION))
    }

    fn has_operator(&self, operator: &OperatorInfo) -> bool {
        operator.is_known() && OPERATORS.binary_search(&&*operator.name).is_ok()
    }

    fn load(&self, model: &Model, _options: &SessionOptions) -> Result<Arc<dyn LoadedModel>> {
        let model = model.require_tflite(NAME)?;
        model.check_operators(NAME, |operator| self.has_operator(operator))?;
        let Some(input_dims) = model.fixed_input_dims() else {
            return Err(Error::unimplemented(format!(
                "{NAME} runs no models that leave the size of their input open; take `tract`"
            )));
        };
        // What an inference costs is checked with the shapes.
        let graph = model.graph_for(&input_dims)?;
        for node in graph.nodes() {
            if let Some(reason) = misreading(&graph, node) {
                let name = graph.name(node);
                return Err(Error::unimplemented(format!(
                    "{NAME} does not run {name} here: {reason}; take `tract`"
                )));
            }
        }
        Ok(Arc::new(LoadedTract::load(model, read)?))
    }
}

/// Operators that tract's reader has and reads right in some form, in the order of their names. MEAN is not among them: it rounds means of
/// floats to whole numbers.
const OPERATORS: [&str; 43] = [
    "ABS",
    "ADD",
    "AVERAGE_POOL_2D",
    "BATCH_MATMUL",
    "CEIL",
    "CONCATENATION",
    "CONV_2D",
    "COS",
    "DEPTHWISE_CONV_2D",
    "DIV",
    "EXP",
    "EXPAND_DIMS",
    "FLOOR",
    "FULLY_CONNECTED",
    "HARD_SWISH",
    "LEAKY_RELU",
    "LOG",
    "LOGISTIC",
    "MAXIMUM",
    "MAX_POOL_2D",
    "MINIMUM",
    "MUL",
    "PAD",
    "PADV2",
    "REDUCE_MAX",
    "REDUCE_MIN",
    "REDUCE_PROD",
    "RELU",
    "RELU6",
    "RESHAPE",
    "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR",
    "RSQRT",
    "SIN",
    "SOFTMAX",
    "SQRT",
    "SQUARE",
    "SQUEEZE",
    "STRIDED_SLICE",
    "SUB",
    "SUM",
    "TANH",
    "TRANSPOSE",
];

/// Why tract's reader reads an operator otherwise than TensorFlow Lite, or not at all. Each reason has a fixture in
/// `models/fixtures/operators/`.
fn misreading(graph: &Graph, node: &Node) -> Option<&'static str> {
    let tensors = || node.inputs.iter().flatten().chain(node.outputs.iter());
    let is_quantized = |&tensor: &usize| {
        !matches!(
            graph.tensor(tensor).element_type,
            TensorType::FLOAT32 | TensorType::INT32 | TensorType::INT64
        )
    };
    if tensors().any(is_quantized) {
        return Some("tract gives quantized results scales of its own");
    }
    let states_negative_axis = || {
        let stated = graph.integers(node.input(1)).unwrap_or_default();
        stated.iter().any(|&axis| axis < 0)
    };
    let rank = |tensor: Option<usize>| tensor.map_or(0, |tensor| graph.dims(tensor).len());
    let input = node.inputs.first().copied().flatten();
    let (input_rank, output_rank) = (rank(input), rank(node.outputs.first().copied()));
    match &node.op {
        Op::DepthwiseConv2d(conv) if conv.outputs != conv.groups => {
            Some("tract misreads depth multipliers other than 1")
        }
        Op::Reshape if graph.name(node) == "EXPAND_DIMS" && states_negative_axis() => {
            Some("tract misreads negative dimensions")
        }
        Op::Reshape if graph.name(node) == "SQUEEZE" && input_rank != output_rank + 1 => {
            Some("tract removes one dimension at a time, and then others than those that are meant")
        }
        Op::Reduce { axes, .. }
            if axes.iter().any(|&axis| axis + 1 >= input_rank) || states_negative_axis() =>
        {
            Some("tract misreads reductions of the last dimension")
        }
        Op::FullyConnected { .. } if node.optional_input(2).is_none() => {
            Some("tract reads no layer without a bias")
        }
        Op::FullyConnected { .. } if input_rank != 2 => {
            Some("tract reads only inputs of two dimensions")
        }
        Op::Softmax { beta } if *beta != 1.0 => Some("tract reads no beta other than 1"),
        Op::Slice { is_one_to_one: false, .. } => {
            Some("tract misreads ellipses, and reads no new or removed dimensions")
        }
        _ => None,
    }
}

fn read(model: &TfLiteModel, input_dims: &[Vec<usize>]) -> Result<TypedModel> {
    let graph = contain("read the model", || {
        tract_tflite::tflite().model_for_read(&mut Cursor::new(model.file().bytes()))
    });
    let graph = graph.map_err(|error| {
        Error::unimplemented(format!("{NAME} cannot read this model; take `tract`"))
            .with_source(error)
    })?;
    check_output_shapes(&graph, model, input_dims)?;
    Ok(graph)
}

/// A shape that differs from ours is the sign of an operator that was misread.
fn check_output_shapes(
    graph: &TypedModel,
    model: &TfLiteModel,
    input_dims: &[Vec<usize>],
) -> Result<()> {
    let wanted = model.graph_for(input_dims)?;
    for (number, &tensor) in model.file().outputs().iter().enumerate() {
        let fact = contain("read the model", || graph.output_fact(number).cloned())?;
        let found = fact.shape.as_concrete().map(<[usize]>::to_vec);
        if found.as_deref() != Some(wanted.dims(tensor)) {
            return Err(Error::unimplemented(format!(
                "{NAME} reads this model otherwise than TensorFlow Lite: output {number} has the shape {found:?} instead of {:?}; take `tract`",
                wanted.dims(tensor)
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use lookalike_core::ErrorKind;
    use lookalike_schema::VerifiedModel;

    use super::*;

    const ABS: &[u8] = include_bytes!("../../../models/fixtures/operators/abs.tflite");

    #[test]
    fn operators_are_in_order() {
        assert!(OPERATORS.is_sorted());
    }

    #[test]
    fn a_model_with_an_open_input_size_is_refused() {
        let mut model = VerifiedModel::new(ABS).unwrap().root().to_owned();
        let graph = &mut model.subgraphs[0];
        let input = &mut graph.tensors[graph.inputs[0] as usize];
        input.shape_signature = input.shape.clone();
        input.shape_signature[1..3].fill(-1);
        let model = Model::from_bytes(model.to_bytes()).unwrap();
        let error = TractTflite.load(&model, &SessionOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unimplemented);
        assert!(error.to_string().contains("leave the size of their input open"), "{error}");
    }

    #[test]
    fn a_graph_of_other_output_shapes_is_refused() {
        let model = TfLiteModel::from_bytes(ABS).unwrap();
        let input_dims = model.fixed_input_dims().unwrap();
        let graph = read(&model, &input_dims).unwrap();
        let other = include_bytes!("../../../models/fixtures/operators/pad.tflite");
        let other = TfLiteModel::from_bytes(other).unwrap();
        let input_dims = other.fixed_input_dims().unwrap();
        let error = check_output_shapes(&graph, &other, &input_dims).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unimplemented);
        assert!(error.to_string().contains("otherwise than TensorFlow Lite"), "{error}");
    }
}
