"""A folder of JPEGs or PNGs, with or without a table, in; the same cutout store as from tiles out."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from galcat_core.errors import GalcatError, listed
from galcat_core.images.decode import SUFFIXES, NoPicture, read_picture, square
from galcat_core.images.harmonise import Harmonised
from galcat_core.images.harmonise import harmonise as harmonised
from galcat_core.images.picture_table import MEASURED, rows_of
from galcat_core.images.plan import plan_shards, standard_rows
from galcat_core.images.rerender import draw, rerender
from galcat_core.images.shards import Made, Maker, write_units
from galcat_core.images.store import RENDERINGS, CutoutStore, Flag
from galcat_core.sections import Harmonise

if TYPE_CHECKING:
    from galcat_core.provenance import Provenance


def import_pictures(
    folder: str | Path,
    table: str | Path | pd.DataFrame | None = None,
    out: str | Path = "pictures",
    *,
    id_column: str | None = None,
    label_column: str | None = None,
    file_column: str | None = None,
    classes: dict[str, str] | None = None,
    settings: Harmonise | None = None,
    survey: str | None = None,
    shard_rows: int = 512,
    provenance: Provenance | None = None,
    workers: int | None = None,
) -> CutoutStore:
    """Import pictures of galaxies into a cutout store.

    Parameters
    ----------
    folder : path
        Searched with all folders in it.
    table : path or DataFrame, optional
        One row a picture (CSV, FITS, VOTable, Parquet). All its columns are carried over; `ra`,
        `dec` in degrees become `ra_deg`, `dec_deg`. Without it every picture of the folder is taken.
    out : path
        Folder of the store; a killed run goes on there.
    id_column : str, optional
        Column of the ids; by default "id" if there is one, else the id is the file's name (its path
        below `folder`, with suffix).
    label_column : str, optional
        Column of the labels, kept as `label`; by default "label" if there is one.
    file_column : str, optional
        Column that names the file (as a path below `folder`, a file name, or one without suffix); by
        default the one that does so for most rows.
    classes : dict, optional
        Value of the label column -> class name; other values become no label.
    settings : Harmonise, optional
        Section [pictures] of the config; its `renderings` are kept as stores in the store (see
        `CutoutStore.renderings`). With `harmonise` off a picture's largest centred square is
        resampled to `size_px` and nothing else is done to it.
    survey : str, optional
        By default the folder's name.
    shard_rows : int
    provenance : Provenance, optional
    workers : int, optional
        Processes; by default as many as there are cores and work for. They do not change the result.

    Returns
    -------
    CutoutStore
        Files that are missing, cut short or no pictures are in `rejects` with the reason.

    Raises
    ------
    GalcatError
        No picture is there or none could be read; ids stand twice; a column is unknown or fits no
        file; `out` holds another store (see `galcat_core.images.shards.write_units`).
    """
    folder, settings = Path(folder), settings or Harmonise()
    columns = (id_column, label_column, file_column)
    rows, rejects = rows_of(pictures_in(folder), folder, table, *columns, classes)
    rows = standard_rows(rows)
    chosen = dataclasses.asdict(settings)
    if not settings.harmonise:
        chosen = {"harmonise": False, "size_px": settings.size_px}
        if settings.renderings:
            raise GalcatError(
                "pictures.renderings needs pictures.harmonise: it finds the galaxy to show anew"
            )

    def write(out: Path, rendering: int, rows: pd.DataFrame, rejects: pd.DataFrame) -> CutoutStore:
        told = {k: v for k, v in chosen.items() if k != "renderings"} | {"shard_rows": shard_rows}
        return write_units(
            out,
            plan_shards(rows, shard_rows),
            partial(_open, str(folder), settings, rendering),
            survey=survey or folder.resolve().name,
            size_px=settings.size_px,
            settings={**told, "rendering": rendering} if rendering else told,
            plan=json.dumps([(folder / name).stat().st_size for name in rows["file"]]),
            rejects=rejects.reset_index(drop=True),
            provenance=provenance,
            workers=workers,
            description=f"rendering {rendering}" if rendering else "pictures",
        )

    store = write(Path(out), 0, rows, rejects)
    rows = rows[rows["id"].isin(store.ids)].reset_index(drop=True)
    for number in range(1, settings.renderings + 1):
        write(store.path / RENDERINGS / f"{number:02d}", number, rows, rejects[:0])
    return store


def pictures_in(folder: Path) -> list[str]:
    """Return the pictures' paths below the folder, sorted."""
    if not folder.is_dir():
        what = "is a file" if folder.is_file() else "no such folder"
        raise GalcatError(f"{folder}: {what}; a folder of pictures is wanted")
    found = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and path.name[0] != "." and path.is_file()
    )
    if not found:
        raise GalcatError(f"{folder}: no picture in there ({listed(SUFFIXES)})")
    return found


@contextlib.contextmanager
def _open(folder: str, settings: Harmonise, rendering: int, _job: Any) -> Iterator[Maker]:
    """Yield the maker of shards (see `galcat_core.images.plan.Unit`)."""
    yield partial(_make, Path(folder), settings, rendering)


def _make(folder: Path, settings: Harmonise, rendering: int, rows: pd.DataFrame) -> Made:
    images, kept, more, rejects = [], [], [], []
    for row, (name, file) in enumerate(zip(rows["id"], rows["file"], strict=True)):
        try:
            image, facts = _one(folder / file, settings, rendering)
        except (NoPicture, GalcatError) as error:
            rejects.append((name, str(error)))
            continue
        images.append(image)
        kept.append(row)
        more.append(facts)
    table = rows.iloc[kept].reset_index(drop=True)
    table = table.assign(**pd.DataFrame(more, columns=_facts(settings)).to_dict("series"))
    size = settings.size_px
    pictures = np.stack(images) if images else np.empty((0, size, size, 3), np.uint8)
    return pictures, table, pd.DataFrame(rejects, columns=["id", "reason"])


def _facts(settings: Harmonise) -> list[str]:
    return ["flags", *MEASURED] if settings.harmonise else ["flags"]


def _one(file: Path, settings: Harmonise, rendering: int) -> tuple[np.ndarray, list[Any]]:
    """Return a picture, (size_px, size_px, 3), uint8, and its facts."""
    if settings.harmonise:
        image = read_picture(file)
        found = harmonised(image, settings)
        if rendering and not found.flags & Flag.BLANK:
            found = _elsewhere(image, found, settings, [rendering, _seed(file)])
        return found.picture, [int(found.flags), *(float(getattr(found, k)) for k in MEASURED)]
    image = square(read_picture(file, settings.size_px), settings.size_px)
    return image, [int(Flag.BLANK) if image.min() == image.max() else 0]


def _elsewhere(
    image: np.ndarray, found: Harmonised, settings: Harmonise, seed: list[int]
) -> Harmonised:
    """Harmonise the picture in another survey's look; where the galaxy is lost in it, as it is."""
    look = draw(np.random.default_rng(seed))
    other = harmonised(rerender(image, found, look, [*seed, 1]), settings)
    return found if other.flags & Flag.BLANK else other


def _seed(file: Path) -> int:
    """Return a number that the file's name decides, whatever else is in the folder."""
    return zlib.crc32(file.name.encode())
