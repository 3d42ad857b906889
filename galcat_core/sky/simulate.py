"""A small twin survey: settings -> a folder with the FITS tiles, catalogues and truth of a made-up sky."""

from __future__ import annotations

import json
import os
import threading
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from galcat_core.config import Simulate
from galcat_core.errors import GalcatError
from galcat_core.files import write_text
from galcat_core.progress import bar
from galcat_core.provenance import Provenance, digest
from galcat_core.sky.layout import Patch, Tile, patches
from galcat_core.tables import write_table

DRAWING = 1  # raise it when the same settings give other pixels or rows than before


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
    _claim(folder, settings)
    if (folder / "DIGEST").is_file():
        return
    tasks = [
        Task(folder, settings, patch.number, k, number)
        for number, (patch, k) in enumerate(
            (patch, k) for patch in patches(settings) for k in range(len(patch.tiles()))
        )
    ]
    _draw_all([task for task in tasks if task.missing()], len(tasks), processes)
    write_catalogues(folder, settings, provenance)
    write_text(folder / "DIGEST", digest(folder) + "\n")


def _claim(folder: Path, settings: Simulate) -> None:
    """Mark the folder as this sky's, or refuse one that is not."""
    if folder.exists() and not folder.is_dir():
        raise GalcatError(f"{folder} is a file; name a folder for the sky")
    mark = folder / "sky.json"
    mine = {"drawing": DRAWING, "settings": asdict(settings)}
    if mark.is_file():
        try:
            found = json.loads(mark.read_text())
        except ValueError:
            found = None
        if found != mine:
            raise GalcatError(
                f"{folder} holds a sky made with other settings or by another version; "
                "name another folder, or remove this one to make it anew"
            )
    elif folder.exists() and any(folder.iterdir()):
        raise GalcatError(f"{folder} is not empty and holds no sky; name a new or empty folder")
    else:
        write_text(mark, json.dumps(mine, sort_keys=True, indent=1) + "\n")
    for left in folder.rglob(".partial-*"):  # of a run that was killed
        left.unlink(missing_ok=True)


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
        from galcat_core.sky.telescopes import BANDS, tile_path

        tile = self.look()[1]
        bands = [band for band in BANDS if not (tile.strip and band == "i")]
        return {band: tile_path(self.folder, tile, band, self.settings.compress) for band in bands}

    def missing(self) -> bool:
        """Tell whether a file is still to be written."""
        return not all(path.is_file() for path in self.paths().values())


def draw(task: Task) -> str:
    """Draw and write one tile in its bands; return its name."""
    from galcat_core.sky.defects import defects, spoil
    from galcat_core.sky.sources import sources
    from galcat_core.sky.telescopes import draw_tile, write_image

    patch, tile = task.look()
    seed = task.settings.seed
    drawn = draw_tile(tile, sources(patch, seed), [seed, 2, task.number])
    random = np.random.default_rng([seed, 3, task.number])
    spoil(drawn, tile, defects(tile, seed, task.number), random)
    for band, path in task.paths().items():
        write_image(path, tile, band, drawn[band], task.settings.compress, seed)
    return tile.name


def _draw_all(todo: list[Task], total: int, processes: int | None) -> None:
    """Draw tiles in processes of their own, the largest tiles first, with a bar."""
    processes = min(processes or len(os.sched_getaffinity(0)), len(todo))
    with bar(total, "drawing the sky", "tiles") as shown:
        shown.update(total - len(todo))
        if processes <= 1:
            for task in todo:
                draw(task)
                shown.update()
            return
        import multiprocessing

        with ProcessPoolExecutor(
            processes, multiprocessing.get_context("spawn"), initializer=_follow_parent
        ) as pool:
            waiting = [pool.submit(draw, task) for task in todo]
            try:
                for done in as_completed(waiting):
                    done.result()
                    shown.update()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _follow_parent() -> None:
    """End this process when its parent is gone: a killed run must not leave workers behind."""
    import multiprocessing

    parent = multiprocessing.parent_process()

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def write_catalogues(folder: Path, settings: Simulate, provenance: Provenance | None) -> None:
    """Write what the surveys say of the sky, and the truth."""
    from galcat_core.sky.catalogues import catalogues

    kept = {"provenance": asdict(provenance)} if provenance else {}
    for name, table in catalogues(settings).items():
        write_table(table, folder / name, kept)
