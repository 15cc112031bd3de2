"""Programs whose lines are not to be changed."""

import subprocess
import sys
import textwrap

import pytest
from conftest import MODEL

from lookalike import compat

MEDIAPIPE = f"""
    import mediapipe as mp
    from mediapipe.tasks import python
    from mediapipe.tasks.python import vision
    from mediapipe.tasks.python.vision import image_embedder
    from mediapipe.tasks.python.components.containers.rect import RectF
    import lookalike.mediapipe
    assert mp is lookalike.mediapipe and mp.tasks is python
    assert vision.ImageEmbedder is image_embedder.ImageEmbedder is mp.tasks.vision.ImageEmbedder
    assert isinstance(vision.ImageEmbedder.create_from_model_path({MODEL!r}), lookalike.mediapipe.tasks.vision.ImageEmbedder)
    assert mp.__spec__.name == "lookalike.mediapipe"
    print("mediapipe")
"""

TFLITE_SUPPORT = f"""
    import pickle
    from tflite_support import task
    from tflite_support.task import core, processor, vision
    from tensorflow_lite_support.python.task.processor.proto import embedding_pb2
    import lookalike.tflite_support.task.vision as ours
    assert vision is ours is task.vision and processor.Embedding is embedding_pb2.Embedding
    embedder = vision.ImageEmbedder.create_from_file({MODEL!r})
    # As tflite-support would have pickled them.
    pickled = pickle.dumps(core.BaseOptions("x"), protocol=0).replace(b"clookalike.", b"c")
    assert pickle.loads(pickled) == core.BaseOptions("x") and pickled != pickle.dumps(core.BaseOptions("x"), protocol=0)
    print("tflite_support")
"""

PROGRAMS = {"mediapipe": MEDIAPIPE, "tflite_support": TFLITE_SUPPORT}


def run(arguments, **environment):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment or None)


@pytest.fixture(params=list(PROGRAMS))
def package(request):
    return request.param


@pytest.fixture
def program(package, tmp_path):
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent(PROGRAMS[package]))
    return path


def test_no_line_is_changed(package, program):
    found = run(["-m", "lookalike.compat", "run", package, str(program)])
    assert (found.stdout.strip(), found.stderr) == (package, "")


def test_a_folder_hides_the_package(package, program):
    folder = run(["-m", "lookalike.compat", "path", package]).stdout.strip()
    assert folder == compat.path(package)
    found = run([str(program)], PYTHONPATH=folder)
    assert (found.stdout.strip(), found.stderr) == (package, "")


def test_one_line_is_added(package, program):
    line = f"import lookalike.compat; lookalike.compat.install({package!r}); lookalike.compat.install({package!r})\n"
    program.write_text(line + program.read_text())
    found = run([str(program)])
    assert (found.stdout.strip(), found.stderr) == (package, "")


def test_arguments_are_handed_on(tmp_path):
    path = tmp_path / "program.py"
    path.write_text("import sys; print(sys.argv[1:], __name__); sys.exit(3)")
    found = run(["-m", "lookalike.compat", "run", "mediapipe", str(path), "-x", "y"])
    assert (found.stdout.strip(), found.returncode) == ("['-x', 'y'] __main__", 3)


def test_what_was_imported_is_not_replaced(package, tmp_path):
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").write_text("")
    program = tmp_path / "program.py"
    program.write_text(f"import {package}, lookalike.compat\nlookalike.compat.install({package!r})")
    found = run([str(program)])
    assert f"RuntimeError: {package} was imported already" in found.stderr


def test_other_packages_have_no_interface_here():
    for call in (compat.install, compat.path):
        with pytest.raises(ValueError, match="there is no interface of 'numpy' here: give 'mediapipe' or 'tflite_support'"):
            call("numpy")
    for arguments in ([], ["run"], ["run", "mediapipe"], ["path"], ["nope", "mediapipe"]):
        found = run(["-m", "lookalike.compat", *arguments])
        assert found.returncode == 2 and "usage: " in found.stderr


def test_names_that_are_not_there_are_not_found(program, package):
    top = "mediapipe.tasks.python" if package == "mediapipe" else "tflite_support.task"
    program.write_text(f"import {top}.nope")
    found = run(["-m", "lookalike.compat", "run", package, str(program)])
    assert "ModuleNotFoundError" in found.stderr
