"""What the out-of-domain flag catches: things that are no galaxies, and spoiled, faded and far ones.

`python -m benchmarks.domain PROJECT -o FOLDER` takes the simulated survey and the SDSS network of a
project that `galcat demo` made. It paints into copies of the survey's images (or looks where nothing
is), cuts pictures out of them as of any galaxy, and counts what lies further from the training
galaxies than 99% of the validation galaxies do.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from astropy.io import fits
from astropy.wcs import WCS
from scipy.ndimage import zoom

from galcat_core import stages
from galcat_core.config import Config
from galcat_core.embeddings.domain import Domain
from galcat_core.files import write_text
from galcat_core.images.store import CutoutStore
from galcat_core.inference.calibrating import settle
from galcat_core.inference.look import appearance_of
from galcat_core.inference.predicting import embed
from galcat_core.records import Catalog, Split
from galcat_core.runs import Run
from galcat_core.tables import read_table

SEED = 11
FADED_MAG = 2.5
FURTHER = 3  # times further away: smaller by that, and dimmer by its square
AWAY_ARCSEC = 20.0  # from anything that shines
BANDS = "gri"

Array, Generator = np.ndarray, np.random.Generator
Paint = Callable[[Array, Array, Array, Array, Generator], None]


def main(project: str | Path, out: str | Path, count: int = 200) -> list[dict[str, Any]]:
    """Measure; return one row for each kind of thing.

    "flagged" is the share that `galcat predict` flags, "at_1_percent" the share further out than 99%
    of the SDSS-like test galaxies are.
    """
    project, out = Path(project), Path(out)
    run = Run.open(project / "runs/sdss")
    settle(run, CutoutStore.open(project / "cutouts/sdss"), run.config.calibrate)
    known, sets = Domain.load(run.folder), {}
    split = Split.load(project / "split.parquet")
    for survey in ("sdss", "des"):
        store = CutoutStore.open(project / "cutouts" / survey)
        ids = split.rows(survey, "test")["id"]
        rows = store.rows_of(ids[ids.isin(store.ids)].to_numpy())
        sets[f"test galaxies, {survey.upper()}-like"] = store, rows
    for name, store in stores(project, out, count).items():
        sets[name] = store, np.arange(len(store))
    far = {}
    for name, (store, rows) in sets.items():
        found = embed(run, store, store.ids[rows], any_recipe=True)
        far[name] = known.distance(found.features, appearance_of(store, rows))
    limit = np.quantile(next(iter(far.values())), 0.99)
    found = [
        {
            "kind": name,
            "n": len(of),
            "flagged": float((known.percentile(of) > 99).mean()),
            "at_1_percent": float((of > limit).mean()),
        }
        for name, of in far.items()
    ]
    write_text(out / "domain.json", json.dumps(found, indent=1) + "\n")
    return found


def stores(project: Path, out: Path, count: int) -> dict[str, CutoutStore]:
    """Make the pictures of each kind; return them by name."""
    random = np.random.default_rng(SEED)
    galaxies = Catalog.load(project / "catalogs/sdss.parquet").table
    tested = Split.load(project / "split.parquet").rows("sdss", "test")["id"]
    galaxies = galaxies[galaxies["id"].isin(tested)].head(count)
    galaxies = galaxies[["id", "ra_deg", "dec_deg", "size_arcsec"]].reset_index(drop=True)
    truth = read_table(project / "sky/truth.parquet")[0]
    smaller = galaxies.assign(size_arcsec=galaxies["size_arcsec"] / FURTHER)
    kinds: dict[str, tuple[pd.DataFrame, Paint | None]] = {
        "stars": (_stars(truth, count), None),
        "blank sky": (_blanks(truth, galaxies, count, random), None),
        "satellite trails": (galaxies, trails),
        "saturated columns": (galaxies, columns),
        f"galaxies faded by {FADED_MAG} mag": (galaxies, faded),
        f"galaxies {FURTHER} times further": (smaller, further),
    }
    made = {}
    for number, (name, (table, paint)) in enumerate(kinds.items()):
        folder = out / name.replace(" ", "_")
        folder.mkdir(parents=True, exist_ok=True)
        tiles = project / "sky/tiles/sdss"
        if paint is not None:
            tiles = _painted(tiles, folder / "tiles", galaxies, paint, number)
        Catalog(table, meta={"survey": "sdss"}).save(folder / "catalog.parquet")
        cut = {"catalog": folder / "catalog.parquet", "tiles": tiles, "survey": "sdss"}
        stages.cutouts(folder / "cutouts", Config(), **cut)
        made[name] = CutoutStore.open(folder / "cutouts")
    return made


def _stars(truth: pd.DataFrame, count: int) -> pd.DataFrame:
    """Return stars of the galaxies' field, with the size that a catalogue gives a point."""
    stars = truth[(truth["kind"] == "star") & truth["mag_r"].between(14, 18.5)]
    stars = stars[["ra_deg", "dec_deg"]].head(count).reset_index(drop=True)
    return stars.assign(id=np.arange(len(stars)), size_arcsec=1.4)


