"""Captures what LiteRT gives for quantized operators of random scales and zero points: quantized.py OUTPUT.txt

A line is an operator and a type, and CRC-32 checksums of the outputs of cases, a batch each. The cases are those of
crates/lookalike-native/tests/it/goldens.rs: the same numbers are drawn in the same order.
"""

import pathlib
import sys
import zlib

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

BATCHES, CASES = 25, 40
MASK = (1 << 64) - 1
U8, I8 = schema.TensorType.UINT8, schema.TensorType.INT8
Code, Options = schema.BuiltinOperator, schema.BuiltinOptions


class Numbers:
    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) & MASK
        return self.state >> 33

    def scale(self):
        """From 0.002 to 0.062."""
        return np.float32(200 + self.next() % 6000) / np.float32(100_000)

    def zero_point(self, kind):
        return self.next() % 256 - (128 if kind == I8 else 0)

    def quantity(self, kind):
        scale = self.scale()
        return scale, self.zero_point(kind)

    def bytes(self, shape):
        count = int(np.prod(shape))
        return np.array([self.next() & 255 for _ in range(count)], np.uint8).reshape(shape)


class Draft:
    def __init__(self):
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.inputs = [], []
        self.buffers = [schema.BufferT()]
        self.data = []

    def tensor(self, shape, kind, quantity=None, data=None):
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.name = np.array(shape, np.int32), kind, f"t{len(self.graph.tensors)}"
        tensor.hasRank = True
        if quantity is not None:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = np.array([quantity[0]], np.float32)
            tensor.quantization.zeroPoint = np.array([quantity[1]], np.int64)
        if data is not None:
            self.buffers.append(schema.BufferT())
            self.buffers[-1].data = np.frombuffer(data, np.uint8)
            tensor.buffer = len(self.buffers) - 1
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def input(self, shape, kind, quantity):
        self.graph.inputs.append(self.tensor(shape, kind, quantity))
        return self.graph.inputs[-1]

    def integers(self, values):
        return self.tensor([len(values)], schema.TensorType.INT32, data=np.array(values, np.int32).tobytes())

    def run(self, code, options, inputs, output):
        operator, builtin = schema.OperatorT(), schema.OperatorCodeT()
        operator.inputs, operator.outputs = np.array(inputs, np.int32), np.array([output], np.int32)
        if options is not None:
            operator.builtinOptionsType, operator.builtinOptions = options
        builtin.builtinCode, builtin.deprecatedBuiltinCode = code, min(code, 127)
        builtin.version = {Code.HARD_SWISH: 1, Code.ELU: 1, Code.PRELU: 1, Code.RESIZE_BILINEAR: 3}.get(code, 2)
        self.graph.operators, self.graph.outputs = [operator], [output]
        model = schema.ModelT()
        model.version, model.operatorCodes, model.subgraphs, model.buffers = 3, [builtin], [self.graph], self.buffers
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        interpreter = Interpreter(model_content=bytes(builder.Output()), num_threads=1)
        interpreter.allocate_tensors()
        for details, data in zip(interpreter.get_input_details(), self.data):
            interpreter.set_tensor(details["index"], data.view(details["dtype"]))
        interpreter.invoke()
        return interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).tobytes()


def options(kind, **fields):
    value = getattr(schema, kind + "T")()
    for name, field in fields.items():
        setattr(value, name, field)
    return getattr(Options, kind), value


SHAPE = [1, 4, 8, 8]


def binary(code, kind_of_options, activation=0, right=SHAPE):
    def case(numbers, kind):
        draft = Draft()
        inputs = [draft.input(shape, kind, numbers.quantity(kind)) for shape in (SHAPE, right)]
        output = draft.tensor(SHAPE, kind, numbers.quantity(kind))
        draft.data = [numbers.bytes(shape) for shape in (SHAPE, right)]
        return draft.run(code, options(kind_of_options, fusedActivationFunction=activation), inputs, output)

    return case


def unary(code, shape=SHAPE, output=None, chosen=None, other_type=False):
    def case(numbers, kind):
        draft = Draft()
        to = (U8 if kind == I8 else I8) if other_type else kind
        source = draft.input(shape, kind, numbers.quantity(kind))
        target = draft.tensor(shape, to, output[kind] if output else numbers.quantity(to))
        draft.data = [numbers.bytes(shape)]
        return draft.run(code, chosen, [source], target)

    return case


