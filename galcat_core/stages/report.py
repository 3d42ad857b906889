"""The evaluation report on files: a run + its test sets -> one HTML page and a JSON beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galcat_core.config import Config
from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.files import write_text
from galcat_core.provenance import Provenance, digest
from galcat_core.stages.labelling import BOX
from galcat_core.stages.work import made_already, need, say, settings, spared
from galcat_core.tables import read_table

if TYPE_CHECKING:
    import pandas as pd

    from galcat_core.images.store import CutoutStore
    from galcat_core.records import Predictions
    from galcat_core.runs import Run

VALIDATION = "validation galaxies"


@dataclass(frozen=True)
class Asked:
    """One test set as it was asked for: pictures or predictions, and where its labels are."""

    name: str
    source: Path
    labels: Path | None
    images: Path | None
    split: Path | None
    set_name: str

    @property
    def is_store(self) -> bool:
        return (self.source / "store.json").is_file()

    def files(self) -> list[Path]:
        """Return everything that it reads."""
        return [p for p in (self.source, self.labels, self.images, self.split) if p is not None]


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
    from galcat_core.runs import Run

    out, opened = spared(out, split, pairs), Run.open(run or BOX)
    _check(out, count, pairs, same_ids)
    asked = _asked(opened, sets, split, set_name, labels, images)
    choices = {"sets": {a.name: a.set_name for a in asked}, "classes": classes, "title": title}
    choices |= {"columns": [id_column, label_column], "count": count, "same_ids": same_ids or None}
    work = Provenance("report", _inputs(opened, asked, pairs), settings(config.evaluate, **choices))
    if _page_made_already(out, work, force):
        return out
    from galcat_core.evaluation.report_lineage import ancestry
    from galcat_core.evaluation.report_page import page
    from galcat_core.evaluation.report_sets import judge

    line, judged = ancestry(opened), []
    for wanted in asked:
        told, store = _predictions(wanted, opened, out, (id_column, label_column), any_recipe)
        truth = _labels(wanted, told, store, opened, (id_column, label_column), classes)
        truth = _with_columns(truth, store, config.evaluate.bin_by)
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


def _asked(
    run: Run,
    sets: Sequence[str],
    split: str | Path | None,
    set_name: str,
    labels: Sequence[str],
    images: Sequence[str],
) -> list[Asked]:
    """Understand the arguments: one entry a test set."""
    split = need(split, "file", "make it with galcat split") if split else None
    named = dict(_named(item, "--set") for item in sets)
    if len(named) < len(sets):
        raise GalcatError("--set: two test sets have one name; name each apart: NAME=PATH")
    if not sets:
        told = (run.info.get("store") or {}).get("path", "")
        mend = "name test sets with --set NAME=STORE or NAME=TABLE"
        need(run.folder / "samples.parquet", "table of the run's validation galaxies", mend)
        store = need(run.folder / told, "store", mend)
        named = {VALIDATION: store}
    tables = _by_set(labels, named, "--labels")
    stores = _by_set(images, named, "--images")
    made = []
    for name, source in named.items():
        need(source, "store or table", "give a cutout store or a table of predictions")
        if source.is_dir() and not (source / "store.json").is_file():
            raise GalcatError(
                f"{source}: no cutout store (no store.json in it); make one of the pictures with "
                "galcat cutouts"
            )
        table = tables.get(name)
        own = split if table is None and sets else None
        made.append(Asked(name, source, table, stores.get(name), own, set_name))
    return made


def _named(item: str, flag: str) -> tuple[str, Path]:
    """Part "NAME=PATH"; a path alone is named by its file."""
    if "=" not in item or Path(item).exists():
        return Path(item).name.split(".")[0].replace("_", " "), Path(item)
    name, path = item.split("=", 1)
    if not name.strip() or not path.strip():
        raise GalcatError(f'{flag} {item}: write NAME=PATH, for example "DES test=cutouts/des"')
    return name.strip(), Path(path.strip())


def _by_set(items: Sequence[str], names: dict[str, Path], flag: str) -> dict[str, Path]:
    """Return the path for each set: "NAME=PATH" for one, "PATH" for all."""
    found: dict[str, Path] = {}
    for item in items:
        alone = "=" not in item or Path(item).exists()
        name, path = (None, Path(item)) if alone else _named(item, flag)
        if name is not None and name not in names:
            raise GalcatError(
                f"{flag} {item}: there is no test set '{name}'; there are {listed(names)}."
                f"{nearest(name, names)}"
            )
        need(path, "file or store", "give a table, or a cutout store")
        for chosen in names if name is None else [name]:
            found[chosen] = path
    return found


def _inputs(run: Run, asked: list[Asked], pairs: str | Path | None) -> dict[str, str]:
    """Return {"set: file": sha256} of everything that the page depends on."""
    found = {f"run {run.name}": run.digest}
    found |= _fitted(run)
    if pairs is not None:
        found["pairs"] = digest(pairs)
    for wanted in asked:
        found |= {f"{wanted.name}: {path.name}": digest(path) for path in wanted.files()}
    return found


def _fitted(run: Run) -> dict[str, str]:
    """Return the digests of what is fitted to a run after its training, as far as it is there."""
    from galcat_core.embeddings import domain
    from galcat_core.evaluation import calibration

    files = [run.folder / room.FILE for room in (calibration, domain)]
    return {file.name: digest(file) for file in files if file.is_file()}


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
    from galcat_core.inference import predict_to

    store = CutoutStore.open(wanted.source)
    ids = _labelled_ids(wanted, run, store, columns)
    name = "".join(c if c.isalnum() else "_" for c in wanted.name.lower()).strip("_")
    path = out.with_name(f"{out.stem}_predictions") / f"{name}.parquet"
    asked = hashlib.sha256(",".join(map(str, ids)).encode()).hexdigest()
    inputs = {"run": run.digest, "store": store.digest, **_fitted(run)}
    work = Provenance("predict", inputs, {"ids": asked})
    if made_already(path, work, False):
        return Predictions.load(path), store
    return predict_to(path, run, store, ids=ids, provenance=work, any_recipe=any_recipe), store


def _labelled_ids(wanted: Asked, run: Run, store: CutoutStore, columns: tuple[str, str]) -> list:
    """Return the ids that have a label and a picture, sorted."""
    rows = _given_labels(wanted, run, store, columns, None)
    rows = rows[rows["label"].notna() & rows["id"].isin(store.ids)]
    if rows.empty:
        raise GalcatError(
            f"test set '{wanted.name}': no labelled galaxy has a picture in {store.path}; give the "
            "labels of the same galaxies (--split TABLE, or --labels TABLE)"
        )
    return sorted(rows["id"])


def _labels(
    wanted: Asked,
    told: Predictions,
    store: CutoutStore | None,
    run: Run,
    columns: tuple[str, str],
    classes: dict[str, str] | None,
) -> pd.DataFrame:
    """Return `id`, `label` and, where known, `certain`, in the run's classes."""
    rows = _given_labels(wanted, run, store, columns, told)
    if classes:
        rows = rows.assign(label=rows["label"].map(lambda name: classes.get(name, name)))
    return rows.reset_index(drop=True)


