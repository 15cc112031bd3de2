//! The TensorFlow Lite model schema, version 3: the tables an embedding model is made of.

use crate::table::{enumerations, tables, unions};

/// File identifier at byte 4 of every model.
pub const FILE_IDENTIFIER: &str = "TFL3";
/// The only schema version in use.
pub const SCHEMA_VERSION: u32 = 3;
/// Name of the `Model.metadata` entry whose buffer holds the metadata flatbuffer.
pub const METADATA_NAME: &str = "TFLITE_METADATA";

enumerations! {
    /// Element type of a tensor.
    enum TensorType: i8 {
        FLOAT32 = 0,
        FLOAT16 = 1,
        INT32 = 2,
        UINT8 = 3,
        INT64 = 4,
        STRING = 5,
        BOOL = 6,
        INT16 = 7,
        COMPLEX64 = 8,
        INT8 = 9,
        FLOAT64 = 10,
        COMPLEX128 = 11,
        UINT64 = 12,
        RESOURCE = 13,
        VARIANT = 14,
        UINT32 = 15,
        UINT16 = 16,
        INT4 = 17,
        BFLOAT16 = 18,
    }

    /// What an operator computes.
    enum BuiltinOperator: i32 {
        ADD = 0,
        AVERAGE_POOL_2D = 1,
        CONCATENATION = 2,
        CONV_2D = 3,
        DEPTHWISE_CONV_2D = 4,
        DEPTH_TO_SPACE = 5,
        DEQUANTIZE = 6,
        EMBEDDING_LOOKUP = 7,
        FLOOR = 8,
        FULLY_CONNECTED = 9,
        HASHTABLE_LOOKUP = 10,
        L2_NORMALIZATION = 11,
        L2_POOL_2D = 12,
        LOCAL_RESPONSE_NORMALIZATION = 13,
        LOGISTIC = 14,
        LSH_PROJECTION = 15,
        LSTM = 16,
        MAX_POOL_2D = 17,
        MUL = 18,
        RELU = 19,
        RELU_N1_TO_1 = 20,
        RELU6 = 21,
        RESHAPE = 22,
        RESIZE_BILINEAR = 23,
        RNN = 24,
        SOFTMAX = 25,
        SPACE_TO_DEPTH = 26,
        SVDF = 27,
        TANH = 28,
        CONCAT_EMBEDDINGS = 29,
        SKIP_GRAM = 30,
        CALL = 31,
        CUSTOM = 32,
        EMBEDDING_LOOKUP_SPARSE = 33,
        PAD = 34,
        UNIDIRECTIONAL_SEQUENCE_RNN = 35,
        GATHER = 36,
        BATCH_TO_SPACE_ND = 37,
        SPACE_TO_BATCH_ND = 38,
        TRANSPOSE = 39,
        MEAN = 40,
        SUB = 41,
        DIV = 42,
        SQUEEZE = 43,
        UNIDIRECTIONAL_SEQUENCE_LSTM = 44,
        STRIDED_SLICE = 45,
        BIDIRECTIONAL_SEQUENCE_RNN = 46,
        EXP = 47,
        TOPK_V2 = 48,
        SPLIT = 49,
        LOG_SOFTMAX = 50,
        DELEGATE = 51,
        BIDIRECTIONAL_SEQUENCE_LSTM = 52,
        CAST = 53,
        PRELU = 54,
        MAXIMUM = 55,
        ARG_MAX = 56,
        MINIMUM = 57,
        LESS = 58,
        NEG = 59,
        PADV2 = 60,
        GREATER = 61,
        GREATER_EQUAL = 62,
        LESS_EQUAL = 63,
        SELECT = 64,
        SLICE = 65,
        SIN = 66,
        TRANSPOSE_CONV = 67,
        SPARSE_TO_DENSE = 68,
        TILE = 69,
        EXPAND_DIMS = 70,
        EQUAL = 71,
        NOT_EQUAL = 72,
        LOG = 73,
        SUM = 74,
        SQRT = 75,
        RSQRT = 76,
        SHAPE = 77,
        POW = 78,
        ARG_MIN = 79,
        FAKE_QUANT = 80,
        REDUCE_PROD = 81,
        REDUCE_MAX = 82,
        PACK = 83,
        LOGICAL_OR = 84,
        ONE_HOT = 85,
        LOGICAL_AND = 86,
        LOGICAL_NOT = 87,
        UNPACK = 88,
        REDUCE_MIN = 89,
        FLOOR_DIV = 90,
        REDUCE_ANY = 91,
        SQUARE = 92,
        ZEROS_LIKE = 93,
        FILL = 94,
        FLOOR_MOD = 95,
        RANGE = 96,
        RESIZE_NEAREST_NEIGHBOR = 97,
        LEAKY_RELU = 98,
        SQUARED_DIFFERENCE = 99,
        MIRROR_PAD = 100,
        ABS = 101,
        SPLIT_V = 102,
        UNIQUE = 103,
        CEIL = 104,
        REVERSE_V2 = 105,
        ADD_N = 106,
        GATHER_ND = 107,
        COS = 108,
        WHERE = 109,
        RANK = 110,
        ELU = 111,
        REVERSE_SEQUENCE = 112,
        MATRIX_DIAG = 113,
        QUANTIZE = 114,
        MATRIX_SET_DIAG = 115,
        ROUND = 116,
        HARD_SWISH = 117,
        IF = 118,
        WHILE = 119,
        NON_MAX_SUPPRESSION_V4 = 120,
        NON_MAX_SUPPRESSION_V5 = 121,
        SCATTER_ND = 122,
        SELECT_V2 = 123,
        DENSIFY = 124,
        SEGMENT_SUM = 125,
        BATCH_MATMUL = 126,
        PLACEHOLDER_FOR_GREATER_OP_CODES = 127,
        CUMSUM = 128,
        CALL_ONCE = 129,
        BROADCAST_TO = 130,
        RFFT2D = 131,
        CONV_3D = 132,
        HASHTABLE = 136,
        HASHTABLE_FIND = 137,
        HASHTABLE_IMPORT = 138,
        HASHTABLE_SIZE = 139,
        REDUCE_ALL = 140,
        CONV_3D_TRANSPOSE = 141,
        VAR_HANDLE = 142,
        READ_VARIABLE = 143,
        ASSIGN_VARIABLE = 144,
        BROADCAST_ARGS = 145,
        RANDOM_STANDARD_NORMAL = 146,
        BUCKETIZE = 147,
        RANDOM_UNIFORM = 148,
        MULTINOMIAL = 149,
        GELU = 150,
        DYNAMIC_UPDATE_SLICE = 151,
        RELU_0_TO_1 = 152,
        UNSORTED_SEGMENT_PROD = 153,
        UNSORTED_SEGMENT_MAX = 154,
        UNSORTED_SEGMENT_SUM = 155,
        ATAN2 = 156,
        UNSORTED_SEGMENT_MIN = 157,
        SIGN = 158,
        BITCAST = 159,
        BITWISE_XOR = 160,
        RIGHT_SHIFT = 161,
    }

    /// How a window may reach over the border of its input.
    enum Padding: i8 {
        SAME = 0,
        VALID = 1,
    }

    /// Activation applied to an operator's result.
    enum Activation: i8 {
        NONE = 0,
        RELU = 1,
        RELU_N1_TO_1 = 2,
        RELU6 = 3,
        TANH = 4,
        SIGN_BIT = 5,
    }
}