def resize(align_corners, half_pixel_centers):
    def case(numbers, kind):
        draft = Draft()
        [rows, columns, to_rows, to_columns] = [1 + numbers.next() % 9 for _ in range(4)]
        quantity = numbers.quantity(kind)
        shape = [1, rows, columns, 3]
        source = draft.input(shape, kind, quantity)
        size = draft.integers([to_rows, to_columns])
        target = draft.tensor([1, to_rows, to_columns, 3], kind, quantity)
        draft.data = [numbers.bytes(shape)]
        chosen = options("ResizeBilinearOptions", alignCorners=align_corners, halfPixelCenters=half_pixel_centers)
        return draft.run(Code.RESIZE_BILINEAR, chosen, [source, size], target)

    return case


def pool(code):
    def case(numbers, kind):
        draft = Draft()
        [rows, columns] = [1 + numbers.next() % 4 for _ in range(2)]
        quantity = numbers.quantity(kind)
        source = draft.input(SHAPE, kind, quantity)
        target = draft.tensor([1, 5 - rows, 9 - columns, 8], kind, quantity)
        draft.data = [numbers.bytes(SHAPE)]
        chosen = options(
            "Pool2DOptions", padding=1, strideW=1, strideH=1, filterWidth=columns, filterHeight=rows
        )
        return draft.run(code, chosen, [source], target)

    return case


def mean(numbers, kind):
    draft = Draft()
    source = draft.input(SHAPE, kind, numbers.quantity(kind))
    axes = draft.integers([1, 2])
    target = draft.tensor([1, 1, 1, 8], kind, numbers.quantity(kind))
    draft.data = [numbers.bytes(SHAPE)]
    return draft.run(Code.MEAN, options("ReducerOptions", keepDims=True), [source, axes], target)


def mean_of_channels(numbers, kind):
    draft = Draft()
    shape = [1, 4, 8, 24]
    source = draft.input(shape, kind, numbers.quantity(kind))
    axes = draft.integers([3])
    target = draft.tensor([1, 4, 8, 1], kind, numbers.quantity(kind))
    draft.data = [numbers.bytes(shape)]
    return draft.run(Code.MEAN, options("ReducerOptions", keepDims=True), [source, axes], target)


def positive(code):
    """A function of values that are not negative: the zero point is the smallest byte."""

    def case(numbers, kind):
        draft = Draft()
        source = draft.input(SHAPE, kind, (numbers.scale(), -128))
        target = draft.tensor(SHAPE, kind, numbers.quantity(kind))
        draft.data = [numbers.bytes(SHAPE)]
        return draft.run(code, None, [source], target)

    return case


def same_scale(code, kind_of_options):
    def case(numbers, kind):
        draft = Draft()
        quantity = numbers.quantity(kind)
        inputs = [draft.input(SHAPE, kind, quantity) for _ in range(2)]
        output = draft.tensor(SHAPE, kind, quantity)
        draft.data = [numbers.bytes(SHAPE), numbers.bytes(SHAPE)]
        return draft.run(code, options(kind_of_options), inputs, output)

    return case


def prelu(numbers, kind):
    draft = Draft()
    source = draft.input(SHAPE, kind, numbers.quantity(kind))
    slope = draft.tensor([1, 1, 8], kind, numbers.quantity(kind), numbers.bytes([8]).tobytes())
    target = draft.tensor(SHAPE, kind, numbers.quantity(kind))
    draft.data = [numbers.bytes(SHAPE)]
    return draft.run(Code.PRELU, None, [source, slope], target)


def leaky_relu(numbers, kind):
    alpha = float(np.float32(numbers.next() % 200) / np.float32(100) - np.float32(1))
    return unary(Code.LEAKY_RELU, chosen=options("LeakyReluOptions", alpha=alpha))(numbers, kind)


