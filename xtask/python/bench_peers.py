"""Measures lookalike against other libraries, in alternating pairs on the same cores, and prints a table in Markdown.

Usage: bench_peers.py PEER PROGRAM MODELS ONNX_MODEL LITERT_PYTHON MEDIAPIPE_PYTHON TFLITE_SUPPORT_PYTHON
PEER is benches/src/bin/peer.rs, PROGRAM the command line, MODELS a folder with the public models and pictures; of the libraries the
interpreters of their environments.
"""

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import measure
from measure import HERE, Server, pair, process, row

PEER, PROGRAM, MODELS, ONNX_MODEL, LITERT, MEDIAPIPE, TFLITE_SUPPORT = sys.argv[1:]
PICTURE = f"{MODELS}/burger.jpg"
V3 = f"{MODELS}/mobilenet_v3_small.tflite"
V1 = f"{MODELS}/mobilenet_v1_0.25_224_1_metadata_1.tflite"
V1_BYTES = f"{MODELS}/mobilenet_v1_0.25_224_quant.tflite"
AUTOML = f"{MODELS}/automl_labeler_model.tflite"
# How often the peer runs each session before it tells.
SESSION_RUNS = 20


def ours(thing, model, cores="1", picture=PICTURE, **options):
    """What starts a server of lookalike."""
    arguments = [f"--{name}={value}" for name, value in options.items()]
    return lambda: Server([PEER, thing, model, "--picture", picture, *arguments], cores)


def theirs(python, library, thing, model, picture=PICTURE, **options):
    """What starts a server of another library."""
    return measure.theirs(python, library, thing, model, picture, **options)


def sets():
    flags = Path("/proc/cpuinfo").read_text()
    return ["avx512", "avx512vl", "avx2"] if "avx512_vnni" in flags else ["avx2"]


def photographs(folder):
    """What depends on decoding: one photograph of 12 megapixels, and many small ones."""
    subprocess.run([LITERT, HERE / "photographs.py", PICTURE, folder], check=True)
    large = f"{folder}/large.jpg"
    # A run takes long: fewer of them will do.
    compare = lambda first, second: pair(first, second, 3)
    measured = compare(ours("decode", V3, picture=large), theirs(LITERT, "simplejpeg", "decode", V3, picture=large))
    row("all pixels of a JPEG file of 4000x3000", measured, 1.0, ("", "libjpeg-turbo"))
    measured = compare(ours("file", V3, picture=large), theirs(MEDIAPIPE, "mediapipe", "file", V3, picture=large))
    row("this file to vector", measured, 0.30, ("", "MediaPipe"))
    measured = compare(ours("file", V3, picture=large), theirs(TFLITE_SUPPORT, "tflite_support", "file", V3, picture=large))
    row("the same", measured, 0.25, ("", "tflite-support"))
    memory = max(process([PROGRAM, "embed", "-m", V3, large])[1] for _ in range(5))
    print(f"| peak resident memory of a new process, `embed` of this file | {memory:.1f} MiB | | | ≤ 24 MiB{'' if memory <= 24 else ', **not reached**'} |")
    small = Path(folder) / "small"
    count = len(list(small.iterdir()))
    command = [PROGRAM, "embed", "-m", V3, small, "-o", f"{folder}/vectors.npy"]
    seconds = statistics.median(process(command, "0,1")[0] for _ in range(3)) / 1e3
    verdict = "≥ 1000 images/s" + ("" if count >= 1000 * seconds else ", **not reached**")
    print(f"| a folder of {count} JPEG files of 500x375, two cores | {count / seconds:.0f} images/s | | | {verdict} |")


def main():
    print("| what | lookalike | compared with | ratio | bound |\n|---|--:|--:|--:|---|")
    litert = lambda thing, model, **options: theirs(LITERT, "litert", thing, model, **options)
    for name, model, bounds in [
        ("MobileNetV3-small", V3, {"": 0.70, "avx2": 1.20}),
        ("MobileNetV1 0.25", V1, {"": 0.75}),
        ("MobileNetV1 0.25 of bytes", V1_BYTES, {"": 0.45, "avx2": 1.2}),
        ("AutoML's model of bytes", AUTOML, {"": 1.0}),
    ]:
        row(f"inference, {name}", pair(ours("infer", model), litert("infer", model)), bounds[""])
        for one in sets():
            measured = pair(ours("infer", model, set=one), litert("infer", model))
            row(f"the same, `{one}` forced", measured, bounds.get(one))
    measured = pair(ours("infer", V3), theirs(LITERT, "onnxruntime", "infer", ONNX_MODEL))
    row("inference, MobileNetV3-small", measured, None, ("native", "ONNX Runtime, as `lookalike convert` gives it,"))
    measured = pair(ours("infer", V3, cores="0,1", threads=2), ours("infer", V3))
    row("inference with two threads", measured, 0.65, ("native", "one thread"))
    one, two = pair(ours("sessions", V3, sessions=1), ours("sessions", V3, cores="0,1", sessions=2), 1)
    factor = 2 * one / two
    print(f"| two sessions on two cores | {2e3 * SESSION_RUNS / two:.0f} images/s | one session {1e3 * SESSION_RUNS / one:.0f} images/s | {factor:.2f} | ≥ 1.9{'' if factor >= 1.9 else ', **not reached**'} |")
    row("load to ready (4 ms at most)", pair(ours("load", V3), litert("load", V3)), 1.0)
    row("pixels of 480x325 to vector", pair(ours("embed", V3), theirs(MEDIAPIPE, "mediapipe", "embed", V3)), 0.45, ("", "MediaPipe"))
    row("the same", pair(ours("embed", V3), theirs(TFLITE_SUPPORT, "tflite_support", "embed", V3)), 0.35, ("", "tflite-support"))
    row("JPEG file of 480x325 to vector", pair(ours("file", V3), theirs(MEDIAPIPE, "mediapipe", "file", V3)), 0.38, ("", "MediaPipe"))
    with tempfile.TemporaryDirectory() as folder:
        photographs(folder)
    command = [PROGRAM, "embed", "-m", V3, PICTURE]
    other = [TFLITE_SUPPORT, HERE / "peer.py", "tflite_support", "process", V3, PICTURE, "1"]
    runs = [(process(command), process(other)) for _ in range(11)]
    a, b = statistics.median(run[0][0] for run in runs), statistics.median(run[1][0] for run in runs)
    verdict = "≤ 1/15 and ≤ 15 ms" + ("" if a <= min(b / 15, 15) else ", **not reached**")
    print(f"| a new process, `embed burger.jpg` | {a:.1f} ms | tflite-support {b:.0f} ms | 1/{b / a:.0f} | {verdict} |")
    memory = max(run[0][1] for run in runs)
    print(f"| peak resident memory of it | {memory:.1f} MiB | tflite-support {max(run[1][1] for run in runs):.0f} MiB | | ≤ 20 MiB{'' if memory <= 20 else ', **not reached**'} |")


main()
