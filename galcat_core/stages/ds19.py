"""The table of Dominguez Sanchez et al. 2019 on files: a simulated sky, or given stores -> runs, table, figure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from galcat_core.config import Config
from galcat_core.errors import GalcatError, listed
from galcat_core.files import write_text
from galcat_core.provenance import Provenance, digest, digests
from galcat_core.stages.catalogues import match, select, simulate
from galcat_core.stages.pictures import cutouts
from galcat_core.stages.work import (
    folder_made_already,
    made_already,
    mark_folder,
    need,
    save,
    say,
    settings,
)
from galcat_core.tables import read_table, write_table

if TYPE_CHECKING:
    import pandas as pd

    from galcat_core.images.store import CutoutStore

GALAXIES = (
    30_000  # of the simulated overlap at scale 1: more than the paper's 5,000 of Q1 and Q2 need
)


@dataclass(frozen=True)
class Given:
    """What the experiments are made of.

    Attributes
    ----------
    source, target : Path
        Cutout stores of the first and of the second survey.
    split : Path or None
        Sets and labels, the same for the one question that is asked.
    votes, pairs : Path or None
        Instead: Galaxy Zoo 2's votes for the source's galaxies, and their partners in the target.
    """

    source: Path
    target: Path
    split: Path | None = None
    votes: Path | None = None
    pairs: Path | None = None

    def files(self) -> list[Path]:
        """Return everything that is read."""
        return [
            p
            for p in (self.source, self.target, self.split, self.votes, self.pairs)
            if p is not None
        ]


def ds19(
    out: str | Path,
    config: Config,
    *,
    questions: Sequence[str] = (),
    scale: float = 0.1,
    workers: int = 1,
    sky: str | Path | None = None,
    source: str | Path | None = None,
    target: str | Path | None = None,
    split: str | Path | None = None,
    votes: str | Path | None = None,
    pairs: str | Path | None = None,
    classes: dict[str, str] | None = None,
    force: bool = False,
) -> pd.DataFrame:
    """Do the experiments 0, a, b, c, d; write ds19.csv, metrics.json and the ROC curves into a folder.

    Parameters
    ----------
    out : str or Path
        Folder; each question has one of its own in it. Run again it goes on where it was.
    config : Config
        See `training.ds19_published.settings`.
    questions : sequence of str
        "q1" (disk or features), "q2" (edge-on), "q3" (bar); all three, if none is named, or q1 where
        a split is given.
    scale : float
        Times the paper's numbers of training galaxies.
    workers : int
    sky : str or Path, optional
        A simulated sky (galcat simulate); default: one of its own, sized by `scale`.
    source, target : str or Path, optional
        Instead of a sky: cutout stores of two surveys,
    split : str or Path, optional
        with the sets of both, for one question;
    votes, pairs : str or Path, optional
        or with Galaxy Zoo 2's votes by the source's ids and the pairs of both surveys.
    classes : dict of str to str, optional
        Label of the split -> class of the question.

    Returns
    -------
    pandas.DataFrame
        See `training.ds19.experiments`.

    Raises
    ------
    GalcatError
        Inputs do not go together, or too few galaxies have a robust answer.
    """
    from galcat_core.training.ds19_published import QUESTIONS

    out, asked = Path(out), list(dict.fromkeys(questions)) or (["q1"] if split else list(QUESTIONS))
    _check(asked, scale, sky, source, target, split, votes, pairs)
    given = (
        _given(source, target, split, votes, pairs)
        if source
        else _simulated(out, config, scale, Path(sky) if sky else None)
    )
    choices = {"questions": asked, "scale": scale, "workers": workers, "classes": classes}
    sections = (config.train, config.augment, config.evaluate, config.split)
    work = Provenance("ds19", digests(*given.files()), settings(*sections, **choices))
    if folder_made_already(out, work, force):
        return _shown(read_table(out / "ds19.csv")[0])
    table = _experiments(out, given, asked, scale, workers, classes, config, work)
    mark_folder(out, work)
    return _shown(table)


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    from galcat_core.results import ds19_table, show

    show(*(ds19_table(rows, name) for name, rows in table.groupby("question")))
    return table


def _check(
    asked: list[str],
    scale: float,
    sky: str | Path | None,
    source: str | Path | None,
    target: str | Path | None,
    split: str | Path | None,
    votes: str | Path | None,
    pairs: str | Path | None,
) -> None:
    """Refuse what does not go together."""
    from galcat_core.training.ds19_published import QUESTIONS

    odd = [name for name in asked if name not in QUESTIONS]
    if odd:
        raise GalcatError(f"--question {odd[0]}: legal are {listed(QUESTIONS)}")
    if not 0 < scale <= 10:
        raise GalcatError(f"--scale {scale:g}: above 0 and at most 10 is legal; 1 is the paper's")
    if (source is None) != (target is None):
        raise GalcatError("--source and --target go together: cutout stores of two surveys")
    if source is None and (split or votes or pairs):
        raise GalcatError("--split, --votes and --pairs need --source STORE and --target STORE")
    if source is None:
        return
    if sky is not None:
        raise GalcatError("--sky and --source both say what to learn from; give one of them")
    if (split is None) == (votes is None):
        raise GalcatError(
            "say where the labels come from: --split TABLE, or --votes TABLE with --pairs TABLE"
        )
    if (votes is None) != (pairs is None):
        raise GalcatError(
            "--votes and --pairs go together: the second survey's labels come by pairs"
        )
    if split is not None and len(asked) > 1:
        raise GalcatError("a split has the labels of one question; name it with --question")


def _given(
    source: str | Path,
    target: str | Path,
    split: str | Path | None,
    votes: str | Path | None,
    pairs: str | Path | None,
) -> Given:
    stores = [need(path, "store", "make it with galcat cutouts") for path in (source, target)]
    tables = [need(p, "file", "give a table") if p else None for p in (split, votes, pairs)]
    return Given(*stores, *tables)


def _simulated(out: Path, config: Config, scale: float, sky: Path | None) -> Given:
    """Make a sky, or take one; its pictures, pairs and votes."""
    if sky is None:
        sky = out / "sky"
        galaxies = max(round(GALAXIES * scale), 200)
        simulate(
            sky, config.replace(simulate={"overlap": galaxies, "unlabelled": 0, "compress": True})
        )
    need(sky / "truth.parquet", "sky", "make it with galcat simulate")
    pairs = match(sky / "sdss.csv.gz", sky / "des.csv.gz", out / "pairs.parquet", config)
    stores = {}
    for survey in ("sdss", "des"):
        catalog = select(
            sky / f"{survey}.csv.gz",
            out / f"catalogs/{survey}.parquet",
            config,
            pairs=pairs if survey == "des" else None,
        )
        stores[survey] = out / "cutouts" / survey
        tiles = sky / "tiles" / survey
        cutouts(stores[survey], config, catalog=catalog, tiles=tiles, pairs=pairs)
    return Given(stores["sdss"], stores["des"], None, _votes(sky, out), pairs)


def _votes(sky: Path, out: Path) -> Path:
    """Let the simulated volunteers answer the questions."""
    path, seed = (
        out / "votes.parquet",
        json.loads((sky / "sky.json").read_text())["settings"]["seed"],
    )
    work = Provenance("ds19", {"truth.parquet": digest(sky / "truth.parquet")}, {"seed": seed})
    if not made_already(path, work, False):
        from dataclasses import asdict

        from galcat_core.sky.questions import second_zoo

        made = second_zoo(read_table(sky / "truth.parquet")[0], seed)
        write_table(made, path, {"provenance": asdict(work)})
    return path


def _experiments(
    out: Path,
    given: Given,
    asked: list[str],
    scale: float,
    workers: int,
    classes: dict[str, str] | None,
    config: Config,
    work: Provenance,
) -> pd.DataFrame:
    import pandas as pd

    from galcat_core.evaluation.style import save as save_figure
    from galcat_core.images.store import CutoutStore
    from galcat_core.training.ds19 import experiments
    from galcat_core.training.ds19_plot import roc_panels
    from galcat_core.training.ds19_published import QUESTIONS

    stores = CutoutStore.open(given.source), CutoutStore.open(given.target)
    tables, results = [], {}
    for name in asked:
        say(f"\n[{name}] {QUESTIONS[name].title}")
        sets = _sets(out / name, name, given, stores, classes, config)
        table, found = experiments(
            name, *stores, sets, config, out / name, scale, workers, provenance=work
        )
        tables.append(table)
        results[name] = found
    table = pd.concat(tables, ignore_index=True)
    write_table(table, out / "ds19.csv")
    write_text(out / "metrics.json", json.dumps(results, indent=1, allow_nan=False) + "\n")
    save_figure(roc_panels(results, table), out / "roc")
    return table


def _sets(
    folder: Path,
    name: str,
    given: Given,
    stores: tuple[CutoutStore, CutoutStore],
    classes: dict[str, str] | None,
    config: Config,
):
    """Return the question's Split: the given one in its classes, or one drawn from the votes."""
    from galcat_core.datasets.split import split as draw
    from galcat_core.records import Pairs, Split
    from galcat_core.training.ds19_published import QUESTIONS

    path, question = folder / "split.parquet", QUESTIONS[name]
    work = Provenance(
        "split", digests(*given.files()), settings(config.split, question=name, classes=classes)
    )
    if made_already(path, work, False):
        return Split.load(path)
    if given.split is not None:
        sets = _renamed(Split.load(given.split), given.split, question, classes)
    else:
        labelled = _labelled(stores[0], given.votes, question)
        catalogs = {stores[0].survey: labelled, stores[1].survey: _catalog(stores[1])}
        sets = draw(catalogs, Pairs.load(given.pairs), config.split)
    save(sets, path, work)
    sets = Split.load(path)  # so that the runs can tell where it is
    counts = sets.table.groupby(["survey", "set"])["label"].count()
    say("; ".join(f"{survey} {part}: {n}" for (survey, part), n in counts.items() if n))
    return sets


