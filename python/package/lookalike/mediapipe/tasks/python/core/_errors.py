"""Failures as MediaPipe raises them."""

from __future__ import annotations

from typing import Dict, Type

from lookalike import _native

#: Exceptions by the kind of a failure. What is not here is a RuntimeError.
_EXCEPTIONS: Dict[str, Type[Exception]] = {
    "cancelled": TimeoutError,
    "invalid_argument": ValueError,
    "not_found": FileNotFoundError,
    "permission_denied": PermissionError,
    "unimplemented": NotImplementedError,
}


def reference(failure: _native.Failure) -> Exception:
    """Return the exception for a failure."""
    kind, message, _ = failure.args
    # The Task Library's messages have its own names of types.
    message = message.replace("kTfLiteFloat32", "float32")
    return _EXCEPTIONS.get(kind, RuntimeError)(message)
