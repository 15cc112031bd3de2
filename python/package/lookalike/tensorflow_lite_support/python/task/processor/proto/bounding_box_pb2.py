"""Part of an image."""

import dataclasses
from typing import Any


@dataclasses.dataclass
class BoundingBox:
    """A rectangle in pixels.

    Attributes
    ----------
    origin_x
        First column.
    origin_y
        First row.
    width
        Columns.
    height
        Rows.
    """

    origin_x: int
    origin_y: int
    width: int
    height: int

    def __eq__(self, other: Any) -> bool:
        """Compare all fields."""
        if not isinstance(other, BoundingBox):
            return False
        return dataclasses.astuple(self) == dataclasses.astuple(other)
