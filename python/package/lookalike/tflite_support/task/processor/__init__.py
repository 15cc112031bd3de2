"""What goes into tasks besides images, and what comes out."""

from lookalike._absent import refuse
from lookalike.tensorflow_lite_support.python.task.processor.proto.bounding_box_pb2 import BoundingBox
from lookalike.tensorflow_lite_support.python.task.processor.proto.embedding_options_pb2 import (
    EmbeddingOptions,
)
from lookalike.tensorflow_lite_support.python.task.processor.proto.embedding_pb2 import (
    Embedding,
    EmbeddingResult,
    FeatureVector,
)

__all__ = ["BoundingBox", "Embedding", "EmbeddingOptions", "EmbeddingResult", "FeatureVector"]

__getattr__ = refuse(__name__, "tflite-support")
