"""Survey tables in CSV, FITS, VOTable or Parquet -> Catalog: exact ids, degrees, sentinels as NaN."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from galcat_core.catalogs.surveys import (
    ID_NAMES,
    POSITION_NAMES,
    guess_survey,
    sentinels_of,
    size_arcsec,
)
from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.records import Catalog
from galcat_core.tables import read_table

INDEX_COLUMN = re.compile(r"Unnamed: \d+(\.\d+)*|__index_level_\d+__|")
# "12:34:56.7", "12 34 56.7", "12h34m56.7s", "-0d12m3.4s", with or without seconds' fraction
SEXAGESIMAL = re.compile(
    r"""\s*([+\-−]?)\s*(\d{1,3})\s*([hd:°\s])\s*(\d{1,2})\s*[m:'′\s]\s*(\d{1,2}(?:\.\d*)?)\s*[s"″]?\s*"""
)
DEGREES_PER_UNIT = {"rad": 180.0 / np.pi, "hourangle": 15.0, "h": 15.0}


def read_catalog(
    path: str | Path, survey: str | None = None, columns: dict[str, str] | None = None
) -> Catalog:
    """Read a survey's table; rows without a valid position are left out and counted.

    Parameters
    ----------
    path : str or Path
        CSV (also .csv.gz), FITS, VOTable or Parquet; a Catalog that galcat saved is taken as it is.
    survey : str, optional
        Name of the survey; guessed from the columns where not given ("sdss", "des", "galaxy_zoo").
    columns : dict of str to str, optional
        Which column holds what: keys "id", "ra", "dec", "size" (arcsec); the rest is found by known
        names.

    Returns
    -------
    Catalog
        `id` (int64, or str where ids are names), `ra_deg`, `dec_deg` (float64), the survey's own
        columns under their own names with sentinels as NaN, and `size_arcsec` where it can be
        computed. `meta`: "survey", "sentinels" (column -> how many became NaN), "rejected" (reason ->
        how many rows).

    Raises
    ------
    GalcatError
        A file or column is missing, ids are repeated or have lost digits, no row is left.

    See Also
    --------
    read_with_rejects : returns the rejected rows too.
    """
    return read_with_rejects(path, survey, columns)[0]


def read_with_rejects(
    path: str | Path, survey: str | None = None, columns: dict[str, str] | None = None
) -> tuple[Catalog, pd.DataFrame]:
    """Read as `read_catalog`, and return the rejected rows with a column `reason` beside it."""
    raw, meta = read_table(path)
    kind = meta.get("kind")
    if kind == "Catalogue":  # published before, and now a catalogue to match with
        survey = survey or meta.get("survey")
    elif kind is not None:
        catalog = Catalog.load(path)
        if survey is not None:
            catalog = Catalog(catalog.table, catalog.provenance, {**catalog.meta, "survey": survey})
        return catalog, pd.DataFrame(columns=["id", "reason"])
    try:
        return from_table(raw, survey, columns)
    except GalcatError as error:
        raise GalcatError(f"{path}: {error}") from error


def from_table(
    raw: pd.DataFrame, survey: str | None = None, columns: dict[str, str] | None = None
) -> tuple[Catalog, pd.DataFrame]:
    """Make a Catalog of a table in memory; parameters, result and errors as in `read_with_rejects`."""
    units = raw.attrs.pop("units", {})
    raw = raw.drop(columns=[c for c in raw.columns if INDEX_COLUMN.fullmatch(str(c))])
    if not len(raw):
        raise GalcatError("the table has no rows; a catalogue needs at least one object")
    survey = survey or guess_survey(raw.columns)
    chosen = _choose(raw, survey, columns or {})
    table, counted = _without_sentinels(raw, survey, keep=set(chosen.values()))
    ra, dec, reason = _positions(raw, chosen, units)
    own = table.drop(columns=[chosen[k] for k in ("id", "ra", "dec") if k in chosen])
    own = own.rename(columns={c: f"{c}_in_file" for c in ("id", "ra_deg", "dec_deg") if c in own})
    size = table[chosen["size"]] if "size" in chosen else size_arcsec(table, survey)
    if size is not None:
        own = own.assign(size_arcsec=_positive(size))
    placed = pd.DataFrame({"id": raw[chosen["id"]], "ra_deg": ra, "dec_deg": dec})
    table = pd.concat([placed, own], axis=1)
    good = (reason == "").to_numpy()
    rejects = table[~good].assign(reason=reason[~good]).reset_index(drop=True)
    if not good.any():
        raise GalcatError(
            f"none of the {len(raw)} rows has a valid position (first: {reason.iloc[0]})"
        )
    meta = {
        "survey": survey,
        "sentinels": counted,
        "rejected": {k: int(v) for k, v in rejects["reason"].value_counts().sort_index().items()},
    }
    return Catalog(table[good], None, meta), rejects


