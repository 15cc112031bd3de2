"""What becomes of vectors."""

import dataclasses
from typing import Any, Optional


@dataclasses.dataclass
class EmbeddingOptions:
    """Options of embedders.

    Attributes
    ----------
    l2_normalize
        Whether each vector is divided by its Euclidean norm.
    quantize
        Whether values of -1 to 1 become bytes.
    """

    l2_normalize: Optional[bool] = None
    quantize: Optional[bool] = None

    def __eq__(self, other: Any) -> bool:
        """Compare all fields; one that is set differs from one that is not."""
        if not isinstance(other, EmbeddingOptions):
            return False
        return dataclasses.astuple(self) == dataclasses.astuple(other)
