"""The model, and what runs it."""

import dataclasses
import enum
from typing import Any, Optional


@dataclasses.dataclass
class BaseOptions:
    """Options of all tasks.

    Attributes
    ----------
    model_asset_path
        Path of the model.
    model_asset_buffer
        The model itself; goes before the path.
    delegate
        What runs it: the CPU, or a GPU, which is not supported.
    """

    class Delegate(enum.IntEnum):
        """What runs a model."""

        DEFAULT = 0
        CPU = 1
        GPU = 2

    model_asset_path: Optional[str] = None
    model_asset_buffer: Optional[bytes] = None
    delegate: Optional[Delegate] = None

    def __eq__(self, other: Any) -> bool:
        """Compare all fields; one that is None differs from its default."""
        if not isinstance(other, BaseOptions):
            return False
        return dataclasses.astuple(self) == dataclasses.astuple(other)
