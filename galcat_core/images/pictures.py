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

from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.images.decode import SUFFIXES, NoPicture, read_picture, square
from galcat_core.images.harmonise import Harmonised
from galcat_core.images.harmonise import harmonise as harmonised
from galcat_core.images.plan import plan_shards, standard_rows
from galcat_core.images.rerender import draw, rerender
from galcat_core.images.shards import Made, Maker, write_units
from galcat_core.images.store import RENDERINGS, CutoutStore, Flag
from galcat_core.sections import Harmonise
from galcat_core.tables import check_ids, read_table

if TYPE_CHECKING:
    from galcat_core.provenance import Provenance

# names under which tables keep the picture's file, best first
FILE_COLUMNS = (
    "file",
    "filename",
    "file_name",
    "image",
    "image_file",
    "path",
    "file_loc",
    "png_loc",
)
FILE_COLUMNS += ("jpg_loc", "picture", "iauname", "asset_id", "name", "objid", "dr7objid", "id")
MEASURED = ("size_px", "axis_ratio", "snr", "width_px")  # what harmonising tells of a galaxy


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
    files = _pictures_in(folder)
    if table is None:
        rows = pd.DataFrame({"file": files, "_given": files})
    else:
        rows = _with_files(_load(table), files, file_column, folder)
    rows = _with_ids(rows, id_column, "the pictures" if table is None else "the table of pictures")
    rows = _with_label(_with_position(rows), label_column, classes)
    missing = rows["file"].isna()
    rejects = pd.DataFrame({"id": rows["id"], "reason": "missing: no such file"})[missing]
    rows = standard_rows(rows[~missing].drop(columns="_given"))
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


def _pictures_in(folder: Path) -> list[str]:
    """Return the pictures' paths below the folder, sorted."""
    if not folder.is_dir():
        raise GalcatError(f"{folder}: no such folder; a folder of pictures is wanted")
    found = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and path.name[0] != "." and path.is_file()
    )
    if not found:
        raise GalcatError(f"{folder}: no picture in there ({listed(SUFFIXES)})")
    return found


def _load(table: str | Path | pd.DataFrame) -> pd.DataFrame:
    found = table.copy() if isinstance(table, pd.DataFrame) else read_table(table)[0]
    return found.drop(columns=[c for c in found if str(c).startswith(("Unnamed:", "_"))])


def _with_files(
    rows: pd.DataFrame, files: list[str], column: str | None, folder: Path
) -> pd.DataFrame:
    """Write into `file` the picture of each row, below the folder, None where there is none."""
    known = _by_name(files)
    if column is not None:
        _check_column(rows, column, "file")
        candidates = [column]
    else:
        lower = {str(c).lower(): c for c in rows.columns}
        first = [lower[name] for name in FILE_COLUMNS if name in lower]
        candidates = [*first, *(c for c in rows.columns if c not in first)]
    found, given, hits = None, None, 0
    for name in candidates:
        if rows[name].dtype.kind in "fb":  # no file is named by a measured number
            continue
        here = [_find(known, value) for value in rows[name]]
        if sum(file is not None for file in here) > hits:
            found, given, hits = here, rows[name], sum(file is not None for file in here)
    if found is None:
        raise GalcatError(
            f"no row of the table names a picture of {folder} (such as {files[0]}); looked in "
            f"{listed(candidates)}; name the column with --file-column"
        )
    return rows.assign(file=pd.Series(found, rows.index, object), _given=given.astype(str))


def _by_name(files: list[str]) -> dict[str, str]:
    """Return file by path, by name and by name without suffix; names of several files are left out."""
    known: dict[str, str | None] = {}
    for key in (lambda f: f, lambda f: f.rpartition("/")[2], lambda f: Path(f).stem):
        level: dict[str, str | None] = {}
        for file in files:
            level[key(file)] = None if key(file) in level else file
        known = {**level, **known}
    return {name: file for name, file in known.items() if file is not None}


def _find(known: dict[str, str], value: Any) -> str | None:
    """Return the file that a table's value names; another machine's folders before it do not matter."""
    text = str(value).strip().removeprefix("./")
    return known.get(text) or known.get(text.rpartition("/")[2])


def _check_column(rows: pd.DataFrame, name: str, what: str) -> None:
    if name not in rows.columns:
        raise GalcatError(
            f"the table of pictures has no column '{name}' (wanted as {what}); there are "
            f"{listed(rows.columns)}.{nearest(name, [str(c) for c in rows.columns])}"
        )


def _with_ids(rows: pd.DataFrame, column: str | None, where: str) -> pd.DataFrame:
    if column is None:
        column = next((c for c in rows.columns if str(c).lower() == "id"), None)
    else:
        _check_column(rows, column, "id")
    if column is not None:
        return rows.assign(id=check_ids(rows[column], where))
    # a missing file is rejected under the name that the table gives it
    return rows.assign(id=check_ids(rows["file"].fillna(rows["_given"]), where))


def _with_position(rows: pd.DataFrame) -> pd.DataFrame:
    for name in ("ra", "dec"):
        numbers = [c for c in rows.columns if rows[c].dtype.kind in "fiu"]
        named = [c for c in numbers if str(c).lower() in (name, f"{name}_deg")]
        named = named or [c for c in numbers if str(c).lower().endswith(f"_{name}")]  # sdss_ra
        if named:
            rows = rows.assign(**{f"{name}_deg": rows[named[0]].astype(float)})
            rows = rows.drop(columns=named[0] if str(named[0]).lower() == name else [])
    # what a table calls flags is not what a store calls so
    taken = {c: f"table_{c}" for c in ("flags", "width_arcsec", "masked_fraction", *MEASURED)}
    return rows.rename(columns=taken)


def _with_label(
    rows: pd.DataFrame, column: str | None, classes: dict[str, str] | None
) -> pd.DataFrame:
    if column is None:
        column = "label" if "label" in rows.columns else None
        if column is None and classes:
            raise GalcatError(
                "classes are given but no column of labels; name it with --label-column; there are "
                f"{listed(c for c in rows.columns if c != '_given')}"
            )
        if column is None:
            return rows
    _check_column(rows, column, "label")
    text = rows[column].map(lambda value: None if pd.isna(value) else _label_text(value))
    if classes:
        if not set(classes) & set(text.dropna()):
            raise GalcatError(
                f"column '{column}' has none of the labels {listed(sorted(classes))}; there are "
                f"{listed(sorted(set(text.dropna())))}"
            )
        text = text.map(lambda value: classes.get(value))
    return rows.assign(label=text.astype(object).where(text.notna(), None))


def _label_text(value: Any) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if whole else value).strip()


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
