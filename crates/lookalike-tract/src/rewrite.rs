//! What tract-tflite misreads, put right before it is read or before it is optimised.

use std::borrow::Cow;

use lookalike_core::Model;
use lookalike_schema::tflite::{
    self, BuiltinOperator, BuiltinOptions, Conv2DOptions, Operator, OperatorCode, Padding,
    SubGraph, Tensor, TensorType,
};
use tract_core::ops::binary::TypedBinOp;
use tract_core::ops::math::Mul;
use tract_core::ops::quant::Scale;
use tract_core::prelude::{DatumType, OutletId, TractResult, TypedModel};

/// The bytes of the model, or of one that computes the same.
///
/// The schema knows the options of all operators that tract has, so that they survive the rewriting.
pub(crate) fn for_tract(model: &Model) -> Cow<'_, [u8]> {
    if !model.operators().iter().any(|operator| operator.name == "DEPTHWISE_CONV_2D") {
        return Cow::Borrowed(model.bytes());
    }
    let mut rewritten = model.verified().root().to_owned();
    if rewrite(&mut rewritten) {
        Cow::Owned(rewritten.to_bytes())
    } else {
        Cow::Borrowed(model.bytes())
    }
}

/// Makes the means of floats exact: tract-tflite multiplies a sum by its factor with an operator that rounds to whole numbers,
/// as quantised values want it.
pub(crate) fn keep_fractions(graph: &mut TypedModel) -> TractResult<()> {
    for id in 0..graph.nodes().len() {
        let is_rounding =
            graph.node(id).op_as::<TypedBinOp>().is_some_and(|operator| operator.0.is::<Scale>());
        if is_rounding && graph.outlet_fact(OutletId::new(id, 0))?.datum_type == DatumType::F32 {
            graph.node_mut(id).op = Box::new(TypedBinOp(Box::new(Mul), None));
        }
    }
    Ok(())
}

/// Returns whether anything was changed.
fn rewrite(model: &mut tflite::Model) -> bool {
    let Some(mut graph) = model.subgraphs.first_mut().map(std::mem::take) else {
        return false;
    };
    let operators = std::mem::take(&mut graph.operators);
    let count = operators.len();
    for mut operator in operators {
        if let Some(repetition) = repeat_channels(model, &mut graph, &mut operator) {
            graph.operators.push(repetition);
        }
        graph.operators.push(operator);
    }
    let changed = graph.operators.len() != count;
    model.subgraphs[0] = graph;
    changed
}

/// A depthwise convolution with a depth multiplier, which tract takes for a plain one, gets an input whose channels are
/// repeated as often; the result is the operator that does so. It is a 1x1 convolution and exact: it multiplies by one and
/// adds zeros.
fn repeat_channels(
    model: &mut tflite::Model,
    graph: &mut SubGraph,
    operator: &mut Operator,
) -> Option<Operator> {
    let BuiltinOptions::DepthwiseConv2DOptions(options) = &mut operator.builtin_options else {
        return None;
    };
    let tensor =
        |index: usize| graph.tensors.get(usize::try_from(*operator.inputs.get(index)?).ok()?);
    let (input, filter) = (tensor(0)?, tensor(1)?);
    let (channels, repeated) = (*input.shape.get(3)?, *filter.shape.get(3)?);
    let is_float = input.element_type == TensorType::FLOAT32;
    if !is_float || channels <= 0 || repeated <= channels || repeated % channels != 0 {
        return None;
    }
    let name = format!("{}/repeated", filter.name.as_deref().unwrap_or("depthwise"));
    let mut shape = input.shape.clone();
    shape[3] = repeated;
    let weights: Vec<f32> = (0..repeated)
        .flat_map(|output| {
            (0..channels)
                .map(move |input| if output / (repeated / channels) == input { 1.0 } else { 0.0 })
        })
        .collect();
    let filter = add_constant(
        model,
        graph,
        &format!("{name}/filter"),
        vec![repeated, 1, 1, channels],
        &weights,
    );
    let bias = add_constant(
        model,
        graph,
        &format!("{name}/bias"),
        vec![repeated],
        &vec![0.0; repeated as usize],
    );
    let output = add_tensor(graph, Tensor { shape, name: Some(name), ..Tensor::default() });
    options.depth_multiplier = 1;
    let inputs = vec![operator.inputs[0], filter, bias];
    operator.inputs[0] = output;
    Some(Operator {
        opcode_index: add_operator_code(model, BuiltinOperator::CONV_2D),
        inputs,
        outputs: vec![output],
        builtin_options: BuiltinOptions::Conv2DOptions(Conv2DOptions {
            padding: Padding::VALID,
            stride_w: 1,
            stride_h: 1,
            ..Conv2DOptions::default()
        }),
        ..Operator::default()
    })
}

/// Adds a tensor of floats and returns its index.
fn add_constant(
    model: &mut tflite::Model,
    graph: &mut SubGraph,
    name: &str,
    shape: Vec<i32>,
    values: &[f32],
) -> i32 {
    let data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    model.buffers.push(tflite::Buffer { data, ..tflite::Buffer::default() });
    let buffer = model.buffers.len() as u32 - 1;
    add_tensor(graph, Tensor { shape, buffer, name: Some(name.to_owned()), ..Tensor::default() })
}

/// Adds a tensor and returns its index.
fn add_tensor(graph: &mut SubGraph, tensor: Tensor) -> i32 {
    graph.tensors.push(tensor);
    graph.tensors.len() as i32 - 1
}

/// Adds an operator code and returns its index.
fn add_operator_code(model: &mut tflite::Model, operator: BuiltinOperator) -> u32 {
    model.operator_codes.push(OperatorCode {
        // All operators used here have numbers that fit the narrow field.
        deprecated_builtin_code: operator.0 as i8,
        builtin_code: operator,
        ..OperatorCode::default()
    });
    model.operator_codes.len() as u32 - 1
}
