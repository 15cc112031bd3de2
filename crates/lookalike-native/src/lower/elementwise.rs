//! Operators that compute element by element, or that reduce dimensions.

use lookalike_core::Result;
use lookalike_graph::{Activation as Fused, Node, Reduction, Unary};

use super::{Lowering, quantized_bounds};
use crate::graph::{Element, Op, Scale, Value};
use crate::kernels::elementwise::{Activation, Binary, apply};
use crate::quantized::{
    self, Quantized, QuantizedBinary, QuantizedSoftmax, Requantization, SumScale, requantization,
    table,
};

/// The functions of bytes that are not functions of the reals that they stand for, rounded: from steps to steps.
fn quantized_unary(
    function: Unary,
    from: Quantized,
    to: Quantized,
) -> Option<Box<dyn Fn(i32) -> i32>> {
    let (from, to, limits) = (from.scale, to.scale, to.limits());
    Some(match function {
        Unary::Abs => Box::new(quantized::abs(from, to)?),
        // XNNPACK's: half steps go to the even byte, the zero point included.
        Unary::Elu => Box::new(move |steps| {
            let real = apply(function, from.scale * steps as f32);
            let byte = (real * (1.0 / to.scale) + to.zero_point as f32).round_ties_even();
            (byte as i32).saturating_sub(to.zero_point)
        }),
        Unary::LeakyRelu { slope } => quantized::leaky_relu(from, to, slope)?,
        // What has no logarithm gets the smallest byte.
        Unary::Log => Box::new(move |steps| match steps {
            ..=0 => limits.0 - to.zero_point,
            _ => ((from.scale * steps as f32).ln() * (1.0 / to.scale)).round() as i32,
        }),
        Unary::Rsqrt => Box::new(quantized::rsqrt(from, to)?),
        // It is truncated.
        Unary::Sqrt => {
            Box::new(move |steps| ((from.scale * steps as f32).sqrt() / to.scale) as i32)
        }
        _ => return None,
    })
}

