"""Images."""

from __future__ import annotations

from typing import Any

import numpy as np

from lookalike.tensorflow_lite_support.python.task.vision.core import color_space_type
from lookalike.tensorflow_lite_support.python.task.vision.core.pybinds import image_utils

_ColorSpaceType = color_space_type.ColorSpaceType
_COLORS = {1: _ColorSpaceType.GRAYSCALE, 3: _ColorSpaceType.RGB, 4: _ColorSpaceType.RGBA}


class TensorImage:
    """An image: bytes of rows, columns and 1, 3 or 4 channels."""

    def __init__(self, image_data: image_utils.ImageData, is_from_numpy_array: bool = False) -> None:
        self._image_data = image_data
        self._is_from_numpy_array = is_from_numpy_array

    @classmethod
    def create_from_file(cls, file_name: str) -> TensorImage:
        """Read an image file; its EXIF orientation is ignored.

        Raises
        ------
        RuntimeError
            There is no file, or it is no image.
        """
        return cls(image_utils.decode_image_from_file(file_name))

    @classmethod
    def create_from_buffer(cls, buffer: bytes) -> TensorImage:
        """Decode the contents of an image file; its EXIF orientation is ignored.

        Raises
        ------
        RuntimeError
            The bytes are no image.
        """
        if not isinstance(buffer, (bytes, bytearray, str)):
            raise TypeError(f"buffer: expected bytes, bytearray or str, got {type(buffer).__name__}")
        return cls(image_utils.decode_image_from_buffer(buffer, len(buffer)))

    @classmethod
    def create_from_array(cls, array: np.ndarray) -> TensorImage:
        """Take an array of uint8, of (height, width) or (height, width, channels), without a copy: changes to it are seen.

        Raises
        ------
        ValueError
            The array has another type, or another shape.
        """
        return cls(image_utils.ImageData(array), is_from_numpy_array=True)

    @property
    def buffer(self) -> np.ndarray:
        """A view of the pixels: rows, columns and channels."""
        view: np.ndarray = self._image_data.pixels.view()
        return view

    @property
    def height(self) -> int:
        """Rows."""
        return int(self._image_data.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self._image_data.pixels.shape[1])

    @property
    def color_space_type(self) -> _ColorSpaceType:
        """What the channels stand for."""
        color = _COLORS.get(self._image_data.pixels.shape[2])
        if color is None:
            raise ValueError("Unsupported color space type.")
        return color

    def __reduce__(self) -> Any:
        raise TypeError("cannot pickle 'TensorImage' object")
