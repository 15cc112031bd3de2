"""Pixels, and files that hold them."""

from __future__ import annotations

from typing import Any, Union

import numpy as np

from lookalike import _native
from lookalike._errors import translated


class ImageData:
    """Pixels: an array of rows, columns and channels, which is kept as it is."""

    def __init__(self, pixels: np.ndarray) -> None:
        if pixels.dtype != np.uint8:
            raise ValueError("Expect numpy array with dtype=uint8.")
        pixels = np.squeeze(pixels)
        if pixels.ndim == 2:
            pixels = pixels[:, :, np.newaxis]
        if pixels.ndim != 3:
            raise ValueError("Incompatible buffer dimension!")
        self.pixels = pixels


def _failure(failure: _native.Failure) -> Exception:
    kind, message, _ = failure.args
    if kind == "not_found":
        return RuntimeError(f"An error occurred while decoding image: can't fopen ({message})")
    if not message.startswith("An error occurred while decoding image"):
        # A directory, for one, can be opened and not read.
        message = f"An error occurred while decoding image: unknown image type ({message})"
    return RuntimeError(message.replace("the file ends early", "expected marker: the file ends early"))


def decode_image_from_file(file_name: Union[str, bytes]) -> ImageData:
    """Read an image file as it is stored: its EXIF orientation is ignored."""
    if not isinstance(file_name, (str, bytes)):
        raise TypeError(f"file_name: expected str or bytes, got {type(file_name).__name__}")
    # The bytes are those of a path.
    path = file_name if isinstance(file_name, str) else file_name.decode(errors="surrogateescape")
    with translated(_failure):
        return ImageData(_native.decode(path, "ignore"))


def decode_image_from_buffer(buffer: Any, length: int) -> ImageData:
    """Decode the contents of an image file as it is stored."""
    if isinstance(buffer, str):
        buffer = buffer.encode()
    if not isinstance(buffer, (bytes, bytearray)):
        raise TypeError(f"buffer: expected bytes, bytearray or str, got {type(buffer).__name__}")
    with translated(_failure):
        return ImageData(_native.decode(bytes(buffer[:length]), "ignore"))


def image_data_free(image_data: ImageData) -> None:
    """Do nothing: pixels are freed with the last object that has them."""
