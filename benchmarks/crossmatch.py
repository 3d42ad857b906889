"""Cross-match against astropy's match_to_catalog_sky: same pairs, time and peak memory, in one run.

Each side works in a process of its own, so that the peak of its resident memory is its own; both read
the same positions, and take turns, so that a busy machine slows both alike.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

RADIUS_ARCSEC = 1.0
TURNS = 7


def main(quick: bool = False) -> list[dict[str, Any]]:
    """Measure 1M x 1M and 100k x 10M positions on the whole sky; return one row a comparison.

    Half of the left positions are right ones moved by about 0.3 arcsec, the others lie anywhere.

    Parameters
    ----------
    quick : bool
        A tenth of the positions, once.
    """
    sizes = [(100_000, 100_000), (10_000, 1_000_000)] if quick else [(10**6, 10**6), (10**5, 10**7)]
    rows = []
    for (n, m), wanted in zip(sizes, ("at least 3", ""), strict=True):
        with tempfile.TemporaryDirectory() as folder:
            _write_positions(Path(folder), n, m)
            turns = 1 if quick else (TURNS if n == m else 2)
            rows += _compare(Path(folder), f"{n:,} x {m:,}", turns, "" if quick else wanted)
    return rows


def _write_positions(folder: Path, n: int, m: int) -> None:
    draw = np.random.default_rng(1)
    right = draw.uniform(0, 360, m), np.degrees(np.arcsin(draw.uniform(-1, 1, m)))
    left = draw.uniform(0, 360, n), np.degrees(np.arcsin(draw.uniform(-1, 1, n)))
    twin = draw.permutation(m)[: n // 2]
    step = draw.normal(0, 0.3 / 3600, (2, len(twin)))
    left[1][: len(twin)] = np.clip(right[1][twin] + step[1], -90, 90)
    left[0][: len(twin)] = (right[0][twin] + step[0] / np.cos(np.radians(right[1][twin]))) % 360
    np.savez(folder / "positions.npz", left=left, right=right)


def _compare(folder: Path, what: str, turns: int, wanted: str) -> list[dict[str, Any]]:
    """Let both work in turn; return the rows for time and for memory."""
    told: dict[str, list[dict]] = {"galcat": [], "astropy": []}
    for _ in range(turns):
        for who, results in told.items():
            results.append(_in_own_process(folder, who))
    _check_same(folder)
    seconds = {who: median(r["seconds"] for r in results) for who, results in told.items()}
    ratios = [
        a["seconds"] / g["seconds"] for g, a in zip(told["galcat"], told["astropy"], strict=True)
    ]
    memory = {who: max(r["peak_mib"] for r in results) for who, results in told.items()}
    added = {who: max(r["added_mib"] for r in results) for who, results in told.items()}
    pairs = told["galcat"][0]["pairs"]
    return [
        {
            "what": f"cross-match {what}",
            "galcat": round(seconds["galcat"], 3),
            "peer": round(seconds["astropy"], 3),
            "ratio": round(median(ratios), 2),
            "unit": "s",
            "wanted": wanted,
            "note": f"astropy match_to_catalog_sky; the same {pairs:,} pairs within "
            f"{RADIUS_ARCSEC:g} arcsec; median of {turns} turns, {min(ratios):.1f} to "
            f"{max(ratios):.1f} times in each",
        },
        {
            "what": f"cross-match {what}, peak memory",
            "galcat": round(memory["galcat"]),
            "peer": round(memory["astropy"]),
            "ratio": round(memory["astropy"] / memory["galcat"], 2),
            "unit": "MiB",
            "wanted": "",
            "note": "of the whole process, the catalogues it holds included; matching added "
            f"{added['galcat']:.0f} against {added['astropy']:.0f} MiB at most",
        },
    ]


def _in_own_process(folder: Path, who: str) -> dict[str, Any]:
    command = [sys.executable, str(Path(__file__).resolve()), "--work", who, str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def _work(who: str, folder: Path) -> None:
    """Match once with `who`; print time and peak memory, leave the pairs in the folder."""
    loaded = np.load(folder / "positions.npz")
    match = WORKERS[who](loaded["left"], loaded["right"])
    held = Path("/proc/self/statm")  # pages: total, resident, ...
    held_mib = (
        int(held.read_text().split()[1]) * resource.getpagesize() / 2**20 if held.exists() else 0
    )
    start = time.perf_counter()
    row, separation = match()
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB on Linux, bytes on macOS
    np.savez(folder / f"{who}.npz", row=row, separation=separation)
    peak_mib = peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    told = {"seconds": seconds, "peak_mib": peak_mib, "added_mib": peak_mib - held_mib}
    told["pairs"] = int((row >= 0).sum())
    print(json.dumps(told))


def _galcat(left: np.ndarray, right: np.ndarray) -> Any:
    """Return the whole stage at work, from Catalogs to Pairs."""
    import pandas as pd

    from galcat_core.catalogs.crossmatch import crossmatch
    from galcat_core.records import Catalog
    from galcat_core.sections import Match

    catalogs = [
        Catalog(pd.DataFrame({"id": np.arange(len(ra)), "ra_deg": ra, "dec_deg": dec}))
        for ra, dec in (left, right)
    ]

    def match() -> tuple[np.ndarray, np.ndarray]:
        pairs = crossmatch(*catalogs, Match(radius_arcsec=RADIUS_ARCSEC)).table
        row, separation = np.full(len(left[0]), -1), np.full(len(left[0]), np.nan)
        row[pairs["left_id"]] = pairs["right_id"]
        separation[pairs["left_id"]] = pairs["separation_arcsec"]
        return row, separation

    return match


def _astropy(left: np.ndarray, right: np.ndarray) -> Any:
    from astropy.coordinates import SkyCoord

    sides = [SkyCoord(*side, unit="deg") for side in (left, right)]

    def match() -> tuple[np.ndarray, np.ndarray]:
        row, apart, _ = sides[0].match_to_catalog_sky(sides[1])
        inside = apart.arcsec <= RADIUS_ARCSEC
        return np.where(inside, row, -1), np.where(inside, apart.arcsec, np.nan)

    return match


WORKERS = {"galcat": _galcat, "astropy": _astropy}


def _check_same(folder: Path) -> None:
    ours, theirs = (np.load(folder / f"{who}.npz") for who in ("galcat", "astropy"))
    np.testing.assert_array_equal(ours["row"], theirs["row"])
    np.testing.assert_allclose(ours["separation"], theirs["separation"], rtol=0, atol=1e-8)


if __name__ == "__main__":
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--quick", action="store_true", help="a tenth of the positions, once")
    reader.add_argument("--work", nargs=2, metavar=("WHO", "FOLDER"), help=argparse.SUPPRESS)
    given = reader.parse_args()
    if given.work:
        sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
        _work(given.work[0], Path(given.work[1]))
    else:
        for line in main(given.quick):
            print(json.dumps(line))
