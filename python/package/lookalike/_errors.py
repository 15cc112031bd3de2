"""Failures of the compiled part, as the exceptions that Python programs expect."""

from __future__ import annotations

import contextlib
from typing import Callable, Iterator

from lookalike import _native

#: Exceptions by the kind of a failure. What is not here is a RuntimeError.
BUILTIN: dict[str, type[Exception]] = {
    "invalid_argument": ValueError,
    "not_found": FileNotFoundError,
    "permission_denied": PermissionError,
    "unimplemented": NotImplementedError,
}


@contextlib.contextmanager
def translated(to_exception: Callable[[_native.Failure], Exception]) -> Iterator[None]:
    """Raise what the function makes of a failure within the block."""
    try:
        yield
    except _native.Failure as failure:
        raise to_exception(failure) from None


def builtin(failure: _native.Failure) -> Exception:
    """Return the exception for a failure, with its causes in the message."""
    kind, message, causes = failure.args
    text = f"{message}: {causes}" if causes else message
    return BUILTIN.get(kind, RuntimeError)(text)
