"""The cutout store: a folder of picture shards, read by memory map; ids in, pictures and flags out.

FOLDER/store.json        survey, size_px, settings, provenance and the digest of the plan
FOLDER/shard-00000.npy   pictures (n, size_px, size_px, 3), uint8; .parquet: their rows, written last
FOLDER/index.parquet     the rows of all shards, written when the whole is done
FOLDER/rejects.parquet   id and reason of everything that has no picture
FOLDER/DIGEST            sha256 over the pictures and their rows
FOLDER/renderings/1 ...  stores of the same galaxies in other surveys' looks, to learn from

`galcat_core.images.shards` writes it.
"""

from __future__ import annotations

import functools
import hashlib
import json
import resource
from collections import Counter, OrderedDict
from enum import IntFlag
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from galcat_core.errors import GalcatError, listed
from galcat_core.provenance import Provenance
from galcat_core.tables import read_table

# memory maps kept open: each holds a file descriptor, and others need some too
_FILES = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
OPEN_MAPS = 512 if _FILES == resource.RLIM_INFINITY else min(512, _FILES // 3)


RENDERINGS = "renderings"  # folder of a store in which those in other looks lie


class Flag(IntFlag):
    """What is not as it should be in a picture; `flags` columns are bit masks of these."""

    EDGE = 1  # the picture reaches beyond its tile; sky is filled in
    MASKED = 2  # bad pixels (NaN, zero weight, masked) were filled in
    BAND_MISSING = 4  # a band is missing; its channel is the mean of the others
    BLANK = 8  # nothing is seen in any band


def flag_names(flags: int) -> str:
    """Return "EDGE MASKED" for 3, and "" for 0."""
    return " ".join(flag.name for flag in Flag if flag & flags)


class CutoutStore:
    """A finished store: random access to any picture by its row or id.

    Open it with `CutoutStore.open`. It may be pickled and used in several processes at once.

    Attributes
    ----------
    path : Path
    table : pandas.DataFrame
        One row a picture in store order: `id` (int64, or str for a picture's file name), `ra_deg`,
        `dec_deg`, `width_arcsec` (NaN where unknown), `flags` (see `Flag`), `masked_fraction`, and
        what was carried over from the catalogue, such as `label`.
    survey : str
    size_px : int
        Width and height of a picture.
    settings : dict
        The settings the pictures were made with.
    digest : str
        sha256 over pictures and rows; equal stores have equal digests.
    provenance : Provenance or None
    """

    def __init__(self, path: Path, head: dict[str, Any], table: pd.DataFrame, meta: dict) -> None:
        self.path = path
        self.table = table
        self.survey: str = head["survey"]
        self.size_px: int = head["size_px"]
        self.settings: dict[str, Any] = head["settings"]
        self.provenance = Provenance(**head["provenance"]) if head["provenance"] else None
        self.digest: str = meta["digest"]
        self._hashes: list[str] = meta["sha256"]
        self._starts = np.concatenate([[0], np.cumsum(meta["rows"])]).astype(np.int64)
        self._maps: OrderedDict[int, np.ndarray] = OrderedDict()

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open a finished store.

        Raises
        ------
        GalcatError
            There is no store, or it is not finished.
        """
        path = Path(path)
        head = read_head(path)
        if not (path / "index.parquet").is_file():
            raise GalcatError(
                f"{path}: this cutout store is not finished ({len(finished_shards(path))} of "
                f"{head['shards']} shards); run the command that makes it again, it goes on from there"
            )
        table, meta = read_table(path / "index.parquet")
        return cls(path, head, table, meta)

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        return f"CutoutStore({str(self.path)!r}, {len(self)} {self.survey} pictures)"

    def __getstate__(self) -> dict[str, Any]:
        kept = {k: v for k, v in self.__dict__.items() if k not in ("_by_id", "rejects")}
        return {**kept, "_maps": OrderedDict()}

    @property
    def ids(self) -> np.ndarray:
        """Ids in store order, (N,), int64 or str."""
        return self.table["id"].to_numpy()

    @functools.cached_property
    def renderings(self) -> list[CutoutStore]:
        """The same galaxies in other surveys' looks, kept with this store to learn from; in order."""
        folders = sorted((self.path / RENDERINGS).glob("[0-9]*"), key=lambda folder: folder.name)
        return [CutoutStore.open(folder) for folder in folders]

    @functools.cached_property
    def rejects(self) -> pd.DataFrame:
        """`id` and `reason` of everything that has no picture."""
        return read_table(self.path / "rejects.parquet")[0]

    @functools.cached_property
    def _by_id(self) -> pd.Index:
        return pd.Index(self.table["id"])

    def rows_of(self, ids: Any) -> np.ndarray:
        """Return the rows of ids, (n,), int64, in the order asked.

        Raises
        ------
        GalcatError
            An id is not in the store; the reason is told where it was rejected.
        """
        ids = np.asarray(ids)
        rows = self._by_id.get_indexer(ids)
        if (rows < 0).any():
            missing = ids[rows < 0]
            reasons = self.rejects.set_index("id")["reason"]
            first = missing[0]
            told = f" (rejected: {reasons[first]})" if first in reasons.index else ""
            raise GalcatError(
                f"{self.path}: {len(missing)} ids have no picture here, first {first}{told}; "
                f"there are {len(self)} pictures, with ids such as {listed(self.ids[:3])}"
            )
        return rows.astype(np.int64)

    def images(self, rows: Any) -> np.ndarray:
        """Return pictures, (n, size_px, size_px, 3), uint8, in the order asked.

        Parameters
        ----------
        rows : slice, or array_like of int, (n,)
            Rows of `table`. A run of rows in one shard comes as a read-only view of the memory map,
            nothing is copied; other runs are copied shard by shard.

        Raises
        ------
        GalcatError
            A row is not in the store, or a shard is missing or damaged.
        """
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self)))
        rows = np.asarray(rows)
        if rows.size == 0:
            return np.empty((0, self.size_px, self.size_px, 3), np.uint8)
        rows = rows.astype(np.int64, casting="same_kind")
        if rows.min() < 0 or rows.max() >= len(self):
            raise GalcatError(f"{self.path}: rows are 0 to {len(self) - 1}, not {rows.max()}")
        if rows[-1] - rows[0] == len(rows) - 1 and (np.diff(rows) == 1).all():
            return self._run(int(rows[0]), int(rows[-1]) + 1)
        return self._gather(rows)

    def _run(self, start: int, stop: int) -> np.ndarray:
        first, last = np.searchsorted(self._starts, [start, stop - 1], side="right") - 1
        parts = []
        for shard in range(first, last + 1):
            base = self._starts[shard]
            parts.append(self._map(shard)[max(start - base, 0) : stop - base])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _gather(self, rows: np.ndarray) -> np.ndarray:
        shards = np.searchsorted(self._starts, rows, side="right") - 1
        found = np.empty((len(rows), self.size_px, self.size_px, 3), np.uint8)
        for shard in np.unique(shards):
            here = np.flatnonzero(shards == shard)
            found[here] = self._map(shard)[rows[here] - self._starts[shard]]
        return found

    def _map(self, shard: int) -> np.ndarray:
        if shard in self._maps:
            self._maps.move_to_end(shard)
            return self._maps[shard]
        file = shard_file(self.path, shard)
        rows = int(self._starts[shard + 1] - self._starts[shard])
        try:
            found = np.load(file, mmap_mode="r").view(np.ndarray)
        except (OSError, ValueError) as error:
            raise GalcatError(
                f"{file}: missing or damaged; delete the store, make it anew"
            ) from error
        if found.shape != (rows, self.size_px, self.size_px, 3) or found.dtype != np.uint8:
            raise GalcatError(f"{file}: not the pictures of this store; delete it, make it anew")
        self._maps[shard] = found
        if len(self._maps) > OPEN_MAPS:
            self._maps.popitem(last=False)
        return found

    def verify(self) -> None:
        """Compare every shard with the sha256 written in the index.

        Raises
        ------
        GalcatError
            Naming the first shard that is not as it was written.
        """
        for shard, wanted in enumerate(self._hashes):
            if hashlib.sha256(self._map(shard).data).hexdigest() != wanted:
                raise GalcatError(
                    f"{shard_file(self.path, shard)}: its pictures are not those that were written; "
                    "delete the store and make it anew"
                )

    def summary(self) -> str:
        """Return one line: how many pictures, flags, missing labels and rejects."""
        flags = self.table["flags"].to_numpy()
        flagged = [f"{int(((flags & f) > 0).sum())} {f.name}" for f in Flag if (flags & f).any()]
        bare = int(self.table["label"].isna().sum()) if "label" in self.table else 0
        flagged += [f"{bare} without a label"] if bare else []
        reasons = Counter(self.rejects["reason"].str.replace(r":.*", "", regex=True))
        told = [f"{count} rejected: {reason}" for reason, count in reasons.most_common()]
        return "; ".join([f"{len(self)} pictures of {self.size_px} px", *flagged, *told])


def shard_file(folder: Path, number: int) -> Path:
    """Return the .npy file of a shard; its rows are in the .parquet of the same name."""
    return folder / f"shard-{number:05d}.npy"


def finished_shards(folder: Path) -> list[Path]:
    """Return the row files of the shards that are done: a shard's row file is written last."""
    return sorted(folder.glob("shard-*.parquet"))


def read_head(folder: Path) -> dict[str, Any]:
    """Return what store.json says.

    Raises
    ------
    GalcatError
        The folder is missing or holds no store.
    """
    if not folder.is_dir():
        raise GalcatError(f"{folder}: no such folder; a cutout store (made by galcat) is wanted")
    try:
        return json.loads((folder / "store.json").read_text())
    except FileNotFoundError as error:
        raise GalcatError(
            f"{folder} is no cutout store (no store.json in it); make one with galcat cutouts"
        ) from error
    except json.JSONDecodeError as error:
        raise GalcatError(
            f"{folder}/store.json is damaged; delete the store, make it anew"
        ) from error
