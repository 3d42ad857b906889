"""The way from tables of a survey to a map: how far a project has come, and the command that leads on."""

from __future__ import annotations

from dataclasses import dataclass

from galcat_app.state.folder import SURVEYS
from galcat_app.state.inventory import Inventory, Network, Pictures, best_of

MAPS = ("tsne_x", "umap_x", "pca_x")  # columns of a published catalogue with a map


WAY = {  # the stages, and what each is for, in a few words
    "Catalogues": "what each survey measured",
    "Pairs": "the same galaxy in both surveys",
    "Pictures": "rendered alike, north up",
    "Networks": "learn from one, carry over to the other",
    "Labels": "a calibrated probability for each class",
    "Map": "galaxies that look alike, side by side",
}


@dataclass(frozen=True)
class Stage:
    """One of the stages that everybody goes through, for the line at the top of the page."""

    name: str
    count: str  # "1,498", or empty
    what: str  # "in 2 surveys"
    done: bool
    page: str = ""  # where it is looked at


@dataclass(frozen=True)
class Step:
    """What to do next.

    Attributes
    ----------
    title, text : str
    commands : tuple of (command, what for)
        To be run in the project's folder.
    page : str
        A page that does it, or shows what came of it; perhaps none.
    """

    title: str
    text: str
    commands: tuple[tuple[str, str], ...] = ()
    page: str = ""


def stages(found: Inventory) -> tuple[Stage, ...]:
    """Return the stages in their order."""
    catalogues, pairs = found.of_kind("catalogue"), found.of_kind("pairs")
    ready = [p for p in found.pictures if p.whole]
    finished = [n for n in found.networks if n.status == "finished"]
    labels, published = found.of_kind("predictions"), found.of_kind("published")
    mapped = with_map(found)
    surveys = {str(t.meta.get("survey", t.path)) for t in catalogues}
    rows = max((t.rows for t in (*published, *labels)), default=0)
    return (
        Stage(
            "Catalogues",
            _count(sum(t.rows for t in catalogues)),
            _surveys(len(surveys)),
            bool(catalogues),
        ),
        Stage("Pairs", _count(sum(t.rows for t in pairs)), "matched", bool(pairs), "pairs"),
        Stage(
            "Pictures",
            _count(sum(p.count for p in found.pictures)),
            _surveys(len({p.survey for p in found.pictures if not p.broken})),
            bool(ready),
        ),
        Stage(
            "Networks",
            _count(len(finished)),
            "trained" if finished else "",
            bool(finished),
            "training",
        ),
        Stage("Labels", _count(rows), "galaxies", bool(labels or published)),
        Stage("Map", _count(mapped.rows if mapped else 0), "published", bool(mapped), "explore"),
    )


def with_map(found: Inventory):
    """Return the newest published catalogue with a map; None for none."""
    there = [t for t in found.of_kind("published") if any(name in t.columns for name in MAPS)]
    return there[-1] if there else None


def next_step(found: Inventory) -> Step:
    """Return the step that leads on from what is there."""
    for step in (_begin, _catalogues, _pictures, _train, _label, _map, _judge):
        wanted = step(found)
        if wanted is not None:
            return wanted
    mapped = with_map(found)
    return Step(
        "Look at the map",
        f"{mapped.rows:,} galaxies are labelled and have a place on the map. Hover for their "
        "pictures, draw around those you want, and export them.",
        page="explore",
    )


def _begin(found: Inventory) -> Step | None:
    if not found.empty:
        return None
    return Step(
        "Begin with a simulated survey",
        "The same galaxies through an SDSS-like and a DES-like telescope: matched, rendered, a network "
        "trained on one and brought to the other, its labels on a map. Everything that you will do "
        "with a survey of your own, and the truth is known.",
    )


