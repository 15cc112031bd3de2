"""The interface of tflite-support 0.4.4, as far as images become vectors.

Of a program, only the import changes: `from lookalike.tflite_support.task import core, processor, vision`.
"""

from lookalike.tflite_support import task

__all__ = ["task"]
