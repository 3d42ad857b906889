"""Labels that predictions are judged by: of a split's set, or of a table of somebody's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.stages.work import need, say
from galcat_core.tables import read_table

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from galcat_core.images.store import CutoutStore
    from galcat_core.records import Predictions
    from galcat_core.runs import Run


def labels_of(
    told: Predictions,
    split: str | Path | None,
    set_name: str,
    survey: str | None,
    labels: str | Path | None,
    id_column: str,
    label_column: str,
) -> pd.DataFrame:
    """Return the labels of predicted galaxies, of a split's set or of a table."""
    check_source(split, labels)
    if split:
        return split_labels(split, told.ids, set_name, survey)
    return table_labels(Path(labels), id_column, label_column, told)


def check_source(split: str | Path | None, labels: str | Path | None) -> None:
    if (split is None) == (labels is None):
        raise GalcatError("say where the labels come from: --split TABLE, or --labels TABLE")


def split_labels(
    split: str | Path, ids: np.ndarray, set_name: str, survey: str | None
) -> pd.DataFrame:
    """Return a set's rows that have a label and are among `ids`."""
    from galcat_core.records import Split

    sets = Split.load(need(split, "file", "make it with galcat split"))
    there = sorted(sets.table["survey"].unique())
    if survey is not None and survey not in there:
        raise GalcatError(
            f"{split}: no galaxy of survey '{survey}'; there are {listed(there)}."
            f"{nearest(survey, there)}"
        )
    rows = sets.rows(survey, set_name)
    rows = rows[rows["label"].notna() & rows["id"].isin(ids)]
    if not len(rows):
        raise GalcatError(
            f"{split}: no labelled galaxy of set '{set_name}' is among those looked at; name another "
            f"set with --set ({listed(Split.SETS)}), or predict those galaxies"
        )
    return rows


def read_labels(path: Path, id_column: str, label_column: str) -> pd.DataFrame:
    """Return a table's rows as `id`, `label` and the rest."""
    table, _ = read_table(need(path, "file", "give a table with ids and labels"))
    for name, flag in ((id_column, "--id-column"), (label_column, "--label-column")):
        if name not in table:
            raise GalcatError(
                f"{path}: no column '{name}'; there are {listed(table.columns, 30)}: name it with "
                f"{flag}.{nearest(name, table.columns)}"
            )
    named = {id_column: "id", label_column: "label"}
    other = [c for c in ("id", "label") if c not in named]  # another column of that name
    return table.drop(columns=other, errors="ignore").rename(columns=named)


def table_labels(
    path: Path,
    id_column: str,
    label_column: str,
    told: Predictions | Run,
) -> pd.DataFrame:
    """Return the rows of a table whose label is a class that is known, as `id`, `label` and the rest."""
    found = read_labels(path, id_column, label_column)
    known = found["label"].isin(told.classes)
    if not known.any():
        raise GalcatError(
            f"{path}: none of {len(found)} rows has a label of {listed(told.classes)}; in column "
            f"'{label_column}' stand {listed(sorted(found['label'].dropna().astype(str).unique()), 5)}"
        )
    if not known.all():
        say(
            f"{int((~known).sum())} rows of {path} have no label of {listed(told.classes)}: not counted"
        )
    return found[known]


def with_columns(
    labels: pd.DataFrame, columns: Sequence[str], store: CutoutStore | None
) -> pd.DataFrame:
    """Return the labels with columns that the store has and they have not."""
    missing = [name for name in columns if name not in labels]
    if store is None or not missing:
        return labels
    there = [name for name in missing if name in store.table]
    return labels.merge(store.table[["id", *there]], on="id", how="left")
