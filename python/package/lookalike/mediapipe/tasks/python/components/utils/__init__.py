"""What is done with results."""

from lookalike.mediapipe.tasks.python.components.utils import cosine_similarity

__all__ = ["cosine_similarity"]
