"""Which of Keras's backends this process computes on: chosen before Keras is imported."""

from __future__ import annotations

import importlib.util
import os
import sys

from galcat_core.errors import GalcatError, listed, nearest

# name: how it is installed
BACKENDS = {"tensorflow": "pip install 'galcat[cpu]'", "jax": "pip install 'galcat[jax]'"}
VARIABLE = "KERAS_BACKEND"  # Keras's own


def choose(wanted: str | None = None) -> str:
    """Settle what Keras computes on in this process, and return it.

    Networks predict and embed on any of `BACKENDS`; training takes TensorFlow.

    Parameters
    ----------
    wanted : str, optional
        A key of `BACKENDS`; default: what Keras computes on already, what the environment names
        (KERAS_BACKEND), or the first one that is installed.

    Raises
    ------
    GalcatError
        It is unknown or not installed, or Keras computes on another one already.
    """
    running = _running()
    if running and wanted in (None, running):
        return running
    if running:
        raise GalcatError(
            f"Keras computes on {running} in this process already, not on {wanted}; begin a new one "
            f"with {VARIABLE}={wanted}"
        )
    name = wanted or os.environ.get(VARIABLE) or next(filter(installed, BACKENDS), "tensorflow")
    if name not in BACKENDS:
        raise GalcatError(
            f"there is no backend '{name}'; legal are {listed(BACKENDS)}.{nearest(name, BACKENDS)}"
        )
    if not installed(name):
        raise GalcatError(
            f"the backend '{name}' is not installed: {BACKENDS[name]}, or name another one with "
            f"--backend or {VARIABLE}: {listed(BACKENDS)} (training takes tensorflow)"
        )
    os.environ[VARIABLE] = name
    return name


def installed(name: str) -> bool:
    """Tell whether a backend can be imported; it is not."""
    return importlib.util.find_spec(name) is not None


def _running() -> str | None:
    keras = sys.modules.get("keras")
    return keras.config.backend() if keras else None
