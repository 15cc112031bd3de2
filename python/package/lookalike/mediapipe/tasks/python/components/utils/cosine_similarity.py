"""How alike two vectors are."""

import numpy as np

from lookalike.mediapipe.tasks.python.components.containers import embedding_result

_CANNOT = "Cannot compute cosine similarity"


def _values(embedding: np.ndarray) -> np.ndarray:
    """Return floats as they are, and the bits of int8 as such."""
    return embedding.view(np.int8).astype(float) if embedding.dtype == np.uint8 else embedding


def cosine_similarity(u: embedding_result.Embedding, v: embedding_result.Embedding) -> float:
    """Return the cosine of the angle between two vectors, in 64-bit floats.

    Raises
    ------
    ValueError
        They differ in size or type, are empty, or one has norm 0.
    """
    a, b = u.embedding, v.embedding
    if len(a) != len(b):
        raise ValueError(f"{_CANNOT} between embeddings of different sizes ({len(a)} vs. {len(b)}).")
    if a.dtype != b.dtype or a.dtype not in (float, np.uint8):
        raise ValueError(f"{_CANNOT} between quantized and float embeddings.")
    if len(a) == 0:
        raise ValueError("Cannot compute cosing similarity on empty embeddings.")
    a, b = _values(a), _values(b)
    norms = np.linalg.norm(a) * np.linalg.norm(b)
    if norms <= 0:
        raise ValueError(f"{_CANNOT} on embedding with 0 norm.")
    similarity: float = a.dot(b) / norms
    return similarity
