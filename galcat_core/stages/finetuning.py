"""Fine-tuning on files: a trained run, and a few hundred labelled pictures of another survey -> a run."""

from __future__ import annotations

from pathlib import Path

from galcat_core.config import Config
from galcat_core.errors import GalcatError
from galcat_core.runs import BOX, Run
from galcat_core.stages.labelling import recipe_of
from galcat_core.stages.learning import split, train
from galcat_core.stages.pictures import import_folder
from galcat_core.stages.work import need, say

# a few hundred galaxies: small batches, and a quarter of them tell when to stop
SETTINGS = {
    "split": {"validation": 0.25, "test": 0.0},
    "train": {"batch_size": 32, "patience": 8, "limit": 0},
}


def settings(run: str | Path | None = None) -> Config:
    """Return the settings to fine-tune a run with: its own, for fewer galaxies.

    Parameters
    ----------
    run : path, optional
        Default: the model in the box.
    """
    return _parent(run).config.replace(**SETTINGS)


def finetune(
    images: str | Path,
    out: str | Path,
    config: Config,
    *,
    table: str | Path | None = None,
    label_column: str | None = None,
    id_column: str | None = None,
    file_column: str | None = None,
    classes: dict[str, str] | None = None,
    survey: str | None = None,
    run: str | Path | None = None,
    workers: int = 1,
) -> Run:
    """Adapt a run to another survey's pictures; write a run, its pictures and sets beside it.

    Parameters
    ----------
    images : path
        A cutout store with labels, or a folder of pictures with `table`. Pictures are brought to the
        face of those that the run learnt from.
    out : path
        Folder of the new run. OUT.pictures (a store) and OUT.split.parquet are written beside it.
    config : Config
        Of `settings`; a quarter of the galaxies is validated, and calibrated, on.
    table, label_column, id_column, file_column, classes, survey
        Of a folder's pictures, as for `galcat cutouts`.
    run : path, optional
        Default: the model in the box.
    workers : int

    Raises
    ------
    GalcatError
        The run learnt other classes or from pictures made otherwise, no picture has a label, or what
        `import_folder`, `split` and `train` raise.
    """
    parent, images, out = _parent(run), Path(images), Path(out)
    store = need(images, "folder", "give a cutout store, or a folder of pictures with --table")
    named = {"label_column": label_column, "id_column": id_column, "file_column": file_column}
    if not (images / "store.json").is_file():
        if table is None:
            raise GalcatError(
                f"{images} is a folder of pictures: give the table of their labels with --table"
            )
        store = out.with_name(f"{out.name}.pictures")
        recipe, _ = recipe_of(parent)
        say(
            f"{store}: {import_folder(store, recipe, images, table, named, classes, survey).summary()}"
        )
    elif table is not None or classes or any(named.values()):
        raise GalcatError(f"{images} is a cutout store, which has its labels: leave out the table")
    sets = out.with_name(f"{out.name}.split.parquet")
    split([store], sets, config)
    run = train(store, sets, out, config, workers, parent.folder)
    if run.report["best_epoch"] == 0:
        say(
            f"{out}: no epoch predicted the validation galaxies better than {parent.folder} does, so that "
            "its weights were kept; give more labelled galaxies, or correct its probabilities with "
            "galcat calibrate"
        )
    return run


def _parent(run: str | Path | None) -> Run:
    return Run.open(need(run or BOX, "run", "name one with --run RUN"))
