"""The evaluation report on files: a run + its test sets -> one HTML page and a JSON beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galcat_core.config import Config
from galcat_core.errors import GalcatError
from galcat_core.files import write_text
from galcat_core.provenance import Provenance, digest
from galcat_core.runs import BOX, Run
from galcat_core.stages.report_asked import Asked, labelled_ids, labels_for, understood
from galcat_core.stages.work import made_already, need, say, settings, spared
from galcat_core.tables import read_table

if TYPE_CHECKING:
    import pandas as pd

    from galcat_core.images.store import CutoutStore
    from galcat_core.records import Predictions


def report(
    run: str | Path | None,
    out: str | Path,
    config: Config,
    *,
    sets: Sequence[str] = (),
    split: str | Path | None = None,
    set_name: str = "test",
    labels: Sequence[str] = (),
    id_column: str = "id",
    label_column: str = "label",
    classes: dict[str, str] | None = None,
    images: Sequence[str] = (),
    pairs: str | Path | None = None,
    same_ids: bool = False,
    title: str | None = None,
    count: int = 16,
    any_recipe: bool = False,
    force: bool = False,
) -> Path:
    """Judge a run on test sets; write a self-contained HTML page and a JSON of the same name.

    Parameters
    ----------
    run : str or Path or None
        Finished; None for the model in the box.
    out : str or Path
        The page, `.html`. What is predicted on the way is kept in `NAME_predictions/` beside it.
    config : Config
        Section `evaluate`.
    sets : sequence of str
        "NAME=PATH": a cutout store, whose labelled galaxies the run predicts, or a table of
        predictions. Without any, the run's own validation galaxies.
    split, set_name
        Where labels come from: that set of the split's rows of each survey.
    labels : sequence of str
        Instead: "NAME=TABLE" with `id_column` and `label_column`, or "TABLE" for all sets. Without
        both, the labels in the store.
    classes : dict of str to str, optional
        Label -> class of the run.
    images : sequence of str
        "NAME=STORE": pictures of a table of predictions.
    pairs : str or Path, optional
        Pairs (`left_id`, `right_id`): galaxies of two sets are shown side by side.
    same_ids : bool
        Instead: galaxies of equal id in two sets are the same.
    title : str, optional
    count : int
        Galaxies in a gallery.
    any_recipe : bool
        Accept pictures that were rendered otherwise than those the run learnt from.

    Raises
    ------
    GalcatError
        A set has no labels, the run learnt from all of its galaxies, or an input is not there.
    """
    out, opened = spared(out, split, pairs), Run.open(run or BOX)
    _check(out, count, pairs, same_ids)
    asked = understood(opened, sets, split, set_name, labels, images)
    choices = {"sets": {a.name: a.set_name for a in asked}, "classes": classes, "title": title}
    choices |= {"columns": [id_column, label_column], "count": count, "same_ids": same_ids or None}
    work = Provenance("report", _inputs(opened, asked, pairs), settings(config.evaluate, **choices))
    if _page_made_already(out, work, force):
        return out
    from galcat_core.evaluation.report.lineage import ancestry
    from galcat_core.evaluation.report.page import page
    from galcat_core.evaluation.report.sets import judge

    line, judged = ancestry(opened), []
    for wanted in asked:
        told, store = _predictions(wanted, opened, out, (id_column, label_column), any_recipe)
        columns, bin_by = (id_column, label_column), config.evaluate.bin_by
        truth = labels_for(wanted, told, store, opened, columns, classes, bin_by)
        inputs = {p.name: digest(p) for p in wanted.files()}
        judged.append(judge(wanted.name, told, truth, config.evaluate, line, store, inputs))
        say(f"{wanted.name}: {judged[-1].result['n']} galaxies judged")
        for note in judged[-1].notes:
            say(f"{wanted.name}: {note}")
    html, numbers = page(
        judged,
        line,
        pairs=_twins(pairs, same_ids, judged),
        count=count,
        title=title,
        provenance=work,
    )
    write_text(out, html)
    write_text(out.with_suffix(".json"), numbers)
    say(f"{out} ({len(html) / 1e6:.1f} MB) and {out.with_suffix('.json').name}")
    return out


def _check(out: Path, count: int, pairs: str | Path | None, same_ids: bool) -> None:
    if out.suffix.lower() not in (".html", ".htm"):
        raise GalcatError(f"{out}: a report is an HTML page; name it with -o report.html")
    if count < 1:
        raise GalcatError(f"--gallery {count}: at least 1 galaxy is wanted")
    if pairs is not None and same_ids:
        raise GalcatError("--pairs and --same-ids both say which galaxies are twins; give one")
    if pairs is not None:
        need(pairs, "file", "give a table of pairs (galcat match)")


def _inputs(run: Run, asked: list[Asked], pairs: str | Path | None) -> dict[str, str]:
    """Return {"set: file": sha256} of everything that the page depends on."""
    from galcat_core.inference.look import fitted_digests

    found = {f"run {run.name}": run.digest}
    found |= fitted_digests(run.folder)
    if pairs is not None:
        found["pairs"] = digest(pairs)
    for wanted in asked:
        found |= {f"{wanted.name}: {path.name}": digest(path) for path in wanted.files()}
    return found


def _page_made_already(out: Path, work: Provenance, force: bool) -> bool:
    numbers = out.with_suffix(".json")
    if force or not out.is_file() or not numbers.is_file():
        return False
    try:
        told = json.loads(numbers.read_text()).get("provenance")
    except (ValueError, AttributeError):
        return False
    if not told or not work.same_work(Provenance(**told)):
        return False
    say(f"{out}: up to date")
    return True


def _predictions(
    wanted: Asked, run: Run, out: Path, columns: tuple[str, str], any_recipe: bool
) -> tuple[Predictions, CutoutStore | None]:
    """Load a set's predictions, or make them; with its pictures."""
    from galcat_core.images.store import CutoutStore
    from galcat_core.records import Predictions

    if not wanted.is_store:
        store = CutoutStore.open(wanted.images) if wanted.images else None
        return Predictions.load(wanted.source), store
    from galcat_core.inference.look import fitted_digests
    from galcat_core.inference.predicting import predict_to

    store = CutoutStore.open(wanted.source)
    ids = labelled_ids(wanted, run, store, columns)
    name = "".join(c if c.isalnum() else "_" for c in wanted.name.lower()).strip("_")
    path = out.with_name(f"{out.stem}_predictions") / f"{name}.parquet"
    asked = hashlib.sha256(",".join(map(str, ids)).encode()).hexdigest()
    inputs = {"run": run.digest, "store": store.digest, **fitted_digests(run.folder)}
    work = Provenance("predict", inputs, {"ids": asked})
    if made_already(path, work, False):
        return Predictions.load(path), store
    return predict_to(path, run, store, ids=ids, provenance=work, any_recipe=any_recipe), store


def _twins(pairs: str | Path | None, same_ids: bool, judged: list[Any]) -> pd.DataFrame | None:
    """Return `left_id`, `right_id` of the galaxies that two sets have in common."""
    if same_ids:
        import pandas as pd

        ids = pd.concat([j.table["id"] for j in judged]).drop_duplicates()
        return pd.DataFrame({"left_id": ids, "right_id": ids})
    if pairs is None:
        return None
    table, _ = read_table(Path(pairs))
    for name in ("left_id", "right_id"):
        if name not in table:
            raise GalcatError(
                f"{pairs}: no column '{name}'; a table of pairs has left_id and right_id"
            )
    return table
