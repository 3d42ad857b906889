"""What a project folder holds: tables, pictures, networks, their scores; read from heads alone, so that it is quick.

Nothing in here fails on a broken file: what is wrong with it stands in its `broken`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from galcat_app.state.folder import seen
from galcat_core.errors import GalcatError
from galcat_core.formats import read_parquet_meta
from galcat_core.images.store import finished_shards, read_head
from galcat_core.runs import Run

MOST_FILES = 400  # of one kind; a folder of a survey's own files is not searched to its end
KINDS = {  # records by the kind that is written in them -> what they are called
    "Catalog": "catalogue",
    "Pairs": "pairs",
    "Split": "split",
    "Predictions": "predictions",
    "Embedding": "features",
    "Projection": "map",
    "Clusters": "clusters",
    "Catalogue": "published",
}
NAMES = {"catalogue.parquet": "published", "pairs.parquet": "pairs", "split.parquet": "split"}
MEASURES = ("accuracy", "roc_auc", "f1")


@dataclass(frozen=True)
class Table:
    """A Parquet table of galcat's.

    Attributes
    ----------
    path : str
        As seen from the project.
    kind : str
        One of `KINDS`' values.
    rows : int
    columns : tuple of str
    size_bytes : int
    changed : float
        Seconds since 1970.
    meta : dict
        What galcat wrote with it.
    broken : str
        What is wrong with it, or empty.
    """

    path: str
    kind: str
    rows: int = 0
    columns: tuple[str, ...] = ()
    size_bytes: int = 0
    changed: float = 0
    meta: dict[str, Any] = field(default_factory=dict)
    broken: str = ""


@dataclass(frozen=True)
class Pictures:
    """A cutout store, finished or not."""

    path: str
    survey: str
    count: int = 0
    rejected: int = 0
    size_px: int = 0
    shards_done: int = 0
    shards: int = 0
    size_bytes: int = 0
    changed: float = 0
    broken: str = ""

    @property
    def whole(self) -> bool:
        return not self.broken and self.shards_done == self.shards > 0


@dataclass(frozen=True)
class Score:
    """How a network does on a test set: (value, low, high) of each measure."""

    test_set: str
    n: int
    accuracy: tuple[float, float | None, float | None]
    roc_auc: tuple[float, float | None, float | None]
    f1: tuple[float, float | None, float | None]


@dataclass(frozen=True)
class Network:
    """A run."""

    path: str
    survey: str = ""
    network: str = ""
    status: str = ""
    parent: str = ""
    store: str = ""
    epochs: int = 0
    asked_epochs: int = 0
    val_accuracy: float | None = None
    history: tuple[float, ...] = ()  # val_accuracy of each epoch
    scores: tuple[Score, ...] = ()
    changed: float = 0
    broken: str = ""

    @property
    def name(self) -> str:
        return Path(self.path).name


@dataclass(frozen=True)
class Inventory:
    """All of a project."""

    path: Path
    tables: tuple[Table, ...] = ()
    pictures: tuple[Pictures, ...] = ()
    networks: tuple[Network, ...] = ()
    remarks: tuple[str, ...] = ()
    sky: bool = False  # a simulated sky lies in the folder
    strange: tuple[str, ...] = ()  # names of what is nothing of galcat's

    def of_kind(self, kind: str) -> list[Table]:
        """Return the whole tables of a kind, the newest last."""
        found = [t for t in self.tables if t.kind == kind and not t.broken]
        return sorted(found, key=lambda table: table.changed)

    @property
    def empty(self) -> bool:
        """Whether there is nothing of galcat's in it."""
        return not (self.tables or self.pictures or self.networks or self.sky)


def files(path: Path) -> Iterator[Path]:
    """Yield the files that an inventory is made from."""
    patterns = ("*.parquet", "*/*.parquet", "*/store.json", "*/*/store.json", "*/*/index.parquet")
    patterns += ("*/*/shard-*.parquet", "*/run.json", "*/*/run.json")
    patterns += ("*/report.json", "*/*/report.json", "*/*/history.csv", "*/*/calibration.json")
    patterns += ("*/metrics.json", "*/*/metrics.json", "*.html", "*/*.html", "sky/sky.json")
    for pattern in patterns:
        for count, file in enumerate(path.glob(pattern)):
            if count == MOST_FILES:
                break
            if not any(part.startswith(".") for part in file.relative_to(path).parts):
                yield file


def signature(path: Path) -> tuple:
    """Return what changes when a file of an inventory does: (name, time, size) of each."""
    return seen(files(path))


