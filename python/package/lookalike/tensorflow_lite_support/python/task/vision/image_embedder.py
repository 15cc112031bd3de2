"""The image embedder."""

from __future__ import annotations

import dataclasses
from typing import Any, Optional, Tuple

import numpy as np

from lookalike import _native
from lookalike._errors import translated
from lookalike._images import borrowable
from lookalike.tensorflow_lite_support.python.task._errors import check_type, int32, reference
from lookalike.tensorflow_lite_support.python.task.core import base_options as base_options_module
from lookalike.tensorflow_lite_support.python.task.processor.proto import (
    bounding_box_pb2,
    embedding_options_pb2,
    embedding_pb2,
)
from lookalike.tensorflow_lite_support.python.task.vision.core import tensor_image

_BaseOptions = base_options_module.BaseOptions
_BoundingBox = bounding_box_pb2.BoundingBox
_Embedding = embedding_pb2.Embedding
_EmbeddingOptions = embedding_options_pb2.EmbeddingOptions
_EmbeddingResult = embedding_pb2.EmbeddingResult
_FeatureVector = embedding_pb2.FeatureVector


@dataclasses.dataclass
class ImageEmbedderOptions:
    """Options of an image embedder.

    Attributes
    ----------
    base_options
        The model.
    embedding_options
        What becomes of the vectors.
    """

    base_options: _BaseOptions
    embedding_options: _EmbeddingOptions = dataclasses.field(default_factory=_EmbeddingOptions)


def _native_embedder(options: ImageEmbedderOptions) -> _native.Embedder:
    base, embedding = options.base_options, options.embedding_options
    of_base = "tflite.python.task.core.BaseOptions"
    check_type(f"{of_base}.file_name", base.file_name, str)
    check_type(f"{of_base}.file_content", base.file_content, bytes)
    num_threads = int32(f"{of_base}.num_threads", base.num_threads)
    check_type(f"{of_base}.use_coral", base.use_coral, bool, int)
    of_embedding = "tflite.task.processor.EmbeddingOptions"
    l2_normalize, quantize = embedding.l2_normalize, embedding.quantize
    check_type(f"{of_embedding}.l2_normalize", l2_normalize, bool, int)
    check_type(f"{of_embedding}.quantize", quantize, bool, int)
    if base.use_coral:
        raise RuntimeError("Plugin did not create EdgeTpuCoral delegate.")
    model = base.file_content if base.file_content is not None else base.file_name or b""
    with translated(reference):
        return _native.Embedder(
            model,
            preprocess="task-library",
            l2_normalize=bool(l2_normalize),
            quantize=bool(quantize),
            # TensorFlow Lite runs on one thread where it may choose.
            num_threads=1 if num_threads in (None, -1, 0) else num_threads,
        )


def _region(box: Optional[_BoundingBox]) -> Optional[Tuple[int, int, int, int]]:
    if box is None:
        return None
    numbers = {name: getattr(box, name) for name in ("origin_x", "origin_y", "width", "height")}
    of_box = "tflite.task.vision.BoundingBox"
    x, y, width, height = (int32(f"{of_box}.{name}", value) or 0 for name, value in numbers.items())
    return x, y, width, height


class ImageEmbedder:
    """Turns images into vectors."""

    def __init__(self, options: ImageEmbedderOptions, cpp_embedder: _native.Embedder) -> None:
        self._options = options
        self._embedder = cpp_embedder
        self._dimensions = {index: dimension for index, _, dimension in cpp_embedder.heads()}

    @classmethod
    def create_from_file(cls, file_path: str) -> ImageEmbedder:
        """Make an embedder of a model file, with default options.

        Raises
        ------
        ValueError
            The path is empty, or the file is no model.
        RuntimeError
            There is no file.
        """
        return cls.create_from_options(ImageEmbedderOptions(_BaseOptions(file_name=file_path)))

    @classmethod
    def create_from_options(cls, options: ImageEmbedderOptions) -> ImageEmbedder:
        """Make an embedder.

        Raises
        ------
        ValueError
            There is no model, or it is not valid.
        RuntimeError
            The file of the model is not there, or the number of threads is below -1.
        TypeError
            An option is of another type.
        """
        return cls(options, _native_embedder(options))

    def embed(
        self, image: tensor_image.TensorImage, bounding_box: Optional[_BoundingBox] = None
    ) -> _EmbeddingResult:
        """Return the vectors of an image, or of a part of it.

        Parameters
        ----------
        image
            The image, or anything else whose `buffer` is an array of rows, columns and channels.
        bounding_box
            The part; the whole image by default.

        Raises
        ------
        ValueError
            The image has no pixels or a number of channels that is none of colors, or the part is not within it.
        """
        pixels = image.buffer
        region = _region(bounding_box)
        if pixels.size == 0:
            raise ValueError("Invalid stride information. The image has no pixels.")
        with translated(reference):
            found = self._embedder.embed(borrowable(pixels), region)
        return _EmbeddingResult(
            [_Embedding(_FeatureVector(_as_reference(vector)), index) for vector, index, _ in found]
        )

    def get_embedding_by_index(self, result: _EmbeddingResult, output_index: int) -> _Embedding:
        """Return a copy of the embedding at a position of a result.

        Raises
        ------
        ValueError
            There is none.
        """
        index = output_index.__index__()
        if not 0 <= index < len(result.embeddings):
            raise ValueError("Output index is out of bound.")
        if index >= self.number_of_output_layers:
            raise ValueError("Either value_float or value_string must exist.")
        found = result.embeddings[index]
        return _Embedding(_FeatureVector(found.feature_vector.value.copy()), found.output_index)

    def cosine_similarity(self, u: _FeatureVector, v: _FeatureVector) -> float:
        """Return the cosine of the angle between two vectors.

        Raises
        ------
        ValueError
            They differ in type or size, are empty, or one has norm 0.
        """
        for vector in (u, v):
            if not hasattr(vector, "value"):
                raise TypeError(f"expected a FeatureVector, got {type(vector).__name__}")
        with translated(reference):
            return _native.cosine_similarity(_as_native(u.value), _as_native(v.value))

    def get_embedding_dimension(self, output_index: int) -> int:
        """Return the number of values of an output, -1 if there is no such output."""
        if not hasattr(output_index, "__index__"):
            raise TypeError(f"output_index: expected int, got {type(output_index).__name__}")
        return self._dimensions.get(output_index.__index__(), -1)

    @property
    def number_of_output_layers(self) -> int:
        """Number of outputs."""
        return len(self._dimensions)

    @property
    def options(self) -> ImageEmbedderOptions:
        """The options of which it was made."""
        return self._options

    def __reduce__(self) -> Any:
        raise TypeError("cannot pickle 'ImageEmbedder' object")


def _as_reference(vector: np.ndarray) -> np.ndarray:
    """Return floats in 64 bits, or the bits of bytes."""
    return vector.astype(float) if vector.dtype == np.float32 else vector.astype(np.uint8)


def _as_native(value: np.ndarray) -> np.ndarray:
    if value.dtype == np.uint8:
        return value.view(np.int8)
    if value.dtype == float:
        return value.astype(np.float32)
    raise ValueError("Invalid dtype. Only float and np.uint8 are supported.")
