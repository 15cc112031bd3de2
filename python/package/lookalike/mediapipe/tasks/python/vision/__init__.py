"""The image embedder."""

from lookalike._absent import refuse
from lookalike.mediapipe.tasks.python.vision import image_embedder
from lookalike.mediapipe.tasks.python.vision.core import image_processing_options, vision_task_running_mode

ImageEmbedder = image_embedder.ImageEmbedder
ImageEmbedderOptions = image_embedder.ImageEmbedderOptions
ImageEmbedderResult = image_embedder.ImageEmbedderResult
ImageProcessingOptions = image_processing_options.ImageProcessingOptions
RunningMode = vision_task_running_mode.VisionTaskRunningMode

__all__ = [
    "ImageEmbedder",
    "ImageEmbedderOptions",
    "ImageEmbedderResult",
    "ImageProcessingOptions",
    "RunningMode",
]

__getattr__ = refuse(__name__, "mediapipe")
