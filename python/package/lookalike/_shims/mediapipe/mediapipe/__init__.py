"""Hides the package of this name behind lookalike's."""

import importlib
import sys

from lookalike import compat

# What is imported is what stands here when this module has run.
sys.modules.pop("mediapipe", None)
compat.install("mediapipe")
sys.modules[__name__] = importlib.import_module("mediapipe")