tables! {
    /// The root: one file.
    table Model, ModelRef {
        /// Schema version, 3.
        0 version: scalar(u32 = 0),
        /// The operators in use; [`Operator::opcode_index`] points here.
        1 operator_codes: tables(OperatorCode, OperatorCodeRef),
        /// The graphs; the first one is the model's.
        2 subgraphs: tables(SubGraph, SubGraphRef),
        /// Free text, often the converter's name.
        3 description: text(),
        /// Constant data; the first buffer is empty by convention.
        4 buffers: tables(Buffer, BufferRef),
        /// Deprecated list of metadata buffers.
        5 metadata_buffer: list(i32),
        /// Named metadata buffers.
        6 metadata: tables(Metadata, MetadataRef),
        /// Named signatures.
        7 signature_defs: tables(SignatureDef, SignatureDefRef),
    }

    /// Which operator, in which version.
    table OperatorCode, OperatorCodeRef {
        /// The operator where its number is below 127, else 127.
        0 deprecated_builtin_code: scalar(i8 = 0),
        /// Name of a custom operator.
        1 custom_code: text(),
        /// Version of the operator's definition.
        2 version: scalar(i32 = 1),
        /// The operator in newer files, else 0.
        3 builtin_code: code(BuiltinOperator, i32 = 0),
    }

    /// A graph: tensors and the operators between them, in order of execution.
    table SubGraph, SubGraphRef {
        /// All tensors, constants included.
        0 tensors: tables(Tensor, TensorRef),
        /// Indices of the tensors the caller fills.
        1 inputs: required_list(i32),
        /// Indices of the tensors the caller reads.
        2 outputs: required_list(i32),
        /// The operators in order of execution.
        3 operators: tables(Operator, OperatorRef),
        /// Name of the graph.
        4 name: text(),
    }

    /// A tensor: shape, type and, for constants, where its data is.
    table Tensor, TensorRef {
        /// Sizes, outermost first; unknown ones are stored as 1.
        0 shape: required_list(i32),
        /// Element type.
        1 element_type: code(TensorType, i8 = 0),
        /// Index of the buffer with the data; an empty buffer for values computed at run time.
        2 buffer: scalar(u32 = 0),
        /// Name of the tensor.
        3 name: text(),
        /// How stored integers stand for real numbers.
        4 quantization: table(QuantizationParameters, QuantizationParametersRef),
        /// Whether the value survives from run to run.
        5 is_variable: scalar(bool = false),
        /// How the elements of a sparse tensor are stored.
        6 sparsity: table(SparsityParameters, SparsityParametersRef),
        /// Sizes with unknown ones as -1.
        7 shape_signature: list(i32),
        /// Whether the rank is known although the shape is empty.
        8 has_rank: scalar(bool = false),
    }

    /// How the elements of a sparse tensor are stored.
    table SparsityParameters, SparsityParametersRef {
        /// The order in which dimensions are stored.
        0 traversal_order: list(i32),
        /// Which dimensions are split into blocks.
        1 block_map: list(i32),
    }

    /// Affine quantization: real = scale * (stored - zero_point).
    table QuantizationParameters, QuantizationParametersRef {
        /// Smallest real value seen.
        0 min: list(f32),
        /// Largest real value seen.
        1 max: list(f32),
        /// One scale, or one per slice of `quantized_dimension`.
        2 scale: list(f32),
        /// One zero point, or one per slice.
        3 zero_point: list(i64),
        /// The dimension the slices run along.
        6 quantized_dimension: scalar(i32 = 0),
    }

    /// One step of a graph.
    table Operator, OperatorRef {
        /// Index into [`Model::operator_codes`].
        0 opcode_index: scalar(u32 = 0),
        /// Tensor indices; -1 for an optional input left out.
        1 inputs: required_list(i32),
        /// Tensor indices.
        2 outputs: required_list(i32),
        /// Parameters of a builtin operator.
        4 builtin_options: union(BuiltinOptions, BuiltinOptionsRef),
        /// Parameters of a custom operator.
        5 custom_options: bytes(),
    }

    /// Constant data, little-endian, row-major.
    table Buffer, BufferRef {
        /// The bytes.
        0 data: bytes(),
        /// Where the data lies when it is kept behind the flatbuffer; 0 or 1 otherwise.
        1 offset: scalar(u64 = 0),
        /// Length of data kept behind the flatbuffer.
        2 size: scalar(u64 = 0),
    }

    /// A named buffer that is not part of the graph.
    table Metadata, MetadataRef {
        /// What it is.
        0 name: text(),
        /// Index into [`Model::buffers`].
        1 buffer: scalar(u32 = 0),
    }

    /// Name of a tensor within a signature.
    table TensorMap, TensorMapRef {
        /// The name.
        0 name: text(),
        /// Tensor index in the signature's subgraph.
        1 tensor_index: scalar(u32 = 0),
    }

    /// A named signature.
    table SignatureDef, SignatureDefRef {
        /// Inputs by name.
        0 inputs: tables(TensorMap, TensorMapRef),
        /// Outputs by name.
        1 outputs: tables(TensorMap, TensorMapRef),
        /// Name of the signature, often `serving_default`.
        2 signature_key: text(),
        /// The subgraph it runs.
        4 subgraph_index: scalar(u32 = 0),
    }

    /// Parameters of CONV_2D.
    table Conv2DOptions, Conv2DOptionsRef {
        /// Border rule.
        0 padding: code(Padding, i8 = 0),
        /// Horizontal step.
        1 stride_w: scalar(i32 = 0),
        /// Vertical step.
        2 stride_h: scalar(i32 = 0),
        /// Activation of the result.
        3 fused_activation_function: code(Activation, i8 = 0),
        /// Horizontal distance of two taps.
        4 dilation_w_factor: scalar(i32 = 1),
        /// Vertical distance of two taps.
        5 dilation_h_factor: scalar(i32 = 1),
    }

    /// Parameters of DEPTHWISE_CONV_2D.
    table DepthwiseConv2DOptions, DepthwiseConv2DOptionsRef {
        /// Border rule.
        0 padding: code(Padding, i8 = 0),
        /// Horizontal step.
        1 stride_w: scalar(i32 = 0),
        /// Vertical step.
        2 stride_h: scalar(i32 = 0),
        /// Output channels per input channel.
        3 depth_multiplier: scalar(i32 = 0),
        /// Activation of the result.
        4 fused_activation_function: code(Activation, i8 = 0),
        /// Horizontal distance of two taps.
        5 dilation_w_factor: scalar(i32 = 1),
        /// Vertical distance of two taps.
        6 dilation_h_factor: scalar(i32 = 1),
    }

    /// Parameters of AVERAGE_POOL_2D and MAX_POOL_2D.
    table Pool2DOptions, Pool2DOptionsRef {
        /// Border rule.
        0 padding: code(Padding, i8 = 0),
        /// Horizontal step.
        1 stride_w: scalar(i32 = 0),
        /// Vertical step.
        2 stride_h: scalar(i32 = 0),
        /// Width of the window.
        3 filter_width: scalar(i32 = 0),
        /// Height of the window.
        4 filter_height: scalar(i32 = 0),
        /// Activation of the result.
        5 fused_activation_function: code(Activation, i8 = 0),
    }

    /// Parameters of FULLY_CONNECTED.
    table FullyConnectedOptions, FullyConnectedOptionsRef {
        /// Activation of the result.
        0 fused_activation_function: code(Activation, i8 = 0),
        /// Memory layout of the weights; 0 is plain.
        1 weights_format: scalar(i8 = 0),
        /// Whether the outer dimensions are kept.
        2 keep_num_dims: scalar(bool = false),
        /// Whether inputs are quantized asymmetrically at run time.
        3 asymmetric_quantize_inputs: scalar(bool = false),
    }

    /// Parameters of CONCATENATION.
    table ConcatenationOptions, ConcatenationOptionsRef {
        /// The dimension the inputs are laid along.
        0 axis: scalar(i32 = 0),
        /// Activation of the result.
        1 fused_activation_function: code(Activation, i8 = 0),
    }

    /// Parameters of ADD.
    table AddOptions, AddOptionsRef {
        /// Activation of the result.
        0 fused_activation_function: code(Activation, i8 = 0),
    }

    /// Parameters of SUB.
    table SubOptions, SubOptionsRef {
        /// Activation of the result.
        0 fused_activation_function: code(Activation, i8 = 0),
    }

    /// Parameters of RESHAPE.
    table ReshapeOptions, ReshapeOptionsRef {
        /// The new shape; one may be -1.
        0 new_shape: list(i32),
    }

    /// Parameters of MUL.
    table MulOptions, MulOptionsRef {
        /// Activation of the result.
        0 fused_activation_function: code(Activation, i8 = 0),
    }

    /// Parameters of DIV.
    table DivOptions, DivOptionsRef {
        /// Activation of the result.
        0 fused_activation_function: code(Activation, i8 = 0),
    }

    /// Parameters of SOFTMAX.
    table SoftmaxOptions, SoftmaxOptionsRef {
        /// Factor of the exponents.
        0 beta: scalar(f32 = 0.0),
    }

    /// Parameters of RESIZE_BILINEAR.
    table ResizeBilinearOptions, ResizeBilinearOptionsRef {
        /// Whether the corners of both grids coincide.
        2 align_corners: scalar(bool = false),
        /// Whether samples lie in the middle of pixels.
        3 half_pixel_centers: scalar(bool = false),
    }

    /// Parameters of RESIZE_NEAREST_NEIGHBOR.
    table ResizeNearestNeighborOptions, ResizeNearestNeighborOptionsRef {
        /// Whether the corners of both grids coincide.
        0 align_corners: scalar(bool = false),
        /// Whether samples lie in the middle of pixels.
        1 half_pixel_centers: scalar(bool = false),
    }

    /// Parameters of MEAN, SUM and the other reductions.
    table ReducerOptions, ReducerOptionsRef {
        /// Whether reduced dimensions stay, with size 1.
        0 keep_dims: scalar(bool = false),
    }

    /// Parameters of SQUEEZE.
    table SqueezeOptions, SqueezeOptionsRef {
        /// The dimensions to drop; all of size 1 if empty.
        0 squeeze_dims: list(i32),
    }

    /// Parameters of STRIDED_SLICE: bit masks over the dimensions.
    table StridedSliceOptions, StridedSliceOptionsRef {
        /// Dimensions that start at their beginning.
        0 begin_mask: scalar(i32 = 0),
        /// Dimensions that go to their end.
        1 end_mask: scalar(i32 = 0),
        /// The entry that stands for as many dimensions as needed.
        2 ellipsis_mask: scalar(i32 = 0),
        /// Entries that insert a dimension.
        3 new_axis_mask: scalar(i32 = 0),
        /// Dimensions that are dropped.
        4 shrink_axis_mask: scalar(i32 = 0),
        /// Whether ends count from the beginnings.
        5 offset: scalar(bool = false),
    }

    /// Parameters of SHAPE.
    table ShapeOptions, ShapeOptionsRef {
        /// Element type of the result.
        0 out_type: code(TensorType, i8 = 0),
    }

    /// Parameters of LEAKY_RELU.
    table LeakyReluOptions, LeakyReluOptionsRef {
        /// Slope for negative values.
        0 alpha: scalar(f32 = 0.0),
    }

    /// Parameters of BATCH_MATMUL.
    table BatchMatMulOptions, BatchMatMulOptionsRef {
        /// Whether the first input is transposed.
        0 adj_x: scalar(bool = false),
        /// Whether the second input is transposed.
        1 adj_y: scalar(bool = false),
        /// Whether inputs are quantized asymmetrically at run time.
        2 asymmetric_quantize_inputs: scalar(bool = false),
    }

    /// Parameters of ARG_MAX.
    table ArgMaxOptions, ArgMaxOptionsRef {
        /// Type of the result.
        0 output_type: code(TensorType, i8 = 0),
    }

    /// Parameters of TRANSPOSE_CONV.
    table TransposeConvOptions, TransposeConvOptionsRef {
        /// How the borders of the output are treated.
        0 padding: code(Padding, i8 = 0),
        /// Horizontal stride.
        1 stride_w: scalar(i32 = 0),
        /// Vertical stride.
        2 stride_h: scalar(i32 = 0),
        /// What is done to the result.
        3 fused_activation_function: code(Activation, i8 = 0),
    }

    /// Parameters of ONE_HOT.
    table OneHotOptions, OneHotOptionsRef {
        /// The dimension that is made.
        0 axis: scalar(i32 = 0),
    }

    /// Parameters of CUMSUM.
    table CumsumOptions, CumsumOptionsRef {
        /// Whether an element is left out of its own sum.
        0 exclusive: scalar(bool = false),
        /// Whether sums begin at the end.
        1 reverse: scalar(bool = false),
    }

    /// Parameters of L2_NORMALIZATION.
    table L2NormOptions, L2NormOptionsRef {
        /// Activation of the result.
        0 fused_activation_function: code(Activation, i8 = 0),
    }

    /// Parameters of GATHER.
    table GatherOptions, GatherOptionsRef {
        /// The dimension that indices count along.
        0 axis: scalar(i32 = 0),
        /// Number of outer dimensions that indices share with the values.
        1 batch_dims: scalar(i32 = 0),
    }

    /// Parameters of SPLIT.
    table SplitOptions, SplitOptionsRef {
        /// Number of parts.
        0 num_splits: scalar(i32 = 0),
    }

    /// Parameters of CAST.
    table CastOptions, CastOptionsRef {
        /// Element type of the input.
        0 in_data_type: code(TensorType, i8 = 0),
        /// Element type of the result.
        1 out_data_type: code(TensorType, i8 = 0),
    }

    /// Parameters of PACK.
    table PackOptions, PackOptionsRef {
        /// Number of inputs.
        0 values_count: scalar(i32 = 0),
        /// The dimension that is made.
        1 axis: scalar(i32 = 0),
    }

    /// Parameters of UNPACK.
    table UnpackOptions, UnpackOptionsRef {
        /// Number of results.
        0 num: scalar(i32 = 0),
        /// The dimension that goes.
        1 axis: scalar(i32 = 0),
    }

    /// Parameters of MIRROR_PAD.
    table MirrorPadOptions, MirrorPadOptionsRef {
        /// 0 leaves the border out of the reflection, 1 takes it in.
        0 mode: scalar(i8 = 0),
    }

    /// Parameters of GELU.
    table GeluOptions, GeluOptionsRef {
        /// Whether the hyperbolic tangent stands for the error function.
        0 approximate: scalar(bool = false),
    }
}

