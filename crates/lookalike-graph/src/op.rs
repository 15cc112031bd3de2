//! What an operator computes, in types that hold nothing unchecked.

/// What an operator computes. Inputs and outputs are those of the [`Node`](crate::Node); names are TensorFlow Lite's.
///
/// Every variant comes from a parser that has checked the number, types and shapes of inputs and outputs and all parameters. Axes lie
/// within the rank, ranges within the dimensions.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// RELU, RELU6, RELU_N1_TO_1.
    Activation(Activation),
    /// ARG_MAX: the place of the largest value along a dimension, the first of several.
    ArgMax {
        /// The dimension, which goes.
        axis: usize,
    },
    /// BATCH_MATMUL: products of the last two dimensions, the others broadcast.
    BatchMatMul {
        /// Whether the last two dimensions of input 0 are swapped first.
        transposes_left: bool,
        /// Whether those of input 1 are.
        transposes_right: bool,
    },
    /// BATCH_TO_SPACE_ND: for rows and columns, the size of a block and what is cropped before and after.
    BatchToSpace {
        /// Rows and columns.
        blocks: [Block; 2],
    },
    /// An element of each of two inputs, broadcast.
    Binary {
        /// The function.
        function: Binary,
        /// What is done to its result.
        activation: Activation,
    },
    /// BROADCAST_TO: dimensions of size 1 are repeated, and missing ones in front are added.
    BroadcastTo,
    /// CAST.
    Cast,
    /// An element of each of two inputs, compared.
    Comparison(Comparison),
    /// CONCATENATION.
    Concatenation {
        /// The dimension along which inputs follow each other.
        axis: usize,
        /// What is done to the result.
        activation: Activation,
    },
    /// CONV_2D: input, weights `[outputs, height, width, channels / groups]`, bias.
    Conv2d(Conv2d),
    /// CUMSUM: sums of the elements up to each one.
    CumSum {
        /// The dimension along which elements are summed up.
        axis: usize,
        /// Whether an element is left out of its own sum.
        is_exclusive: bool,
        /// Whether sums begin at the end.
        is_reversed: bool,
    },
    /// DEPTHWISE_CONV_2D: input, weights `[1, height, width, outputs]`, bias. Output `i` reads channel `i / (outputs / channels)`.
    DepthwiseConv2d(Conv2d),
    /// DEQUANTIZE: from integers with scales, or from 16-bit floats.
    Dequantize,
    /// EMBEDDING_LOOKUP: rows of input 1.
    EmbeddingLookup {
        /// Which, the constant input 0.
        indices: Vec<usize>,
    },
    /// FULLY_CONNECTED: input, weights `[outputs, depth]`, bias.
    FullyConnected {
        /// What is done to the result.
        activation: Activation,
    },
    /// GATHER.
    Gather {
        /// The dimension from which elements are taken.
        axis: usize,
        /// Which; the shape of input 1 takes the place of the dimension.
        indices: Vec<usize>,
    },
    /// GATHER_ND: slices of input 0.
    GatherNd {
        /// Dimensions of input 0 that are indexed together.
        depth: usize,
        /// Which slices, counted through these dimensions.
        indices: Vec<usize>,
    },
    /// L2_NORMALIZATION: divided by the Euclidean length along the last dimension.
    L2Normalization {
        /// What is done to the result.
        activation: Activation,
    },
    /// LOG_SOFTMAX.
    LogSoftmax,
    /// LOGICAL_AND, LOGICAL_OR, LOGICAL_NOT.
    Logical(Logical),
    /// MIRROR_PAD.
    MirrorPad {
        /// Elements before and after each dimension.
        padding: Vec<(usize, usize)>,
        /// Elements between the border and the mirror: 0 repeats the border (SYMMETRIC), 1 does not (REFLECT).
        offset: usize,
    },
    /// ONE_HOT: for each of input 0, which are integers, the constant input 2 at its place and the constant input 3 elsewhere.
    OneHot {
        /// The dimension that is made.
        axis: usize,
        /// Its size.
        depth: usize,
    },
    /// PACK.
    Pack {
        /// The dimension that is made.
        axis: usize,
    },
    /// PAD, and PADV2, whose value is the constant input 2.
    Pad {
        /// Elements before and after each dimension.
        padding: Vec<(usize, usize)>,
    },
    /// AVERAGE_POOL_2D, MAX_POOL_2D. Padding counts neither for the mean nor for the maximum.
    Pool2d {
        /// What becomes of a window.
        pool: Pool,
        /// The window.
        window: Window2d,
        /// What is done to the result.
        activation: Activation,
    },
    /// QUANTIZE: to integers with one scale, from floats or from such integers.
    Quantize,
    /// MEAN, SUM and the like.
    Reduce {
        /// What becomes of the elements.
        reduction: Reduction,
        /// The dimensions that are reduced, in the order of the model.
        axes: Vec<usize>,
        /// Whether they stay, with size 1.
        keeps_dims: bool,
    },
    /// RESHAPE, SQUEEZE, EXPAND_DIMS: the same elements in another shape.
    Reshape,
    /// RESIZE_BILINEAR.
    ResizeBilinear(Sampling),
    /// RESIZE_NEAREST_NEIGHBOR.
    ResizeNearestNeighbor(Sampling),
    /// SELECT and SELECT_V2: an element of input 1 where input 0 is true, otherwise one of input 2; all three are broadcast.
    Select,
    /// SHAPE of a value whose shape is longer than what is followed.
    Shape,
    /// SLICE and STRIDED_SLICE: a range of each dimension of the input.
    Slice {
        /// The ranges.
        ranges: Vec<SliceRange>,
        /// Whether each entry of the model's lists is the range of one dimension: no ellipsis, no inserted or removed dimension.
        is_one_to_one: bool,
    },
    /// SOFTMAX of `beta` times the values, along the last dimension.
    Softmax {
        /// Factor of the exponents.
        beta: f32,
    },
    /// SPACE_TO_BATCH_ND: for rows and columns, the size of a block and the padding before and after.
    SpaceToBatch {
        /// Rows and columns.
        blocks: [Block; 2],
    },
    /// SPLIT of input 1 into equal parts.
    Split {
        /// The dimension that is split.
        axis: usize,
    },
    /// TILE: the input that often along each dimension.
    Tile {
        /// How often, at least once.
        multiples: Vec<usize>,
    },
    /// TRANSPOSE.
    Transpose {
        /// For each dimension of the output that of the input.
        permutation: Vec<usize>,
    },
    /// TRANSPOSE_CONV: the shape of the output, weights `[outputs, height, width, channels]`, input, bias.
    TransposeConv2d(TransposeConv2d),
    /// A function of each element.
    Unary(Unary),
    /// UNPACK.
    Unpack {
        /// The dimension that goes.
        axis: usize,
    },
}

