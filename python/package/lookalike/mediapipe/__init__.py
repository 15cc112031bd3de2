"""The interface of MediaPipe 1.2.2, as far as images become vectors.

Of a program, only the import changes: `import lookalike.mediapipe as mp`.
"""

from lookalike._absent import refuse
from lookalike.mediapipe.tasks import python as tasks
from lookalike.mediapipe.tasks.python.vision.core.image import Image, ImageFormat

#: The version of MediaPipe whose interface this is.
__version__ = "1.2.2"

__all__ = ["Image", "ImageFormat", "tasks"]

__getattr__ = refuse(__name__, "mediapipe")
