"""Pictures on files: catalogue and tiles, or a folder of pictures -> a cutout store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from galcat_core.config import Config
from galcat_core.errors import GalcatError
from galcat_core.provenance import Provenance, digests
from galcat_core.stages.work import load_catalog, need, say, settings

if TYPE_CHECKING:
    from galcat_core.images.store import CutoutStore
    from galcat_core.sections import Harmonise


def cutouts(
    out: str | Path,
    config: Config,
    *,
    catalog: str | Path | None = None,
    tiles: str | Path | None = None,
    pictures: str | Path | None = None,
    table: str | Path | None = None,
    label_column: str | None = None,
    id_column: str | None = None,
    file_column: str | None = None,
    classes: dict[str, str] | None = None,
    pairs: str | Path | None = None,
    survey: str | None = None,
) -> CutoutStore:
    """Cut a catalogue's galaxies out of FITS tiles, or take pictures from a folder; write a store."""
    if (tiles is None) == (pictures is None):
        raise GalcatError(
            "say where pictures come from: a catalogue with --tiles FOLDER, or --pictures FOLDER"
        )
    if tiles is not None and catalog is None:
        raise GalcatError("--tiles needs a catalogue of the galaxies to cut out, as first argument")
    out = Path(out)
    _none_in_vain(
        pictures is not None,
        {"a catalogue": catalog, "--pairs": pairs},
        {
            "--table": table,
            "--label-column": label_column,
            "--id-column": id_column,
            "--file-column": file_column,
            "--classes": classes,
        },
    )
    if pictures is not None:
        columns = {"id_column": id_column, "label_column": label_column, "file_column": file_column}
        store = import_folder(out, config.pictures, pictures, table, columns, classes, survey)
    else:
        store = _cut(out, config, Path(catalog), Path(tiles), pairs, survey)
    say(f"{out}: {store.summary()}")
    return store


def _none_in_vain(pictures: bool, of_tiles: dict, of_pictures: dict) -> None:
    """Refuse arguments that go with the other source of pictures."""
    this, other = ("--pictures", "--tiles") if pictures else ("--tiles", "--pictures")
    for name, value in (of_tiles if pictures else of_pictures).items():
        if value:
            raise GalcatError(f"{name} goes with {other}, not with {this}: leave it out")


def _cut(
    out: Path,
    config: Config,
    catalog: Path,
    tiles: Path,
    pairs: str | Path | None,
    survey: str | None,
) -> CutoutStore:
    from galcat_core.images.tiles import cut
    from galcat_core.records import Pairs

    need(tiles, "folder or file", "give the folder of the survey's FITS tiles")
    need(catalog, "file", "give a catalogue (CSV, FITS, VOTable or Parquet)")
    inputs = [catalog] if pairs is None else [catalog, need(pairs, "file", "give a table of pairs")]
    work = Provenance("cutouts", digests(*inputs), settings(config.cutouts, tiles=tiles.name))
    return cut(
        load_catalog(catalog, survey=survey),
        tiles,
        out,
        config.cutouts,
        pairs=Pairs.load(pairs) if pairs else None,
        provenance=work,
    )


def import_folder(
    out: Path,
    recipe: Harmonise,
    pictures: str | Path,
    table: str | Path | None,
    columns: dict[str, str | None],
    classes: dict[str, str] | None = None,
    survey: str | None = None,
) -> CutoutStore:
    """Import a folder of pictures, with a table of them or without."""
    from galcat_core.images.pictures import import_pictures, pictures_in

    folder = need(pictures, "folder", "give a folder of JPEG or PNG pictures")
    inputs = [] if table is None else [need(table, "file", "give the table of the pictures")]
    work = Provenance(
        "cutouts", digests(*inputs), settings(recipe, folder=folder.name, classes=classes)
    )
    store = import_pictures(
        folder,
        table,
        out,
        **columns,
        classes=classes,
        settings=recipe,
        survey=survey,
        provenance=work,
    )
    if table is not None:
        files = pictures_in(folder)
        unseen = store.rejects["reason"].str.startswith("missing")
        named = store.table["file"].nunique() + int((~unseen).sum())
        if named < len(files):
            say(
                f"{len(files) - named} of {len(files)} pictures in {folder} are in no row of {table}"
            )
    return store
