"""A few pictures of a project, twins one below the other, and its map in small."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from galcat_app.state.folder import METHODS
from galcat_app.state.home.steps import shown, with_map
from galcat_app.state.inventory import Inventory, Table
from galcat_core.errors import GalcatError
from galcat_core.images.store import CutoutStore
from galcat_core.tables import read_table

COLUMNS = 12  # galaxies shown
LARGEST = 0.35  # of all: small ones show little
POINTS = 5000  # of the small map


@dataclass(frozen=True)
class Row:
    """Pictures of one survey: (id, JPEG) each."""

    survey: str
    path: str
    pictures: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, eq=False)
class SmallMap:
    """The published map.

    Attributes
    ----------
    points : ndarray, (n, 3), float32
        x and y within the unit square, y up, and the probability of the positive class (NaN: none).
    method, positive : str
    counts : dict of str to int
        Galaxies of each predicted class.
    """

    path: str
    rows: int
    points: np.ndarray
    method: str
    positive: str
    counts: dict[str, int]


def rows_of(found: Inventory) -> list[Row]:
    """Return pictures of at most two surveys; the same galaxies in both, where there are pairs."""
    stores = []
    for pictures in found.pictures:
        if pictures.whole and pictures.count:
            try:
                stores.append((pictures.path, CutoutStore.open(found.path / pictures.path)))
            except (GalcatError, OSError, ValueError, KeyError):
                continue
    pairs = found.of_kind("pairs")
    for table in reversed(pairs):
        twins = _twins(found, table, {store.survey: (path, store) for path, store in stores})
        if twins:
            return twins
    return [_row(path, store, _largest(store)) for path, store in stores[:2]]


def _twins(found: Inventory, table: Table, stores: dict) -> list[Row]:
    try:
        pairs, meta = read_table(found.path / table.path)
        sides = [meta.get("left_survey", "sdss"), meta.get("right_survey", "des")]
        (left_path, left), (right_path, right) = (stores[side] for side in sides)
        both = pairs[pairs["left_id"].isin(left.ids) & pairs["right_id"].isin(right.ids)]
        rows = left.rows_of(both["left_id"]), right.rows_of(both["right_id"])
        if not len(rows[0]):
            return []
        spoilt = _spoilt(left)[rows[0]] | _spoilt(right)[rows[1]]
        chosen = _spread(_widths(right)[rows[1]], spoilt)
        return [_row(left_path, left, rows[0][chosen]), _row(right_path, right, rows[1][chosen])]
    except (GalcatError, KeyError, OSError, ValueError):
        return []


def _largest(store: CutoutStore) -> np.ndarray:
    return _spread(_widths(store), _spoilt(store))


def _widths(store: CutoutStore) -> np.ndarray:
    absent = pd.Series(np.nan, store.table.index)
    return store.table.get("width_arcsec", absent).to_numpy(float)


def _spoilt(store: CutoutStore) -> np.ndarray:
    """Return for each picture whether something is wrong with it, (N,), bool."""
    return store.table.get("flags", pd.Series(0, store.table.index)).fillna(0).to_numpy() != 0


def _spread(widths: np.ndarray, spoilt: np.ndarray) -> np.ndarray:
    """Return places of a few of the largest, spread over all of them; spoilt ones come last."""
    order = np.lexsort([-np.nan_to_num(widths), spoilt])
    good = max(COLUMNS, int(LARGEST * (~spoilt).sum()))
    order = np.sort(order[:good])
    return order[np.unique(np.linspace(0, len(order) - 1, COLUMNS).astype(int))]


def _row(path: str, store: CutoutStore, rows: np.ndarray) -> Row:
    ids = store.ids[rows]
    images = store.images(rows)
    made = tuple((str(i), _jpeg(image)) for i, image in zip(ids, images, strict=True))
    return Row(shown(store.survey), path, made)


def _jpeg(image: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def map_of(found: Inventory) -> SmallMap | None:
    """Return the newest published map, thinned out; None for none."""
    table = with_map(found)
    if table is None:
        return None
    method = next(name for name in METHODS if f"{name}_x" in table.columns)
    classes = table.meta.get("classes") or [c[2:] for c in table.columns if c.startswith("p_")]
    positive = table.meta.get("positive") or (classes[-1] if classes else "")
    p = f"p_{positive}"
    wanted = [f"{method}_x", f"{method}_y", *[c for c in (p, "predicted") if c in table.columns]]
    try:
        read = pq.read_table(found.path / table.path, columns=wanted).to_pandas()
        places = read[wanted[:2]].to_numpy(float)
        values = read[p].to_numpy(float) if p in read else np.full(len(read), np.nan)
        counts = read["predicted"].value_counts().to_dict() if "predicted" in read else {}
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return None
    there = np.isfinite(places).all(axis=1)
    if not there.any():
        return None
    kept = np.flatnonzero(there)
    kept = kept[np.random.default_rng(1).permutation(len(kept))[:POINTS]]
    low, high = places[there].min(axis=0), places[there].max(axis=0)
    unit = (places[kept] - (low + high) / 2) / ((high - low).max() or 1.0) + 0.5
    points = np.column_stack([unit, values[kept]]).astype("<f4")
    named = {str(k): int(v) for k, v in counts.items()}
    return SmallMap(table.path, table.rows, points, METHODS[method], str(positive), named)
