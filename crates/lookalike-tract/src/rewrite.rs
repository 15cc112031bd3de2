//! Graphs that tract-tflite misreads, written in operators it reads well.

use std::borrow::Cow;

use lookalike_core::Model;
use lookalike_schema::tflite::{
    self, BuiltinOperator, BuiltinOptions, Conv2DOptions, Operator, OperatorCode, Padding,
    SubGraph, Tensor, TensorType,
};

/// The bytes of the model, or of one that computes the same.
pub(crate) fn for_tract(model: &Model) -> Cow<'_, [u8]> {
    let root = model.verified().root();
    let Some(graph) = root.subgraphs().iter().next() else {
        return Cow::Borrowed(model.bytes());
    };
    let multiplies = |operator: tflite::OperatorRef<'_>| match operator.builtin_options() {
        tflite::BuiltinOptionsRef::DepthwiseConv2DOptions(options) => {
            options.depth_multiplier() != 1
        }
        _ => false,
    };
    if !graph.operators().iter().any(multiplies) {
        return Cow::Borrowed(model.bytes());
    }
    let mut rewritten = root.to_owned();
    repeat_channels(&mut rewritten);
    Cow::Owned(rewritten.to_bytes())
}

/// Depthwise convolutions with a depth multiplier, which tract takes for plain ones, get an input whose channels are repeated
/// as often. A 1x1 convolution repeats them exactly: it multiplies by one and adds zeros.
fn repeat_channels(model: &mut tflite::Model) {
    let Some(mut graph) = model.subgraphs.first_mut().map(std::mem::take) else {
        return;
    };
    for mut operator in std::mem::take(&mut graph.operators) {
        if let Some(repetition) = repetition(model, &mut graph, &mut operator) {
            graph.operators.push(repetition);
        }
        graph.operators.push(operator);
    }
    model.subgraphs[0] = graph;
}

/// The operator that repeats the channels of a depthwise convolution's input, if that has to be done.
fn repetition(
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
    graph.tensors.push(Tensor { shape, name: Some(name), ..Tensor::default() });
    let output = graph.tensors.len() as i32 - 1;
    model.operator_codes.push(OperatorCode {
        deprecated_builtin_code: BuiltinOperator::CONV_2D.0 as i8,
        builtin_code: BuiltinOperator::CONV_2D,
        ..OperatorCode::default()
    });
    options.depth_multiplier = 1;
    let inputs = vec![operator.inputs[0], filter, bias];
    operator.inputs[0] = output;
    Some(Operator {
        opcode_index: model.operator_codes.len() as u32 - 1,
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
    graph.tensors.push(Tensor { shape, buffer, name: Some(name.to_owned()), ..Tensor::default() });
    graph.tensors.len() as i32 - 1
}
