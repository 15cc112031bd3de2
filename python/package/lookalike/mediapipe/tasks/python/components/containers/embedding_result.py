"""Vectors of images."""

import dataclasses
from typing import List, Optional

import numpy as np


@dataclasses.dataclass
class Embedding:
    """The vector of a head of a model.

    Attributes
    ----------
    embedding
        One dimension of float64, which hold 32-bit floats, or of uint8, which hold the bits of int8.
    head_index
        Position among the outputs of the model.
    head_name
        Name of the head, if it has one.
    """

    embedding: np.ndarray
    head_index: Optional[int] = None
    head_name: Optional[str] = None


@dataclasses.dataclass
class EmbeddingResult:
    """What a model gave for an image.

    Attributes
    ----------
    embeddings
        One for each head, in the order of the outputs.
    timestamp_ms
        Time of the image in milliseconds.
    """

    embeddings: List[Embedding]
    timestamp_ms: Optional[int] = None
