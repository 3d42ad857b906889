"""A small twin survey: settings -> a folder with the FITS tiles, catalogues and truth of a made-up sky."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from galcat_core.errors import GalcatError
from galcat_core.files import write_text
from galcat_core.progress import bar
from galcat_core.provenance import Provenance, digest
from galcat_core.sections import Simulate
from galcat_core.sky.catalogues import TABLES, catalogues
from galcat_core.sky.defects import defects, spoil
from galcat_core.sky.exposures import draw_tile, tile_path, write_image
from galcat_core.sky.layout import Patch, Tile, patches
from galcat_core.sky.sources import sources
from galcat_core.sky.telescopes import BANDS
from galcat_core.tables import write_table
from galcat_core.workers import run_all

DRAWING = 1  # raise it when the same settings give other pixels or rows than before
WORTH_A_PROCESS = 80  # galaxies; starting a process takes as long as drawing some


def simulate(
    folder: str | Path,
    settings: Simulate,
    provenance: Provenance | None = None,
    processes: int | None = None,
) -> None:
    """Make a sky that an SDSS-like and a DES-like telescope look at.

    Writes `sdss.csv.gz`, `galaxy_zoo.csv.gz`, `des.csv.gz` (the columns of the real catalogues),
    `truth.parquet`, and `tiles/{sdss,des}/NAME_{g,r,i}.fits` (`.fits.fz` with `compress`). A run
    that was killed goes on with the tiles that are missing; the bytes do not depend on that, nor on
    the number of processes. `DIGEST` is written last.

    Parameters
    ----------
    folder : path
        Where to write; made if it is not there.
    settings : Simulate
    provenance : Provenance, optional
        Kept in the tables' metadata.
    processes : int, optional
        How many tiles are drawn at a time (default: one for each core).

    Raises
    ------
    GalcatError
        The folder holds another sky or something else, or the disk is full.
    """
    folder = Path(folder)
    with _claimed(folder, settings):
        _make(folder, settings, provenance, processes)


def _make(
    folder: Path, settings: Simulate, provenance: Provenance | None, processes: int | None
) -> None:
    """Make what is missing of a sky."""
    tasks = [
        Task(folder, settings, patch.number, k, number)
        for number, (patch, k) in enumerate(
            (patch, k) for patch in patches(settings) for k in range(len(patch.tiles()))
        )
    ]
    files = [path for task in tasks for path in task.paths().values()]
    whole = folder / "DIGEST"
    if whole.is_file() and all(path.is_file() for path in (*files, *table_paths(folder))):
        return
    whole.unlink(missing_ok=True)
    _draw_all([task for task in tasks if task.missing()], files, processes)
    for path, table in zip(table_paths(folder), catalogues(settings).values(), strict=True):
        write_table(table, path, {"provenance": asdict(provenance)} if provenance else {})
    write_text(whole, digest(folder) + "\n")


def table_paths(folder: Path) -> list[Path]:
    """Return the files of the catalogues and the truth."""
    return [folder / name for name in TABLES]


@contextlib.contextmanager
def _claimed(folder: Path, settings: Simulate) -> Iterator[None]:
    """Mark the folder as this sky's and keep other runs out of it, or refuse one that is not."""
    if folder.exists() and not folder.is_dir():
        raise GalcatError(f"{folder} is a file; name a folder for the sky")
    mark = folder / "sky.json"
    mine = {"drawing": DRAWING, "settings": asdict(settings)}
    if not mark.is_file():
        there = folder.iterdir() if folder.is_dir() else ()
        if any(not path.name.startswith(".partial-") for path in there):
            raise GalcatError(f"{folder} is not empty and holds no sky; name a new or empty folder")
        write_text(mark, json.dumps(mine, sort_keys=True, indent=1) + "\n")
    with mark.open() as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)  # a kill releases it
        except BlockingIOError:
            raise GalcatError(
                f"another run is making the sky in {folder}; wait for it, or name another folder"
            ) from None
        try:
            found = json.load(stream)
        except ValueError:
            found = None
        if found != mine:
            raise GalcatError(
                f"{folder} holds a sky made with other settings or by another version; "
                "name another folder, or remove this one to make it anew"
            )
        for left in folder.rglob(".partial-*"):  # of a run that was killed
            left.unlink(missing_ok=True)
        yield


@dataclass(frozen=True)
class Task:
    """One tile to draw: `tile` counts the patch's tiles, `number` those of the whole sky."""

    folder: Path
    settings: Simulate
    patch: int
    tile: int
    number: int

    def look(self) -> tuple[Patch, Tile]:
        """Return the patch and the tile."""
        patch = patches(self.settings)[self.patch]
        return patch, patch.tiles()[self.tile]

    def paths(self) -> dict[str, Path]:
        """Return the file of each band; the last narrow SDSS-like frame has no i band."""
        tile = self.look()[1]
        bands = [band for band in BANDS if not (tile.strip and band == "i")]
        return {band: tile_path(self.folder, tile, band, self.settings.compress) for band in bands}

    def missing(self) -> bool:
        """Tell whether a file is still to be written."""
        return not all(path.is_file() for path in self.paths().values())


def draw(task: Task) -> str:
    """Draw and write one tile in its bands; return its name."""
    patch, tile = task.look()
    seed = task.settings.seed
    drawn = draw_tile(tile, sources(patch, seed), [seed, 2, task.number])
    random = np.random.default_rng([seed, 3, task.number])
    spoil(drawn, tile, defects(tile, seed, task.number), random)
    for band, path in task.paths().items():
        write_image(path, tile, band, drawn[band], task.settings.compress, seed)
    return tile.name


def _draw_all(todo: list[Task], files: list[Path], processes: int | None) -> None:
    """Draw tiles, several at a time; the bar counts the files that are there."""
    if processes is None:
        worth = sum(task.settings.overlap + task.settings.unlabelled for task in todo[:1])
        processes = max(1, min(os.cpu_count() or 1, worth // WORTH_A_PROCESS))
    with bar(len(files), "drawing the sky", "images") as shown:

        def tick() -> None:
            shown.update(sum(path.is_file() for path in files) - shown.n)

        tick()
        run_all(draw, todo, processes, tick)
