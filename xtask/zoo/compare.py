"""Compares `native` with LiteRT on the models of make.py, and prints a table in Markdown.

Usage: compare.py PEER FOLDER [NAME ...]

PEER is benches/src/bin/peer.rs, which answers for `native`. Names are those of files without `.tflite`; all of them if there are none.
"""

import datetime
import importlib.metadata
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
from ai_edge_litert.interpreter import Interpreter

import images

PEER, FOLDER, NAMES = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
LITERT = Path(__file__).parent.parent / "python/peer.py"
IMAGES, FLOAT_IMAGES = 100, 4
ROUNDS = 5


def expected(path, pixels):
    """The bytes of the inputs, LiteRT's outputs, and those for inputs that are each the next larger float."""
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    def run(image):
        interpreter.set_tensor(source["index"], image[None])
        interpreter.invoke()
        return interpreter.get_tensor(target["index"]).reshape(-1).copy()

    is_float = source["dtype"] == numpy.float32
    inputs, outputs, moved = [], [], []
    for image in pixels[: FLOAT_IMAGES if is_float else IMAGES]:
        if not is_float:
            scale, zero_point = source["quantization"]
            limits = numpy.iinfo(source["dtype"])
            image = numpy.clip(numpy.round(image / scale) + zero_point, limits.min, limits.max)
        inputs.append(image.astype(source["dtype"]))
        outputs.append(run(inputs[-1]))
        if is_float:
            moved.append(run(numpy.nextafter(inputs[-1], numpy.float32(numpy.inf))))
    return numpy.array(inputs), numpy.array(outputs), numpy.array(moved)


def found(path, inputs, like):
    """The outputs of `native`, or what it says."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(inputs.tobytes())
        file.flush()
        run = subprocess.run([PEER, "outputs", path, "--inputs", file.name], capture_output=True)
    if run.returncode != 0:
        return None, run.stderr.decode().strip().splitlines()[-1]
    return numpy.frombuffer(run.stdout, like.dtype).reshape(like.shape), None


def after_l2(left, right):
    """The largest difference of values after L2 normalization."""
    unit = lambda rows: rows / numpy.linalg.norm(rows.astype(numpy.float64), axis=-1, keepdims=True)
    return numpy.abs(unit(left) - unit(right)).max()


def difference(outputs, reference, moved):
    # What gives the same for all images proves nothing.
    assert numpy.ptp(reference.astype(numpy.float64), axis=0).max() > 0, "the model does not look at its input"
    if reference.dtype == numpy.float32:
        largest, own = after_l2(outputs, reference), after_l2(moved, reference)
        if largest <= 1e-5:
            return f"{largest:.1e} after L2"
        # Both are the largest of many differences of one kind, and so not the same.
        verdict = "" if largest <= 2 * own else ", **more than LiteRT from itself**"
        return f"{largest:.1e} after L2; LiteRT from itself {own:.1e}{verdict}"
    steps = numpy.abs(outputs.astype(int) - reference.astype(int))
    if steps.max() == 0:
        return f"0 of {steps.size} bytes"
    return f"**{numpy.count_nonzero(steps)} of {steps.size} bytes, by {steps.max()} at most**"


class Server:
    def __init__(self, command):
        pipe = subprocess.PIPE
        command = ["taskset", "--cpu-list", "1", *map(str, command)]
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)

    def run(self, count):
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        return [int(part) / 1e6 for part in self.process.stdout.readline().split()]


def times(path):
    """Medians in milliseconds of both, which take turns on one core."""
    servers = [
        Server([PEER, "infer", path]),
        Server([sys.executable, LITERT, "litert", "infer", path, "", 1]),
    ]
    runs = max(1, int(200 / max(server.run(2)[1] for server in servers)))
    medians = []
    for _ in range(ROUNDS):
        medians.append([statistics.median(server.run(runs)) for server in servers])
    for server in servers:
        server.process.stdin.close()
        server.process.wait()
    return [statistics.median(of_server) for of_server in zip(*medians)]


def circumstances():
    """The date, the processor, and the version of LiteRT."""
    found = re.search(r"^Model name: *(.*)", subprocess.run(["lscpu"], capture_output=True, text=True).stdout, re.MULTILINE)
    processor = found[1] if found else "a processor without a name"
    cores, version = os.cpu_count(), importlib.metadata.version("ai-edge-litert")
    return f"{datetime.date.today()}, {processor}, {cores} logical cores; ai-edge-litert {version}."


def main():
    names = NAMES or sorted(path.name.removesuffix(".tflite") for path in FOLDER.glob("*.tflite"))
    print(circumstances() + "\n")
    print("| model | differs from LiteRT by | `native` | LiteRT | ratio |\n|---|---|--:|--:|--:|")
    pixels = images.make(IMAGES, 3)
    for name in names:
        path = FOLDER / f"{name}.tflite"
        inputs, reference, moved = expected(path, pixels)
        outputs, refusal = found(path, inputs, reference)
        if refusal:
            print(f"| {name} | refused: {refusal} | | | |", flush=True)
            continue
        ours, theirs = (0, 1) if os.environ.get("WITHOUT_TIMES") else times(path)
        print(f"| {name} | {difference(outputs, reference, moved)} | {ours:.2f} ms | {theirs:.2f} ms | {ours / theirs:.2f} |", flush=True)


main()
