"""PyTorch's older files of weights, read without PyTorch: shapes, strides, and what is no such file."""

import io
import pickle
import sys
import types
from collections import OrderedDict

import numpy as np
import pytest

from galcat_core.errors import GalcatError
from galcat_core.models.torch_file import MAGIC, read_torch


class Storage:
    """Numbers with a key, as PyTorch's files know them."""

    def __init__(self, key, numbers):
        self.key, self.numbers = key, numbers


class Tensor:
    def __init__(self, storage, offset, shape, strides):
        self.parts = (storage, offset, shape, strides, False, OrderedDict())

    def __reduce__(self):
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.parts


@pytest.fixture
def torch(monkeypatch):
    """Names of PyTorch's that its files hold, without PyTorch."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    def _rebuild_tensor_v2(*parts):
        raise AssertionError("only its name is written")

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})
    torch._utils = utils
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    return torch


def written(torch, tensors, storages):
    """Return the bytes that torch.save(..., _use_new_zipfile_serialization=False) writes."""
    out = io.BytesIO()
    for head in (MAGIC, 1001, {"little_endian": True}):
        pickle.dump(head, out, protocol=2)

    class Pickler(pickle.Pickler):
        def persistent_id(self, thing):
            if isinstance(thing, Storage):
                kind = torch.FloatStorage
                return "storage", kind, thing.key, "cpu", len(thing.numbers), None
            return None

    Pickler(out, protocol=2).dump(tensors)
    pickle.dump([storage.key for storage in storages], out, protocol=2)
    for storage in storages:
        out.write(np.int64(len(storage.numbers)).tobytes() + storage.numbers.tobytes())
    return out.getvalue()


def example(torch):
    first = Storage("10", np.arange(12, dtype="<f4"))
    second = Storage("11", np.array([7.5], "<f4"))
    tensors = OrderedDict(
        plain=Tensor(first, 0, (3, 4), (4, 1)),
        turned=Tensor(first, 0, (4, 3), (1, 4)),  # a view of the same numbers
        part=Tensor(first, 4, (2,), (1,)),
        scalar=Tensor(second, 0, (), ()),
    )
    return written(torch, tensors, [first, second])


def test_tensors_come_back_with_their_shapes(torch, tmp_path):
    file = tmp_path / "weights.pth"
    file.write_bytes(example(torch))
    found = read_torch(file)
    assert list(found) == ["plain", "turned", "part", "scalar"]
    np.testing.assert_array_equal(found["plain"], np.arange(12).reshape(3, 4))
    np.testing.assert_array_equal(found["turned"], np.arange(12).reshape(3, 4).T)
    np.testing.assert_array_equal(found["part"], [4, 5])
    assert found["scalar"] == 7.5 and found["plain"].dtype == np.float32


def test_a_file_that_is_none_or_not_whole_is_told_in_one_line(torch, tmp_path):
    whole = example(torch)
    outside = Storage("10", np.zeros(4, "<f4"))
    beyond = written(torch, {"t": Tensor(outside, 2, (3,), (1,))}, [outside])
    cases = {
        "zip": b"PK\x03\x04 rest",
        "empty": b"",
        "short": whole[:-3],
        "cut": whole[:200],
        "outside": beyond,
        "number": pickle.dumps(17),
    }
    for name, content in cases.items():
        file = tmp_path / f"{name}.pth"
        file.write_bytes(content)
        with pytest.raises(GalcatError, match=f"{name}.pth: not a whole file of PyTorch") as error:
            read_torch(file)
        assert "\n" not in str(error.value)
    with pytest.raises(GalcatError, match="not a whole file"):
        read_torch(tmp_path / "missing.pth")


def test_nothing_that_a_file_names_is_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (tmp_path / "touched").touch, ()

    file = tmp_path / "evil.pth"
    file.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(GalcatError, match="which no weights are made of"):
        read_torch(file)
    assert not (tmp_path / "touched").exists()