/// An activation that is part of an operator.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Activation {
    /// The value itself.
    None,
    /// At least 0.
    Relu,
    /// Between 0 and 6.
    Relu6,
    /// Between -1 and 1.
    ReluN1To1,
    /// The hyperbolic tangent.
    Tanh,
}

impl Activation {
    /// The bounds of those that only bound a value.
    pub fn bounds(self) -> Option<(f32, f32)> {
        match self {
            Self::None | Self::Tanh => None,
            Self::Relu => Some((0.0, f32::INFINITY)),
            Self::Relu6 => Some((0.0, 6.0)),
            Self::ReluN1To1 => Some((-1.0, 1.0)),
        }
    }
}

/// Functions of one element.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unary {
    /// ABS.
    Abs,
    /// CEIL.
    Ceil,
    /// COS.
    Cos,
    /// ELU.
    Elu,
    /// EXP.
    Exp,
    /// FLOOR.
    Floor,
    /// GELU.
    Gelu {
        /// Whether the hyperbolic tangent stands for the error function.
        is_approximate: bool,
    },
    /// HARD_SWISH.
    HardSwish,
    /// LEAKY_RELU.
    LeakyRelu {
        /// Slope for negative values; finite.
        slope: f32,
    },
    /// LOG.
    Log,
    /// LOGISTIC.
    Logistic,
    /// NEG.
    Neg,
    /// ROUND: to the nearest integer, of two the even one.
    Round,
    /// RSQRT.
    Rsqrt,
    /// SIN.
    Sin,
    /// SQRT.
    Sqrt,
    /// SQUARE.
    Square,
    /// TANH.
    Tanh,
}

/// Functions of two elements.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Binary {
    /// ADD.
    Add,
    /// DIV. Integers are divided by constants other than 0 and -1.
    Div,
    /// FLOOR_DIV: the quotient rounded down; of integers as `Div`.
    FloorDiv,
    /// FLOOR_MOD: the remainder with the sign of the divisor; of integers as `Div`.
    FloorMod,
    /// MAXIMUM.
    Maximum,
    /// MINIMUM.
    Minimum,
    /// MUL.
    Mul,
    /// POW.
    Pow,
    /// PRELU: input 1 is the slope for negative values; the result has the shape of input 0.
    Prelu,
    /// SQUARED_DIFFERENCE.
    SquaredDifference,
    /// SUB.
    Sub,
}

