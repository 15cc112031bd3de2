"""Failures as tflite-support raises them, and fields as protobuf checks them."""

from __future__ import annotations

from typing import Any, Optional

from lookalike import _native


def reference(failure: _native.Failure) -> Exception:
    """Return the exception for a failure: ValueError for what is not valid, RuntimeError for the rest."""
    kind, message, _ = failure.args
    message = message.replace("Invalid crop coordinates: ", "Invalid crop coordinates. ")
    return ValueError(message) if kind == "invalid_argument" else RuntimeError(message)


def check_type(field: str, value: object, *expected: type) -> None:
    """Raise TypeError unless a field is None or of these types."""
    if value is not None and not isinstance(value, expected):
        names = ", ".join(repr(kind) for kind in expected)
        raise TypeError(
            f"Cannot set {field} to {value!r}: {value!r} has type {type(value)}, but expected one of: ({names})"
        )


def int32(field: str, value: Any) -> Optional[int]:
    """Return an integer of 32 bits, or None."""
    if value is None:
        return None
    if not hasattr(value, "__index__"):
        check_type(field, value, int)
    number = int(value.__index__())
    if not -(2**31) <= number < 2**31:
        raise ValueError(f"Value out of range: {number}")
    return number
