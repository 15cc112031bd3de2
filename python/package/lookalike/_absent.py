"""What other tasks of the mirrored packages are called: lookalike has their image embedders only."""

from __future__ import annotations

from typing import Callable


def refuse(module: str, package: str) -> Callable[[str], object]:
    """Return a `__getattr__` for a module, which says where a name that is missing there is."""

    def getattr_of_module(name: str) -> object:
        raise AttributeError(
            f"module {module!r} has no attribute {name!r}: lookalike has the image embedder only; "
            f"other tasks are in the package {package}"
        )

    return getattr_of_module
