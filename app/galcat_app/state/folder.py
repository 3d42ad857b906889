"""A project folder as the pages see it: what can be shown, or a notice that says what to do next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from galcat_core.errors import GalcatError
from galcat_core.images.store import CutoutStore
from galcat_core.tables import check_ids, read_table

CATALOGUE = "catalogue.parquet"
PAIRS = "pairs.parquet"
SPLIT = "split.parquet"
CUTOUTS = "cutouts"
EMBEDDINGS = "embeddings/*.parquet"
SURVEYS = {"des": "DES", "sdss": "SDSS"}  # names to show; others are shown as they are
METHODS = {"tsne": "t-SNE", "umap": "UMAP", "pca": "PCA"}

DEMO = ("galcat demo -o {project}", "a whole project made from the simulated survey")
PICTURES = "galcat cutouts catalogs/des.parquet --tiles sky/tiles/des -o cutouts/des"
# what a step makes, its command, and what for; a step whose file is there is left out
STEPS = (
    ("cutouts/des/index.parquet", PICTURES, "the pictures of the galaxies"),
    (
        "predictions/{run}.parquet",
        "galcat predict cutouts/des --run runs/{run} -o predictions/{run}.parquet",
        "what a trained network says of each galaxy",
    ),
    (
        "embeddings/{run}.parquet",
        "galcat embed cutouts/des --run runs/{run} -o embeddings/{run}.parquet",
        "the network's features of each galaxy",
    ),
    (
        "maps/{run}.parquet",
        "galcat project embeddings/{run}.parquet -o maps/{run}.parquet",
        "t-SNE and UMAP maps of the features",
    ),
    (
        "clusters/{run}.parquet",
        "galcat cluster embeddings/{run}.parquet -o clusters/{run}.parquet",
        "clusters in the features",
    ),
    (
        "",
        "galcat publish catalogs/des.parquet predictions/{run}.parquet --map maps/{run}.parquet "
        "--clusters clusters/{run}.parquet -o catalogue.parquet",
        "the catalogue that this page shows",
    ),
)


@dataclass(frozen=True)
class Notice:
    """What stands in the page instead of a map: what is the matter, and the commands that mend it."""

    title: str
    text: str
    commands: tuple[tuple[str, str], ...] = ()
    kind: str = "empty"  # or "broken"
    detail: str = ""


@dataclass(frozen=True, eq=False)
class Project:
    """What a project folder holds for the pages.

    Attributes
    ----------
    path : Path
    table : pandas.DataFrame
        The published catalogue, one row a galaxy.
    meta : dict
        What was saved with it (classes, positive class).
    methods : dict of str to str
        Maps in the table: column prefix -> name ("tsne" -> "t-SNE").
    stores : dict of str to CutoutStore
        Pictures by survey.
    pairs : pandas.DataFrame or None
        Matches, with columns named by survey ("sdss", "des") and `separation_arcsec`.
    remarks : tuple of str
        What is missing or broken beside the catalogue, one line each.
    """

    path: Path
    table: pd.DataFrame
    meta: dict[str, Any]
    methods: dict[str, str]
    stores: dict[str, CutoutStore] = field(default_factory=dict)
    pairs: pd.DataFrame | None = None
    remarks: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def classes(self) -> list[str]:
        """Class names, in the order of the probability columns."""
        named = self.meta.get("classes")
        return list(named or [c[2:] for c in self.table.columns if c.startswith("p_")])

    @property
    def positive(self) -> str | None:
        """The class whose probability is shown; None where the catalogue has no probabilities."""
        return self.meta.get("positive", self.classes[-1] if self.classes else None)


def signature(path: Path) -> tuple:
    """Return what changes when the files that the page shows change: (name, time, size) of each."""
    shown = (CATALOGUE, PAIRS, SPLIT)
    others = (f"{CUTOUTS}/*/index.parquet", EMBEDDINGS)
    files = [path / name for name in shown]
    return seen((*files, *(file for pattern in others for file in path.glob(pattern))))


def seen(files: Iterable[Path]) -> tuple:
    """Return (name, time, size) of each file that is there, sorted: it changes when one of them does."""
    found = []
    for file in files:
        try:
            status = file.stat()
        except OSError:
            continue
        found.append((str(file), status.st_mtime_ns, status.st_size))
    return tuple(sorted(found))


def open_project(path: str | Path) -> Project | Notice:
    """Read a project folder; whatever is wrong with it comes back as a notice or a remark."""
    path = Path(path).expanduser()
    if not path.is_dir():
        return Notice(
            "There is no such project",
            f"The folder {path} does not exist. Make it with a first project, or start the page "
            "with the folder of another one: galcat app FOLDER",
            _demo(path),
        )
    if not (path / CATALOGUE).is_file():
        return _no_catalogue(path)
    try:
        table, meta = read_table(path / CATALOGUE)
        if "id" not in table.columns:
            raise GalcatError(f"{path / CATALOGUE}: column 'id' is missing")
        table["id"] = check_ids(table["id"], CATALOGUE)
    except GalcatError as error:
        return Notice(
            "The catalogue cannot be read",
            f"{CATALOGUE} is damaged, or it is being written at this moment: then it appears here "
            "by itself. Otherwise make it anew:",
            _steps(path)[-1:],
            "broken",
            str(error),
        )
    return _with_map(path, table, meta)


def _with_map(path: Path, table: pd.DataFrame, meta: dict) -> Project | Notice:
    methods = _methods(table)
    if not len(table):
        return Notice(
            "The catalogue is empty",
            f"{path / CATALOGUE} has columns but not a single galaxy. Look at the selection: "
            "were all galaxies cut away, or all pictures rejected?",
            _steps(path),
        )
    if not methods:
        return Notice(
            "The catalogue has no map yet",
            f"{len(table):,} galaxies are labelled, but none has a place on a map "
            "(columns such as tsne_x, tsne_y). These commands, run in the project's folder, make one:",
            _steps(path),
        )
    remarks: list[str] = []
    stores = _stores(path, remarks)
    pairs = _pairs(path, remarks)
    return Project(path, table, meta, methods, stores, pairs, tuple(remarks))


def _methods(table: pd.DataFrame) -> dict[str, str]:
    found = [c[:-2] for c in table.columns if c.endswith("_x") and f"{c[:-2]}_y" in table.columns]
    whole = [
        name
        for name in found
        if all(pd.api.types.is_numeric_dtype(table[f"{name}_{axis}"]) for axis in "xy")
        and np.isfinite(table[f"{name}_x"] * table[f"{name}_y"]).any()
    ]
    return {name: METHODS.get(name, name) for name in whole}


def _no_catalogue(path: Path) -> Notice:
    if not any(path.iterdir()):
        return Notice(
            "This project is still empty",
            "The map of galaxies appears here when the project has a catalogue. The quickest way "
            "to one is the simulated survey; it takes a few minutes:",
            _demo(path),
        )
    return Notice(
        "There is no map yet",
        f"The project has no {CATALOGUE} so far. When these commands have run in its folder"
        f"{'' if _run(path) else ' (RUN is the name of a trained network)'}, the map appears here "
        "by itself:",
        _steps(path),
    )


def _demo(path: Path) -> tuple[tuple[str, str], ...]:
    return ((DEMO[0].format(project=path), DEMO[1]),)


def _steps(path: Path) -> tuple[tuple[str, str], ...]:
    """Return the commands that are still to be run in the folder, with the run that is there."""
    run = _run(path) or "RUN"
    return tuple(
        (command.format(run=run), purpose)
        for file, command, purpose in STEPS
        if not file or not (path / file.format(run=run)).exists()
    )


def _run(path: Path) -> str | None:
    runs = sorted((path / "runs").glob("*/run.json"))
    return runs[-1].parent.name if runs else None


def _stores(path: Path, remarks: list[str]) -> dict[str, CutoutStore]:
    stores = {}
    for folder in sorted(file.parent for file in (path / CUTOUTS).glob("*/store.json")):
        try:
            store = CutoutStore.open(folder)
            stores[store.survey] = store
        except GalcatError as error:
            remarks.append(f"No pictures from {folder.name}: {error}")
    if not stores and not remarks:
        remarks.append(f"No pictures yet: this project has no cutouts. Make them with {PICTURES}")
    return stores


def _pairs(path: Path, remarks: list[str]) -> pd.DataFrame | None:
    """Return matches as a table with one id column a survey, or None."""
    if not (path / PAIRS).is_file():
        return None
    try:
        table, meta = read_table(path / PAIRS)
        left, right = meta.get("left_survey", "sdss"), meta.get("right_survey", "des")
        named = table.rename(columns={"left_id": left, "right_id": right})
        return named[[left, right, "separation_arcsec"]]
    except (GalcatError, KeyError) as error:
        remarks.append(f"No twins are shown: {PAIRS} cannot be read ({error})")
        return None
