"""A library that lookalike is compared with: does one thing as often as each line of its input says, and answers with the
nanoseconds that each took, as `benches/src/bin/peer.rs` does.

Usage: peer.py LIBRARY THING MODEL PICTURE THREADS

LIBRARY is a name, or `lookalike.` and the name of a library whose interface lookalike has.
"""

import importlib
import sys
import time


def litert(thing, model, _picture, threads):
    import numpy
    from ai_edge_litert.interpreter import Interpreter

    content = open(model, "rb").read()

    def load():
        interpreter = Interpreter(model_content=content, num_threads=threads)
        interpreter.allocate_tensors()
        return interpreter

    if thing == "load":
        return load
    interpreter = load()
    details = interpreter.get_input_details()[0]
    count = int(numpy.prod(details["shape"]))
    values = (numpy.arange(count) * 7919 % 251).astype(numpy.uint8)
    if details["dtype"] == numpy.float32:
        values = values.astype(numpy.float32) / numpy.float32(255)
    values = values.view(details["dtype"])
    interpreter.set_tensor(details["index"], values.reshape(details["shape"]))
    return interpreter.invoke


def onnxruntime(thing, model, _picture, threads):
    import numpy
    import onnxruntime as runtime

    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads

    def load():
        return runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    if thing == "load":
        return load
    session = load()
    details = session.get_inputs()[0]
    shape = [extent if isinstance(extent, int) else 1 for extent in details.shape]
    count = int(numpy.prod(shape))
    values = ((numpy.arange(count) * 7919 % 251).astype(numpy.float32) / 255).reshape(shape)
    return lambda: session.run(None, {details.name: values})


def mediapipe(thing, model, picture, _threads, root=""):
    mediapipe = importlib.import_module(f"{root}mediapipe")
    vision, base_options = mediapipe.tasks.vision, mediapipe.tasks.BaseOptions(model_asset_path=model)
    embedder = vision.ImageEmbedder.create_from_options(vision.ImageEmbedderOptions(base_options=base_options))
    return work(thing, embedder.embed, mediapipe.Image.create_from_file, picture)


def tflite_support(thing, model, picture, _threads, root=""):
    task = importlib.import_module(f"{root}tflite_support.task")
    base_options, vision = task.core.BaseOptions(file_name=model), task.vision
    embedder = vision.ImageEmbedder.create_from_options(vision.ImageEmbedderOptions(base_options))
    return work(thing, embedder.embed, vision.TensorImage.create_from_file, picture)


def lookalike(thing, model, picture, _threads):
    import lookalike
    from lookalike import _native

    embedder = lookalike.Embedder(model)
    read = str if thing == "file" else lambda path: _native.decode(path, "ignore")
    return work(thing, embedder.embed, read, picture)


def work(thing, embed, read, picture):
    """What is done with a picture; a process that is to do it once ends here."""
    if thing == "process":
        embed(read(picture))
        sys.exit(0)
    if thing == "file":
        return lambda: embed(read(picture))
    image = read(picture)
    return lambda: embed(image)


def simplejpeg(_thing, _model, picture, _threads):
    import simplejpeg as library

    content = open(picture, "rb").read()
    return lambda: library.decode_jpeg(content)


def main():
    library, thing, model, picture, threads = sys.argv[1:]
    root, _, name = library.rpartition(".")
    options = {"root": f"{root}."} if root else {}
    run = globals()[name](thing, model, picture, int(threads), **options)
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            start = time.perf_counter_ns()
            run()
            times.append(str(time.perf_counter_ns() - start))
        print(" ".join(times), flush=True)


main()
