"""Writing a cutout store: a plan of shards in, FOLDER out; killed at any moment, it goes on from there."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from galcat_core.errors import GalcatError, listed
from galcat_core.files import alone, whole, write_text
from galcat_core.images.plan import Unit, no_rejects, plan_digest, plan_shards, standard_rows
from galcat_core.images.store import CutoutStore, read_head, shard_file
from galcat_core.progress import bar
from galcat_core.provenance import Provenance
from galcat_core.tables import read_table, write_table
from galcat_core.workers import run_all, worker_count

# pictures (n, size_px, size_px, 3) uint8, their n rows, and the rejected rows (id, reason)
Made = tuple[np.ndarray, pd.DataFrame, pd.DataFrame]
Maker = Callable[[pd.DataFrame], Made]
Opener = Callable[[Any], contextlib.AbstractContextManager[Maker]]


def write_units(
    folder: str | Path,
    units: Sequence[Unit],
    opener: Opener,
    *,
    survey: str,
    size_px: int,
    settings: dict[str, Any],
    plan: str = "",
    rejects: pd.DataFrame | None = None,
    provenance: Provenance | None = None,
    workers: int | None = None,
    memory: int = 0,
    description: str = "cutouts",
) -> CutoutStore:
    """Make the shards that are missing, and finish the store.

    Parameters
    ----------
    folder : path
    units : sequence of Unit
        The plan.
    opener : callable
        `with opener(unit.job) as maker`: `maker(rows) -> (pictures, rows, rejects)` makes the unit's
        shards one after the other. A function of a module, or a partial of one.
    survey : str
    size_px : int
    settings : dict
        JSON types. They must be the same when the store is resumed.
    plan : str
        What else the pictures depend on (names and sizes of tiles); compared when resuming.
    rejects : DataFrame, optional
        `id` and `reason` of what was rejected while planning.
    provenance : Provenance, optional
    workers : int, optional
        Processes; by default as many as there are cores, memory and work for.
    memory : int
        Bytes that a process needs at most.
    description : str
        What the progress bar says.

    Raises
    ------
    GalcatError
        The folder holds something else or a store of other settings or inputs; another process is
        writing it; the disk is full; not one picture could be made.
    """
    folder = Path(folder)
    rejects = no_rejects() if rejects is None else rejects
    head = {
        "format": 1,
        "survey": survey,
        "size_px": size_px,
        "shards": sum(len(unit.shards) for unit in units),
        "settings": settings,
        "plan": plan_digest(units, plan),
        "provenance": asdict(provenance) if provenance else None,
    }
    if not units:
        raise GalcatError(f"{folder}: no picture can be made{_told(rejects)}")
    with _alone(folder):
        _begin(folder, head)
        if not (folder / "index.parquet").is_file():
            count = partial(worker_count, workers, memory=memory)
            _make_missing(folder, units, partial(_make_unit, folder, opener), count, description)
            _finish(folder, units, rejects)
    return CutoutStore.open(folder)


def write_store(
    folder: str | Path,
    images: np.ndarray,
    table: pd.DataFrame,
    *,
    survey: str,
    settings: dict[str, Any] | None = None,
    rejects: pd.DataFrame | None = None,
    provenance: Provenance | None = None,
    shard_rows: int = 512,
) -> CutoutStore:
    """Write pictures that are in memory as a store.

    Parameters
    ----------
    folder : path
    images : ndarray, (N, size_px, size_px, 3), uint8
    table : DataFrame
        `id` and whatever else is known; `ra_deg`, `dec_deg`, `width_arcsec` become NaN, `flags` and
        `masked_fraction` 0 where they are missing.
    survey, settings, rejects, provenance : see `write_units`
    shard_rows : int
    """
    if images.ndim != 4 or images.shape[1:] != (images.shape[1], images.shape[1], 3):
        raise GalcatError(f"pictures have shape {images.shape}; (N, size, size, 3) is wanted")
    if images.dtype != np.uint8 or len(images) != len(table):
        raise GalcatError(
            f"{len(table)} rows for {len(images)} pictures of type {images.dtype}; one row for "
            "each picture is wanted, and uint8"
        )
    table = standard_rows(table.assign(_picture=np.arange(len(table))))
    units = plan_shards(table, shard_rows)
    return write_units(
        folder,
        units,
        partial(_from_memory, images),
        survey=survey,
        size_px=images.shape[1],
        settings=settings or {},
        plan=hashlib.sha256(np.ascontiguousarray(images).data).hexdigest(),
        rejects=rejects,
        provenance=provenance,
        workers=1,
    )


@contextlib.contextmanager
def _from_memory(images: np.ndarray, _job: Any) -> Iterator[Maker]:
    yield lambda rows: (
        images[rows["_picture"].to_numpy()],
        rows.drop(columns="_picture"),
        no_rejects(),
    )


def _told(rejects: pd.DataFrame) -> str:
    reasons = Counter(rejects["reason"].str.replace(r":.*", "", regex=True)).most_common()
    return ": " + listed(f"{count} x {reason}" for reason, count in reasons) if reasons else ""


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder for one writer, and leave no lock in a store."""
    if folder.exists() and not folder.is_dir():
        raise GalcatError(f"{folder} is a file, a cutout store is a folder: choose another -o")
    with alone(folder, f"{folder}: another galcat is writing there; wait for it"):
        try:
            yield
        finally:
            (folder / ".lock").unlink(missing_ok=True)


