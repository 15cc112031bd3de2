"""How alike are two images?

An image embedder turns an image into a vector that stands for its meaning. The cosine of the angle between two vectors says how alike the
images are: about 1 for the same motif, near 0 for nothing in common.

>>> import lookalike
>>> embedder = lookalike.Embedder()
>>> embedder.similarity("a.jpg", "b.jpg")  # doctest: +SKIP
0.871...

`lookalike.tflite_support` and `lookalike.mediapipe` have the interfaces of these two packages.
"""

from lookalike._embedder import Embedder, EmbedderInfo, Head, cosine
from lookalike._native import __version__

__all__ = ["Embedder", "EmbedderInfo", "Head", "__version__", "cosine"]
