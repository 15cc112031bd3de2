"""Nothing dangles, whoever lets go of what, and whenever."""

import gc
import os
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
from conftest import MODEL, fixture

import lookalike
import lookalike.mediapipe as mp
from lookalike.tflite_support.task import vision

PRELUDE = f"""
    import gc, os, sys, threading
    import numpy as np
    import lookalike
    import lookalike.mediapipe as mp
    from lookalike.tflite_support.task import vision
    MODEL, PHOTO = {MODEL!r}, {fixture("landscape_crop.jpg")!r}
"""


def run(program, *options):
    text = textwrap.dedent(PRELUDE) + textwrap.dedent(program)
    command = [sys.executable, *options, "-c", text]
    found = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert found.returncode == 0, found.stderr
    assert found.stderr == ""
    return found.stdout.split()


def test_development_mode_finds_nothing():
    program = """
        for _ in range(3):
            embedder = lookalike.Embedder(MODEL)
            embedder.embed(PHOTO), embedder.embed(np.zeros((9, 9, 3), np.uint8))
            list(embedder.embed_many([PHOTO, "/nope", b"x"] * 4, on_error="return"))
            task = vision.ImageEmbedder.create_from_file(MODEL)
            task.embed(vision.TensorImage.create_from_file(PHOTO))
            with mp.tasks.vision.ImageEmbedder.create_from_model_path(MODEL) as still:
                still.embed(mp.Image.create_from_file(PHOTO))
        print("done")
    """
    assert run(program, "-X", "dev", "-W", "error") == ["done"]


def test_arrays_go_while_they_are_embedded():
    program = """
        embedder = lookalike.Embedder(MODEL)
        expected = embedder.embed(np.full((500, 500, 3), 7, np.uint8))
        stop = threading.Event()
        def collect():
            while not stop.is_set():
                gc.collect()
        collector = threading.Thread(target=collect)
        collector.start()
        sys.setswitchinterval(1e-6)
        kept = []
        for _ in range(100):
            image = vision.TensorImage.create_from_array(np.full((500, 500, 3), 7, np.uint8))
            kept.append((image.buffer, mp.Image.create_from_file(PHOTO).numpy_view()))
            del image
            assert np.array_equal(embedder.embed(np.full((500, 500, 3), 7, np.uint8)), expected)
        stop.set()
        collector.join()
        assert all((buffer == 7).all() and np.array_equal(view, kept[0][1]) for buffer, view in kept)
        print("done")
    """
    assert run(program, "-X", "dev") == ["done"]


def test_64_threads_get_equal_vectors(pixels):
    embedder = lookalike.Embedder(MODEL)
    task = vision.ImageEmbedder.create_from_file(MODEL)
    tensor = vision.TensorImage.create_from_array(pixels)
    image = mp.Image(mp.ImageFormat.SRGB, pixels)
    with mp.tasks.vision.ImageEmbedder.create_from_model_path(MODEL) as still:
        expected = embedder.embed(pixels), task.embed(tensor), still.embed(image).embeddings[0].embedding
        failures = []

        def work():
            for _ in range(5):
                found = embedder.embed(pixels), task.embed(tensor), still.embed(image).embeddings[0].embedding
                equal = np.array_equal(found[0], expected[0]) and found[1] == expected[1]
                if not (equal and np.array_equal(found[2], expected[2])):
                    failures.append(found)

        threads = [threading.Thread(target=work) for _ in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []


def test_python_goes_on_while_pictures_are_embedded():
    embedder = lookalike.Embedder(MODEL, preprocess="antialias")
    image = np.zeros((8000, 8000, 3), np.uint8)
    calls, times = [], []

    def work():
        begin = time.perf_counter()
        embedder.embed(image)
        calls.append((begin, time.perf_counter()))

    worker = threading.Thread(target=work)
    worker.start()
    while worker.is_alive():
        times.append(time.perf_counter())
    (begin, end), = calls
    # In the middle half of the call.
    quarter = (end - begin) / 4
    assert any(begin + quarter < moment < end - quarter for moment in times)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_children_embed_what_their_parents_do():
    program = """
        embedder = lookalike.Embedder(MODEL, threads=2)
        expected = embedder.embed(PHOTO)
        pids = []
        for _ in range(3):
            pid = os.fork()
            if pid == 0:
                found = lookalike.Embedder(MODEL).embed(PHOTO)
                os._exit(0 if np.array_equal(found, expected) else 1)
            pids.append(pid)
        for pid in pids:
            print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    """
    # Python warns of forks in processes with threads: those of the embedder in the parent.
    assert run(program, "-W", "ignore::DeprecationWarning") == ["0"] * 3


def test_embedders_end_in_cycles():
    program = """
        class Holder:
            def __init__(self):
                vision = mp.tasks.vision
                options = vision.ImageEmbedderOptions(
                    mp.tasks.BaseOptions(MODEL), vision.RunningMode.LIVE_STREAM, result_callback=self.seen)
                self.embedder = vision.ImageEmbedder.create_from_options(options)
            def seen(self, result, image, timestamp_ms):
                print(timestamp_ms, flush=True)
        for time in (1, 2):
            holder = Holder()
            holder.embedder.embed_async(mp.Image.create_from_file(PHOTO), time)
            del holder
            gc.collect()
    """
    assert sorted(run(program)) == ["1", "2"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="subinterpreters share all before Python 3.12")
def test_subinterpreters_refuse_clearly():
    program = """
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters
        other = interpreters.create()
        text = "import lookalike"
        try:
            failure = interpreters.exec(other, text) if hasattr(interpreters, "exec") else interpreters.run_string(other, text)
            print("ImportError" if failure is not None and "ImportError" in str(failure) else failure)
        except Exception as error:
            print("ImportError" if "ImportError" in str(error) else error)
    """
    assert run(program) == ["ImportError"]
