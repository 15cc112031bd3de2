"""Hides the package of this name behind lookalike's."""

import importlib
import sys

from lookalike import compat

# What is imported is what stands here when this module has run.
sys.modules.pop("tensorflow_lite_support", None)
compat.install("tflite_support")
sys.modules[__name__] = importlib.import_module("tensorflow_lite_support")
