"""Learning on files: split, train, transfer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from galcat_core.config import Config
from galcat_core.errors import GalcatError
from galcat_core.provenance import Provenance, digests
from galcat_core.sections import Splitting
from galcat_core.stages.work import (
    folder_made_already,
    keep_rejects,
    load_catalog,
    made_already,
    mark_folder,
    need,
    save,
    say,
    settings,
)
from galcat_core.tables import format_of, read_table

if TYPE_CHECKING:
    import pandas as pd

    from galcat_core.records import Catalog, Pairs
    from galcat_core.runs import Run


def split(
    inputs: Sequence[str | Path],
    out: str | Path,
    config: Config,
    pairs: str | Path | None = None,
    apart_from: Sequence[str | Path] = (),
    force: bool = False,
    review: str | Path | None = None,
) -> Path:
    """Draw the sets from catalogues, or from stores whose pictures have labels; write a Split.

    With `review` (see `galcat_core.records.Review`) bad matches tie nothing, galaxies with bad
    pictures are in no set, and labels are those of the review.
    """
    out = Path(out)
    format_of(out)
    given = [*inputs, *([pairs] if pairs else []), *apart_from, *([review] if review else [])]
    for path in given:
        need(path, "file or store", "give catalogues or cutout stores, one for each survey")
    work = Provenance(
        "split",
        digests(*given),
        settings(
            config.split,
            apart_from=[Path(p).name for p in apart_from],
            review=Path(review).name if review else None,
        ),
    )
    if made_already(out, work, force):
        return out
    import pandas as pd

    from galcat_core.datasets.split import split as draw
    from galcat_core.records import Pairs

    catalogs = {}
    for path in inputs:
        found = _labelled(Path(path))
        if found.survey in catalogs:
            raise GalcatError(
                f"{path}: a second input of survey '{found.survey}'; give each survey once"
            )
        catalogs[found.survey] = found
    rejects = None
    if apart_from:
        catalogs, rejects = _keep_apart(catalogs, apart_from, config.split)
    matched, mismatched = Pairs.load(pairs) if pairs else None, None
    if review:
        catalogs, matched, mismatched, flagged = _reviewed(catalogs, matched, Path(review))
        rejects = flagged if rejects is None else pd.concat([rejects, flagged], ignore_index=True)
    sets = draw(catalogs, matched, config.split, mismatched)
    save(sets, out, work)
    keep_rejects(rejects, out)
    for (survey, name), rows in sets.table.groupby(["survey", "set"]):
        counts = rows["label"].value_counts()
        told = ", ".join(f"{n} {label}" for label, n in sorted(counts.items()))
        say(f"{survey} {name}: {len(rows)} galaxies" + (f" ({told})" if told else ""))
    return out


def _reviewed(
    catalogs: dict[str, Catalog], pairs: Pairs | None, path: Path
) -> tuple[dict[str, Catalog], Pairs | None, pd.DataFrame, pd.DataFrame]:
    """Apply a review; return catalogues, pairs, the bad matches, and the galaxies taken out."""
    from galcat_core.catalogs.review import reviewed, without_bad_matches
    from galcat_core.records import Review

    review = Review.load(path)
    bad = review.table[review.table["bad_match"]]
    labels = int((review.table["label"].notna() & ~review.table["bad_match"]).sum())
    catalogs, rejects = reviewed(catalogs, review)
    if pairs is not None:
        pairs, _ = without_bad_matches(pairs, review)
    say(
        f"{path}: {len(bad)} bad matches tie nothing, {labels} pairs have a new label, "
        f"{len(rejects)} galaxies with bad pictures are in no set"
    )
    return catalogs, pairs, bad, rejects


def _keep_apart(
    catalogs: dict[str, Catalog], apart_from: Sequence[str | Path], splitting: Splitting
) -> tuple[dict[str, Catalog], pd.DataFrame]:
    """Take galaxies of other tables out of the catalogues; return these and what was taken out."""
    import pandas as pd

    from galcat_core.datasets.split import without

    rejects = []
    for path in map(Path, apart_from):
        other, count = _placed_table(path), 0
        for survey, catalog in catalogs.items():
            catalogs[survey], taken = without(catalog, [other], splitting.duplicate_arcsec)
            rejects.append(taken)
            count += len(taken)
        if not count and not {"ra_deg", "dec_deg"} <= set(other):
            raise GalcatError(
                f"{path}: neither an id of these galaxies nor positions (ra, dec); name another "
                "table to keep apart from"
            )
        say(f"{count} galaxies stand in {path}: kept out of all sets")
    return catalogs, pd.concat(rejects, ignore_index=True)


def _placed_table(path: Path) -> pd.DataFrame:
    """Read any table, its position (as `ra`, `sdss_ra`, ...) renamed to `ra_deg`, `dec_deg`."""
    table, _ = read_table(path)
    for name in ("ra", "dec"):
        found = [c for c in table if c.lower().removesuffix("_deg").split("_")[-1] == name]
        if found:
            table = table.rename(columns={found[0]: f"{name}_deg"})
    return table


def _labelled(path: Path) -> Catalog:
    """Load a catalogue, or the rows of a store as one."""
    if not (path / "store.json").is_file():
        return load_catalog(path)
    from galcat_core.images.store import CutoutStore
    from galcat_core.records import Catalog

    store = CutoutStore.open(path)
    return Catalog(store.table, meta={"survey": store.survey})


def train(
    store: str | Path,
    split: str | Path,
    out: str | Path,
    config: Config,
    workers: int = 1,
    parent: str | Path | None = None,
) -> Run:
    """Train a network on a store and a split; write a run."""
    from galcat_core.images.store import CutoutStore
    from galcat_core.records import Split
    from galcat_core.runs import Run
    from galcat_core.training.fit import train as fit
    from galcat_core.training.start import of_parent, told

    weights = config.train.weights
    inputs = [store, split, *([parent] if parent else [])]
    begun = Run.open(parent) if parent else None
    named = of_parent(config, begun).replace(train={"weights": told(weights)})
    run = fit(
        Path(out),
        CutoutStore.open(store),
        Split.load(need(split, "file", "make it with galcat split")),
        config,
        workers=workers,
        parent=begun,
        provenance=Provenance(
            "train",
            digests(*inputs, *([weights] if Path(weights).is_file() else [])),
            settings(named.train, named.augment, workers=workers),
        ),
    )
    say(f"{out}: {run.status}; {told_metrics(run.report)}")
    return run


def told_metrics(report: dict) -> str:
    """Return the figures of a run's report in one line."""
    shown = {
        k: v
        for k, v in report.items()
        if isinstance(v, int | float | str) and not isinstance(v, bool) and k != "weights"
    }
    return ", ".join(
        f"{k.replace('_', ' ')} {v:.4g}" if isinstance(v, float) else f"{k.replace('_', ' ')} {v}"
        for k, v in shown.items()
    )


def transfer(
    run: str | Path,
    store: str | Path,
    split: str | Path,
    out: str | Path,
    config: Config,
    workers: int = 1,
    galaxies: int = 400,
    force: bool = False,
) -> pd.DataFrame:
    """Bring a run to another survey in four ways; write their runs, transfer.csv and the ROC curves."""
    for path in (run, store, split):
        need(path, "run, store or split", "make it with galcat train, cutouts, split")
    out = Path(out)
    sections = (config.train, config.augment, config.evaluate)
    work = Provenance(
        "transfer",
        digests(run, store, split),
        settings(*sections, workers=workers, galaxies=galaxies),
    )
    if folder_made_already(out, work, force):
        return read_table(out / "transfer.csv")[0]
    from galcat_core.images.store import CutoutStore
    from galcat_core.records import Split
    from galcat_core.runs import Run
    from galcat_core.training.transfer import transfer as run_all

    table = run_all(
        Run.open(run),
        CutoutStore.open(store),
        Split.load(split),
        config,
        out,
        workers=workers,
        limit=galaxies,
    )
    mark_folder(out, work)
    return table
