"""Rectangles. Mind the order of their fields: left, top, bottom, right."""

import dataclasses
from typing import Optional


@dataclasses.dataclass
class Rect:
    """A rectangle in pixels."""

    left: int
    top: int
    bottom: int
    right: int


@dataclasses.dataclass
class RectF:
    """A rectangle in fractions of width and height, 0 to 1."""

    left: float
    top: float
    bottom: float
    right: float


@dataclasses.dataclass
class NormalizedRect:
    """A rectangle in fractions of width and height, by its center, which may be rotated.

    Attributes
    ----------
    x_center, y_center
        The center.
    width, height
        The size.
    rotation
        Radians clockwise.
    rect_id
        A number of the caller's.
    """

    x_center: float
    y_center: float
    width: float
    height: float
    rotation: Optional[float] = 0.0
    rect_id: Optional[int] = None
