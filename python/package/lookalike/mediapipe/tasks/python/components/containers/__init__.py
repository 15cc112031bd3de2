"""Results, and regions."""

from lookalike._absent import refuse
from lookalike.mediapipe.tasks.python.components.containers import embedding_result, rect

Embedding = embedding_result.Embedding
EmbeddingResult = embedding_result.EmbeddingResult
NormalizedRect = rect.NormalizedRect
Rect = rect.Rect

__all__ = ["Embedding", "EmbeddingResult", "NormalizedRect", "Rect"]

__getattr__ = refuse(__name__, "mediapipe")