impl Lowering<'_> {
    /// Adds a function of single values: of bytes as a table.
    fn map(&mut self, node: &Node, function: Op, apply: impl Fn(f32) -> f32) -> Result<()> {
        if let Some((from, to)) = self.quantized_pair(node) {
            let inverse = 1.0 / to.scale.scale;
            let steps =
                |steps: i32| (apply(from.scale.scale * steps as f32) * inverse).round() as i32;
            return self.look_up(node, Op::Table(table(from, to, steps)));
        }
        let floats = self.floats(node.input(0))?;
        self.define(node, function, vec![floats], Fused::None)
    }

    /// Adds a look-up of each byte.
    fn look_up(&mut self, node: &Node, function: Op) -> Result<()> {
        let stored = self.stored(node.input(0))?;
        self.define_stored(node, function, vec![stored])
    }

    pub(super) fn map_activation(&mut self, node: &Node, activation: Activation) -> Result<()> {
        self.map(node, Op::Activation(activation), |value| activation.apply(value))
    }

    pub(super) fn unary(&mut self, node: &Node, function: Unary) -> Result<()> {
        if function == Unary::HardSwish {
            return self.hard_swish(node);
        }
        if let Some((from, to)) = self.quantized_pair(node)
            && let Some(steps) = quantized_unary(function, from, to)
        {
            return self.look_up(node, Op::Table(table(from, to, steps)));
        }
        self.map(node, Op::Unary(function), |value| apply(function, value))
    }

    fn hard_swish(&mut self, node: &Node) -> Result<()> {
        if let Some((from, to)) = self.quantized_pair(node)
            && let Some(steps) = quantized::hard_swish(from.scale, to.scale)
        {
            return self.look_up(node, Op::Table(table(from, to, steps)));
        }
        self.map_activation(node, Activation::HardSwish)
    }

    pub(super) fn binary(
        &mut self,
        node: &Node,
        function: Binary,
        activation: Fused,
    ) -> Result<()> {
        let (left, right) = (node.input(0), node.input(1));
        if let Some(binary) = self.quantized_binary(node, function, activation) {
            let inputs = vec![self.stored(left)?, self.stored(right)?];
            return self.define_stored(node, Op::QuantizedBinary(binary), inputs);
        }
        let (left, right) = (self.floats(left)?, self.floats(right)?);
        let value = |value: usize| &self.graph.values[value];
        let number = match value(right).floats() {
            Some(&[number]) if value(left).dims == self.source.dims(node.output()) => Some(number),
            _ => None,
        };
        let affine = number.and_then(|number| match function {
            Binary::Mul => Some(Op::Affine { scale: number, shift: 0.0 }),
            Binary::Add => Some(Op::Affine { scale: 1.0, shift: -number }),
            Binary::Sub => Some(Op::Affine { scale: 1.0, shift: number }),
            _ => None,
        });
        match affine {
            Some(affine) => self.define(node, affine, vec![left], activation),
            None => {
                let binary = Op::Binary { function, bounds: None };
                self.define(node, binary, vec![left, right], activation)
            }
        }
    }

    /// The operator in integers, where it has inputs and an output of 8 bits and there is such an arithmetic.
    fn quantized_binary(
        &self,
        node: &Node,
        function: Binary,
        activation: Fused,
    ) -> Option<QuantizedBinary> {
        let inputs = [self.quantized(node.input(0))?, self.quantized(node.input(1))?];
        let output = self.quantized(node.output())?;
        if activation == Fused::Tanh {
            return None;
        }
        let bounds = quantized_bounds(activation, output);
        match function {
            Binary::Add => QuantizedBinary::add(inputs, output.scale, bounds, false),
            Binary::Sub => QuantizedBinary::add(inputs, output.scale, bounds, true),
            Binary::Mul => QuantizedBinary::mul(inputs, output.scale, bounds),
            Binary::Prelu => QuantizedBinary::prelu(inputs, output.scale, bounds),
            Binary::SquaredDifference => {
                QuantizedBinary::squared_difference(inputs, output.scale, bounds)
            }
            _ => None,
        }
    }

    pub(super) fn reduce(
        &mut self,
        node: &Node,
        reduction: Reduction,
        axes: &[usize],
    ) -> Result<()> {
        if reduction == Reduction::Mean
            && let Some((from, to)) = self.quantized_pair(node)
        {
            return self.quantized_mean(node, axes, from, to);
        }
        let floats = self.floats(node.input(0))?;
        let reduce = Op::Reduce { reduction, axes: axes.to_vec() };
        self.define(node, reduce, vec![floats], Fused::None)
    }

    /// The mean of bytes, which are summed up as integers.
    fn quantized_mean(
        &mut self,
        node: &Node,
        axes: &[usize],
        from: Quantized,
        to: Quantized,
    ) -> Result<()> {
        let (stored, dims) = (self.stored(node.input(0))?, self.dims(node.output()));
        let count = self.source.element_count(node.input(0)) / dims.iter().product::<usize>();
        let sums = Value::new(dims, Element::I32, None);
        let sums = self.node(Op::SumBytes { axes: axes.to_vec() }, vec![stored], sums);
        self.define_stored(node, Op::ScaleSums(SumScale::mean(from, to, count)), vec![sums])
    }

    pub(super) fn softmax(&mut self, node: &Node, beta: f32) -> Result<()> {
        if let Some((from, to)) = self.quantized_pair(node) {
            let softmax = QuantizedSoftmax::new(from, to, beta);
            return self.look_up(node, Op::QuantizedSoftmax(Box::new(softmax)));
        }
        let floats = self.floats(node.input(0))?;
        self.define(node, Op::Softmax { beta }, vec![floats], Fused::None)
    }

    pub(super) fn l2_normalization(&mut self, node: &Node, activation: Fused) -> Result<()> {
        if let Some((from, to)) = self.quantized_pair(node)
            && from.is_signed == to.is_signed
            && to.scale
                == (Scale { scale: 1.0 / 128.0, zero_point: if to.is_signed { 0 } else { 128 } })
            && activation == Fused::None
        {
            return self.look_up(node, Op::L2Normalization);
        }
        let floats = self.floats(node.input(0))?;
        self.define(node, Op::L2Normalization, vec![floats], activation)
    }

    pub(super) fn dequantize(&mut self, node: &Node) -> Result<()> {
        let floats = self.floats(node.input(0))?;
        self.set(node.output(), floats);
        Ok(())
    }

    pub(super) fn quantize(&mut self, node: &Node) -> Result<()> {
        if let Some((from, to)) = self.quantized_pair(node)
            && let Some(Requantization { table, tail }) = requantization(from, to)
        {
            let function = match tail {
                Some(tail) => Op::TableWithTail(table, tail),
                None => Op::Table(table),
            };
            return self.look_up(node, function);
        }
        if self.scale(node.input(0)).is_some() {
            return self.map(node, Op::Reshape, |value| value);
        }
        let floats = self.floats(node.input(0))?;
        self.define_floats(node.output(), floats)
    }

    pub(super) fn cast(&mut self, node: &Node) -> Result<()> {
        self.look_up(node, Op::Cast)
    }
}
