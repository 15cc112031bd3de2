//! Dynamic-range quantization: floats that are multiplied with weights of bytes are quantized when the model runs.

use lookalike_core::{Result, TensorType};
use lookalike_graph::TensorId;

use crate::graph::{Graph, Layout};
use crate::proto::Attribute;

/// Whether the floats that go with these weights are quantized: the weights are constant signed bytes without a zero point.
pub(super) fn is_dynamic(
    graph: &mut Graph<'_>,
    input: TensorId,
    weights: TensorId,
) -> Result<bool> {
    let is_float = graph.element_type(input) == TensorType::FLOAT32;
    let is_byte = graph.element_type(weights) == TensorType::INT8;
    let is_symmetric = graph.quantization(weights).is_some_and(|quantization| {
        quantization.zero_point.iter().all(|&zero_point| zero_point == 0)
    });
    Ok(is_float && is_byte && is_symmetric && graph.constant(weights)?.is_some())
}

/// Where a value goes that lies in the middle between two steps.
#[derive(Clone, Copy)]
pub(super) enum Rounding {
    /// To the even one, before the zero point is added: XNNPACK.
    HalfEven,
    /// Away from 0, with the zero point: TensorFlow Lite itself.
    HalfAway,
}

/// The floats of an input as its quantization leaves them, all values along these dimensions of the model with one scale.
pub(super) fn rounded(
    graph: &mut Graph<'_>,
    value: &str,
    axes: &[usize],
    layout: Layout,
    rounding: Rounding,
) -> Result<String> {
    let axes: Vec<i64> = axes.iter().map(|&axis| layout.axis(axis) as i64).collect();
    let reduce = |graph: &mut Graph<'_>, operator: &str| {
        let axes = Attribute::Ints(axes.clone());
        let keep = ("keepdims", Attribute::Int(1));
        graph.node(operator, &[value], vec![("axes", axes), keep])
    };
    let (zero, steps) = (graph.number(0.0)?, graph.number(255.0)?);
    let (low, high) = (graph.number(-128.0)?, graph.number(127.0)?);
    // Zeros alone stay zeros, whatever they are multiplied with.
    let lower = graph.number(f32::MIN_POSITIVE * 1e6)?;
    let min = reduce(graph, "ReduceMin");
    let min = graph.node("Min", &[&min, &zero], vec![]);
    let max = reduce(graph, "ReduceMax");
    let max = graph.node("Max", &[&max, &zero], vec![]);
    let range = graph.node("Sub", &[&max, &min], vec![]);
    let range = graph.node("Max", &[&range, &lower], vec![]);
    let factor = graph.node("Div", &[&steps, &range], vec![]);
    let (first, last) =
        (graph.node("Mul", &[&min, &factor], vec![]), graph.node("Mul", &[&max, &factor], vec![]));
    let error_of_first = graph.node("Add", &[&low, &first], vec![]);
    let error_of_last = graph.node("Add", &[&high, &last], vec![]);
    let errors = graph.node("Add", &[&error_of_first, &error_of_last], vec![]);
    let is_first = graph.node("Greater", &[&errors, &zero], vec![]);
    let by_first = graph.node("Sub", &[&low, &first], vec![]);
    let by_last = graph.node("Sub", &[&high, &last], vec![]);
    let zero_point = graph.node("Where", &[&is_first, &by_first, &by_last], vec![]);
    let zero_point = graph.node("Clip", &[&zero_point, &low, &high], vec![]);
    let zero_point = match rounding {
        Rounding::HalfEven => graph.node("Round", &[&zero_point], vec![]),
        Rounding::HalfAway => round_half_away(graph, &zero_point)?,
    };
    let byte = graph.node("Mul", &[value, &factor], vec![]);
    let byte = match rounding {
        Rounding::HalfEven => {
            let byte = graph.node("Round", &[&byte], vec![]);
            graph.node("Add", &[&byte, &zero_point], vec![])
        }
        Rounding::HalfAway => {
            let byte = graph.node("Add", &[&byte, &zero_point], vec![]);
            round_half_away(graph, &byte)?
        }
    };
    let byte = graph.node("Clip", &[&byte, &low, &high], vec![]);
    let steps = graph.node("Sub", &[&byte, &zero_point], vec![]);
    Ok(graph.node("Div", &[&steps, &factor], vec![]))
}

fn round_half_away(graph: &mut Graph<'_>, value: &str) -> Result<String> {
    let half = graph.number(0.5)?;
    let sign = graph.node("Sign", &[value], vec![]);
    let magnitude = graph.node("Abs", &[value], vec![]);
    let magnitude = graph.node("Add", &[&magnitude, &half], vec![]);
    let magnitude = graph.node("Floor", &[&magnitude], vec![]);
    Ok(graph.node("Mul", &[&sign, &magnitude], vec![]))
}
