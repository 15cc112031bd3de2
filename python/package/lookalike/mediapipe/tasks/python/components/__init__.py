"""What goes into tasks, and what comes out."""

from lookalike.mediapipe.tasks.python.components import containers, utils

__all__ = ["containers", "utils"]