def _catalogues(found: Inventory) -> Step | None:
    if found.pictures or found.networks or found.of_kind("published"):
        return None
    pairs, raw = found.of_kind("pairs"), "sky" if found.sky else ""
    left = f"{raw}/sdss.csv.gz" if raw else "SDSS.csv.gz"
    right = f"{raw}/des.csv.gz" if raw else "DES.csv.gz"
    if not pairs:
        return Step(
            "Match the two surveys",
            "A cross-match finds the galaxies that both surveys have seen, with exact great-circle "
            "distances.",
            ((f"galcat match {left} {right} -o pairs.parquet", "pairs within 1 arcsec"),),
        )
    if len(found.of_kind("catalogue")) < 2:
        votes = f"{raw}/galaxy_zoo.csv.gz" if raw else "VOTES.csv.gz"
        return Step(
            "Select good galaxies",
            "Cuts on quality, and labels from the volunteers' votes, survey by survey.",
            (
                (f"galcat select {left} --votes {votes} -o catalogs/sdss.parquet", "SDSS"),
                (f"galcat select {right} --pairs pairs.parquet -o catalogs/des.parquet", "DES"),
            ),
        )
    return None


def _pictures(found: Inventory) -> Step | None:
    if found.networks or found.of_kind("published"):
        return None
    half = [p for p in found.pictures if not p.whole]
    there = {p.survey for p in found.pictures if p.whole}
    lacking = {str(t.meta.get("survey", "")): t.path for t in found.of_kind("catalogue")}
    lacking = {survey: path for survey, path in lacking.items() if survey and survey not in there}
    if half and not lacking:
        lacking = {p.survey: f"catalogs/{p.survey}.parquet" for p in half}
    if not lacking:
        return None
    pairs = " --pairs pairs.parquet" if found.of_kind("pairs") else ""
    sky = "sky/tiles/{}" if found.sky else "tiles/{}"
    text = "Each galaxy is cut out of its survey's tiles and rendered by one recipe."
    if half:
        text += " What was begun goes on where it stopped."
    return Step(
        "Finish the pictures" if half else "Cut out the pictures",
        text,
        tuple(
            (f"galcat cutouts {path} --tiles {sky.format(s)}{pairs} -o cutouts/{s}", shown(s))
            for s, path in lacking.items()
        ),
    )


def _train(found: Inventory) -> Step | None:
    if found.of_kind("published") or any(n.status == "finished" for n in found.networks):
        return None
    split = found.of_kind("split")
    if not split and not found.networks:
        tables = [t.path for t in found.of_kind("catalogue")] or [p.path for p in found.pictures]
        pairs = " --pairs pairs.parquet" if found.of_kind("pairs") else ""
        return Step(
            "Split the galaxies",
            "Into those to learn from, to validate and to test with: no galaxy, nor its twin in the "
            "other survey, stands on two sides.",
            ((f"galcat split {' '.join(tables)}{pairs} -o split.parquet", "a split"),),
        )
    running = [n for n in found.networks if n.status == "running"]
    if running:
        return Step(
            f"{running[-1].name} is being trained",
            f"Epoch {running[-1].epochs} of {running[-1].asked_epochs} is done; this page follows it.",
            page="training",
        )
    stopped = [n for n in found.networks if n.status == "interrupted"]
    store = learnt_from(found)
    path = stopped[-1].path if stopped else f"runs/{store.survey if store else 'first'}"
    command = (
        f"galcat train {store.path if store else 'cutouts/sdss'} --split split.parquet -o {path}"
    )
    return Step(
        "Go on with the training" if stopped else "Train a network",
        f"{path} stopped after epoch {stopped[-1].epochs}; the same command goes on to the same weights."
        if stopped
        else "On the survey that has labels; the Training page shows the curves as they grow.",
        ((f"{command} --workers 2", "two processes"),),
        "training",
    )


def _label(found: Inventory) -> Step | None:
    if found.of_kind("published"):
        return None
    best = best_of(found.networks)
    other = [p for p in found.pictures if p.whole and p.survey != best.survey] if best else []
    brought = {n.survey for n in found.networks if n.parent}
    if best and other and other[0].survey not in brought and found.of_kind("split"):
        name = shown(other[0].survey)
        return Step(
            f"Bring the network to {name}",
            f"It has learnt from {shown(best.survey)}. Transfer trains it on a few galaxies of {name} "
            "in three ways and judges all of them on galaxies that it has not seen.",
            (
                (
                    f"galcat transfer {best.path} {other[0].path} --split split.parquet -o transfer",
                    "as it is, head only, all layers, from scratch",
                ),
            ),
            "training",
        )
    chosen, store = to_predict(found)
    if not _unlabelled(found):
        return Step(
            "Label the other galaxies",
            "A probability for each class, calibrated, for galaxies that nobody has looked at.",
            ((f"galcat predict {_chosen(found, chosen, store)} -o predictions.parquet", "labels"),),
        )
    return None


