"""Colors of images."""

import enum


@enum.unique
class ColorSpaceType(enum.Enum):
    """What the channels of an image stand for."""

    GRAYSCALE = "GRAYSCALE"
    RGB = "RGB"
    RGBA = "RGBA"
