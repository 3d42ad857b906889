"""Which pictures of a folder are taken: their names, or a table of them -> rows with ids, labels, positions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.tables import check_ids, read_table

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
GIVEN = "_given"  # what the table calls a row's picture
MEASURED = ("size_px", "axis_ratio", "snr", "width_px")  # what harmonising tells of a galaxy


def rows_of(
    files: list[str],
    folder: Path,
    table: str | Path | pd.DataFrame | None,
    id_column: str | None = None,
    label_column: str | None = None,
    file_column: str | None = None,
    classes: dict[str, str] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a row for each picture that is taken.

    Parameters
    ----------
    files : list of str
        The pictures' paths below the folder.
    folder : Path
    table, id_column, label_column, file_column, classes
        See `galcat_core.images.pictures.import_pictures`.

    Returns
    -------
    rows : pandas.DataFrame
        `id`, `file` and what the table has: without one the files, else those that it names.
    rejects : pandas.DataFrame
        `id` and `reason` of rows whose picture is not there.

    Raises
    ------
    GalcatError
        Ids stand twice; a column is unknown or fits no file; there are no labels to rename.
    """
    where = "the pictures" if table is None else "the table of pictures"
    if isinstance(table, str | Path):
        where = str(table)
    wanted = {
        "--id-column": id_column,
        "--label-column": label_column,
        "--file-column": file_column,
    }
    if table is None:
        for flag, name in wanted.items():
            if name is not None:
                raise GalcatError(
                    f"{flag} {name} is a column of a table: give it with --table TABLE"
                )
        rows = pd.DataFrame({"file": files})
    else:
        rows = _load(table)
        for flag, name in wanted.items():
            _check_column(rows, name, flag, where)
        rows = _with_files(rows, files, file_column, folder)
    rows = _with_ids(rows, id_column, where)
    rows = _with_label(_with_position(rows), label_column, classes, where)
    missing = rows["file"].isna()
    rejects = pd.DataFrame({"id": rows["id"], "reason": "missing: no such file"})[missing]
    return rows[~missing].drop(columns=GIVEN, errors="ignore"), rejects


def _load(table: str | Path | pd.DataFrame) -> pd.DataFrame:
    found = table.copy() if isinstance(table, pd.DataFrame) else read_table(table)[0]
    return found.drop(columns=[c for c in found if str(c).startswith(("Unnamed:", "_"))])


def _with_files(
    rows: pd.DataFrame, files: list[str], column: str | None, folder: Path
) -> pd.DataFrame:
    """Write into `file` the picture of each row, below the folder, None where there is none."""
    known = _by_name(files)
    if column is not None:
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
    return rows.assign(file=pd.Series(found, rows.index, object), **{GIVEN: given.astype(str)})


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


def _check_column(rows: pd.DataFrame, name: str | None, flag: str, where: str) -> None:
    if name is not None and name not in rows.columns:
        raise GalcatError(
            f"{where}: no column '{name}' ({flag}); there are {listed(rows.columns)}."
            f"{nearest(name, [str(c) for c in rows.columns])}"
        )


def _with_ids(rows: pd.DataFrame, column: str | None, where: str) -> pd.DataFrame:
    if column is None:
        column = next((c for c in rows.columns if str(c).lower() == "id"), None)
    if column is not None:
        return rows.assign(id=check_ids(rows[column], where))
    # a missing file is rejected under the name that the table gives it
    names = rows["file"].fillna(rows[GIVEN]) if GIVEN in rows else rows["file"]
    return rows.assign(id=check_ids(names, where))


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
    rows: pd.DataFrame, column: str | None, classes: dict[str, str] | None, where: str
) -> pd.DataFrame:
    if column is None:
        column = "label" if "label" in rows.columns else None
        if column is None and classes:
            raise GalcatError(
                f"{where}: classes are given but no column of labels; name it with --label-column; "
                f"there are {listed(c for c in rows.columns if c != GIVEN)}"
            )
        if column is None:
            return rows
    text = rows[column].map(lambda value: None if pd.isna(value) else _label_text(value))
    if classes:
        if not set(classes) & set(text.dropna()):
            raise GalcatError(
                f"{where}: column '{column}' has none of the labels {listed(sorted(classes))}; there are "
                f"{listed(sorted(set(text.dropna())))}"
            )
        text = text.map(lambda value: classes.get(value))
    return rows.assign(label=text.astype(object).where(text.notna(), None))


def _label_text(value: Any) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if whole else value).strip()
