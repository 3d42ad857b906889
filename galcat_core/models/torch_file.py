"""A file of PyTorch's weights -> arrays by name, without PyTorch: the format of its versions before 1.6.

Such a file is a row of pickles (a magic number, the protocol, the machine, the tensors' shapes, the order of
the storages) and then the storages' numbers. Only what tensors are made of is unpickled: nothing that a file
could name is run.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from galcat_core.errors import GalcatError

MAGIC = 0x1950A86A20F9469CFC6C
STORAGES = {"FloatStorage": "<f4", "HalfStorage": "<f2", "LongStorage": "<i8"}


def read_torch(path: str | Path) -> dict[str, np.ndarray]:
    """Return the tensors of a state dict by their names.

    Raises
    ------
    GalcatError
        The file is not there, is not whole, or is not such a file.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            return _tensors(stream)
    except (OSError, EOFError, ValueError, KeyError, TypeError, pickle.UnpicklingError) as error:
        told = (str(error).splitlines() or [type(error).__name__])[0][:100]
        raise GalcatError(
            f"{path}: not a whole file of PyTorch weights in its older format ({told})"
        ) from error


def _tensors(stream: BinaryIO) -> dict[str, np.ndarray]:
    if _Unpickler(stream).load() != MAGIC:
        raise ValueError("no magic number")
    _Unpickler(stream).load()  # protocol
    _Unpickler(stream).load()  # the machine that wrote it
    unpickler = _Unpickler(stream)
    tensors = unpickler.load()
    stored: dict[str, np.ndarray] = {}
    for key in _Unpickler(stream).load():
        (count,) = np.frombuffer(_exactly(stream, 8), "<i8")
        kind = np.dtype(unpickler.storages[key])
        stored[key] = np.frombuffer(_exactly(stream, int(count) * kind.itemsize), kind)
    return {name: _array(stored, *parts) for name, parts in tensors.items()}


def _exactly(stream: BinaryIO, size: int) -> bytes:
    found = stream.read(size)
    if len(found) != size:
        raise EOFError("it ends too early")
    return found


def _array(
    stored: dict[str, np.ndarray], key: str, offset: int, shape: tuple, strides: tuple, *_: Any
) -> np.ndarray:
    """Return a tensor's numbers; offset and strides count numbers."""
    numbers = stored[key][offset:]
    reach = 1 + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    if min((offset, *strides)) < 0 or reach > len(numbers):
        raise ValueError("a tensor lies outside its storage")
    steps = [step * numbers.itemsize for step in strides]
    return np.lib.stride_tricks.as_strided(numbers, shape, steps).copy()


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(stream)
        self.storages: dict[str, str] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda *parts: parts
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        raise pickle.UnpicklingError(f"it names {module}.{name}, which no weights are made of")

    def persistent_load(self, told: Any) -> str:
        _, kind, key, *_ = told
        self.storages[key] = kind
        return key