def take(path: Path) -> Inventory:
    """Return what a project folder holds; nothing where there is no such folder."""
    if not path.is_dir():
        return Inventory(path)
    every = sorted(set(files(path)))
    stores = [file.parent for file in every if file.name == "store.json"]
    runs = [file.parent for file in every if file.name == "run.json"]
    inside = {*stores, *runs}
    tables = [file for file in every if file.suffix == ".parquet" and not inside & {*file.parents}]
    found_tables = [made for file in tables if (made := table_of(path, file)) is not None]
    pictures = [pictures_of(path, folder) for folder in stores]
    scores = scores_of([file for file in every if file.name == "metrics.json"])
    networks = [network_of(path, folder, scores) for folder in runs]
    told = [thing for thing in (*found_tables, *pictures, *networks) if thing.broken]
    return Inventory(
        path,
        tuple(found_tables),
        tuple(pictures),
        tuple(sorted(networks, key=lambda network: network.changed)),
        tuple(f"{thing.path} cannot be read: {shortly(thing.broken, path)}" for thing in told),
        (path / "sky/sky.json").is_file(),
        tuple(sorted(p.name for p in path.iterdir() if p.name != "jobs" and p.name[0] != ".")),
    )


def table_of(project: Path, file: Path) -> Table | None:
    """Return what a Parquet file's head says; None for one that is not of galcat's."""
    path = str(file.relative_to(project))
    named = NAMES.get(path, "")
    try:
        status = file.stat()
        head, meta = pq.read_metadata(file), read_parquet_meta(file)
    except (OSError, ValueError, pa.ArrowException) as error:  # the last are ValueErrors, mostly
        return Table(path, named or "table", broken=_line(error))
    kind = KINDS.get(str(meta.get("kind", "")), named)
    if not kind:
        return None
    columns = tuple(head.schema.to_arrow_schema().names)
    return Table(path, kind, head.num_rows, columns, status.st_size, status.st_mtime, meta)


def pictures_of(project: Path, folder: Path) -> Pictures:
    """Return what is known of a cutout store."""
    path = str(folder.relative_to(project))
    try:
        head = read_head(folder)
        rows, shards = finished_shards(folder), int(head["shards"])
        whole = (folder / "index.parquet").is_file()
        count = sum(pq.read_metadata(file).num_rows for file in rows)
        rejects = folder / "rejects.parquet"
        return Pictures(
            path,
            str(head["survey"]),
            count,
            pq.read_metadata(rejects).num_rows if rejects.is_file() else 0,
            int(head["size_px"]),
            shards if whole else min(len(rows), shards - 1),
            shards,
            sum(file.stat().st_size for file in folder.glob("shard-*")),
            max(file.stat().st_mtime for file in (folder / "store.json", *rows)),
        )
    except (GalcatError, OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        return Pictures(path, folder.name, broken=_line(error))


def network_of(project: Path, folder: Path, scores: dict[str, list[Score]]) -> Network:
    """Return what is known of a run."""
    path, run = str(folder.relative_to(project)), Run(folder)
    try:
        info, history, report = run.info, run.history, run.report
        done = len(history)
        parent = (info.get("parent") or {}).get("name", "")
        best = report.get("val_accuracy")
        if best is None and done:
            best = float(history["val_accuracy"].max())
        return Network(
            path,
            str(info["survey"]),
            str(info["network"]),
            run.status,
            str(parent),
            str((info.get("store") or {}).get("path", "")),
            int(report.get("epochs", done)),
            int(run.config.train.epochs),
            best,
            tuple(history["val_accuracy"].tolist()),
            _own(scores.get(run.digest[:12] if report else "", []), str(info["survey"])),
            max(f.stat().st_mtime for f in (folder / "run.json", *folder.glob("report.json"))),
        )
    except (GalcatError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return Network(path, status="broken", broken=_line(error))


def scores_of(found: list[Path]) -> dict[str, list[Score]]:
    """Return the scores in metrics.json files, by the first digits of the run that they judge.

    `galcat evaluate` writes one result a file, `galcat transfer` one for each of its runs, all on
    the test galaxies of the survey that it goes to.
    """
    scores: dict[str, list[Score]] = {}
    for file in found:
        try:
            content = json.loads(file.read_text())
            alone = "metrics" in content
            for result in [content] if alone else content.values():
                (run,) = result["run"]
                made = _score(file.parent.name.replace("_", " ") if alone else "", result)
                scores.setdefault(str(run).rpartition("-")[2], []).append(made)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # figures of another make; whoever made them can read them
    return scores


def _score(name: str, result: dict[str, Any]) -> Score:
    measures = result["metrics"]
    values = [tuple(measures[key].get(k) for k in ("value", "low", "high")) for key in MEASURES]
    return Score(name, int(result["n"]), *values)


def _own(scores: list[Score], survey: str) -> tuple[Score, ...]:
    """Return the scores on named test sets; where there are none, those of its transfer."""
    named = [score for score in scores if score.test_set]
    return tuple(named or [replace(score, test_set=f"{survey} test") for score in scores])


def best_of(networks: tuple[Network, ...]) -> Network | None:
    """Return the finished network that is most often right: on test galaxies, where any was judged on some."""
    finished = [n for n in networks if n.status == "finished"]
    judged = [n for n in finished if n.scores]
    if judged:
        return max(judged, key=lambda n: max(score.accuracy[0] or 0 for score in n.scores))
    return max(finished, key=lambda n: n.val_accuracy or 0, default=None)


def shortly(text: str, project: Path) -> str:
    """Return a text with paths as seen from the project."""
    return text.replace(f"{project.absolute()}/", "")


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
