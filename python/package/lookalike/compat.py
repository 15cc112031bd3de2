"""The interfaces of `mediapipe` and `tflite_support` under these names, for programs that are not to be changed.

| lines changed | how |
|---|---|
| one | `import lookalike.compat; lookalike.compat.install("mediapipe")`, before the first import |
| none | `python -m lookalike.compat run mediapipe program.py arguments` |
| none | `PYTHONPATH=$(python -m lookalike.compat path mediapipe) python program.py` |
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import runpy
import sys
from types import ModuleType
from typing import Dict, Optional, Sequence, Tuple

__all__ = ["install", "path"]

#: Modules that a package has at the top.
_PACKAGES: Dict[str, Tuple[str, ...]] = {
    "mediapipe": ("mediapipe",),
    "tflite_support": ("tflite_support", "tensorflow_lite_support"),
}


class _Loader(importlib.abc.Loader):
    """Gives the module of another name."""

    def __init__(self, alias: str, name: str) -> None:
        self._alias, self._name = alias, name
        self._spec: Optional[importlib.machinery.ModuleSpec] = None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        module = importlib.import_module(self._name)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has set this to the spec of the other name.
        module.__spec__ = self._spec
        # What was imported with it is known by its other name from here on: an import of it would be set as an attribute of its parent, and
        # `mediapipe.tasks` is another module than the attribute `tasks` of `mediapipe`.
        for name, imported in list(sys.modules.items()):
            if name.startswith(f"{self._name}."):
                sys.modules.setdefault(self._alias + name[len(self._name) :], imported)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds modules below some names in this package."""

    def __init__(self, tops: Sequence[str]) -> None:
        self.tops = tuple(tops)

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> Optional[importlib.machinery.ModuleSpec]:
        if fullname.partition(".")[0] not in self.tops:
            return None
        name = f"lookalike.{fullname}"
        try:
            found = importlib.util.find_spec(name)
        except ModuleNotFoundError:
            found = None
        if found is None:
            return None
        return importlib.util.spec_from_loader(
            fullname, _Loader(fullname, name), is_package=found.submodule_search_locations is not None
        )


def _check(package: str) -> Tuple[str, ...]:
    tops = _PACKAGES.get(package)
    if tops is None:
        known = " or ".join(repr(name) for name in _PACKAGES)
        raise ValueError(f"there is no interface of {package!r} here: give {known}")
    return tops


def install(package: str) -> None:
    """Have imports of a package give ours in this process.

    Parameters
    ----------
    package
        "mediapipe" or "tflite_support".

    Raises
    ------
    RuntimeError
        The package itself was imported already.
    ValueError
        There is no interface of this package.
    """
    tops = _check(package)
    for top in tops:
        imported = sys.modules.get(top)
        if imported is not None and not imported.__name__.startswith("lookalike."):
            raise RuntimeError(f"{top} was imported already: call install({package!r}) before that")
    if not any(isinstance(finder, _Finder) and finder.tops == tops for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder(tops))


def path(package: str) -> str:
    """Return a folder that, as the first of `PYTHONPATH`, hides a package behind ours."""
    _check(package)
    return os.path.join(os.path.dirname(__file__), "_shims", package)


def _main(arguments: Sequence[str]) -> int:
    if len(arguments) == 2 and arguments[0] == "path":
        print(path(arguments[1]))
        return 0
    if len(arguments) >= 3 and arguments[0] == "run":
        install(arguments[1])
        program = arguments[2]
        sys.argv = list(arguments[2:])
        sys.path.insert(0, os.path.dirname(os.path.abspath(program)))
        runpy.run_path(program, run_name="__main__")
        return 0
    print(
        "usage: python -m lookalike.compat run PACKAGE PROGRAM [ARGUMENT...]\n"
        "       python -m lookalike.compat path PACKAGE\n"
        f"PACKAGE is one of: {', '.join(_PACKAGES)}",
        file=sys.stderr,
    )
    return 2


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
