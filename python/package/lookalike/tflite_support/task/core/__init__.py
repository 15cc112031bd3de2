"""Options of all tasks."""

from lookalike.tensorflow_lite_support.python.task.core.base_options import BaseOptions

__all__ = ["BaseOptions"]