def weights(numbers, draft, kind, shape, outputs, axis, has_channels):
    """Weights: unsigned with a zero point, or signed with a scale for each channel."""
    if kind == U8:
        quantity = numbers.quantity(kind)
        return draft.tensor(shape, kind, quantity, numbers.bytes(shape).tobytes()), [quantity[0]] * outputs
    scales = [numbers.scale() for _ in range(outputs if has_channels else 1)]
    data = np.maximum(numbers.bytes(shape).view(np.int8), -127)
    tensor = draft.tensor(shape, kind, (scales[0], 0), data.tobytes())
    quantization = draft.graph.tensors[tensor].quantization
    quantization.scale, quantization.quantizedDimension = np.array(scales, np.float32), axis
    quantization.zeroPoint = np.zeros(len(scales), np.int64)
    return tensor, scales if has_channels else scales * outputs


def bias(numbers, draft, quantity, scales):
    values = np.array([numbers.next() % 4000 - 2000 for _ in scales], np.int32)
    tensor = draft.tensor([len(scales)], schema.TensorType.INT32, (np.float32(1), 0), values.tobytes())
    quantization = draft.graph.tensors[tensor].quantization
    distinct = scales if len(set(scales)) > 1 else scales[:1]
    quantization.scale = np.array([quantity[0] * scale for scale in distinct], np.float32)
    quantization.zeroPoint = np.zeros(len(distinct), np.int64)
    return tensor


def coarse(numbers, kind):
    """The scale of sums of products."""
    scale, zero_point = numbers.quantity(kind)
    return scale * np.float32(8), zero_point


def conv(size, has_channels=False):
    def case(numbers, kind):
        draft = Draft()
        quantity = numbers.quantity(kind)
        source = draft.input(SHAPE, kind, quantity)
        filters, scales = weights(numbers, draft, kind, [6, size, size, 8], 6, 0, has_channels)
        biases = bias(numbers, draft, quantity, scales)
        target = draft.tensor([1, 4, 8, 6], kind, coarse(numbers, kind))
        draft.data = [numbers.bytes(SHAPE)]
        chosen = options("Conv2DOptions", strideH=1, strideW=1)
        return draft.run(Code.CONV_2D, chosen, [source, filters, biases], target)

    return case


def depthwise(has_channels):
    def case(numbers, kind):
        draft = Draft()
        quantity = numbers.quantity(kind)
        source = draft.input(SHAPE, kind, quantity)
        filters, scales = weights(numbers, draft, kind, [1, 3, 3, 8], 8, 3, has_channels)
        biases = bias(numbers, draft, quantity, scales)
        target = draft.tensor(SHAPE, kind, coarse(numbers, kind))
        draft.data = [numbers.bytes(SHAPE)]
        chosen = options("DepthwiseConv2DOptions", strideH=1, strideW=1, depthMultiplier=1)
        return draft.run(Code.DEPTHWISE_CONV_2D, chosen, [source, filters, biases], target)

    return case


def fully_connected(numbers, kind):
    draft = Draft()
    quantity = numbers.quantity(kind)
    source = draft.input([3, 32], kind, quantity)
    filters, scales = weights(numbers, draft, kind, [10, 32], 10, 0, False)
    biases = bias(numbers, draft, quantity, scales)
    target = draft.tensor([3, 10], kind, coarse(numbers, kind))
    draft.data = [numbers.bytes([3, 32])]
    return draft.run(Code.FULLY_CONNECTED, options("FullyConnectedOptions"), [source, filters, biases], target)


def batch_matmul(numbers, kind):
    draft = Draft()
    shapes = [[1, 2, 5, 24], [1, 2, 24, 7]]
    inputs = [draft.input(shape, kind, numbers.quantity(kind)) for shape in shapes]
    target = draft.tensor([1, 2, 5, 7], kind, coarse(numbers, kind))
    draft.data = [numbers.bytes(shape) for shape in shapes]
    return draft.run(Code.BATCH_MATMUL, options("BatchMatMulOptions"), inputs, target)


def batch_matmul_by_constant(numbers, kind):
    draft = Draft()
    source = draft.input([1, 2, 5, 24], kind, numbers.quantity(kind))
    scale = numbers.scale()
    data = np.maximum(numbers.bytes([24, 7]).view(np.int8), -127)
    right = draft.tensor([1, 1, 24, 7], kind, (scale, 0), data.tobytes())
    target = draft.tensor([1, 2, 5, 7], kind, coarse(numbers, kind))
    draft.data = [numbers.bytes([1, 2, 5, 24])]
    return draft.run(Code.BATCH_MATMUL, options("BatchMatMulOptions"), [source, right], target)