def _begin(folder: Path, head: dict[str, Any]) -> None:
    """Write store.json, or compare with the one that is there."""
    if (folder / "store.json").is_file():
        found = read_head(folder)
        differs = _differences(found, json.loads(json.dumps(head)))
        if differs:
            raise GalcatError(
                f"{folder} holds a store made otherwise ({'; '.join(differs)}): choose another -o, "
                "or delete that folder to start anew"
            )
    else:
        strangers = [p.name for p in folder.iterdir() if not p.name.startswith(".")]
        if strangers:
            raise GalcatError(
                f"{folder} is not empty and no cutout store (there is {listed(strangers, 3)}): "
                "choose another -o"
            )
        write_text(folder / "store.json", json.dumps(head, sort_keys=True, indent=1) + "\n")
    for left_over in folder.glob(".partial-*"):
        left_over.unlink()


def _differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    def changed(a: dict[str, Any], b: dict[str, Any], what: str) -> list[str]:
        names = sorted(k for k in {*a, *b} if a.get(k) != b.get(k))
        return [f"{what}{k} was {_short(a.get(k))}, is {_short(b.get(k))}" for k in names]

    found = changed({"survey": old["survey"]}, {"survey": new["survey"]}, "")
    found += changed(old["settings"], new["settings"], "")
    if old["provenance"] and new["provenance"]:
        found += changed(old["provenance"]["inputs"], new["provenance"]["inputs"], "input ")
    if not found and old["plan"] != new["plan"]:
        found = ["other objects, positions, columns or image files"]
    return found


def _short(value: Any) -> str:
    text = "absent" if value is None else json.dumps(value)
    return text if len(text) <= 40 else text[:16] + "..."


def _rows_file(folder: Path, number: int) -> Path:
    return shard_file(folder, number).with_suffix(".parquet")


def _make_missing(
    folder: Path,
    units: Sequence[Unit],
    make: Callable[[Unit], None],
    worker_count: Callable[[int], int],
    description: str,
) -> None:
    sizes = {number: len(rows) for unit in units for number, rows in unit.numbered()}
    waiting = {n for n in sizes if not _rows_file(folder, n).is_file()}
    todo = [unit for unit in units if any(n in waiting for n, _ in unit.numbered())]
    pictures = sum(sizes[n] for n in waiting)
    with bar(sum(sizes.values()), description, "pictures", disable=not todo) as shown:
        shown.update(shown.total - pictures)

        def tick() -> None:
            """Move the bar by what stands on disk."""
            done = {n for n in waiting if _rows_file(folder, n).is_file()}
            shown.update(sum(sizes[n] for n in done))
            waiting.difference_update(done)

        run_all(make, todo, worker_count(pictures), tick)


def _make_unit(folder: Path, opener: Opener, unit: Unit) -> None:
    """Make the shards of a unit that are not there yet."""
    with opener(unit.job) as maker:
        for number, rows in unit.numbered():
            if not _rows_file(folder, number).is_file():
                _write_shard(folder, number, maker(rows))


def _write_shard(folder: Path, number: int, made: Made) -> None:
    images, table, rejects = made
    images = np.ascontiguousarray(images, np.uint8)
    with whole(shard_file(folder, number)) as temporary, temporary.open("wb") as stream:
        shape = {"descr": "|u1", "fortran_order": False, "shape": images.shape}
        np.lib.format.write_array_header_1_0(stream, shape)
        stream.write(images.data)  # not np.save: it hides the reason when the disk is full
    meta = {
        "sha256": hashlib.sha256(images.data).hexdigest(),
        "rejects": rejects[["id", "reason"]].values.tolist(),
    }
    write_table(table, _rows_file(folder, number), meta)


def _finish(folder: Path, units: Sequence[Unit], rejects: pd.DataFrame) -> None:
    """Write rejects.parquet, DIGEST and, last, index.parquet."""
    numbers = [number for unit in units for number, _ in unit.numbered()]
    found = [read_table(_rows_file(folder, number)) for number in numbers]
    more = [pd.DataFrame(meta["rejects"], columns=["id", "reason"]) for _, meta in found]
    rejects = pd.concat([rejects, *more], ignore_index=True) if len(rejects) else _joined(more)
    tables = [table for table, _ in found if len(table)]
    if not tables:
        raise GalcatError(f"none of {len(rejects):,} pictures could be made{_told(rejects)}")
    index = pd.concat(tables, ignore_index=True)
    hashes = [meta["sha256"] for _, meta in found]
    total = hashlib.sha256("\n".join([*hashes, *index.columns]).encode())
    total.update(pd.util.hash_pandas_object(index, index=False).to_numpy().tobytes())
    digest = total.hexdigest()
    write_table(rejects, folder / "rejects.parquet")
    write_text(folder / "DIGEST", digest + "\n")
    meta = {"digest": digest, "rows": [len(table) for table, _ in found], "sha256": hashes}
    write_table(index, folder / "index.parquet", meta)


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    parts = [part for part in parts if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else no_rejects()
