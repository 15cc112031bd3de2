import os
from typing import List, Optional, Tuple, Union, final

import numpy as np
import numpy.typing as npt

__all__ = [
    "__version__",
    "BACKENDS",
    "KNOWN_BACKENDS",
    "PREPROCESSORS",
    "Embedder",
    "Failure",
    "cosine_similarity",
    "decode",
    "run_command_line",
]

__version__: str
BACKENDS: List[str]
KNOWN_BACKENDS: List[str]
PREPROCESSORS: List[str]

_Source = Union[bytes, str, "os.PathLike[str]"]
_PixelRegion = Optional[Tuple[int, int, int, int]]
_FractionRegion = Optional[Tuple[float, float, float, float]]
_Vectors = List[Tuple[npt.NDArray[np.float32], int, Optional[str]]]

class Failure(Exception): ...

@final
class Embedder:
    def __new__(
        cls,
        model: Optional[_Source],
        *,
        backend: Optional[str] = None,
        preprocess: str = "task-library",
        l2_normalize: bool = False,
        quantize: bool = False,
        num_threads: int = 1,
    ) -> Embedder: ...
    def embed(
        self,
        pixels: npt.NDArray[np.uint8],
        pixel_region: _PixelRegion = None,
        fraction_region: _FractionRegion = None,
        rotation_degrees: int = 0,
    ) -> _Vectors: ...
    def embed_file(
        self,
        source: _Source,
        exif: str = "apply",
        pixel_region: _PixelRegion = None,
        fraction_region: _FractionRegion = None,
        rotation_degrees: int = 0,
    ) -> _Vectors: ...
    def heads(self) -> List[Tuple[int, Optional[str], int]]: ...
    def input_size(self) -> Tuple[Optional[int], Optional[int]]: ...
    def engine(self) -> Tuple[str, str, Optional[str]]: ...
    def preprocessor(self) -> str: ...

def cosine_similarity(u: npt.NDArray[np.float32], v: npt.NDArray[np.float32]) -> float: ...
def decode(source: _Source, exif: str = "apply") -> npt.NDArray[np.uint8]: ...
def run_command_line(arguments: List[str]) -> int: ...
