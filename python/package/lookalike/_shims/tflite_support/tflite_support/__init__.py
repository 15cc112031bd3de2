"""Hides the package of this name behind lookalike's."""

import importlib
import sys

from lookalike import compat

# What is imported is what stands here when this module has run.
del sys.modules[__name__]
compat.install("tflite_support")
importlib.import_module(__name__)