def _blanks(truth: pd.DataFrame, like: pd.DataFrame, count: int, random: Generator) -> pd.DataFrame:
    """Return positions near galaxies where nothing shines, with the galaxies' sizes."""
    near = like.iloc[random.integers(0, len(like), 60 * count)]
    ra = near["ra_deg"].to_numpy() + random.uniform(-0.02, 0.02, len(near))
    dec = near["dec_deg"].to_numpy() + random.uniform(-0.02, 0.02, len(near))
    lit = truth[["ra_deg", "dec_deg"]].to_numpy()
    away = [
        np.hypot((lit[:, 0] - a) * np.cos(np.radians(d)), lit[:, 1] - d).min()
        for a, d in zip(ra, dec, strict=True)
    ]
    kept = np.flatnonzero(np.array(away) * 3600 > AWAY_ARCSEC)[:count]
    table = pd.DataFrame({"id": np.arange(len(kept)), "ra_deg": ra[kept], "dec_deg": dec[kept]})
    return table.assign(size_arcsec=near["size_arcsec"].to_numpy()[kept])


def _painted(tiles: Path, out: Path, galaxies: pd.DataFrame, paint: Paint, number: int) -> Path:
    """Copy the images, each band painted alike, and return their folder."""
    out.mkdir(exist_ok=True)
    for place, path in enumerate(sorted(tiles.glob("*.fits"))):
        # the same numbers for all bands of a frame: a trail is seen in one exposure of each
        random = np.random.default_rng([SEED, number, place // len(BANDS)])
        with fits.open(path) as opened:
            image = opened[0].data.astype(np.float32)
            x, y = WCS(opened[0].header).all_world2pix(galaxies["ra_deg"], galaxies["dec_deg"], 0)
            inside = (x > 0) & (y > 0) & (x < image.shape[1]) & (y < image.shape[0])
            reach = (galaxies["size_arcsec"].to_numpy() / 0.396)[inside]
            paint(image, x[inside], y[inside], reach, random)
            fits.PrimaryHDU(image, opened[0].header).writeto(out / path.name, overwrite=True)
    return out


def _noise(image: np.ndarray) -> float:
    seen = image[np.isfinite(image)]
    return float(1.4826 * np.median(np.abs(seen - np.median(seen))))


def trails(image: Array, x: Array, y: Array, reach: Array, random: Generator) -> None:
    """A satellite crosses each galaxy, within its radius from the middle, unmasked."""
    down, along = np.mgrid[: image.shape[0], : image.shape[1]]
    sigma = _noise(image)
    for x0, y0, r in zip(x, y, reach, strict=True):
        angle, off = random.uniform(0, np.pi), random.uniform(-0.7, 0.7) * r
        across = (along - x0) * np.sin(angle) - (down - y0) * np.cos(angle) - off
        near = np.hypot(along - x0, down - y0) < 6 * r
        image[near & (np.abs(across) < 2.5)] += 60 * sigma


def columns(image: Array, x: Array, y: Array, reach: Array, random: Generator) -> None:
    """A saturated star's columns run over each galaxy."""
    for x0, y0, r in zip(x, y, reach, strict=True):
        at = int(x0 + random.uniform(-0.7, 0.7) * r)
        wide, long = random.integers(2, 6), int(6 * r)
        image[max(int(y0) - long, 0) : int(y0) + long, max(at, 0) : at + wide] = 280.0


def faded(image: Array, x: Array, y: Array, reach: Array, random: Generator) -> None:
    """All light is fainter; the noise stays what it was."""
    factor = 10 ** (-0.4 * FADED_MAG)
    lost = _noise(image) * np.sqrt(1 - factor**2)
    image *= factor
    image += random.normal(0, lost, image.shape).astype(np.float32)


def further(image: Array, x: Array, y: Array, reach: Array, random: Generator) -> None:
    """Each galaxy is smaller and dimmer, on a sky of the same noise."""
    sigma = _noise(image)
    for x0, y0, r in zip(x, y, reach, strict=True):
        half = int(4 * r) // FURTHER * FURTHER
        top, left = int(y0) - half, int(x0) - half
        if top < 0 or left < 0:
            continue
        box = image[top : top + 2 * half, left : left + 2 * half]
        if box.shape != (2 * half, 2 * half):
            continue
        small = zoom(np.nan_to_num(box), 1 / FURTHER, order=1, grid_mode=True, mode="nearest")
        box[:] = random.normal(0, sigma, box.shape)
        start = half - half // FURTHER
        box[start : start + len(small), start : start + len(small)] += small / FURTHER


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.domain", description=__doc__)
    parser.add_argument("project", help="folder that galcat demo made")
    parser.add_argument("-o", "--out", default="domain", help="folder to work in")
    args = parser.parse_args()
    for row in main(args.project, args.out):
        print(f"{row['kind']:28} {row['n']:5d} {row['flagged']:6.1%} {row['at_1_percent']:6.1%}")