def _choose(raw: pd.DataFrame, survey: str, given: dict[str, str]) -> dict[str, str]:
    """Return which column holds "id", "ra", "dec" and (if named by the user) "size"."""
    known = ("id", "ra", "dec", "size")
    for key, name in given.items():
        if key not in known:
            raise GalcatError(
                f"columns: '{key}' is unknown; legal are {listed(known)}.{nearest(key, known)}"
            )
        if name not in raw.columns:
            raise GalcatError(
                f"column '{name}' (for {key}) is missing; there are {listed(raw.columns, 40)}."
                f"{nearest(name, raw.columns)}"
            )
    chosen = dict(given)
    lower = {str(c).lower(): c for c in reversed(raw.columns)}
    if "id" not in chosen:
        found = next((lower[n] for n in ID_NAMES if n in lower), None)
        if found is None:
            raise GalcatError(_missing("id", ID_NAMES, raw))
        chosen["id"] = found
    if ("ra" in chosen) != ("dec" in chosen):
        raise GalcatError("columns: name both 'ra' and 'dec', or neither")
    if "ra" not in chosen:
        both = [(lower[r], lower[d]) for r, d in POSITION_NAMES if r in lower and d in lower]
        # degrees before sexagesimal: the latter is often rounded
        both.sort(key=lambda names: not pd.api.types.is_numeric_dtype(raw[names[0]]))
        if both:
            chosen["ra"], chosen["dec"] = both[0]
        elif survey != "galaxy_zoo":  # votes are joined by id and need no position
            raise GalcatError(_missing("ra and dec", [r for r, _ in POSITION_NAMES], raw))
    return chosen


def _missing(what: str, names: tuple | list, raw: pd.DataFrame) -> str:
    return (
        f"no {what} column among {listed(raw.columns, 40)}; known names are {listed(names, 40)} "
        f"(any case); rename it or say which one it is with columns"
    )


def _without_sentinels(
    raw: pd.DataFrame, survey: str, keep: set[str]
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the table with sentinels as NaN, and how many each column had."""
    changed, counted = {}, {}
    for name in raw.columns:
        values = sentinels_of(str(name), survey)
        if name in keep or not values or not pd.api.types.is_numeric_dtype(raw[name]):
            continue
        hit = raw[name].isin(values).to_numpy(bool)
        if hit.any():
            changed[name] = raw[name].astype(float).mask(hit)
            counted[str(name)] = int(hit.sum())
    return raw.assign(**changed), counted


def _positive(size: pd.Series) -> np.ndarray:
    size = pd.to_numeric(size, errors="coerce").to_numpy(float, na_value=np.nan)
    return np.where(size > 0, size, np.nan)


def _positions(
    raw: pd.DataFrame, chosen: dict[str, str], units: dict[str, str]
) -> tuple[np.ndarray, np.ndarray, pd.Series]:
    """Return ra_deg, dec_deg (N,) and for each row why it has no valid position ("" if it has)."""
    reason = pd.Series("", index=raw.index)
    if "ra" not in chosen:
        nowhere = np.full(len(raw), np.nan)
        return nowhere, nowhere, reason
    ra, ra_unread = degrees(raw[chosen["ra"]], units.get(chosen["ra"], ""), hours=True)
    dec, dec_unread = degrees(raw[chosen["dec"]], units.get(chosen["dec"], ""), hours=False)
    reason[~((dec >= -90) & (dec <= 90))] = "dec outside -90..90"
    reason[~((ra >= 0) & (ra <= 360))] = "ra outside 0..360"
    reason[np.isnan(ra) | np.isnan(dec)] = "no position"
    reason[ra_unread | dec_unread] = "position not readable"
    return np.where(ra == 360, 0.0, ra), dec, reason


def degrees(values: pd.Series, unit: str, hours: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return angles in degrees, row by row from degrees or sexagesimal text.

    Parameters
    ----------
    values : pandas.Series
        Numbers (in `unit`), or text: decimal degrees, or sexagesimal with ":", blanks or hms/dms.
    unit : str
        "rad", "hourangle" or "h"; anything else is degrees.
    hours : bool
        Sexagesimal text without letters is in hours (right ascension).

    Returns
    -------
    angles : ndarray, (N,), float64
        NaN where there is none.
    unread : ndarray, (N,), bool
        There was text, but no angle.
    """
    if pd.api.types.is_numeric_dtype(values):
        angles = values.to_numpy(float, na_value=np.nan) * DEGREES_PER_UNIT.get(unit, 1.0)
        return np.where(np.isinf(angles), np.nan, angles), np.zeros(len(values), bool)
    text = values.astype("string").str.strip()
    angles = pd.to_numeric(text, errors="coerce").to_numpy(float, na_value=np.nan)
    parts = text.str.extract(SEXAGESIMAL.pattern + "$").astype(object)
    parts.columns = ["sign", "whole", "mark", "minutes", "seconds"]
    whole, minutes, seconds = (
        pd.to_numeric(parts[c]).to_numpy(float, na_value=np.nan)
        for c in ("whole", "minutes", "seconds")
    )
    found = (minutes < 60) & (seconds < 60)
    # -00:12:00 is south of the equator: the sign is kept apart from the number
    sign = np.where(parts["sign"].isin(["-", "−"]), -1.0, 1.0)
    in_hours = (parts["mark"] == "h") | (hours & ~parts["mark"].isin(["d", "°"]))
    scale = np.where(in_hours, 15.0, 1.0)
    angles = np.where(found, sign * scale * (whole + minutes / 60 + seconds / 3600), angles)
    angles = np.where(np.isinf(angles), np.nan, angles)
    blank = text.isna() | text.str.lower().isin(["", "nan", "null", "none", "--", "n/a"])
    return angles, np.isnan(angles) & ~blank.to_numpy(bool)