unions! {
    /// Parameters of a builtin operator.
    union BuiltinOptions, BuiltinOptionsRef {
        /// CONV_2D.
        1 Conv2DOptions(Conv2DOptionsRef),
        /// DEPTHWISE_CONV_2D.
        2 DepthwiseConv2DOptions(DepthwiseConv2DOptionsRef),
        /// AVERAGE_POOL_2D, MAX_POOL_2D.
        5 Pool2DOptions(Pool2DOptionsRef),
        /// FULLY_CONNECTED.
        8 FullyConnectedOptions(FullyConnectedOptionsRef),
        /// SOFTMAX.
        9 SoftmaxOptions(SoftmaxOptionsRef),
        /// CONCATENATION.
        10 ConcatenationOptions(ConcatenationOptionsRef),
        /// ADD.
        11 AddOptions(AddOptionsRef),
        /// L2_NORMALIZATION.
        12 L2NormOptions(L2NormOptionsRef),
        /// RESIZE_BILINEAR.
        15 ResizeBilinearOptions(ResizeBilinearOptionsRef),
        /// RESHAPE.
        17 ReshapeOptions(ReshapeOptionsRef),
        /// MUL.
        21 MulOptions(MulOptionsRef),
        /// GATHER.
        23 GatherOptions(GatherOptionsRef),
        /// MEAN, SUM and the other reductions.
        27 ReducerOptions(ReducerOptionsRef),
        /// SUB.
        28 SubOptions(SubOptionsRef),
        /// DIV.
        29 DivOptions(DivOptionsRef),
        /// SQUEEZE.
        30 SqueezeOptions(SqueezeOptionsRef),
        /// STRIDED_SLICE.
        32 StridedSliceOptions(StridedSliceOptionsRef),
        /// SPLIT.
        35 SplitOptions(SplitOptionsRef),
        /// CAST.
        37 CastOptions(CastOptionsRef),
        /// ARG_MAX.
        40 ArgMaxOptions(ArgMaxOptionsRef),
        /// TRANSPOSE_CONV.
        49 TransposeConvOptions(TransposeConvOptionsRef),
        /// SHAPE.
        55 ShapeOptions(ShapeOptionsRef),
        /// PACK.
        59 PackOptions(PackOptionsRef),
        /// ONE_HOT.
        61 OneHotOptions(OneHotOptionsRef),
        /// UNPACK.
        64 UnpackOptions(UnpackOptionsRef),
        /// RESIZE_NEAREST_NEIGHBOR.
        74 ResizeNearestNeighborOptions(ResizeNearestNeighborOptionsRef),
        /// LEAKY_RELU.
        75 LeakyReluOptions(LeakyReluOptionsRef),
        /// MIRROR_PAD.
        77 MirrorPadOptions(MirrorPadOptionsRef),
        /// BATCH_MATMUL.
        101 BatchMatMulOptions(BatchMatMulOptionsRef),
        /// CUMSUM.
        102 CumsumOptions(CumsumOptionsRef),
        /// GELU.
        116 GeluOptions(GeluOptionsRef),
    }
}
