"""Vectors of images."""

import dataclasses
from typing import Any, List

import numpy as np


def _values(value: np.ndarray) -> np.ndarray:
    """Return floats in 32 bits, as they are compared, or bytes."""
    if value.dtype == np.uint8:
        return value
    if value.dtype == float:
        return value.astype(np.float32)
    raise ValueError("Invalid dtype. Only float and np.uint8 are supported.")


@dataclasses.dataclass
class FeatureVector:
    """A vector.

    Attributes
    ----------
    value
        One dimension of float64, which hold 32-bit floats, or of uint8, which hold the bits of int8.
    """

    value: np.ndarray

    def __eq__(self, other: Any) -> bool:
        """Compare all values, floats as 32-bit floats."""
        if not isinstance(other, FeatureVector):
            return False
        mine, others = _values(self.value), _values(other.value)
        return mine.dtype == others.dtype and np.array_equal(mine, others)


@dataclasses.dataclass
class Embedding:
    """The vector of an output of a model.

    Attributes
    ----------
    feature_vector
        The vector.
    output_index
        Position among the outputs.
    """

    feature_vector: FeatureVector
    output_index: int

    def __eq__(self, other: Any) -> bool:
        """Compare all fields."""
        if not isinstance(other, Embedding):
            return False
        same_index = self.output_index == other.output_index
        return same_index and self.feature_vector == other.feature_vector


@dataclasses.dataclass
class EmbeddingResult:
    """What a model gave for an image.

    Attributes
    ----------
    embeddings
        One for each output, in their order.
    """

    embeddings: List[Embedding]

    def __eq__(self, other: Any) -> bool:
        """Compare all embeddings."""
        return isinstance(other, EmbeddingResult) and self.embeddings == other.embeddings
