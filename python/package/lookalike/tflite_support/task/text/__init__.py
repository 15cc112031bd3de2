"""Text tasks, of which there are none here."""

from lookalike._absent import refuse

__getattr__ = refuse(__name__, "tflite-support")
