"""The programs of README.md."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import CACHE, cached

README = (Path(__file__).resolve().parents[1] / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_programs_run(block):
    cached("mobilenet_v3_small.tflite"), cached("burger_crop.jpg")
    first, rest = block.split("\n", 1)
    # The comment of the first line is what it becomes.
    first = first.partition("  # ")[2] or first
    program = [sys.executable, "-W", "error", "-c", f"{first}\n{rest}"]
    found = subprocess.run(program, capture_output=True, text=True, cwd=CACHE)
    assert found.stderr == "" and len(found.stdout.split()) > 0


def test_docstrings_are_true():
    import doctest

    import lookalike

    for module in (lookalike, lookalike._embedder):
        assert doctest.testmod(module).failed == 0
