"""Tasks."""

from lookalike.mediapipe.tasks.python import audio, components, decision, retrieval, text, vision
from lookalike.mediapipe.tasks.python.core.base_options import BaseOptions

# It can be imported by its path, and is no part of the namespace.
del core  # type: ignore[name-defined]  # noqa: F821

__all__ = ["BaseOptions", "audio", "components", "decision", "retrieval", "text", "vision"]
