"""A finished run -> the same training once more, from what the run's folder tells; its inputs are checked first."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from galcat_core.errors import GalcatError
from galcat_core.images.store import CutoutStore
from galcat_core.provenance import Provenance, code_version, digest
from galcat_core.records import Split
from galcat_core.runs import Run
from galcat_core.training.fit import train
from galcat_core.training.samples import choose

if TYPE_CHECKING:
    from galcat_core.training.samples import Samples


@dataclass(frozen=True)
class Inputs:
    """What a run was made from, found again and the same as it was.

    Attributes
    ----------
    store : CutoutStore
    split : Split
        The one that was given, or one of the galaxies that the run keeps.
    parent : Run or None
        None, too, where the first weights that the run keeps stand in for it.
    kept : list of str
        What is taken from the run's own folder: "galaxies", "first weights".
    """

    store: CutoutStore
    split: Split
    parent: Run | None
    kept: list[str]


def inputs_of(
    run: Run,
    store: str | Path | None = None,
    split: str | Path | None = None,
    parent: str | Path | None = None,
    kept: bool = False,
    known: tuple[Path, ...] = (),
) -> Inputs:
    """Find what a run was made from, and check that it is what it was.

    Parameters
    ----------
    run : Run
        Finished.
    store, split, parent : path, optional
        New places of what has moved.
    kept : bool
        Take the galaxies and the first weights that the run's folder keeps, whatever became of the
        split and the parent.
    known : tuple of Path
        Other runs that may be the parent, such as the model in the box.

    Raises
    ------
    GalcatError
        An input is gone or is not what it was: which, and how to give its new place; or the run
        is not finished, or was packed without a way to what it learnt from.
    """
    _check(run, split, parent, kept)
    pictures = _store(run, store)
    sets, own = _split(run, pictures, split, kept)
    begun, own_weights = _parent(run, parent, kept, known)
    told = ["galaxies"] * own + ["first weights"] * own_weights
    return Inputs(pictures, sets, begun, told)


def repeat(run: Run, out: str | Path, inputs: Inputs) -> Run:
    """Train a run once more, with its settings, its seed and as many workers, into a new folder.

    Killed at any moment, the same call goes on where it was.

    Parameters
    ----------
    run : Run
    out : str or Path
        A new folder, or one in which this was begun.
    inputs : Inputs
        Of `inputs_of`.

    Returns
    -------
    Run
        Finished; `sameness.compare` tells how it compares.

    Raises
    ------
    GalcatError
        As `fit.train`; or `out` is the run itself.
    """
    if Path(out).resolve() == run.folder.resolve():
        raise GalcatError(f"{out} is the run that is to be repeated; name a new folder with -o")
    told = run.info.get("provenance")
    return train(
        out,
        inputs.store,
        inputs.split,
        run.config,
        run.info["workers"],
        run.survey,
        parent=inputs.parent,
        provenance=told and dataclasses.replace(Provenance(**told), code=code_version()),
        repeats=run,
    )


def _check(run: Run, split: str | Path | None, parent: str | Path | None, kept: bool) -> None:
    if "path" not in (run.info.get("store") or {}):
        raise GalcatError(
            f"{run.folder}: a packed model, without the way to what it learnt from; only the folder "
            "that galcat train wrote can be repeated (of the model in the box: python -m "
            "benchmarks.real makes it anew)"
        )
    if not run.finished:
        raise GalcatError(
            f"{run.folder}: this run is {run.status}, not finished; let galcat train end, then "
            "repeat it"
        )
    if digest(run.weights) != run.report["weights"]:
        raise GalcatError(
            f"{run.weights}: not the weights that the training wrote, so that there is nothing to "
            "compare with; put the file back"
        )
    if kept and (split or parent):
        raise GalcatError("--kept takes the run's own copies: leave out --split and --from, or it")
    if parent and not run.info.get("parent"):
        raise GalcatError(f"{run.folder} began with no other run's weights; leave out --from")


def _store(run: Run, given: str | Path | None) -> CutoutStore:
    told = run.info["store"]
    path = Path(given or (run.folder / told["path"]).resolve())
    mend = f"say where the store{_of_name(told['path'])} is with --store STORE"
    try:
        store = CutoutStore.open(path)
    except GalcatError as error:
        raise GalcatError(
            f"{run.folder} learnt from pictures that are gone: {error}; {mend}"
        ) from (error)
    if store.digest != told["digest"]:
        raise GalcatError(
            f"{path}: not the pictures that {run.folder} learnt from (sha256 {store.digest[:12]}, was "
            f"{told['digest'][:12]}); {mend}, or make it again as it was"
        )
    looks = [other.digest for other in store.renderings]
    if told.get("renderings") and looks != told["renderings"]:
        raise GalcatError(
            f"{path}: its renderings in other surveys' looks are not those that {run.folder} learnt "
            f"from; {mend}, or make it again as it was"
        )
    for each in [store, *(store.renderings if told.get("renderings") else ())]:
        each.verify()
    return store


def _split(
    run: Run, store: CutoutStore, given: str | Path | None, kept: bool
) -> tuple[Split, bool]:
    """Return the split, and whether it is of the galaxies that the run keeps."""
    told = run.info.get("split")
    if kept or not (told or given):
        sets, where, mend = _own_split(run), run.folder / "samples.parquet", "put the file back"
    else:
        path = Path(given or (run.folder / told["path"]).resolve())
        name = _of_name(told["path"]) if told else ""
        mend = f"say where the split{name} is with --split TABLE, or take the run's own with --kept"
        if not path.is_file():
            raise GalcatError(f"{run.folder} was trained by {path}, which is gone; {mend}")
        sets, where = Split.load(path), path
    found = choose(store, sets, run.config.train, run.survey, run)
    if found.digest != run.info["samples"]["digest"]:
        raise GalcatError(
            f"{where}: not the galaxies that {run.folder} learnt from ({_differing(run, found)}); {mend}"
        )
    return sets, sets.path is None


def _own_split(run: Run) -> Split:
    """Return the galaxies that a run keeps as a split, which gives these and no others."""
    path = run.folder / "samples.parquet"
    if not path.is_file():
        raise GalcatError(f"{path}: gone; put it back, or give the split with --split TABLE")
    table = run.samples.assign(survey=run.survey, certain=True)
    return Split(table.assign(group=range(len(table))))


def _differing(run: Run, found: Samples) -> str:
    """Tell in what two choices of galaxies differ."""
    was, now = (table.set_index("id") for table in (run.samples, found.table))
    gone, new = len(was.index.difference(now.index)), len(now.index.difference(was.index))
    both = was.index.intersection(now.index)
    otherwise = int(
        (was.loc[both, ["set", "label"]] != now.loc[both, ["set", "label"]]).any(axis=1).sum()
    )
    parts = {"are missing": gone, "are new": new, "have another set or label": otherwise}
    told = [f"{count} {what}" for what, count in parts.items() if count]
    return ", ".join(told) or "their order or weights differ"


def _parent(
    run: Run, given: str | Path | None, kept: bool, known: tuple[Path, ...]
) -> tuple[Run | None, bool]:
    """Return the parent, and whether the first weights that the run keeps stand in for it."""
    told = run.info.get("parent")
    if not told or kept:
        return None, bool(told)
    place = Path(given or (run.folder / told["path"]).resolve())
    for each in (place, *(() if given else known)):
        opened = Run(each)
        there = (each / "run.json").is_file() and opened.finished
        if there and opened.digest == told["digest"]:
            return opened, False
    what = "is not the run" if (place / "run.json").is_file() else "is gone, the run"
    raise GalcatError(
        f"{place} {what} that {run.folder} began from ({told['name']}, {told['digest'][:12]}); say "
        "where it is with --from RUN, or take the first weights that the run keeps with --kept"
    )


def _of_name(path: str) -> str:
    return f" '{Path(path).name}'"
