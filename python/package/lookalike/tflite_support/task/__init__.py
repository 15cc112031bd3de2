"""Tasks."""

from lookalike.tflite_support.task import audio, core, processor, text, vision

__all__ = ["audio", "core", "processor", "text", "vision"]
