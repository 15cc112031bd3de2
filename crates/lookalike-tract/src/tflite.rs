//! The backend `tract-tflite`, on tract's own reader of TensorFlow Lite models.

use std::io::Cursor;
use std::sync::Arc;

use lookalike_core::{
    BackendInfo, Error, InferenceBackend, LoadedModel, Model, ModelFormat, OperatorInfo, Result,
    SessionOptions, Shapes, TensorType,
};
use lookalike_schema::tflite::BuiltinOptionsRef;
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
        model.require_format(NAME, ModelFormat::TfLite)?;
        model.check_operators(NAME, |operator| self.has_operator(operator))?;
        let Some(input_dims) = model.fixed_input_dims() else {
            return Err(Error::unimplemented(format!(
                "{NAME} runs no models that leave the size of their input open; take `tract`"
            )));
        };
        // What an inference costs is checked with the shapes.
        let shapes = model.shapes_for(&input_dims)?;
        for (position, operator) in model.operators().iter().enumerate() {
            let node = Node {
                model,
                operator,
                options: model.operator_options(position),
                shapes: &shapes,
            };
            if let Some(reason) = node.is_misread() {
                return Err(Error::unimplemented(format!(
                    "{NAME} does not run {} here: {reason}; take `tract`",
                    operator.name
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

/// An operator with all that its form depends on.
struct Node<'a> {
    model: &'a Model,
    operator: &'a OperatorInfo,
    options: BuiltinOptionsRef<'a>,
    shapes: &'a Shapes,
}

impl Node<'_> {
    /// Why tract's reader reads the operator otherwise than TensorFlow Lite, or not at all. Each reason has a fixture in
    /// `models/fixtures/operators/`.
    fn is_misread(&self) -> Option<&'static str> {
        let inputs = self.operator.inputs.iter().flatten();
        let mut tensors = inputs.chain(&self.operator.outputs);
        let is_quantized = |&tensor: &usize| {
            !matches!(
                self.model.tensors()[tensor].element_type,
                TensorType::FLOAT32 | TensorType::INT32 | TensorType::INT64
            )
        };
        if tensors.any(is_quantized) {
            return Some("tract gives quantized results scales of its own");
        }
        let (input, output) = (self.dims(0), self.shapes.dims(*self.operator.outputs.first()?)?);
        match (&*self.operator.name, &self.options) {
            ("DEPTHWISE_CONV_2D", _) if input.last() != output.last() => {
                Some("tract misreads depth multipliers other than 1")
            }
            ("EXPAND_DIMS", _) if self.numbers(1).iter().any(|&axis| axis < 0) => {
                Some("tract misreads negative dimensions")
            }
            ("REDUCE_MAX" | "REDUCE_MIN" | "REDUCE_PROD" | "SUM", _)
                if self
                    .numbers(1)
                    .iter()
                    .any(|&axis| axis < 0 || axis + 1 >= input.len() as i32) =>
            {
                Some("tract misreads reductions of the last dimension")
            }
            ("FULLY_CONNECTED", _) if self.operator.inputs.iter().flatten().count() < 3 => {
                Some("tract reads no layer without a bias")
            }
            ("FULLY_CONNECTED", _) if input.len() != 2 => {
                Some("tract reads only inputs of two dimensions")
            }
            ("SOFTMAX", BuiltinOptionsRef::SoftmaxOptions(options)) if options.beta() != 1.0 => {
                Some("tract reads no beta other than 1")
            }
            ("SQUEEZE", _) if input.len() != output.len() + 1 => Some(
                "tract removes one dimension at a time, and then others than those that are meant",
            ),
            ("STRIDED_SLICE", BuiltinOptionsRef::StridedSliceOptions(options))
                if options.ellipsis_mask() != 0
                    || options.new_axis_mask() != 0
                    || options.shrink_axis_mask() != 0 =>
            {
                Some("tract misreads ellipses, and reads no new or removed dimensions")
            }
            _ => None,
        }
    }

    /// The shape of an input; empty if there is none.
    fn dims(&self, input: usize) -> &[usize] {
        let tensor = self.operator.inputs.get(input).copied().flatten();
        tensor.and_then(|tensor| self.shapes.dims(tensor)).unwrap_or_default()
    }

    /// A constant input of 32-bit integers.
    fn numbers(&self, input: usize) -> Vec<i32> {
        let tensor = self.operator.inputs.get(input).copied().flatten();
        let bytes = tensor.map(|tensor| self.model.constant(&self.model.tensors()[tensor]));
        let bytes = bytes.unwrap_or_default().chunks_exact(size_of::<i32>());
        bytes.filter_map(|bytes| Some(i32::from_le_bytes(bytes.try_into().ok()?))).collect()
    }
}

fn read(model: &Model, input_dims: &[Vec<usize>]) -> Result<TypedModel> {
    let graph = contain("read the model", || {
        tract_tflite::tflite().model_for_read(&mut Cursor::new(model.bytes()))
    });
    let graph = graph.map_err(|error| {
        Error::unimplemented(format!("{NAME} cannot read this model; take `tract`"))
            .with_source(error)
    })?;
    check_output_shapes(&graph, model, input_dims)?;
    Ok(graph)
}

/// A shape that differs from ours is the sign of an operator that was misread.
fn check_output_shapes(graph: &TypedModel, model: &Model, input_dims: &[Vec<usize>]) -> Result<()> {
    let shapes = model.shapes_for(input_dims)?;
    for (number, tensor) in model.output_indices().enumerate() {
        let fact = contain("read the model", || graph.output_fact(number).cloned())?;
        let found = fact.shape.as_concrete().map(<[usize]>::to_vec);
        if found.as_deref() != shapes.dims(tensor) {
            return Err(Error::unimplemented(format!(
                "{NAME} reads this model otherwise than TensorFlow Lite: output {number} has the shape {found:?} instead of {:?}; take `tract`",
                shapes.dims(tensor)
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
        let model = Model::from_bytes(ABS).unwrap();
        let input_dims = model.fixed_input_dims().unwrap();
        let graph = read(&model, &input_dims).unwrap();
        let other = include_bytes!("../../../models/fixtures/operators/pad.tflite");
        let other = Model::from_bytes(other).unwrap();
        let input_dims = other.fixed_input_dims().unwrap();
        let error = check_output_shapes(&graph, &other, &input_dims).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unimplemented);
        assert!(error.to_string().contains("otherwise than TensorFlow Lite"), "{error}");
    }
}
