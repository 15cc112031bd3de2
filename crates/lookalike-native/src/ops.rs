//! Operators made ready to run: weights packed, loops chosen.

mod conv;
mod depthwise;
mod dynamic;
mod elementwise;
mod logic;
mod matmul;
mod movement;
mod pool;
mod reduce;
mod resize;

use std::fmt;

use lookalike_core::Result;
use lookalike_graph::Pool;

use self::conv::{ByteConv, DynamicConv, FloatConv, QuantizeRows};
use self::depthwise::Depthwise;
use self::dynamic::DynamicDepthwise;
use self::elementwise::{Broadcast, ByteBinary, FloatBinary, FloatUnary, ScaleShift};
use self::logic::{Compare, LogicalFunction, Select};
use self::matmul::{MatMul, MatMulSize};
use self::movement::Concatenation;
use crate::graph::{Conv, Element, Interpolation, Op, Value, Weights, Window2};
use crate::kernels::Kernels;
use crate::kernels::elementwise::Activation;
use crate::kernels::look_up::LookUp;
use crate::pack::divide;
use crate::quantized;
use crate::runtime::{Inputs, PreparedOp, RunContext};

/// A function of one input, in bytes as they are stored.
struct Function<F>(F);

impl<F: Fn(&Kernels, &[u8], &mut [u8]) + Send + Sync> PreparedOp for Function<F> {
    fn run(
        &self,
        context: &mut RunContext<'_>,
        inputs: Inputs<'_, '_>,
        output: &mut [u8],
    ) -> Result<()> {
        (self.0)(context.kernels, inputs.bytes(0)?, output);
        Ok(())
    }
}

impl<F> fmt::Debug for Function<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Function")
    }
}

fn bytes(
    function: impl Fn(&Kernels, &[u8], &mut [u8]) + Send + Sync + 'static,
) -> Box<dyn PreparedOp> {
    Box::new(Function(function))
}

fn floats(
    function: impl Fn(&Kernels, &[f32], &mut [f32]) + Send + Sync + 'static,
) -> Box<dyn PreparedOp> {
    bytes(move |kernels, from, to| {
        function(kernels, bytemuck::cast_slice(from), bytemuck::cast_slice_mut(to));
    })
}

/// Prepares an operator for inputs and an output as these.
pub(crate) fn prepare(
    op: Op,
    inputs: &[&Value],
    output: &Value,
    kernels: &Kernels,
    threads: usize,
) -> Box<dyn PreparedOp> {
    let input = inputs[0].clone();
    let last_dim = input.dims.last().copied().unwrap_or(1);
    match op {
        Op::Conv(conv) => prepare_conv(&conv, inputs.len() > 1, kernels, threads),
        Op::DepthwiseConv { conv, producer } => match &conv.weights {
            Weights::Dynamic(weights) => {
                Box::new(DynamicDepthwise::new(&conv, weights, kernels, threads))
            }
            _ => Box::new(Depthwise::new(&conv, producer.as_deref(), kernels, threads)),
        },
        Op::Pool { pool, window, activation } => {
            prepare_pool(input.element, pool, window, activation)
        }
        Op::MatMul { pairs, rows, depth, columns } => {
            let size = MatMulSize { rows, depth, columns };
            Box::new(MatMul::new(pairs, size, output.element == Element::I32, kernels))
        }
        Op::Activation(activation) => {
            floats(move |kernels, from, to| kernels.activate(activation, from, to))
        }
        Op::Affine { scale, shift } => {
            floats(move |kernels, from, to| kernels.affine(from, scale, shift, to))
        }
        Op::Unary(function) => Box::new(FloatUnary(function)),
        Op::Table(table) => {
            let table = LookUp::new(&table);
            bytes(move |kernels, from, to| kernels.look_up(&table, from, to))
        }
        Op::TableWithTail(table, tail) => {
            let (table, tail) = (LookUp::new(&table), LookUp::new(&tail));
            bytes(move |kernels, from, to| {
                elementwise::look_up_with_tail(kernels, (&table, &tail), from, to);
            })
        }
        Op::Binary { function, bounds } => {
            let broadcast = Broadcast::new([&inputs[0].dims, &inputs[1].dims, &output.dims]);
            Box::new(FloatBinary { binary: function, bounds, broadcast })
        }
        Op::Silu => floats(Kernels::silu),
        Op::ScaleShift { factors, shifts, bounds } => {
            Box::new(ScaleShift { factors, shifts, bounds })
        }
        Op::QuantizedBinary(binary) => {
            let broadcast = Broadcast::new([&inputs[0].dims, &inputs[1].dims, &output.dims]);
            Box::new(ByteBinary { binary, broadcast })
        }
        Op::Reduce { reduction, axes } => floats(move |kernels, from, to| {
            reduce::reduce(kernels, reduction, &input.dims, &axes, from, to);
        }),
        Op::SumBytes { axes } => bytes(move |_, from, to| {
            reduce::sum_bytes(&input, &axes, from, bytemuck::cast_slice_mut(to));
        }),
        Op::Steps => bytes(move |kernels, from, to| {
            movement::steps(kernels, &input, from, bytemuck::cast_slice_mut(to));
        }),
        Op::ScaleSums(scale) => bytes(move |kernels, from, to| {
            kernels.scale_sums(&scale, bytemuck::cast_slice(from), to);
        }),
        Op::Softmax { beta } => floats(move |kernels, from, to| {
            reduce::softmax(kernels, beta, last_dim, from, to);
        }),
        Op::QuantizedSoftmax(softmax) => bytes(move |_, from, to| {
            let rows = from.chunks_exact(last_dim).zip(to.chunks_exact_mut(last_dim));
            rows.for_each(|(from, to)| softmax.row(from, to));
        }),
        Op::L2Normalization => match input.quantized() {
            Some(of_input) => {
                bytes(move |_, from, to| quantized::normalize(from, of_input, last_dim, to))
            }
            None => floats(move |kernels, from, to| {
                reduce::normalize(kernels, last_dim, from, to);
            }),
        },
        Op::Resize { rows, columns } => prepare_resize(&input, rows, columns),
        Op::Remap(remap) => bytes(move |_, from, to| movement::remap(&remap, from, to)),
        Op::Concatenation { outer, inner } => {
            let size = input.element.size();
            let widths = inner.into_iter().map(|count| count * size).collect();
            Box::new(Concatenation { outer, widths })
        }
        Op::ArgMax { size, inner } => prepare_arg_max(input.element, output.element, (size, inner)),
        Op::Compare(comparison) => Box::new(Compare { comparison, element: input.element }),
        Op::CumulativeSum { size, inner, is_exclusive, is_reversed } => {
            floats(move |_, from, to| {
                logic::cumulative_sum((size, inner), is_exclusive, is_reversed, from, to);
            })
        }
        Op::Logical(function) => Box::new(LogicalFunction(function)),
        Op::OneHot { depth, inner, on, off } => bytes(move |_, from, to| {
            let (sizes, values) = ((depth, inner), (&*on, &*off));
            if input.element == Element::I64 {
                let positions: &[[u8; 8]] = from.as_chunks().0;
                let positions = positions.iter().map(|&position| i64::from_ne_bytes(position));
                logic::one_hot(sizes, values, positions, to);
            } else {
                let positions: &[[u8; 4]] = from.as_chunks().0;
                let positions =
                    positions.iter().map(|&position| i32::from_ne_bytes(position).into());
                logic::one_hot(sizes, values, positions, to);
            }
        }),
        Op::Select => Box::new(Select(output.element.size())),
        Op::Quantize => {
            let output = Value { constant: None, ..output.clone() };
            bytes(move |kernels, from, to| {
                movement::quantize(kernels, bytemuck::cast_slice(from), &output, to);
            })
        }
        Op::QuantizeRows(rows) => Box::new(QuantizeRows(rows)),
        Op::StepRows(rows) => floats(move |kernels, from, to| {
            movement::step_rows(kernels, rows, from, to);
        }),
        Op::Dequantize => bytes(move |kernels, from, to| {
            movement::dequantize(kernels, &input, from, bytemuck::cast_slice_mut(to));
        }),
        Op::Cast => {
            let (from_element, to_element) = (input.element, output.element);
            bytes(move |_, from, to| movement::cast(from_element, from, to_element, to))
        }
        Op::Reshape => bytes(|_, from, to| to.copy_from_slice(from)),
    }
}