def _catalog(store: CutoutStore):
    from galcat_core.records import Catalog

    table = store.table.drop(columns=["label", "certain"], errors="ignore")
    return Catalog(table, meta={"survey": store.survey})


def _labelled(store: CutoutStore, votes: Path, question):
    """Return the store's galaxies with the labels of those on which volunteers agree."""
    from galcat_core.catalogs.agreement import labels_of
    from galcat_core.records import Catalog
    from galcat_core.training.ds19_published import AGREEMENT, FEWEST_VOTES

    found = labels_of(read_table(votes)[0], question.votes, FEWEST_VOTES, AGREEMENT)
    catalog = _catalog(store)
    table = catalog.table.merge(found, on="id", how="left")
    if table["label"].notna().sum() == 0:
        raise GalcatError(
            f"{votes}: no galaxy of {store.path} has a robust answer to '{question.title}' "
            f"({FEWEST_VOTES} votes, agreement {AGREEMENT:g}); give the votes of the same galaxies"
        )
    return Catalog(table, meta=catalog.meta)


def _renamed(sets, path: Path, question, classes: dict[str, str] | None):
    """Return a split whose labels are the question's classes."""
    from galcat_core.records import Split

    legal = (question.negative, question.positive)
    table = sets.table.copy()
    known = table["label"].notna()
    table.loc[known, "label"] = table.loc[known, "label"].map(lambda x: (classes or {}).get(x, x))
    odd = sorted(set(table["label"].dropna()) - set(legal))
    if odd:
        raise GalcatError(
            f"{path}: labels are {listed(odd)}, the question's classes {listed(legal)}; say which is "
            f"which, as --classes {odd[0]}={legal[0]}"
        )
    return Split(table, None, sets.meta)
