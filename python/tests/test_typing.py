"""Annotations are complete and true."""

import subprocess
import sys
from pathlib import Path

import pytest

PYTHON = Path(__file__).resolve().parents[1]

pytest.importorskip("mypy", reason="mypy is not installed")


def run(*arguments):
    command = [sys.executable, "-m", *arguments]
    found = subprocess.run(command, capture_output=True, text=True, cwd=PYTHON)
    assert found.returncode == 0, found.stdout + found.stderr


def test_annotations_are_strict():
    run("mypy", "--strict", "package/lookalike")


def test_stubs_say_what_there_is():
    config = ("--mypy-config-file", "pyproject.toml", "--allowlist", "tests/stubtest_allowlist.txt")
    run("mypy.stubtest", "lookalike", *config)
