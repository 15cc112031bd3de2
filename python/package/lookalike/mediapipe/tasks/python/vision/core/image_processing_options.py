"""How an image is prepared."""

import dataclasses
from typing import Optional

from lookalike.mediapipe.tasks.python.components.containers import rect


@dataclasses.dataclass
class ImageProcessingOptions:
    """Options of one image.

    Attributes
    ----------
    region_of_interest
        The part to embed, in the upright image; the whole image by default.
    rotation_degrees
        Degrees clockwise, a multiple of 90.
    """

    region_of_interest: Optional[rect.RectF] = None
    rotation_degrees: int = 0
