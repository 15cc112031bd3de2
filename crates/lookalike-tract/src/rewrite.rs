//! What tract-tflite misreads, put right before it is read or before it is optimised.

use std::borrow::Cow;

use lookalike_core::Model;
use lookalike_schema::tflite::{
    self, BuiltinOperator, BuiltinOptions, Conv2DOptions, Operator, OperatorCode, Padding,
    SubGraph, Tensor, TensorType,
};
use tract_core::internal::ensure;
use tract_core::ops::binary::TypedBinOp;
use tract_core::ops::math::Mul;
use tract_core::ops::quant::Scale;
use tract_core::prelude::{DatumType, OutletId, TractResult, TypedModel};

/// The bytes of the model, or of one that computes the same.
///
/// The schema knows the options of all operators that tract has, so that they survive the rewriting.
pub(crate) fn for_tract(model: &Model) -> TractResult<Cow<'_, [u8]>> {
    if !model.operators().iter().any(|operator| &*operator.name == "DEPTHWISE_CONV_2D") {
        return Ok(Cow::Borrowed(model.bytes()));
    }
    let mut rewritten = model.verified().root().to_owned();
    Ok(if rewrite(&mut rewritten)? {
        Cow::Owned(rewritten.to_bytes())
    } else {
        Cow::Borrowed(model.bytes())
    })
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
fn rewrite(model: &mut tflite::Model) -> TractResult<bool> {
    let Some(mut graph) = model.subgraphs.first_mut().map(std::mem::take) else {
        return Ok(false);
    };
    let operators = std::mem::take(&mut graph.operators);
    let count = operators.len();
    let mut weights = 0;
    for mut operator in operators {
        if let Some((channels, repeated)) = depth_multiplier(&graph, &operator) {
            weights += channels as u64 * repeated as u64;
            ensure!(
                weights <= MAX_REPEATING_WEIGHTS,
                "depthwise convolutions with a depth multiplier are too wide, the last one from {channels} to {repeated} channels"
            );
            let repetition = repeat_channels(model, &mut graph, &mut operator, channels, repeated);
            graph.operators.push(repetition);
        }
        graph.operators.push(operator);
    }
    let changed = graph.operators.len() != count;
    model.subgraphs[0] = graph;
    Ok(changed)
}

/// Weights of all operators that repeat channels; a file of a few bytes must not ask for all memory.
const MAX_REPEATING_WEIGHTS: u64 = 1 << 24;

/// Channels of the input and of the output of a depthwise convolution of floats, where the output has more.
fn depth_multiplier(graph: &SubGraph, operator: &Operator) -> Option<(i32, i32)> {
    if !matches!(operator.builtin_options, BuiltinOptions::DepthwiseConv2DOptions(_)) {
        return None;
    }
    let tensor =
        |index: usize| graph.tensors.get(usize::try_from(*operator.inputs.get(index)?).ok()?);
    let (input, filter) = (tensor(0)?, tensor(1)?);
    let (channels, repeated) = (*input.shape.get(3)?, *filter.shape.get(3)?);
    let is_float = input.element_type == TensorType::FLOAT32;
    let is_multiple = channels > 0 && repeated > channels && repeated % channels == 0;
    (is_float && is_multiple).then_some((channels, repeated))
}

/// A depthwise convolution with a depth multiplier, which tract takes for a plain one, gets an input whose channels are
/// repeated as often; the result is the operator that does so. It is a 1x1 convolution, and exact for finite values: it
/// multiplies by one and adds zeros.
fn repeat_channels(
    model: &mut tflite::Model,
    graph: &mut SubGraph,
    operator: &mut Operator,
    channels: i32,
    repeated: i32,
) -> Operator {
    if let BuiltinOptions::DepthwiseConv2DOptions(options) = &mut operator.builtin_options {
        options.depth_multiplier = 1;
    }
    let tensor = |index: usize| &graph.tensors[operator.inputs[index] as usize];
    let name = format!("repeated/{}", graph.tensors.len());
    let mut shape = tensor(0).shape.clone();
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
    let inputs = vec![operator.inputs[0], filter, bias];
    operator.inputs[0] = output;
    Operator {
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
    }
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
