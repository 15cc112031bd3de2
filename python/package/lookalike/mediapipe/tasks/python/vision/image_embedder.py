"""The image embedder."""

from __future__ import annotations

import dataclasses
import operator
import os
import threading
from typing import Any, Callable, List, Optional, Tuple

import numpy as np

from lookalike import _native
from lookalike._errors import translated
from lookalike._images import borrowable
from lookalike.mediapipe.tasks.python.components.containers import embedding_result, rect
from lookalike.mediapipe.tasks.python.components.utils import cosine_similarity
from lookalike.mediapipe.tasks.python.core import base_options as base_options_module
from lookalike.mediapipe.tasks.python.core._errors import reference
from lookalike.mediapipe.tasks.python.vision.core import image as image_module
from lookalike.mediapipe.tasks.python.vision.core import image_processing_options as image_processing_options_module
from lookalike.mediapipe.tasks.python.vision.core import vision_task_running_mode
from lookalike.mediapipe.tasks.python.vision.core._live_stream import LiveStream

ImageEmbedderResult = embedding_result.EmbeddingResult

_BaseOptions = base_options_module.BaseOptions
_Embedding = embedding_result.Embedding
_Image = image_module.Image
_ImageFormat = image_module.ImageFormat
_ImageProcessingOptions = image_processing_options_module.ImageProcessingOptions
_RunningMode = vision_task_running_mode.VisionTaskRunningMode

_NO_MODEL = (
    "ExternalFile must specify at least one of 'file_content', 'file_name', "
    "'file_pointer_meta' or 'file_descriptor_meta'."
)


@dataclasses.dataclass
class ImageEmbedderOptions:
    """Options of an image embedder.

    Attributes
    ----------
    base_options
        The model.
    running_mode
        Images, a video or a live stream.
    l2_normalize
        Whether each vector is divided by its Euclidean norm.
    quantize
        Whether values of -1 to 1 become bytes.
    result_callback
        What a live stream calls with each result, its image and its time.
    """

    base_options: _BaseOptions
    running_mode: _RunningMode = _RunningMode.IMAGE
    l2_normalize: Optional[bool] = None
    quantize: Optional[bool] = None
    result_callback: Optional[Callable[[ImageEmbedderResult, _Image, int], None]] = None
    _result_callback_c: Optional[Callable[..., None]] = None


def _native_embedder(options: ImageEmbedderOptions) -> _native.Embedder:
    base = options.base_options
    if base.delegate == _BaseOptions.Delegate.GPU:
        raise RuntimeError("there is no delegate for a GPU here: leave the delegate at CPU")
    model: Any = base.model_asset_buffer
    if model is not None and not isinstance(model, bytes):
        raise TypeError(f"bytes or integer address expected instead of {type(model).__name__} instance")
    if not model and base.model_asset_path is not None:
        model = os.fspath(base.model_asset_path)
        # A path of bytes would be taken for the model itself.
        if not isinstance(model, str):
            raise TypeError(f"a model's path is a str, not {type(model).__name__}")
    if not model:
        raise ValueError(_NO_MODEL)
    with translated(reference):
        return _native.Embedder(
            model,
            preprocess="mediapipe",
            l2_normalize=bool(options.l2_normalize),
            quantize=bool(options.quantize),
        )