def _map(found: Inventory) -> Step | None:
    if with_map(found):
        return None
    network, store = to_predict(found)
    chosen = _chosen(found, network, store)
    predictions = _unlabelled(found) or "predictions.parquet"
    catalogue = next(
        (
            t.path
            for t in found.of_kind("catalogue")
            if store and t.meta.get("survey") == store.survey
        ),
        "catalogs/des.parquet",
    )
    commands = []
    paths = {}
    for kind, command, purpose in (
        ("features", f"galcat embed {chosen}", "the network's features"),
        ("map", "galcat project {features}", "t-SNE and UMAP"),
        ("clusters", f"galcat cluster {{features}} --predictions {predictions}", "clusters"),
    ):
        made = found.of_kind(kind)
        name = {"features": "embedding"}.get(kind, kind)
        paths[kind] = made[-1].path if made else f"{name}.parquet"
        if not made:
            commands.append((f"{command.format(**paths)} -o {paths[kind]}", purpose))
    publish = f"galcat publish {catalogue} {predictions} --map {paths['map']} --clusters {paths['clusters']}"
    commands.append((f"{publish} -o catalogue.fits catalogue.parquet", "the catalogue"))
    return Step(
        "Draw the map, publish the catalogue",
        "Galaxies that look alike to the network lie side by side on the map.",
        tuple(commands),
    )


def _judge(found: Inventory) -> Step | None:
    """A finished network whose scores nobody has seen."""
    best = best_of(found.networks)
    if best is None or not found.of_kind("split") or any(n.scores for n in found.networks):
        return None
    sets = " ".join(f'"{shown(p.survey)} test={p.path}"' for p in found.pictures if p.whole)
    pairs = " --pairs pairs.parquet" if found.of_kind("pairs") else ""
    return Step(
        "Judge the network",
        "One page with every measure, curve and gallery on galaxies that it has not seen; it appears "
        "here when it is made.",
        (
            (
                f"galcat report {best.path} --set {sets} --split split.parquet{pairs} -o report.html",
                "the evaluation report",
            ),
        ),
    )


def learnt_from(found: Inventory) -> Pictures | None:
    """Return the pictures to train on: those of a survey with labels of its own, SDSS before others."""
    ready = [p for p in found.pictures if p.whole]
    return min(ready, key=lambda p: (p.survey != "sdss", p.path), default=None)


def to_predict(found: Inventory) -> tuple[Network | None, Pictures | None]:
    """Return the network that labels, and the pictures that it labels."""
    finished = [n for n in found.networks if n.status == "finished"]
    brought = [n for n in finished if n.parent]
    network = best_of(tuple(brought)) or best_of(tuple(finished))
    ready = [p for p in found.pictures if p.whole]
    own = [p for p in ready if network and p.survey == network.survey]
    return network, next(iter([*own, *ready]), None)


def _chosen(found: Inventory, network: Network | None, store: Pictures | None) -> str:
    rest = " --split split.parquet --set unlabelled" if found.of_kind("split") else ""
    pictures = store.path if store else "cutouts/des"
    return f"{pictures} --run {network.path if network else 'RUN'}{rest}"


def _unlabelled(found: Inventory) -> str:
    """Return the predictions that are no test's."""
    there = [
        t.path
        for t in found.of_kind("predictions")
        if (t.meta.get("provenance") or {}).get("settings", {}).get("set") != "test"
        and not t.path.startswith("transfer/")
    ]
    return there[-1] if there else ""


def shown(survey: str) -> str:
    """Return a survey's name as people write it."""
    return SURVEYS.get(survey, survey)


def _count(number: int) -> str:
    return f"{number:,}" if number else ""


def _surveys(number: int) -> str:
    return f"in {number} survey{'s' * (number > 1)}" if number else ""
