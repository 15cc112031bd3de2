"""Images."""

from __future__ import annotations

import enum
import operator
import os
from typing import Any, Dict, Tuple, Union

import numpy as np

from lookalike import _native
from lookalike._errors import translated
from lookalike._images import PathLike


class ImageFormat(enum.IntEnum):
    """How pixels are laid out."""

    UNKNOWN = 0
    SRGB = 1
    SRGBA = 2
    GRAY8 = 3
    GRAY16 = 4
    SRGB48 = 7
    SRGBA64 = 8
    VEC32F1 = 9
    VEC32F2 = 12
    VEC32F4 = 13


#: Channels of the formats of each type, and how messages name them.
_FORMATS: Dict[Any, Tuple[Dict[int, int], str]] = {
    np.dtype(np.uint8): (
        {ImageFormat.GRAY8: 1, ImageFormat.SRGB: 3, ImageFormat.SRGBA: 4},
        "expected GRAY8, SRGB, or SRGBA for uint8_t data",
    ),
    np.dtype(np.uint16): (
        {ImageFormat.GRAY16: 1, ImageFormat.SRGB48: 3, ImageFormat.SRGBA64: 4},
        "expected GRAY16, SRGB48, or SRGBA64 for uint16_t data",
    ),
    np.dtype(np.float32): (
        {ImageFormat.VEC32F1: 1, ImageFormat.VEC32F2: 2, ImageFormat.VEC32F4: 4},
        "expected VEC32F1, VEC32F2, or VEC32F4 for float data",
    ),
}

#: Rows of MediaPipe's images begin at multiples of so many bytes.
_ROW_ALIGNMENT = 16


def _name(image_format: int) -> str:
    try:
        return ImageFormat(image_format).name
    except ValueError:
        return ImageFormat.UNKNOWN.name


def _file_failure(file_name: str, failure: _native.Failure) -> Exception:
    kind, message, _ = failure.args
    if kind == "not_found":
        return FileNotFoundError(f"Can't find file: {file_name}")
    if message.startswith("Unable to open file"):
        exception = PermissionError if kind == "permission_denied" else RuntimeError
        return exception(f"Error while reading file: {file_name}")
    return RuntimeError(f"Failed to load image from file: {message}")


class Image:
    """An image, which does not change.

    Parameters
    ----------
    image_format
        How the pixels are laid out.
    data
        Pixels of (height, width) or (height, width, channels), which are copied: uint8, uint16 or float32. The format says how many channels
        there are. Images of uint8 can be embedded.

    Raises
    ------
    ValueError
        The type is another, does not go with the format, or there are fewer values than pixels.
    """

    def __init__(self, image_format: Union[ImageFormat, int], data: np.ndarray) -> None:
        number = int(operator.index(image_format))
        if data.ndim not in (2, 3):
            raise ValueError(f"Unsupported number of dimensions:{data.ndim}")
        if data.dtype not in _FORMATS:
            raise ValueError(f"Unsupported numpy data type: {data.dtype}")
        formats, expected = _FORMATS[data.dtype]
        if number not in formats:
            raise ValueError(f"Unsupported image format: {_name(number)} ({expected})")
        height, width, channels = *data.shape[:2], formats[number]
        count = height * width * channels
        if data.size < count:
            size = data.dtype.itemsize
            raise ValueError(
                f"Pixel data size is too small: {data.size * size} (expected {count * size})"
            )
        pixels = data.flatten()[:count].reshape(height, width, channels)
        self._set(number, pixels)

    _format: int
    _pixels: np.ndarray

    def _set(self, image_format: int, pixels: np.ndarray) -> None:
        # Views of the pixels can only be made writable where what they are views of is.
        for array in (pixels.base, pixels):
            if isinstance(array, np.ndarray):
                array.flags.writeable = False
        self._format = image_format
        self._pixels = pixels

    @classmethod
    def create_from_file(cls, file_name: PathLike) -> Image:
        """Read an image file, and rotate it as the EXIF data of a JPEG file say.

        Raises
        ------
        FileNotFoundError
            There is no file.
        RuntimeError
            It cannot be read, or is no image.
        """
        path = os.fspath(file_name)
        if not isinstance(path, str):
            raise TypeError(f"file_name: expected str, got {type(file_name).__name__}")
        with translated(lambda failure: _file_failure(path, failure)):
            pixels = _native.decode(path, "apply-to-jpeg")
        formats = {1: ImageFormat.GRAY8, 3: ImageFormat.SRGB, 4: ImageFormat.SRGBA}
        image = cls.__new__(cls)
        image._set(int(formats[pixels.shape[2]]), pixels)
        return image

    def _shared(self) -> Image:
        """Return another image over the same pixels."""
        image = type(self).__new__(type(self))
        image._set(self._format, self._pixels)
        return image

    @property
    def width(self) -> int:
        """Columns."""
        return int(self._pixels.shape[1])

    @property
    def height(self) -> int:
        """Rows."""
        return int(self._pixels.shape[0])

    @property
    def channels(self) -> int:
        """Values of a pixel."""
        return int(self._pixels.shape[2])

    @property
    def step(self) -> int:
        """Bytes of a row as MediaPipe pads it: the next multiple of 16. `numpy_view` has no padding."""
        return -(-self._row_bytes // _ROW_ALIGNMENT) * _ROW_ALIGNMENT

    @property
    def _row_bytes(self) -> int:
        return self.width * self.channels * self._pixels.dtype.itemsize

    @property
    def image_format(self) -> int:
        """The format, as an int."""
        return self._format

    def numpy_view(self) -> np.ndarray:
        """Return the pixels: rows, columns and channels, which cannot be written."""
        view: np.ndarray = self._pixels.view()
        return view

    def is_contiguous(self) -> bool:
        """Return whether rows need no padding."""
        return self.step == self._row_bytes

    def is_empty(self) -> bool:
        """Return False, as there is an image."""
        return False

    def uses_gpu(self) -> bool:
        """Return False, as no GPU is used."""
        return False

    def is_aligned(self, alignment: int) -> bool:
        """Return whether pixels and rows begin at multiples of so many bytes; False for a number that is no power of two."""
        alignment = operator.index(alignment)
        if alignment < 1 or alignment & (alignment - 1):
            return False
        return self._pixels.ctypes.data % alignment == 0 and self.step % alignment == 0

    def __getitem__(self, index: Tuple[int, ...]) -> Union[int, float]:
        """Return the value at a row, a column and a channel, which may be left out where there is but one.

        Raises
        ------
        IndexError
            There is no such value.
        ValueError
            There are not two or three indices.
        """
        if not isinstance(index, tuple):
            raise TypeError("an image is indexed by row, column and channel")
        position = tuple(operator.index(number) for number in index)
        if len(position) == 2 and self.channels == 1:
            position = (*position, 0)
        if len(position) != 3:
            raise ValueError(f"Invalid index dimension: {len(index)} (expected 2 or 3)")
        if any(not 0 <= number < size for number, size in zip(position, self._pixels.shape)):
            raise IndexError(f"there is no value at {index} of an image of {self._pixels.shape}")
        value: Union[int, float] = self._pixels[position].item()
        return value
