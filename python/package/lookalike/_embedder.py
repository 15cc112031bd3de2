"""The small interface: images in, vectors out."""

from __future__ import annotations

import collections
import dataclasses
import os
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Deque, Iterable, Iterator, Optional, Sized, Tuple, Union

import numpy as np
import numpy.typing as npt

from lookalike import _native
from lookalike._errors import builtin, translated
from lookalike._images import PathLike, is_file_content, is_path, to_pixels

#: A vector: float32, or int8 where it is quantized.
Vector = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True)
class Head:
    """An output of a model.

    Attributes
    ----------
    index
        Position among the outputs of the model.
    name
        Name in the metadata of the model, if it has one.
    dimension
        Number of values of its vectors.
    """

    index: int
    name: Optional[str]
    dimension: int


@dataclasses.dataclass(frozen=True)
class EmbedderInfo:
    """What an embedder consists of.

    Attributes
    ----------
    backend
        Name of the engine that runs the model.
    version
        Version of the engine.
    library
        Library of the engine, if it is not part of this package.
    preprocess
        Name of the preprocessing profile.
    input_size
        Rows and columns of the image that the model takes; None where it takes any number.
    heads
        The outputs of the model.
    """

    backend: str
    version: str
    library: Optional[str]
    preprocess: str
    input_size: Tuple[Optional[int], Optional[int]]
    heads: Tuple[Head, ...]


