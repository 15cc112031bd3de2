//! A model as the engine sees it: values and the operators between them.
//!
//! Most operators that only move elements are a [`Remap`]. Operators that have no arithmetic of their own for quantized values stand between
//! conversions. Lists of integers that follow from shapes are not there at all.

use std::ops::Range;
use std::sync::Arc;

use lookalike_core::{Error, Result, TensorType};
use lookalike_graph::{Comparison, Logical, ModelFile, Pool, Reduction, Unary, elements};

use crate::kernels::dynamic::RowScale;
use crate::kernels::elementwise::{Activation, Binary, Bounds};
pub(crate) use crate::quantized::Scale;
use crate::quantized::{Quantized, QuantizedBinary, QuantizedSoftmax, SumScale};

/// A value's place in the graph.
pub(crate) type ValueId = usize;

/// Values and operators, in an order in which each operator's inputs come before it.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(crate) values: Vec<Value>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) inputs: Vec<ValueId>,
    pub(crate) outputs: Vec<ValueId>,
}

/// Elements of a value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Element {
    F32,
    I8,
    U8,
    I16,
    I32,
    I64,
    Bool,
}

impl Element {
    pub(crate) fn of(element_type: TensorType) -> Result<Self> {
        Ok(match element_type {
            TensorType::FLOAT32 => Self::F32,
            TensorType::INT8 => Self::I8,
            TensorType::UINT8 => Self::U8,
            TensorType::INT16 => Self::I16,
            TensorType::INT32 => Self::I32,
            TensorType::INT64 => Self::I64,
            TensorType::BOOL => Self::Bool,
            other => {
                return Err(Error::unimplemented(format!(
                    "values of type {other} are not supported by `native`"
                )));
            }
        })
    }

    /// Bytes of an element.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::I8 | Self::U8 | Self::Bool => 1,
            Self::I16 => 2,
            Self::F32 | Self::I32 => 4,
            Self::I64 => 8,
        }
    }
}

/// A tensor of the graph.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub(crate) dims: Vec<usize>,
    pub(crate) element: Element,
    /// How integers stand for reals, where they do so with one scale.
    pub(crate) scale: Option<Scale>,
    /// What it is, where that is known.
    pub(crate) constant: Option<Arc<Constant>>,
}

impl Value {
    pub(crate) fn new(dims: Vec<usize>, element: Element, scale: Option<Scale>) -> Self {
        Self { dims, element, scale, constant: None }
    }

    /// Type and scale, if it has 8 bits and one scale.
    pub(crate) fn quantized(&self) -> Option<Quantized> {
        let is_byte = matches!(self.element, Element::I8 | Element::U8);
        let scale = self.scale.filter(|_| is_byte)?;
        Some(Quantized { is_signed: self.element == Element::I8, scale })
    }

    pub(crate) fn count(&self) -> usize {
        self.dims.iter().product()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.count() * self.element.size()
    }

    /// The floats of a constant.
    pub(crate) fn floats(&self) -> Option<&[f32]> {
        let constant = self.constant.as_deref().filter(|_| self.element == Element::F32)?;
        Some(constant.floats())
    }
}

/// Elements of a constant.
#[derive(Clone, Debug)]
pub(crate) enum Constant {
    Floats(Vec<f32>),
    /// Floats that are in the model as this machine has them.
    Stored(Arc<ModelFile>, Range<usize>),
    /// Elements of other types, in the order of this machine.
    Bytes(Vec<u8>),
}

impl Constant {
    /// Floats of a file: where they are, if this machine can read them there.
    pub(crate) fn of_file(file: &Arc<ModelFile>, bytes: &[u8]) -> Self {
        // What is read is a part of all that was read.
        let start = bytes.as_ptr().addr().wrapping_sub(file.bytes().as_ptr().addr());
        let range = start..start.wrapping_add(bytes.len());
        let is_there = file.bytes().get(range.clone()).is_some();
        if is_there
            && cfg!(target_endian = "little")
            && bytemuck::try_cast_slice::<u8, f32>(bytes).is_ok()
        {
            return Self::Stored(Arc::clone(file), range);
        }
        Self::Floats(elements(bytes, f32::from_le_bytes))
    }

