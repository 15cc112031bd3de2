"""Measures the Python package against those whose interfaces it has, and prints a table in Markdown.

Usage: bench_python.py PEER MODEL PICTURE WHEEL LOOKALIKE_PYTHON MEDIAPIPE_PYTHON TFLITE_SUPPORT_PYTHON
"""

import os
import statistics
import sys

from measure import HERE, Server, pair, process, row, theirs

PEER, MODEL, PICTURE, WHEEL, LOOKALIKE, MEDIAPIPE, TFLITE_SUPPORT = sys.argv[1:]


def python(interpreter, library, thing):
    return theirs(interpreter, library, thing, MODEL, PICTURE)


def main():
    print("| what | lookalike | compared with | ratio | bound |\n|---|--:|--:|--:|---|")
    rust = lambda: Server([PEER, "embed", MODEL, "--picture", PICTURE], "1")
    a, b = pair(python(LOOKALIKE, "lookalike", "embed"), rust)
    overhead = (a - b) * 1e3
    verdict = "≤ 30 µs" + ("" if overhead <= 30 else ", **not reached**")
    print(f"| `Embedder.embed` of an array of 480x325 | {a:.3f} ms | Rust's `embed` {b:.3f} ms | {overhead:+.0f} µs | {verdict} |", flush=True)
    for thing, what in (("embed", "pixels of 480x325 to vector"), ("file", "JPEG file of 480x325 to vector")):
        for name, other, bound in (("mediapipe", MEDIAPIPE, 0.42), ("tflite_support", TFLITE_SUPPORT, 0.25)):
            measured = pair(python(LOOKALIKE, f"lookalike.{name}", thing), python(other, name, thing))
            row(f"{what}, `lookalike.{name}`", measured, bound, ("", f"`{name}`"))
    for name, other, bound in (("mediapipe", MEDIAPIPE, 1 / 5), ("tflite_support", TFLITE_SUPPORT, 1 / 2)):
        command = lambda interpreter, library: [interpreter, HERE / "peer.py", library, "process", MODEL, PICTURE, "1"]
        runs = [
            (process(command(LOOKALIKE, f"lookalike.{name}"))[0], process(command(other, name))[0])
            for _ in range(11)
        ]
        measured = [statistics.median(times) for times in zip(*runs)]
        row(f"a new process: import and first vector, `lookalike.{name}`", measured, bound, ("", f"`{name}`"))
    size = os.path.getsize(WHEEL) / 1e6
    print(f"| the wheel | {size:.2f} MB | | | ≤ 4 MB{'' if size <= 4 else ', **not reached**'} |")


main()
