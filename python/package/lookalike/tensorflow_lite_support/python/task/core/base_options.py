"""The model, and how it is run."""

import dataclasses
from typing import Any, Optional


@dataclasses.dataclass
class BaseOptions:
    """Options of all tasks.

    Attributes
    ----------
    file_name
        Path of the model.
    file_content
        The model itself; goes before `file_name`.
    num_threads
        Threads within one inference; -1, 0 and None stand for one.
    use_coral
        Whether an Edge TPU runs the model, which is not supported.
    """

    file_name: Optional[str] = None
    file_content: Optional[bytes] = None
    num_threads: Optional[int] = -1
    use_coral: Optional[bool] = None

    def __eq__(self, other: Any) -> bool:
        """Compare all fields; one that is set differs from one that is not."""
        if not isinstance(other, BaseOptions):
            return False
        return dataclasses.astuple(self) == dataclasses.astuple(other)