    /// The floats; none of elements of another type.
    pub(crate) fn floats(&self) -> &[f32] {
        match self {
            Self::Floats(floats) => floats,
            Self::Stored(file, range) => bytemuck::cast_slice(&file.bytes()[range.clone()]),
            Self::Bytes(_) => &[],
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Floats(floats) => bytemuck::cast_slice(floats),
            Self::Stored(file, range) => &file.bytes()[range.clone()],
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// An operator with its inputs and its result.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) op: Op,
    pub(crate) inputs: Vec<ValueId>,
    pub(crate) output: ValueId,
}

/// What an operator does.
#[derive(Debug)]
pub(crate) enum Op {
    /// Weights over windows, of floats or of bytes. A second input is added to the result.
    Conv(Box<Conv>),
    /// The same where each channel is on its own. With a convolution in front, which makes its input.
    DepthwiseConv {
        conv: Box<Conv>,
        producer: Option<Box<Conv>>,
    },
    Pool {
        pool: Pool,
        window: Window2,
        activation: Activation,
    },
    /// `[outer, rows, depth]` by `[outer, depth, columns]`; the outer indices of the inputs for each of the result. The result is of floats, or
    /// of 32-bit integers where the floats are integers.
    MatMul {
        pairs: Vec<(usize, usize)>,
        rows: usize,
        depth: usize,
        columns: usize,
    },
    Activation(Activation),
    /// Each value times the factor, less the number.
    Affine {
        scale: f32,
        shift: f32,
    },
    Unary(Unary),
    /// Each byte becomes that in the table.
    Table(Box<[u8; 256]>),
    /// The same with another table for what is left behind the last sixteen bytes.
    TableWithTail(Box<[u8; 256]>, Box<[u8; 256]>),
    Binary {
        function: Binary,
        /// Bounds of the result.
        bounds: Option<Bounds>,
    },
    /// `x / (1 + exp(-x))`.
    Silu,
    /// Each value times the factor of its channel, and with the shift of its channel added.
    ScaleShift {
        factors: Arc<Constant>,
        shifts: Arc<Constant>,
        bounds: Option<Bounds>,
    },
    /// Of bytes, in integers.
    QuantizedBinary(QuantizedBinary),
    Reduce {
        reduction: Reduction,
        axes: Vec<usize>,
    },
    /// Sums of bytes, as integers.
    SumBytes {
        axes: Vec<usize>,
    },
    /// The steps of bytes above their zero point, as floats.
    Steps,
    /// What such sums become as bytes.
    ScaleSums(SumScale),
    /// Of `beta` times the values, along the last dimension.
    Softmax {
        beta: f32,
    },
    /// Of bytes.
    QuantizedSoftmax(Box<QuantizedSoftmax>),
    L2Normalization,
    Resize {
        rows: Interpolation,
        columns: Interpolation,
    },
    Remap(Box<Remap>),
    /// Inputs side by side: how often, and the length of each.
    Concatenation {
        outer: usize,
        inner: Vec<usize>,
    },
    /// The place of the largest of `size` elements, `inner` apart.
    ArgMax {
        size: usize,
        inner: usize,
    },
    Compare(Comparison),
    /// Sums up to each of `size` elements, `inner` apart.
    CumulativeSum {
        size: usize,
        inner: usize,
        is_exclusive: bool,
        is_reversed: bool,
    },
    Logical(Logical),
    /// For each integer `depth` elements, `inner` apart: one of them is `on`, and the others are `off`.
    OneHot {
        depth: usize,
        inner: usize,
        on: Vec<u8>,
        off: Vec<u8>,
    },
    /// An element of the second input where the first one is true, otherwise one of the third.
    Select,
    Quantize,
    /// Rows of floats become bytes, each row with a scale of its own: all scales, then all bytes.
    QuantizeRows(QuantizedRows),
    /// The steps above the zero points of rows that are quantized in the same way, as floats: all scales, then all steps.
    StepRows(QuantizedRows),
    Dequantize,
    Cast,
    /// The same elements with another shape.
    Reshape,
}

/// A window that moves along one side of an image.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Side {
    /// Pixels of the image.
    pub(crate) input: usize,
    /// Positions of the window.
    pub(crate) output: usize,
    pub(crate) size: usize,
    pub(crate) stride: usize,
    pub(crate) dilation: usize,
    /// Padding in front of the first pixel.
    pub(crate) before: usize,
}

impl Side {
    /// Pixels from the first tap of the window to the last, both included.
    pub(crate) fn reach(&self) -> usize {
        (self.size - 1) * self.dilation + 1
    }

    /// Pixels that a place of the window reaches over and that can be there.
    pub(crate) fn seen(&self) -> usize {
        self.reach().min(self.input)
    }

    /// Pixels that all positions of the window reach over, padding included.
    pub(crate) fn padded(&self) -> usize {
        (self.output - 1) * self.stride + self.reach()
    }

    /// Whether the window is one pixel, and at each pixel once.
    pub(crate) fn is_pointwise(&self) -> bool {
        self.size == 1 && self.stride == 1
    }
}

/// A window over an image of some channels.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Window2 {
    pub(crate) batch: usize,
    pub(crate) rows: Side,
    pub(crate) columns: Side,
    pub(crate) channels: usize,
}

