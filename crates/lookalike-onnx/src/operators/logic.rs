//! Operators on truth values and indices.

use lookalike_core::{Result, TensorType};
use lookalike_graph::{Comparison, Logical, Node};

use super::layout::check_side;
use crate::constant::Constant;
use crate::graph::{Graph, Layout, element_code};
use crate::proto::Attribute;

/// Inputs as they are stored, in the layout of the model.
fn stored_inputs(graph: &mut Graph<'_>, node: &Node) -> Result<Vec<String>> {
    let inputs = node.inputs.iter().flatten();
    inputs.map(|&input| graph.stored(input, Layout::Plain)).collect()
}

/// Defines the output from inputs as they are stored.
fn combine(graph: &mut Graph<'_>, node: &Node, operator: &str) -> Result<()> {
    let inputs = stored_inputs(graph, node)?;
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let result = graph.node(operator, &inputs, vec![]);
    graph.define_stored(node.output(), Layout::Plain, result);
    Ok(())
}

pub(super) fn comparison(graph: &mut Graph<'_>, node: &Node, comparison: Comparison) -> Result<()> {
    let operator = match comparison {
        Comparison::Equal => "Equal",
        Comparison::Greater => "Greater",
        Comparison::GreaterEqual => "GreaterOrEqual",
        Comparison::Less => "Less",
        Comparison::LessEqual => "LessOrEqual",
        Comparison::NotEqual => {
            let inputs = stored_inputs(graph, node)?;
            let equal = graph.node("Equal", &[&inputs[0], &inputs[1]], vec![]);
            let result = graph.node("Not", &[&equal], vec![]);
            graph.define_stored(node.output(), Layout::Plain, result);
            return Ok(());
        }
    };
    combine(graph, node, operator)
}

pub(super) fn logical(graph: &mut Graph<'_>, node: &Node, function: Logical) -> Result<()> {
    let operator = match function {
        Logical::And => "And",
        Logical::Not => "Not",
        Logical::Or => "Or",
    };
    combine(graph, node, operator)
}

pub(super) fn select(graph: &mut Graph<'_>, node: &Node) -> Result<()> {
    combine(graph, node, "Where")
}

pub(super) fn arg_max(graph: &mut Graph<'_>, node: &Node, axis: usize) -> Result<()> {
    let (input, output) = (node.input(0), node.output());
    let value = graph.float(input, Layout::Plain)?;
    let attributes = vec![("axis", Attribute::Int(axis as i64)), ("keepdims", Attribute::Int(0))];
    let mut positions = graph.node("ArgMax", &[&value], attributes);
    if graph.element_type(output) != TensorType::INT64 {
        let code = Attribute::Int(element_code(graph.element_type(output))?.into());
        positions = graph.node("Cast", &[&positions], vec![("to", code)]);
    }
    graph.define_stored(output, Layout::Plain, positions);
    Ok(())
}

pub(super) fn cumulative_sum(
    graph: &mut Graph<'_>,
    node: &Node,
    axis: usize,
    is_exclusive: bool,
    is_reversed: bool,
) -> Result<()> {
    let value = graph.float(node.input(0), Layout::Plain)?;
    let axis = Constant::ints_of(vec![], vec![axis as i64], TensorType::INT64);
    let axis = graph.initializer(&axis)?;
    let attributes = vec![
        ("exclusive", Attribute::Int(is_exclusive.into())),
        ("reverse", Attribute::Int(is_reversed.into())),
    ];
    let result = graph.node("CumSum", &[&value, &axis], attributes);
    graph.define(node.output(), Layout::Plain, result)
}

/// Compares indices with those of the new dimension: ONNX Runtime has the operator for few types.
pub(super) fn one_hot(graph: &mut Graph<'_>, node: &Node, axis: usize, depth: usize) -> Result<()> {
    check_side(depth)?;
    let (input, output) = (node.input(0), node.output());
    let mut dims = graph.dims(input).to_vec();
    dims.insert(axis, 1);
    let positions = graph.stored(input, Layout::Plain)?;
    let positions = graph.reshape(&positions, &dims)?;
    let mut dims = vec![1; dims.len()];
    dims[axis] = depth;
    let all = Constant::ints_of(dims, (0..depth as i64).collect(), graph.element_type(input));
    let all = graph.initializer(&all)?;
    let is_on = graph.node("Equal", &[&positions, &all], vec![]);
    let on = graph.stored(node.input(2), Layout::Plain)?;
    let off = graph.stored(node.input(3), Layout::Plain)?;
    let result = graph.node("Where", &[&is_on, &on, &off], vec![]);
    graph.define_stored(output, Layout::Plain, result);
    Ok(())
}
