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
        builtin.version = {Code.HARD_SWISH: 1, Code.RESIZE_BILINEAR: 3}.get(code, 2)
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
    "l2_normalization": unary(Code.L2_NORMALIZATION, [8, 32], SIGNED_UNIT, options("L2NormOptions")),
    "l2_normalization_long": unary(Code.L2_NORMALIZATION, [1, 1024], SIGNED_UNIT, options("L2NormOptions")),
    "resize_bilinear": resize(False, False),
    "resize_bilinear_aligned": resize(True, False),
    "resize_bilinear_half_pixels": resize(False, True),
    "average_pool": pool(Code.AVERAGE_POOL_2D),
    "max_pool": pool(Code.MAX_POOL_2D),
    "mean": mean,
}


def main():
    lines = []
    for name, case in OPERATORS.items():
        for kind, of_kind in ((U8, "u8"), (I8, "i8")):
            sums = []
            for batch in range(BATCHES):
                outputs = [case(Numbers(1 + batch * CASES + index), kind) for index in range(CASES)]
                sums.append(f"{zlib.crc32(b''.join(outputs)):08x}")
            lines.append(" ".join([name, of_kind, *sums]))
    pathlib.Path(sys.argv[1]).write_text("\n".join(lines) + "\n")


main()