class ImageEmbedder:
    """Turns images into vectors. Any number of threads may use it at a time."""

    def __init__(self, options: ImageEmbedderOptions) -> None:
        mode = options.running_mode
        # Anything else than a mode has no such number.
        mode.ctype  # noqa: B018
        vision_task_running_mode.validate_running_mode(mode, options.result_callback)
        self._mode = mode
        self._native: Optional[_native.Embedder] = _native_embedder(options)
        self._lock = threading.Lock()
        self._images = 0
        self._last_ms: Optional[int] = None
        self._stream: Optional[LiveStream] = None
        if mode == _RunningMode.LIVE_STREAM:
            self._stream = _stream(self._native, options.result_callback)

    @classmethod
    def create_from_model_path(cls, model_path: str) -> ImageEmbedder:
        """Make an embedder of images.

        Raises
        ------
        ValueError
            The file is no model.
        FileNotFoundError
            There is no file, or the model lacks metadata that it needs.
        """
        base_options = _BaseOptions(model_asset_path=model_path)
        return cls.create_from_options(ImageEmbedderOptions(base_options=base_options))

    @classmethod
    def create_from_options(cls, options: ImageEmbedderOptions) -> ImageEmbedder:
        """Make an embedder.

        Raises
        ------
        ValueError
            There is no model or it is not valid, or there is no callback where one is needed or one where none is.
        FileNotFoundError
            The file of the model is not there, or lacks metadata that it needs.
        """
        return cls(options)

    def embed(
        self,
        image: _Image,
        image_processing_options: Optional[_ImageProcessingOptions] = None,
    ) -> ImageEmbedderResult:
        """Return the vectors of an image. Times are 0, 1000, 2000 and so on.

        Raises
        ------
        ValueError
            It is not in image mode, the options are not valid, or the image has no pixels or others than bytes.
        """
        self._check_mode(_RunningMode.IMAGE)
        if self._native is None:
            return ImageEmbedderResult(embeddings=[])
        frame = _Frame(image, image_processing_options)
        embeddings = frame.embed(self._native)
        with self._lock:
            timestamp_ms = 1000 * self._images
            self._images += 1
        return ImageEmbedderResult(embeddings, timestamp_ms)

    def embed_for_video(
        self,
        image: _Image,
        timestamp_ms: int,
        image_processing_options: Optional[_ImageProcessingOptions] = None,
    ) -> ImageEmbedderResult:
        """Return the vectors of a frame of a video.

        Raises
        ------
        ValueError
            It is not in video mode, the time in milliseconds is not later than the one before, or as of `embed`.
        """
        self._check_mode(_RunningMode.VIDEO)
        if self._native is None:
            return ImageEmbedderResult(embeddings=[])
        frame = _Frame(image, image_processing_options)
        timestamp_ms = self._advance(timestamp_ms)
        return ImageEmbedderResult(frame.embed(self._native), timestamp_ms)

    def embed_async(
        self,
        image: _Image,
        timestamp_ms: int,
        image_processing_options: Optional[_ImageProcessingOptions] = None,
    ) -> None:
        """Send a frame of a live stream, and return at once.

        While a frame is being embedded, the newest of the others waits, and those before it are dropped.

        Raises
        ------
        ValueError
            It is not in live stream mode, the time in milliseconds is not later than the one before, or the options are not valid.
        """
        self._check_mode(_RunningMode.LIVE_STREAM)
        stream = self._stream
        if stream is None:
            return
        frame = _Frame(image, image_processing_options)
        frame.timestamp_ms = self._advance(timestamp_ms)
        stream.send(frame)

    def close(self) -> None:
        """End: a live stream embeds the frame that waits, and its callbacks have returned when this does.

        Raises
        ------
        RuntimeError
            It is called from the callback of its own live stream.
        """
        self._native = None
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    @classmethod
    def cosine_similarity(cls, u: _Embedding, v: _Embedding) -> float:
        """Return the cosine of the angle between two vectors.

        Raises
        ------
        ValueError
            They differ in size or type, are empty, or one has norm 0.
        """
        return cosine_similarity.cosine_similarity(u, v)

    def __enter__(self) -> ImageEmbedder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        # This may run on any thread, that of the callback among them, and hence waits for nothing. The interpreter does when it ends.
        stream = getattr(self, "_stream", None)
        if stream is not None:
            stream.end()

    def __reduce__(self) -> Any:
        raise TypeError("cannot pickle 'ImageEmbedder' object")

    def _check_mode(self, asked: _RunningMode) -> None:
        if self._mode != asked:
            asked_name, name = (mode.value.lower().replace("_", " ") for mode in (asked, self._mode))
            raise ValueError(
                f"Task is not initialized with the {asked_name} mode. Current running mode:{name} mode"
            )

    def _advance(self, timestamp_ms: int) -> int:
        """Take the time of a frame, unless it is refused."""
        number = int(operator.index(timestamp_ms))
        if not -(2**63) <= 1000 * number < 2**63:
            raise ValueError(f"a timestamp of {number} ms does not fit 64 bits of microseconds")
        with self._lock:
            if self._last_ms is not None and number <= self._last_ms:
                raise ValueError(
                    f"Input timestamp must be monotonically increasing. {number} ms comes after {self._last_ms} ms"
                )
            self._last_ms = number
        return number


class _Frame:
    """An image, and how it is prepared."""

    def __init__(self, image: _Image, options: Optional[_ImageProcessingOptions]) -> None:
        self.image = image
        self.timestamp_ms = 0
        self.rotation_degrees, self.region = _processing(options)
        # Anything but an image, of this package or another, has no pixels.
        self.pixels, self.image_format = image.numpy_view(), int(image.image_format)

    def embed(self, native: _native.Embedder) -> List[_Embedding]:
        pixels = self.pixels
        if pixels.size == 0:
            raise ValueError("ROI width and height must be > 0. The image has no pixels.")
        if pixels.dtype != np.uint8:
            raise ValueError(
                f"Unsupported format: {self.image_format}; give an image of SRGB, SRGBA or GRAY8"
            )
        with translated(reference):
            found = native.embed(borrowable(pixels), None, self.region, self.rotation_degrees)
        return [_Embedding(_values(vector), index, name or None) for vector, index, name in found]


def _values(vector: np.ndarray) -> np.ndarray:
    """Return floats in 64 bits, or the bits of bytes."""
    return vector.astype(float) if vector.dtype == np.float32 else vector.astype(np.uint8)


def _processing(
    options: Optional[_ImageProcessingOptions],
) -> Tuple[int, Optional[Tuple[float, float, float, float]]]:
    """Return rotation and region, which is checked after the rotation."""
    if options is None:
        return 0, None
    rotation_degrees = operator.index(options.rotation_degrees)
    if rotation_degrees % 90:
        raise ValueError("Expected rotation to be a multiple of 90°.")
    region = options.region_of_interest
    if region is None:
        return rotation_degrees % 360, None
    if isinstance(region, rect.Rect):
        raise TypeError("incompatible types, MpRectC instance instead of MpRectFC instance")
    if not all(hasattr(region, side) for side in ("left", "top", "right", "bottom")):
        raise TypeError(f"a region is a RectF, not {type(region).__name__}")
    left, top = float(region.left), float(region.top)
    right, bottom = float(region.right), float(region.bottom)
    if not (left < right and top < bottom):
        raise ValueError("Expected RectF with left < right and top < bottom.")
    if not (left >= 0 and top >= 0 and right <= 1 and bottom <= 1):
        raise ValueError("Expected RectF values to be in [0,1].")
    return rotation_degrees % 360, (left, top, right, bottom)


def _stream(native: _native.Embedder, callback: Any) -> LiveStream:
    def work(frame: _Frame) -> Any:
        try:
            return frame, frame.embed(native)
        except Exception as error:
            return frame, error

    def hand_over(answer: Any) -> None:
        frame, embeddings = answer
        if isinstance(embeddings, Exception):
            raise embeddings
        result = ImageEmbedderResult(embeddings, frame.timestamp_ms)
        image = frame.image._shared() if isinstance(frame.image, _Image) else frame.image
        callback(result, image, frame.timestamp_ms)

    return LiveStream(work, hand_over)
