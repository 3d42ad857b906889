"""Labelling on files: predict, embed."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from galcat_core.backend import choose
from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.inference.crew import check
from galcat_core.provenance import Provenance, digests
from galcat_core.runs import BOX, Run, members
from galcat_core.stages.pictures import import_folder
from galcat_core.stages.work import (
    keep_rejects,
    made_already,
    need,
    result,
    say,
)

if TYPE_CHECKING:
    from galcat_core.images.store import CutoutStore
    from galcat_core.records import Predictions
    from galcat_core.sections import Harmonise


def predict(
    images: str | Path,
    out: str | Path,
    *,
    run: str | Path | Sequence[str | Path] | None = None,
    split: str | Path | None = None,
    set_name: str | None = None,
    batch_size: int = 64,
    backend: str | None = None,
    any_recipe: bool = False,
    force: bool = False,
    tta: bool = False,
    dropout_passes: int = 0,
    dropout_seed: int = 1,
    calibration: str | None = None,
    domain_percentile: float | None = None,
    workers: int = 1,
    **columns: str | Path | None,
) -> Path:
    """Give the galaxies of a store, or of a folder of pictures, their probabilities; write Predictions.

    `columns` are `table`, `id_column` and `file_column` of a folder's pictures; `backend` as in
    `galcat_core.backend.choose`; for `tta`, `dropout_passes`, `dropout_seed`, `calibration` and
    `domain_percentile` see `inference.predicting.predict`, for `workers` `predict_to` there.
    """
    from galcat_core.inference.predicting import predict_to

    choose(backend)
    check(workers)
    chosen = _chosen(images, out, run, split, any_recipe, columns)
    looks = {"turned": tta, "passes": dropout_passes, "calibration": calibration}
    looks["percentile"] = domain_percentile
    looks = {name: value for name, value in looks.items() if value}
    looks |= {"seed": dropout_seed} if dropout_passes else {}
    work = Provenance("predict", chosen.digests, {"set": set_name, **looks})
    if not made_already(chosen.out, work, force):
        made = predict_to(
            chosen.out,
            chosen.runs,
            chosen.store,
            ids=_ids(chosen.store, split, set_name),
            batch_size=batch_size,
            provenance=work,
            any_recipe=chosen.any_recipe,
            workers=workers,
            **looks,
        )
        counts = made.table["predicted"].value_counts().items()
        say(f"{len(made)} galaxies ({listed(f'{n} {name}' for name, n in counts)}): {chosen.out}")
        _tell_calibration(made, chosen)
    chosen.tidy()
    return chosen.out


def _tell_calibration(made: Predictions, chosen: _Chosen) -> None:
    """Say where probabilities are corrected for another survey than the pictures'."""
    for told, run in zip(made.meta.get("calibration", []), chosen.runs, strict=False):
        if told["survey"] != chosen.store.survey:
            say(
                f"{run.folder} has no calibration for {chosen.store.survey}: its probabilities are "
                f"corrected as for {told['survey']}; fit one on labels of your own with galcat calibrate"
            )


def embed(
    images: str | Path,
    out: str | Path,
    *,
    run: str | Path | None = None,
    split: str | Path | None = None,
    set_name: str | None = None,
    batch_size: int = 64,
    backend: str | None = None,
    any_recipe: bool = False,
    force: bool = False,
    workers: int = 1,
    **columns: str | Path | None,
) -> Path:
    """Extract the features of the galaxies of a store or a folder; write an Embedding (see `predict`)."""
    from galcat_core.inference.predicting import embed_to

    choose(backend)
    check(workers)
    chosen = _chosen(images, out, run, split, any_recipe, columns)
    if not isinstance(run, str | Path | None) and len(run) > 1:
        raise GalcatError("features are of one network: name one run")
    work = Provenance("embed", chosen.digests, {"set": set_name})
    if not made_already(chosen.out, work, force):
        made = embed_to(
            chosen.out,
            chosen.runs[0],
            chosen.store,
            ids=_ids(chosen.store, split, set_name),
            batch_size=batch_size,
            provenance=work,
            any_recipe=chosen.any_recipe,
            workers=workers,
        )
        say(f"{made.features.shape[1]} features of {len(made)} galaxies: {chosen.out}")
    chosen.tidy()
    return chosen.out


