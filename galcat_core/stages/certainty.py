"""How sure predictions are, on files: calibrate a run for a survey."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from galcat_core.config import Config
from galcat_core.errors import GalcatError
from galcat_core.stages.labels import split_labels, table_labels
from galcat_core.stages.work import say

if TYPE_CHECKING:
    import pandas as pd

    from galcat_core.runs import Run


def calibrate(
    run: str | Path,
    config: Config,
    *,
    images: str | Path | None = None,
    split: str | Path | None = None,
    set_name: str = "validation",
    labels: str | Path | None = None,
    id_column: str = "id",
    label_column: str = "label",
    survey: str | None = None,
    any_recipe: bool = False,
) -> Path:
    """Fit a run's calibration for the survey of some labelled pictures; return its file."""
    from galcat_core.evaluation.calibration import FILE
    from galcat_core.images.store import CutoutStore
    from galcat_core.inference.calibrating import calibrate as fit
    from galcat_core.results import calibration_table, show
    from galcat_core.runs import Run

    if split and labels:
        raise GalcatError("say once where the labels come from: --split TABLE, or --labels TABLE")
    if (split or labels) and images is None:
        raise GalcatError("give the pictures of the labelled galaxies: --images STORE")
    opened = Run.open(run)
    store = CutoutStore.open(images) if images else _own_store(opened)
    truth, source = None, "validation galaxies"
    if split:
        truth = split_labels(split, store.ids, set_name, store.survey)
        source = f"{Path(split).name}, {set_name}"
    elif labels:
        truth, source = (
            table_labels(Path(labels), id_column, label_column, opened),
            Path(labels).name,
        )
    elif images:
        truth, source = _own_labels(store), store.path.name
    found = fit(
        opened,
        store,
        truth,
        config.calibrate,
        survey=survey,
        source=source,
        any_recipe=any_recipe,
    )
    name = survey or store.survey
    left_out = 0 if truth is None else len(truth) - sum(found.surveys[name].told["labels"].values())
    if left_out:
        say(f"{left_out} labelled galaxies are left out: without a picture, or learnt from")
    show(calibration_table(found.surveys[name], f"{opened.name}, for {name}"), aside=True)
    say(f"{opened.folder / FILE}: {name} by {found.surveys[name].method}")
    return opened.folder / FILE


def _own_store(run: Run) -> Any:
    from galcat_core.training.loop import open_store

    return open_store(run)


def _own_labels(store: Any) -> pd.DataFrame:
    if "label" not in store.table:
        raise GalcatError(
            f"{store.path}: its pictures have no labels; give some with --labels TABLE or --split TABLE"
        )
    return store.table[["id", "label"]].dropna(subset="label")