impl Window2 {
    /// Elements of an image.
    pub(crate) fn image_len(&self) -> usize {
        self.rows.input * self.columns.input * self.channels
    }
}

/// A convolution.
#[derive(Clone, Debug)]
pub(crate) struct Conv {
    pub(crate) window: Window2,
    /// Channels of the result.
    pub(crate) outputs: usize,
    /// Whether each channel of the result sees one of the input.
    pub(crate) is_depthwise: bool,
    /// Parts of the channels that do not see each other: 1 but for grouped convolutions.
    pub(crate) groups: usize,
    pub(crate) weights: Weights,
    pub(crate) activation: Activation,
    /// Bounds of the sum, where a second input is added.
    pub(crate) post_add_bounds: Option<Bounds>,
    /// Is done to the input before all else: a factor, and what is taken off.
    pub(crate) affine: Option<(f32, f32)>,
}

impl Conv {
    /// Most bytes of packed weights and biases, and of offsets that are known before, where each group's channels fill whole vectors of this many lanes.
    pub(crate) fn packed_bytes(&self, lanes: usize) -> usize {
        let Window2 { rows, columns, channels, .. } = self.window;
        let seen = if self.is_depthwise { 1 } else { channels / self.groups };
        let rows_of_weights = 1 + rows.size * columns.size * seen;
        let outputs = (self.outputs / self.groups).next_multiple_of(lanes) * self.groups;
        // A weight of bytes may have four slots of 16 bits for itself.
        let are_floats = matches!(self.weights, Weights::Floats { .. }) || self.is_depthwise;
        let bytes = if are_floats { 4 } else { 8 };
        let weights = rows_of_weights.saturating_mul(outputs).saturating_mul(bytes);
        let positions = if self.is_depthwise { rows.output.saturating_mul(rows.size) } else { 0 };
        weights.saturating_add(positions.saturating_mul(size_of::<usize>()))
    }
}

/// Weights of a convolution: for each channel of the result those of a window, row by row, pixel by pixel; of a depthwise one for
/// each pixel of a window those of all channels.
#[derive(Clone, Debug)]
pub(crate) enum Weights {
    Floats {
        weights: Arc<Constant>,
        bias: Option<Arc<Constant>>,
    },
    Bytes(Box<ByteWeights>),
    /// For floats that are quantized before.
    Dynamic(Box<DynamicWeights>),
}

/// Weights of bytes for floats that [`Op::QuantizeRows`] has quantized, or [`Op::StepRows`] for a depthwise convolution.
#[derive(Clone, Debug)]
pub(crate) struct DynamicWeights {
    /// Signed bytes, with a zero point of 0.
    pub(crate) weights: Vec<i8>,
    /// What a step of the weights is, for each channel.
    pub(crate) scales: Vec<f32>,
    pub(crate) bias: Option<Arc<Constant>>,
    /// What they are multiplied with: a row for each pixel, or for each image.
    pub(crate) rows: QuantizedRows,
}

/// Rows of values that have a scale each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QuantizedRows {
    pub(crate) rows: usize,
    /// Values of a row.
    pub(crate) length: usize,
}

impl QuantizedRows {
    /// Floats of the steps of all rows and their scales.
    pub(crate) fn floats(self) -> usize {
        self.rows * (self.length + 1)
    }

    /// Bytes of all rows and their scales.
    pub(crate) fn bytes(self) -> usize {
        self.rows * (self.length + size_of::<RowScale>())
    }
}

/// Weights of bytes and what the sums are to become.
#[derive(Clone, Debug)]
pub(crate) struct ByteWeights {
    /// Signed bytes; unsigned ones are less 128.
    pub(crate) weights: Vec<i8>,
    pub(crate) zero_point: i32,
    pub(crate) bias: Vec<i32>,
    /// What a step of the sums is in steps of the result, for each channel.
    pub(crate) factors: Vec<f32>,
    pub(crate) input_zero_point: i32,
    pub(crate) is_signed: bool,
    pub(crate) output_zero_point: i32,
    /// Bounds of the result's integers.
    pub(crate) bounds: (i32, i32),
}

/// Moves elements: each of the output is that of the input at the sum of an offset for each dimension, or a filling.
#[derive(Clone, Debug)]
pub(crate) struct Remap {
    /// For each index of each dimension of the output an offset, in elements of the input; `PADDING` for the filling.
    pub(crate) offsets: Vec<Vec<usize>>,
    /// Bytes of an element.
    pub(crate) filling: Vec<u8>,
}

/// The offset of what is no element of the input.
pub(crate) const PADDING: usize = usize::MAX;

/// For each row of a result the two rows that it lies between, and how near the second one is.
#[derive(Clone, Debug)]
pub(crate) struct Interpolation {
    pub(crate) taps: Vec<(usize, usize, f32)>,
}