@dataclasses.dataclass
class _Chosen:
    """The run, the pictures and the place of the result, once the arguments are understood."""

    out: Path
    runs: list[Run]
    store: CutoutStore
    digests: dict[str, str]
    any_recipe: bool
    own_store: Path | None

    def tidy(self) -> None:
        """Remove the store that was made of a folder's pictures on the way."""
        if self.own_store is not None:
            keep_rejects(self.store.rejects, self.out)
            shutil.rmtree(self.own_store)


def _chosen(
    images: str | Path,
    out: str | Path,
    run: str | Path | Sequence[str | Path] | None,
    split: str | Path | None,
    any_recipe: bool,
    columns: dict[str, str | Path | None],
) -> _Chosen:
    from galcat_core.images.store import CutoutStore
    from galcat_core.inference.look import fitted_digests

    images = need(images, "folder", "give a cutout store or a folder of pictures")
    sets = need(split, "file", "make it with galcat split") if split else None
    out = result(out, sets, columns.get("table"))
    if run is None and not (BOX / "run.json").is_file():
        raise GalcatError("no run is named, and no model is in the box: name one with --run RUN")
    if run is None:
        say(f"the model in the box predicts; its scores and limits: {BOX / 'README.md'}")
    named = [run or BOX] if run is None or isinstance(run, str | Path) else list(run)
    opened, own = [member for one in named for member in members(Run.open(one))], None
    if (images / "store.json").is_file():
        given = sorted(name for name, value in columns.items() if value is not None)
        if given:
            raise GalcatError(
                f"{images} is a cutout store, which has its ids: leave out {listed(given)}"
            )
        store = CutoutStore.open(images)
    else:
        own = out.with_name(f".{out.name}.pictures")
        store, any_recipe = _imported(images, own, opened[0], columns, any_recipe)
    inputs = digests(*(one.folder for one in opened), *([sets] if sets else []))
    for one in opened:
        inputs |= fitted_digests(one.folder)
    return _Chosen(out, opened, store, {**inputs, images.name: store.digest}, any_recipe, own)


def _imported(
    folder: Path, own: Path, run: Run, columns: dict, any_recipe: bool
) -> tuple[CutoutStore, bool]:
    """Import a folder of pictures as the run's own were made."""
    recipe, known = recipe_of(run)
    table = columns.get("table")
    named = {"label_column": None, **{k: columns.get(k) for k in ("id_column", "file_column")}}
    return import_folder(own, recipe, folder, table, named), any_recipe or not known


def recipe_of(run: Run) -> tuple[Harmonise, bool]:
    """Return how pictures are brought to the face of those that a run learnt from, and if that is known."""
    from galcat_core.sections import Harmonise

    learnt = (run.info.get("store") or {}).get("settings") or {}
    if "harmonise" in learnt:
        names = {f.name for f in dataclasses.fields(Harmonise)}
        return Harmonise(**{k: v for k, v in learnt.items() if k in names}), True
    say(
        f"{run.folder} learnt from pictures that galcat rendered out of FITS tiles; others are taken as "
        "they are, and its probabilities hold only as far as they look alike"
    )
    return Harmonise(harmonise=False, size_px=learnt.get("size_px", 96)), False


def _ids(store: CutoutStore, split: str | Path | None, set_name: str | None):
    """Return the ids of a set that have a picture; those without are told."""
    if split is None:
        return None
    from galcat_core.records import Split

    rows = Split.load(split).rows(store.survey, set_name)
    if set_name not in Split.SETS:
        raise GalcatError(
            f"--set {set_name}: the sets are {listed(Split.SETS)}.{nearest(set_name, Split.SETS)}"
        )
    wanted = rows["id"]
    have = wanted.isin(store.ids)
    if not have.any():
        raise GalcatError(
            f"{split}: no galaxy of {store.survey} in set '{set_name}' has a picture in {store.path}"
        )
    if not have.all():
        say(
            f"{int((~have).sum())} galaxies of the set have no picture (see {store.path}/rejects.parquet)"
        )
    return wanted[have].to_numpy()