/// Relations of two elements.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "the names are those of the schema and say it all")]
pub enum Comparison {
    Equal,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    NotEqual,
}

/// Functions of truth values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "the names are those of the schema and say it all")]
pub enum Logical {
    And,
    Not,
    Or,
}

/// What becomes of the elements along dimensions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reduction {
    /// REDUCE_MAX.
    Max,
    /// MEAN.
    Mean,
    /// REDUCE_MIN.
    Min,
    /// REDUCE_PROD.
    Product,
    /// SUM.
    Sum,
}

/// What becomes of a window.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Pool {
    /// The mean.
    Average,
    /// The maximum.
    Max,
}

/// A convolution but for its weights.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Conv2d {
    /// The window.
    pub window: Window2d,
    /// Channels of the output.
    pub outputs: usize,
    /// Parts of the channels that do not see each other: of a depthwise convolution the channels of the input.
    pub groups: usize,
    /// What is done to the result.
    pub activation: Activation,
}

/// A transposed convolution but for its weights: each pixel of the input is multiplied with the window, which is added to the output.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TransposeConv2d {
    /// Down.
    pub rows: TransposedSide,
    /// Across.
    pub columns: TransposedSide,
    /// What is done to the result.
    pub activation: Activation,
}

/// How windows lie along one side of the output of a transposed convolution: element `tap` of the window of pixel `i` is added to
/// pixel `i * stride + tap - before` of the output, if there is one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TransposedSide {
    /// Pixels of the input.
    pub input: usize,
    /// Pixels of the output.
    pub output: usize,
    /// Elements of the window.
    pub size: usize,
    /// Pixels of the output from one window to the next.
    pub stride: usize,
    /// Elements of the first window that lie before the output; less than its size.
    pub before: usize,
}

/// A window that moves down and across an image `[batch, rows, columns, channels]`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Window2d {
    /// Down.
    pub rows: WindowSide,
    /// Across.
    pub columns: WindowSide,
}

/// How a window moves along one side of an image. Sizes, strides and dilations are at least 1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct WindowSide {
    /// Pixels of the image.
    pub input: usize,
    /// Positions of the window.
    pub output: usize,
    /// Elements of the kernel.
    pub size: usize,
    /// Pixels from one position to the next.
    pub stride: usize,
    /// Pixels from one element of the kernel to the next.
    pub dilation: usize,
    /// Padding before the first pixel.
    pub before: usize,
    /// Padding behind the last pixel.
    pub after: usize,
}

/// A block of rows or columns, and what goes on or comes off around the image.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Block {
    /// Rows or columns of a block, at least 1.
    pub size: usize,
    /// Before the first.
    pub before: usize,
    /// Behind the last.
    pub after: usize,
}

/// Where a resized image is sampled. At most one of the two is set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sampling {
    /// Whether the corners of both grids coincide.
    pub aligns_corners: bool,
    /// Whether samples lie in the middle of pixels.
    pub has_half_pixel_centers: bool,
}

impl Sampling {
    /// Pixels of the input from one pixel of the output to the next, in 32-bit floats as TensorFlow Lite computes it.
    pub fn step(&self, input: usize, output: usize) -> f32 {
        if self.aligns_corners && output > 1 {
            (input - 1) as f32 / (output - 1) as f32
        } else {
            input as f32 / output as f32
        }
    }

    /// The nearest pixel of the input for each of the output.
    pub fn nearest(&self, input: usize, output: usize) -> impl Iterator<Item = usize> {
        let step = self.step(input, output);
        let offset = if self.has_half_pixel_centers { 0.5 } else { 0.0 };
        let rounds = self.aligns_corners;
        (0..output).map(move |target| {
            let position = (target as f32 + offset) * step;
            let position = if rounds { position.round() } else { position.floor() };
            (position as usize).min(input - 1)
        })
    }
}

/// Elements of a dimension, which all exist.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SliceRange {
    /// The first one.
    pub begin: usize,
    /// From one to the next.
    pub step: isize,
    /// How many.
    pub count: usize,
}

impl SliceRange {
    /// All of them.
    pub fn all(size: usize) -> Self {
        Self { begin: 0, step: 1, count: size }
    }

    /// The elements in their order.
    pub fn indices(self) -> impl Iterator<Item = usize> {
        (0..self.count as isize)
            .map(move |index| (self.begin as isize + index * self.step) as usize)
    }
}