fn prepare_arg_max(from: Element, to: Element, sizes: (usize, usize)) -> Box<dyn PreparedOp> {
    bytes(move |_, values, positions| {
        let size = to.size();
        let mut store = |index: usize, position: usize| {
            let position = (position as i64).to_ne_bytes();
            // The lower half of a place, which is all there is of it.
            let start = if cfg!(target_endian = "big") { 8 - size } else { 0 };
            positions[index * size..][..size].copy_from_slice(&position[start..][..size]);
        };
        match from {
            Element::I8 => logic::arg_max(sizes, values, |[byte]| byte as i8, &mut store),
            Element::U8 => logic::arg_max(sizes, values, |[byte]| byte, &mut store),
            Element::I16 => logic::arg_max(sizes, values, i16::from_ne_bytes, &mut store),
            _ => logic::arg_max(sizes, values, f32::from_ne_bytes, &mut store),
        }
    })
}

fn prepare_conv(
    conv: &Conv,
    has_residual: bool,
    kernels: &Kernels,
    threads: usize,
) -> Box<dyn PreparedOp> {
    let window = &conv.window;
    let pixels = window.batch * window.rows.output * window.columns.output;
    let division = divide(conv, pixels, kernels, threads);
    match &conv.weights {
        Weights::Floats { .. } => Box::new(FloatConv::new(conv, kernels, &division, has_residual)),
        Weights::Bytes(weights) => Box::new(ByteConv::new(conv, weights, kernels, &division)),
        Weights::Dynamic(weights) => {
            Box::new(DynamicConv::new(conv, weights, kernels, &division, has_residual))
        }
    }
}

fn prepare_pool(
    element: Element,
    pool: Pool,
    window: Window2,
    activation: Activation,
) -> Box<dyn PreparedOp> {
    match element {
        Element::F32 => floats(move |kernels, from, to| {
            pool::floats(kernels, &window, pool, from, to, activation);
        }),
        Element::I8 => bytes(move |_, from, to| {
            let (from, to) = (bytemuck::cast_slice(from), bytemuck::cast_slice_mut(to));
            pool::bytes::<i8>(&window, pool, from, to);
        }),
        _ => bytes(move |_, from, to| pool::bytes::<u8>(&window, pool, from, to)),
    }
}

fn prepare_resize(
    input: &Value,
    rows: Interpolation,
    columns: Interpolation,
) -> Box<dyn PreparedOp> {
    let size = std::array::from_fn(|axis| input.dims[axis]);
    match input.element {
        Element::F32 => floats(move |_, from, to| {
            resize::bilinear(size, &rows, &columns, from, to);
        }),
        Element::I8 => bytes(move |_, from, to| {
            let (from, to) = (bytemuck::cast_slice::<u8, i8>(from), bytemuck::cast_slice_mut(to));
            quantized::resize(size, &rows.taps, &columns.taps, from, to);
        }),
        _ => bytes(move |_, from, to| {
            quantized::resize(size, &rows.taps, &columns.taps, from, to);
        }),
    }
}
