"""Captures what LiteRT gives for models of one operator each: operators.py MODELS_FOLDER OUTPUT.json"""

import base64
import importlib.metadata
import json
import pathlib
import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter

MASK = (1 << 64) - 1
TYPES = {np.float32: "f32", np.int8: "i8", np.uint8: "u8"}


class Numbers:
    """The numbers that `inputs` of lookalike-conformance/src/operators.rs makes, in the same order."""

    def __init__(self):
        self.state = 0x2545F4914F6CDD1D

    def next(self):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) & MASK
        return self.state >> 40

    def tensor(self, details):
        count = int(np.prod(details["shape"], dtype=np.int64))
        numbers = np.array([self.next() for _ in range(count)], np.uint32)
        if details["dtype"] == np.float32:
            low, high = (0.1, 3.0) if details["name"] == "positive" else (-3.0, 3.0)
            low, high = np.float32(low), np.float32(high)
            values = low + numbers.astype(np.float32) / np.float32(1 << 24) * (high - low)
        else:
            values = numbers.astype(np.uint8).view(details["dtype"])
        return values.reshape(details["shape"])


def run(path):
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    numbers = Numbers()
    for details in interpreter.get_input_details():
        interpreter.set_tensor(details["index"], numbers.tensor(details))
    interpreter.invoke()
    results = []
    for details in interpreter.get_output_details():
        values = interpreter.get_tensor(details["index"])
        data = base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()
        results.append(
            {"shape": list(values.shape), "type": TYPES[details["dtype"]], "base64": data}
        )
    return results


def main():
    folder, output = map(pathlib.Path, sys.argv[1:])
    golden = {
        "engine": "LiteRT " + importlib.metadata.version("ai-edge-litert"),
        "results": {},
        "refused": {},
    }
    for path in sorted(folder.glob("*.tflite")):
        try:
            golden["results"][path.stem] = run(path)
        except (RuntimeError, ValueError) as error:
            golden["refused"][path.stem] = " ".join(str(error).split())
    output.write_text(json.dumps(golden, indent=2) + "\n")


main()
