"""The numbers that a network computes in: the precision of the layers that a block builds."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras


@contextlib.contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Build layers that compute in "float32", "mixed_float16" or "mixed_bfloat16".

    Weights are float32 in all of them; a network's last layer is built with dtype="float32".
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