def _with_columns(rows: pd.DataFrame, store: CutoutStore | None, wanted: list[str]) -> pd.DataFrame:
    """Keep what is judged by; columns that galaxies are binned by may stand in the store too."""
    kept = [c for c in ("id", "label", "certain", *wanted) if c in rows]
    missing = [c for c in wanted if c not in rows and store is not None and c in store.table]
    if missing:
        return rows[kept].merge(store.table[["id", *missing]], on="id", how="left")
    return rows[kept]


def _given_labels(
    wanted: Asked,
    run: Run,
    store: CutoutStore | None,
    columns: tuple[str, str],
    told: Predictions | None,
) -> pd.DataFrame:
    """Read a set's labels from its table, the split, the run's samples, or the store."""
    if wanted.labels is not None:
        return _table(wanted.labels, columns)
    if wanted.split is not None:
        return _of_split(wanted, store, told)
    if wanted.name == VALIDATION:
        samples = run.samples
        return samples[samples["set"] == "validation"]
    if store is not None and "label" in store.table:
        return store.table
    raise GalcatError(
        f"test set '{wanted.name}' has no labels: give --split TABLE, or --labels "
        f'"{wanted.name}=TABLE"'
    )


def _table(path: Path, columns: tuple[str, str]) -> pd.DataFrame:
    table, _ = read_table(path)
    for name, flag in zip(columns, ("--id-column", "--label-column"), strict=True):
        if name not in table:
            raise GalcatError(
                f"{path}: no column '{name}'; there are {listed(table.columns, 30)}: name it with "
                f"{flag}.{nearest(name, table.columns)}"
            )
    names = dict(zip(columns, ("id", "label"), strict=True))
    clash = [name for name in names.values() if name not in names]
    return table.drop(columns=clash, errors="ignore").rename(columns=names)


def _of_split(wanted: Asked, store: CutoutStore | None, told: Predictions | None) -> pd.DataFrame:
    from galcat_core.records import Split

    sets = Split.load(wanted.split)
    survey = store.survey if store is not None else told.meta.get("survey")
    rows = sets.rows(survey, wanted.set_name)
    if survey is None:  # a table without its survey: by the ids
        rows = rows[rows["id"].isin(told.table["id"])].drop_duplicates("id")
    rows = rows[rows["label"].notna()]
    if rows.empty:
        raise GalcatError(
            f"test set '{wanted.name}': {wanted.split} has no labelled galaxy of survey '{survey}' in "
            f"its set '{wanted.set_name}'; name another with --split-set ({listed(Split.SETS)})"
        )
    return rows


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