class Embedder:
    """Turn images into vectors.

    Any number of threads may use an embedder at a time; Python's lock is free while it works.

    Parameters
    ----------
    model
        Path of a TensorFlow Lite model, or its bytes. Without one, a descriptor of colors, edges and textures that needs no model file.
    backend
        Name of the engine, or "auto" for the best that is there.
    preprocess
        "task-library" for the vectors of tflite-support, "mediapipe" for those of MediaPipe, "antialias" for better downscaling than either.
    l2_normalize
        Whether each vector is divided by its Euclidean norm.
    quantize
        Whether values of -1 to 1 become int8 of -128 to 127. Values beyond saturate, so this goes with `l2_normalize`.
    threads
        Threads within one inference; -1 for the engine's choice.

    Raises
    ------
    ValueError
        The model is not valid, or an argument.
    FileNotFoundError
        The model is not there, or lacks metadata that it needs.
    NotImplementedError
        The engine lacks operators of the model.

    Examples
    --------
    >>> import lookalike, numpy
    >>> embedder = lookalike.Embedder(l2_normalize=True)
    >>> vector = embedder.embed(numpy.zeros((32, 32, 3), numpy.uint8))
    >>> vector.shape, vector.dtype
    ((306,), dtype('float32'))
    """

    def __init__(
        self,
        model: Union[PathLike, bytes, None] = None,
        *,
        backend: str = "auto",
        preprocess: str = "task-library",
        l2_normalize: bool = False,
        quantize: bool = False,
        threads: int = 1,
    ) -> None:
        if backend != "auto" and backend not in _native.BACKENDS:
            known = ", ".join(repr(name) for name in ["auto", *_native.BACKENDS])
            raise ValueError(f"backend={backend!r}: this package has {known}")
        if preprocess not in _native.PREPROCESSORS:
            known = ", ".join(repr(name) for name in _native.PREPROCESSORS)
            raise ValueError(f"preprocess={preprocess!r}: there is {known}")
        if isinstance(model, (bytearray, memoryview)):
            model = bytes(model)
        if model is not None and not isinstance(model, bytes) and not is_path(model):
            raise TypeError(f"a model is a path or bytes, not {type(model).__name__}")
        with translated(builtin):
            self._native = _native.Embedder(
                model,
                backend=None if backend == "auto" else backend,
                preprocess=preprocess,
                l2_normalize=bool(l2_normalize),
                quantize=bool(quantize),
                num_threads=threads,
            )
        self._heads = tuple(Head(*head) for head in self._native.heads())

    def embed(
        self,
        image: Any,
        *,
        region: Optional[Tuple[int, int, int, int]] = None,
        rotation: int = 0,
        head: Union[int, str] = 0,
    ) -> Vector:
        """Return the vector of an image.

        Parameters
        ----------
        image
            A path; the bytes of an image file; or pixels of 0 to 255 as an array of (height, width) or (height, width, 1, 3 or 4), a PIL
            image, a tensor on the CPU, or anything else with `__array__`, a buffer or `__dlpack__`. Pixels are not copied unless they lie apart
            within a row. Files are rotated as their EXIF data say.
        region
            x, y, width and height in pixels of the part to embed; the whole image by default.
        rotation
            Degrees clockwise, a multiple of 90.
        head
            Index or name of the output, where a model has several.

        Returns
        -------
        numpy.ndarray
            One dimension of float32, or of int8 if the embedder quantizes.

        Raises
        ------
        ValueError
            The file is no image, the shape is not that of one, or the region is not within it.
        TypeError
            `image` is nothing of the above, or its pixels are not uint8.
        FileNotFoundError
            There is no file at the path.
        """
        position = self._head(head)
        region = None if region is None else _integers(region)
        with translated(builtin):
            if is_path(image):
                found = self._native.embed_file(os.fspath(image), "apply", region, None, rotation)
            elif is_file_content(image):
                found = self._native.embed_file(bytes(image), "apply", region, None, rotation)
            else:
                found = self._native.embed(to_pixels(image), region, None, rotation)
        return found[position][0]

    def embed_many(
        self,
        images: Iterable[Any],
        *,
        jobs: Optional[int] = None,
        head: Union[int, str] = 0,
        on_error: str = "raise",
        progress: bool = False,
    ) -> Iterator[Any]:
        """Yield the vectors of many images, in their order.

        Images are taken from the iterable a few ahead, so it may be endless.

        Parameters
        ----------
        images
            What `embed` takes.
        jobs
            Images at a time; as many as there are processors by default.
        head
            As of `embed`.
        on_error
            "raise" to end at the first image that fails, "return" to yield its exception in the place of a vector and go on.
        progress
            Whether `tqdm` shows a bar: `pip install lookalike[progress]`.

        Yields
        ------
        numpy.ndarray
            The vector of each image, or its exception.
        """
        if on_error not in ("raise", "return"):
            raise ValueError(f"on_error={on_error!r}: give 'raise' or 'return'")
        jobs = os.cpu_count() or 1 if jobs is None else int(jobs)
        if jobs < 1:
            raise ValueError(f"jobs={jobs}: give 1 or more")
        self._head(head)
        vectors = self._embed_many(images, jobs, head, on_error == "raise")
        if not progress:
            return vectors
        from tqdm import tqdm

        total = len(images) if isinstance(images, Sized) else None
        return iter(tqdm(vectors, total=total, unit="image"))

    def _embed_many(
        self, images: Iterable[Any], jobs: int, head: Union[int, str], raises: bool
    ) -> Iterator[Any]:
        waiting: Deque[Future[Any]] = collections.deque()

        def first() -> Any:
            future = waiting.popleft()
            if raises:
                return future.result()
            error = future.exception()
            return future.result() if error is None else error

        with ThreadPoolExecutor(jobs, thread_name_prefix="lookalike") as pool:
            try:
                for image in images:
                    waiting.append(pool.submit(self.embed, image, head=head))
                    if len(waiting) > 2 * jobs:
                        yield first()
                while waiting:
                    yield first()
            finally:
                for future in waiting:
                    future.cancel()

    def similarity(self, a: Any, b: Any, *, head: Union[int, str] = 0) -> float:
        """Return how alike two images are: the cosine of the angle between their vectors, -1 to 1.

        Parameters
        ----------
        a, b
            What `embed` takes.
        head
            As of `embed`.
        """
        return cosine(self.embed(a, head=head), self.embed(b, head=head))

    @property
    def info(self) -> EmbedderInfo:
        """What the embedder consists of."""
        backend, version, library = self._native.engine()
        return EmbedderInfo(
            backend, version, library, self._native.preprocessor(), self._native.input_size(), self._heads
        )

    def _head(self, head: Union[int, str]) -> int:
        for position, known in enumerate(self._heads):
            if head in (known.index, known.name):
                return position
        known_heads = ", ".join(f"{known.index} {known.name or ''}".strip() for known in self._heads)
        raise ValueError(f"the model has no head {head!r}; it has: {known_heads}")

    def __repr__(self) -> str:
        info = self.info
        return f"<lookalike.Embedder on {info.backend}, preprocess={info.preprocess!r}>"

    def __reduce__(self) -> Any:
        raise TypeError("an Embedder cannot be pickled: make one in each process")


def _integers(region: Any) -> Tuple[int, int, int, int]:
    values = tuple(value.__index__() for value in region)
    if len(values) != 4:
        raise ValueError(f"a region is x, y, width and height, not {len(values)} numbers")
    return values


def cosine(u: Any, v: Any) -> float:
    """Return the cosine of the angle between two vectors, -1 to 1 but for rounding.

    Parameters
    ----------
    u, v
        Two vectors of one length: both of int8, or both of numbers that are taken as float32. Products of floats are formed in 32 bits and
        summed in 64, as in tflite-support and MediaPipe's C++.

    Raises
    ------
    ValueError
        The vectors differ in kind or length, are empty, hold a value that is not finite, or one of them has norm 0.
    """
    with translated(builtin):
        return _native.cosine_similarity(_vector(u), _vector(v))


def _vector(values: Any) -> Vector:
    array = np.asarray(values)
    if array.dtype != np.int8:
        array = np.asarray(array, dtype=np.float32)
    if array.ndim != 1:
        raise ValueError(f"a vector has one dimension, this has a shape of {array.shape}")
    return array
