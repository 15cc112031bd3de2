"""Arrays of pixels, whatever they come from."""

from __future__ import annotations

import os
from typing import Any, Union

import numpy as np
import numpy.typing as npt

PathLike = Union[str, "os.PathLike[str]"]


def is_path(image: object) -> bool:
    """Return whether this is the path of a file."""
    return isinstance(image, (str, os.PathLike))


def is_file_content(image: object) -> bool:
    """Return whether these are the bytes of a file: a buffer of one dimension that is no array."""
    if isinstance(image, (bytes, bytearray)):
        return True
    return isinstance(image, memoryview) and image.ndim == 1


def from_pil(image: Any) -> Any:
    """Return a PIL image with a mode that has an array of bytes; anything else as it is."""
    mode, convert = getattr(image, "mode", None), getattr(image, "convert", None)
    if not isinstance(mode, str) or convert is None or mode in ("L", "RGB", "RGBA"):
        return image
    if mode in ("1", "LA"):
        return convert("L")
    if mode == "La":
        return convert("LA").convert("L")
    has_alpha = "transparency" in getattr(image, "info", {}) or mode in ("PA", "RGBa")
    if mode == "P" and not has_alpha or mode in ("CMYK", "YCbCr", "LAB", "HSV", "RGBX"):
        return convert("RGB")
    if has_alpha:
        return convert("RGBA")
    raise ValueError(
        f"a PIL image of mode {mode!r} has no bytes of 0 to 255: scale it, and convert it to 'L' or 'RGB'"
    )


def to_array(image: Any) -> npt.NDArray[Any]:
    """Return what `image` holds as an array, without a copy where that can be."""
    if isinstance(image, np.ndarray):
        return image
    has_array = any(
        hasattr(image, name) for name in ("__array__", "__array_interface__", "__array_struct__")
    )
    if has_array or isinstance(image, memoryview):
        return np.asarray(image)
    if hasattr(image, "__dlpack__"):
        return np.from_dlpack(image)
    try:
        buffer = memoryview(image)
    except TypeError:
        raise TypeError(
            f"cannot embed {type(image).__name__}: give a path, the bytes of a file, or pixels as an "
            "array, a PIL image or a tensor"
        ) from None
    return np.asarray(buffer)


def to_pixels(image: Any) -> npt.NDArray[np.uint8]:
    """Return pixels as an array of rows, columns and 1, 3 or 4 channels, without a copy where that can be."""
    pixels = to_array(from_pil(image))
    if pixels.dtype != np.uint8:
        raise TypeError(
            f"pixels are {pixels.dtype}: give uint8, 0 to 255 (for floats of 0 to 1, `(x * 255).round().astype('uint8')`)"
        )
    if pixels.ndim == 2:
        pixels = pixels[:, :, np.newaxis]
    if pixels.ndim == 4 and pixels.shape[0] == 1:
        pixels = pixels[0]
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4):
        first = pixels.ndim == 3 and pixels.shape[0] in (1, 3, 4)
        way = ": channels come last, so transpose it to (height, width, channels)" if first else ""
        raise ValueError(
            f"an image has a shape of (height, width) or (height, width, 1, 3 or 4), this has {pixels.shape}{way}"
        )
    return borrowable(pixels)


def borrowable(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the pixels as they are if rows are in order, and packed; a copy otherwise."""
    _, width, channels = pixels.shape
    row_stride, column_stride, channel_stride = pixels.strides
    packed = (channel_stride == 1 or channels == 1) and (column_stride == channels or width == 1)
    if packed and (row_stride >= width * channels or pixels.shape[0] == 1):
        return pixels
    return np.ascontiguousarray(pixels)
