"""The image embedder, and images."""

from lookalike._absent import refuse
from lookalike.tensorflow_lite_support.python.task.vision.core.tensor_image import TensorImage
from lookalike.tensorflow_lite_support.python.task.vision.image_embedder import (
    ImageEmbedder,
    ImageEmbedderOptions,
)

__all__ = ["ImageEmbedder", "ImageEmbedderOptions", "TensorImage"]

__getattr__ = refuse(__name__, "tflite-support")
