"""Synthetic projects of pairs for the tests of the Pairs page: two surveys, pictures, votes, predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from synthetic_projects import DRAWN, FIRST_DES, FIRST_SDSS, draw_galaxies

from galcat_core.images.shards import write_store
from galcat_core.records import Catalog, Pairs, Predictions, Split
from galcat_core.tables import read_table, write_table

ARCSEC = 1 / 3600
CLASSES = ["elliptical", "spiral"]


def make_pairs_project(
    folder: Path, number: int = 300, size_px: int = 48, pictures: bool = True, seed: int = 3
) -> Path:
    """Write pairs, catalogues, votes, split, predictions and cutouts of a project, and return it.

    Parameters
    ----------
    folder : Path
    number : int
        Pairs. The stripe that they lie in crosses right ascension 0. The last 2% have no DES picture;
        DES pictures are half as wide again as those of SDSS.
    size_px : int
    pictures : bool
    seed : int
    """
    rng = np.random.default_rng(seed)
    sdss, des, pairs = _tables(rng, number)
    Pairs(pairs, None, {"left_survey": "sdss", "right_survey": "des"}).save(
        folder / "pairs.parquet"
    )
    p = des.pop("p").to_numpy()
    Catalog(sdss, None, {"survey": "sdss"}).save(folder / "catalogs/sdss.parquet")
    Catalog(des, None, {"survey": "des"}).save(folder / "catalogs/des.parquet")
    spiral = np.clip(p + rng.normal(0, 0.05, number), 0, 1).round(3)
    votes = {"OBJID": sdss["id"], "P_EL_DEBIASED": 1 - spiral, "P_CS_DEBIASED": spiral}
    votes |= {"NVOTE": rng.integers(20, 60, number)}
    write_table(pd.DataFrame(votes), folder / "galaxy_zoo.csv.gz")
    _write_split(folder, sdss, des)
    for survey, table, wide in (("sdss", sdss, 0.12), ("des", des, 0.08)):
        told = np.clip(p + rng.normal(0, wide, number), 0.001, 0.999)
        rows = pd.DataFrame({"id": table["id"], "p_elliptical": 1 - told, "p_spiral": told})
        rows["predicted"] = np.where(told >= 0.5, "spiral", "elliptical")
        meta = {"survey": survey, "classes": CLASSES, "positive": "spiral"}
        order = rng.permutation(number)  # of its own, as everywhere
        Predictions(rows.assign(run="sdss", flags=0).iloc[order], None, meta).save(
            folder / f"predictions/{survey}_by_sdss.parquet"
        )
    if pictures:
        _write_pictures(folder, rng, sdss, des, p, size_px)
    return folder


def _tables(rng: np.random.Generator, n: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    spiral = rng.random(n) < 0.5
    p = 1 / (1 + np.exp(-np.where(spiral, 2.5, -2.5) - rng.normal(0, 1.6, n)))
    ra, dec = (355 + rng.uniform(0, 11, n)) % 360, rng.uniform(-1.2, 1.2, n)
    mag = rng.normal(16.8, 0.7, n).clip(13, 18)
    away = rng.gamma(2, 0.09, n).clip(0.005, 1)
    angle = rng.uniform(0, 2 * np.pi, n)
    sdss = pd.DataFrame(
        {
            "id": FIRST_SDSS + np.arange(n, dtype=np.int64),
            "ra_deg": ra,
            "dec_deg": dec,
            "petroRad_r": rng.gamma(4, 1.2, n) + 2,
            "modelMag_g": mag + 0.7,
            "modelMag_r": mag,
            "redshift": np.where(rng.random(n) < 0.2, np.nan, rng.gamma(3, 0.03, n)),
            "label": np.where(np.abs(p - 0.5) < 0.01, None, np.where(p > 0.5, *CLASSES[::-1])),
            "certain": np.abs(p - 0.5) > 0.4,
        }
    )
    des = pd.DataFrame(
        {
            "id": FIRST_DES + 3 * rng.permutation(n).astype(np.int64),
            "ra_deg": (ra + away * np.sin(angle) * ARCSEC / np.cos(np.radians(dec))) % 360,
            "dec_deg": dec + away * np.cos(angle) * ARCSEC,
            "MAG_AUTO_G": mag + 0.65 + rng.normal(0, 0.05, n),
            "MAG_AUTO_R": mag - 0.03 + rng.normal(0, 0.05, n),
            "p": p,
        }
    )
    pairs = pd.DataFrame(
        {
            "left_id": sdss["id"],
            "right_id": des["id"],
            "separation_arcsec": away,
            "ambiguous": rng.random(n) < 0.03,
        }
    )
    return sdss, des, pairs


def _write_split(folder: Path, sdss: pd.DataFrame, des: pd.DataFrame) -> None:
    sets = np.array(["train", "validation", "test", "train"])[np.arange(len(sdss)) % 4]
    own = {"set": sets, "label": sdss["label"], "certain": sdss["certain"]}
    own |= {"group": np.arange(len(sdss)), "has_twin": True}
    parts = [
        pd.DataFrame({"survey": survey, "id": table["id"], **own})
        for survey, table in (("sdss", sdss), ("des", des))
    ]
    Split(pd.concat(parts)).save(folder / "split.parquet")


def _write_pictures(
    folder: Path,
    rng: np.random.Generator,
    sdss: pd.DataFrame,
    des: pd.DataFrame,
    p: np.ndarray,
    size_px: int,
) -> None:
    steps = np.linspace(0, 1, DRAWN)
    which = np.rint(p * (DRAWN - 1)).astype(int)
    if len(p) <= DRAWN:  # one of its own for each
        steps, which = p, np.arange(len(p))
    seed = int(rng.integers(2**31))
    have = len(p) - max(len(p) // 50, 1) if len(p) > 1 else len(p)
    for survey, table, blur, width in (("sdss", sdss, 1.8, 16.0), ("des", des, 1.0, 24.0)):
        drawn = draw_galaxies(np.random.default_rng(seed), steps, size_px, blur)
        shown = table.iloc[: have if survey == "des" else len(p)]
        rejects = pd.DataFrame(
            {"id": table["id"].iloc[len(shown) :], "reason": "no tile covers it"}
        )
        order = rng.permutation(len(shown))
        write_store(
            folder / "cutouts" / survey,
            drawn[which[order]],
            shown[["id", "ra_deg", "dec_deg"]].iloc[order].assign(width_arcsec=width),
            survey=survey,
            rejects=rejects,
        )


def joined(folder: Path) -> pd.DataFrame:
    """Return the pairs of a project joined with both catalogues by pandas, to compare with."""
    table = read_table(folder / "pairs.parquet")[0]
    for side, survey in (("left", "sdss"), ("right", "des")):
        catalogue = read_table(folder / f"catalogs/{survey}.parquet")[0]
        table = table.merge(catalogue.add_prefix(f"{side}_"), how="left")
    return table
