"""Which galaxies the training of a form would learn from, by the core's own choice of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from galcat_app.state.training.fields import key_of
from galcat_app.state.training.form import Checked
from galcat_app.state.training.inputs import Finder
from galcat_core.errors import GalcatError


@dataclass(frozen=True)
class Counted:
    """The galaxies that a training would learn from, or why it cannot."""

    asked: tuple = ()
    text: tuple[str, ...] = ()
    errors: dict[str, str] = field(default_factory=dict)


def asked(path: Path, checked: Checked) -> tuple:
    """Return what the galaxies depend on: inputs, settings, times of the files; () where an input is wrong."""
    if any(key in checked.errors for key in ("store", "split", "parent")):
        return ()
    told, train = checked.values, checked.config.train
    which = train.certain_only, train.limit, train.positive, train.class_weights, train.seed
    files = [path / told["store"] / "index.parquet", path / told["split"]]
    stamps = [file.stat().st_mtime_ns if file.is_file() else 0 for file in files]
    return told["store"], told["split"], told["parent"], *which, *stamps


def count(finder: Finder, checked: Checked) -> Counted:
    """Choose the galaxies, and count them by set and class; what the core refuses stands by its field."""
    key = asked(finder.path, checked)
    if not key:
        return Counted()
    told = checked.values
    try:
        samples = finder.samples(told["store"], told["split"], checked.config.train, told["parent"])
    except GalcatError as error:
        return Counted(key, (), {key_of(str(error), "split"): str(error)})
    found = samples.summary()
    parts = [
        f"{sum(found[name].values()):,} to {verb} "
        f"({', '.join(f'{n:,} {label}' for label, n in found[name].items())})"
        for name, verb in (("train", "learn from"), ("validation", "validate on"))
    ]
    return Counted(key, tuple(parts))
