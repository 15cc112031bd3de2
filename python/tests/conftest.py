"""Files that tests are made with."""

import os
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "models/fixtures"
CACHE = ROOT / "models/cache"
#: The built-in model as a file: 306 floats of an image of 128 x 128 pixels.
MODEL = str(ROOT / "crates/lookalike/models/gist.tflite")


def cached(name):
    """Return the path of a public file; tests that need one that is not there are skipped, or fail where all are required."""
    path = CACHE / name
    if not path.exists():
        if os.environ.get("LOOKALIKE_REQUIRE_MODELS"):
            pytest.fail(f"{path} is not there")
        pytest.skip(f"{name} is not there: cargo xtask models fetch")
    return str(path)


def fixture(name):
    return str(FIXTURES / name)


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
