"""What a report is asked for: arguments -> test sets, each with its pictures or predictions and its labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.runs import Run
from galcat_core.stages.labels import read_labels, with_columns
from galcat_core.stages.work import need

if TYPE_CHECKING:
    import pandas as pd

    from galcat_core.images.store import CutoutStore
    from galcat_core.records import Predictions

VALIDATION = "validation galaxies"


@dataclass(frozen=True)
class Asked:
    """One test set as it was asked for: pictures or predictions, and where its labels are."""

    name: str
    source: Path
    labels: Path | None
    images: Path | None
    split: Path | None
    set_name: str

    @property
    def is_store(self) -> bool:
        return (self.source / "store.json").is_file()

    def files(self) -> list[Path]:
        """Return everything that it reads."""
        return [p for p in (self.source, self.labels, self.images, self.split) if p is not None]


def understood(
    run: Run,
    sets: Sequence[str],
    split: str | Path | None,
    set_name: str,
    labels: Sequence[str],
    images: Sequence[str],
) -> list[Asked]:
    """Understand the arguments: one entry a test set."""
    split = need(split, "file", "make it with galcat split") if split else None
    named = dict(_named(item, "--set") for item in sets)
    if len(named) < len(sets):
        raise GalcatError("--set: two test sets have one name; name each apart: NAME=PATH")
    if not sets:
        told = (run.info.get("store") or {}).get("path", "")
        mend = "name test sets with --set NAME=STORE or NAME=TABLE"
        need(run.folder / "samples.parquet", "table of the run's validation galaxies", mend)
        store = need(run.folder / told, "store", mend)
        named = {VALIDATION: store}
    tables = _by_set(labels, named, "--labels")
    stores = _by_set(images, named, "--images")
    made = []
    for name, source in named.items():
        need(source, "store or table", "give a cutout store or a table of predictions")
        if source.is_dir() and not (source / "store.json").is_file():
            raise GalcatError(
                f"{source}: no cutout store (no store.json in it); make one of the pictures with "
                "galcat cutouts"
            )
        table = tables.get(name)
        own = split if table is None and sets else None
        made.append(Asked(name, source, table, stores.get(name), own, set_name))
    return made


def _named(item: str, flag: str) -> tuple[str, Path]:
    """Part "NAME=PATH"; a path alone is named by its file."""
    if "=" not in item or Path(item).exists():
        return Path(item).name.split(".")[0].replace("_", " "), Path(item)
    name, path = item.split("=", 1)
    if not name.strip() or not path.strip():
        raise GalcatError(f'{flag} {item}: write NAME=PATH, for example "DES test=cutouts/des"')
    return name.strip(), Path(path.strip())


def _by_set(items: Sequence[str], names: dict[str, Path], flag: str) -> dict[str, Path]:
    """Return the path for each set: "NAME=PATH" for one, "PATH" for all."""
    found: dict[str, Path] = {}
    for item in items:
        alone = "=" not in item or Path(item).exists()
        name, path = (None, Path(item)) if alone else _named(item, flag)
        if name is not None and name not in names:
            raise GalcatError(
                f"{flag} {item}: there is no test set '{name}'; there are {listed(names)}."
                f"{nearest(name, names)}"
            )
        need(path, "file or store", "give a table, or a cutout store")
        for chosen in names if name is None else [name]:
            found[chosen] = path
    return found


def labelled_ids(wanted: Asked, run: Run, store: CutoutStore, columns: tuple[str, str]) -> list:
    """Return the ids that have a label and a picture, sorted."""
    rows = _given_labels(wanted, run, store, columns, None)
    rows = rows[rows["label"].notna() & rows["id"].isin(store.ids)]
    if rows.empty:
        raise GalcatError(
            f"test set '{wanted.name}': no labelled galaxy has a picture in {store.path}; give the "
            "labels of the same galaxies (--split TABLE, or --labels TABLE)"
        )
    return sorted(rows["id"])


def labels_for(
    wanted: Asked,
    told: Predictions,
    store: CutoutStore | None,
    run: Run,
    columns: tuple[str, str],
    classes: dict[str, str] | None,
    bin_by: Sequence[str],
) -> pd.DataFrame:
    """Return `id`, `label` in the run's classes and, where known, `certain` and `bin_by`."""
    rows = _given_labels(wanted, run, store, columns, told)
    if classes:
        rows = rows.assign(label=rows["label"].map(lambda name: classes.get(name, name)))
    rows = with_columns(rows.reset_index(drop=True), bin_by, store)
    return rows[[name for name in ("id", "label", "certain", *bin_by) if name in rows]]


def _given_labels(
    wanted: Asked,
    run: Run,
    store: CutoutStore | None,
    columns: tuple[str, str],
    told: Predictions | None,
) -> pd.DataFrame:
    """Read a set's labels from its table, the split, the run's samples, or the store."""
    if wanted.labels is not None:
        return read_labels(wanted.labels, *columns)
    if wanted.split is not None:
        return _of_split(wanted, store, told)
    if wanted.name == VALIDATION:
        samples = run.samples
        return samples[samples["set"] == "validation"]
    if store is not None and "label" in store.table:
        return store.table
    raise GalcatError(
        f"test set '{wanted.name}' has no labels: give --split TABLE, or --labels "
        f'"{wanted.name}=TABLE"'
    )


def _of_split(wanted: Asked, store: CutoutStore | None, told: Predictions | None) -> pd.DataFrame:
    from galcat_core.records import Split

    sets = Split.load(wanted.split)
    survey = store.survey if store is not None else told.meta.get("survey")
    rows = sets.rows(survey, wanted.set_name)
    if survey is None:  # a table without its survey: by the ids
        rows = rows[rows["id"].isin(told.table["id"])].drop_duplicates("id")
    rows = rows[rows["label"].notna()]
    if rows.empty:
        raise GalcatError(
            f"test set '{wanted.name}': {wanted.split} has no labelled galaxy of survey '{survey}' in "
            f"its set '{wanted.set_name}'; name another with --split-set ({listed(Split.SETS)})"
        )
    return rows