UNIT = {U8: (np.float32(1 / 256), 0), I8: (np.float32(1 / 256), -128)}
SIGNED_UNIT = {U8: (np.float32(1 / 128), 128), I8: (np.float32(1 / 128), 0)}
OPERATORS = {
    "add": binary(Code.ADD, "AddOptions"),
    "add_relu6": binary(Code.ADD, "AddOptions", 3),
    "add_row": binary(Code.ADD, "AddOptions", 0, [1, 1, 1, 8]),
    "sub": binary(Code.SUB, "SubOptions"),
    "sub_number": binary(Code.SUB, "SubOptions", 0, [1, 1, 1, 1]),
    "mul": binary(Code.MUL, "MulOptions"),
    "mul_relu": binary(Code.MUL, "MulOptions", 1, [1, 1, 1, 8]),
    "quantize": unary(Code.QUANTIZE),
    "quantize_other_type": unary(Code.QUANTIZE, other_type=True),
    "quantize_other_type_odd": unary(Code.QUANTIZE, [1, 3, 5, 3], other_type=True),
    "hard_swish": unary(Code.HARD_SWISH),
    "logistic": unary(Code.LOGISTIC, output=UNIT),
    "tanh": unary(Code.TANH, output=SIGNED_UNIT),
    "softmax": unary(Code.SOFTMAX, [8, 32], UNIT, options("SoftmaxOptions", beta=1.0)),
    "softmax_long": unary(Code.SOFTMAX, [2, 200], UNIT, options("SoftmaxOptions", beta=1.0)),
    "l2_normalization": unary(Code.L2_NORMALIZATION, [8, 32], SIGNED_UNIT, options("L2NormOptions")),
    "l2_normalization_long": unary(Code.L2_NORMALIZATION, [1, 1024], SIGNED_UNIT, options("L2NormOptions")),
    "resize_bilinear": resize(False, False),
    "resize_bilinear_aligned": resize(True, False),
    "resize_bilinear_half_pixels": resize(False, True),
    "average_pool": pool(Code.AVERAGE_POOL_2D),
    "max_pool": pool(Code.MAX_POOL_2D),
    "mean": mean,
    "mean_of_channels": mean_of_channels,
    "squared_difference": binary(Code.SQUARED_DIFFERENCE, "SquaredDifferenceOptions"),
    "rsqrt": positive(Code.RSQRT),
    "sqrt": positive(Code.SQRT),
    "log": unary(Code.LOG),
    "abs": unary(Code.ABS),
    "exp": unary(Code.EXP),
    "elu": unary(Code.ELU),
    "gelu": unary(Code.GELU, chosen=options("GeluOptions", approximate=False)),
    "gelu_approximate": unary(Code.GELU, chosen=options("GeluOptions", approximate=True)),
    "leaky_relu": leaky_relu,
    "prelu": prelu,
    "maximum": same_scale(Code.MAXIMUM, "MaximumMinimumOptions"),
    "minimum": same_scale(Code.MINIMUM, "MaximumMinimumOptions"),
    "conv": conv(3),
    "conv_of_channels": conv(3, True),
    "conv_pointwise": conv(1, True),
    "depthwise": depthwise(False),
    "depthwise_of_channels": depthwise(True),
    "fully_connected": fully_connected,
    "batch_matmul": batch_matmul,
    "batch_matmul_by_constant": batch_matmul_by_constant,
}


# Those that LiteRT has for signed bytes alone.
SIGNED = {"squared_difference", "rsqrt", "sqrt", "log", "abs", "exp", "elu", "batch_matmul", "batch_matmul_by_constant"}


def main():
    lines = []
    for name, case in OPERATORS.items():
        for kind, of_kind in ((U8, "u8"), (I8, "i8")):
            if kind == U8 and name in SIGNED:
                continue
            sums = []
            for batch in range(BATCHES):
                outputs = [case(Numbers(1 + batch * CASES + index), kind) for index in range(CASES)]
                sums.append(f"{zlib.crc32(b''.join(outputs)):08x}")
            lines.append(" ".join([name, of_kind, *sums]))
    pathlib.Path(sys.argv[1]).write_text("\n".join(lines) + "\n")


main()
