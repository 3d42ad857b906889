"""The whole path on a simulated survey: every stage in order, a table of results, the dashboards."""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd

from galcat_core import stages
from galcat_core.config import Config
from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.jobs.folder import FOLDER as JOBS
from galcat_core.records import Split
from galcat_core.results import project_tables, show
from galcat_core.tables import read_table

# What a demonstration may take on two cores; a survey of one's own takes the defaults.
DEMO = {
    "simulate": {"overlap": 1500, "unlabelled": 600},
    "train": {"epochs": 11, "patience": 5, "plateau_patience": 2, "fine_tune_epochs": 5},
    "augment": {"blur_px": 0.6, "noise": 0.02},
}
CARRIED = ("MAG_AUTO_G", "MAG_AUTO_R", "MAG_AUTO_I", "KRON_RADIUS")  # into the catalogue
GALAXIES = 300  # of DES to learn from: as many as Dominguez Sanchez et al. 2019 take for bars
REPORT = "report.html"  # in the project's folder
ATLAS = "atlas.html"  # its map, with pictures
QUICK = {
    "simulate": {"overlap": 300, "unlabelled": 150},
    "train": {"epochs": 3, "fine_tune_epochs": 2},
    "evaluate": {"bootstrap": 200},
}


def demo(
    out: str | Path,
    config: Config | None = None,
    workers: int = 2,
    quick: bool = False,
    app: bool = True,
    port: int = 8866,
) -> None:
    """Simulate, match, cut out, split, train, transfer, label, map, cluster, publish; then serve.

    Run again it makes only what is missing or changed, so that a second run takes seconds; killed at
    any moment it goes on where it was.

    Parameters
    ----------
    out : str or Path
        Project folder.
    config : Config or None
        Settings; None for those of a demonstration (`DEMO`).
    workers : int
        Training processes; one where Horovod is not installed.
    quick : bool
        A smaller sky and fewer epochs.
    app : bool
        Serve the dashboards at the end, until Ctrl-C.
    port : int
        Port of the dashboards, or the next free one.
    """
    started, project = time.monotonic(), Path(out)
    config = config or Config().replace(**DEMO)
    if quick:
        config = config.replace(**QUICK)
    workers = _workers_to_be_had(workers)
    prepare(project, config, workers=workers)
    _show(project, config)
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    print(
        f"\nDone in {minutes} min {seconds} s. Everything is in {project}/; its catalogue is "
        f"{project}/catalogue.fits (and .parquet), its evaluation report and its map, pages "
        f"that open in any browser, {project / REPORT} and {project / ATLAS}.",
        flush=True,
    )
    if app:
        from galcat_app.server import run

        run(project, port=port)
    else:
        print(f"See it in the browser: galcat app {project}", flush=True)


def prepare(project: str | Path, config: Config, until: str = "label", workers: int = 1) -> Path:
    """Make the project of a demonstration up to one of its parts, and keep what is there already.

    Parameters
    ----------
    project : str or Path
        Project folder.
    config : Config
    until : str
        The last part that is made: "catalogues", "pictures", "learn" or "label".
    workers : int
        Training processes.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    GalcatError
        There is no such part, or the folder holds something else.
    """
    project = Path(project)
    if until not in PARTS:
        raise GalcatError(f"until = '{until}': legal are {listed(PARTS)}.{nearest(until, PARTS)}")
    check_place(project)
    for name, part in PARTS.items():
        part(project, config, workers)
        if name == until:
            break
    return project


def check_place(project: Path) -> None:
    """Refuse a folder of somebody's own, between whose files those of a project would be lost."""
    if project.is_file():
        raise GalcatError(f"{project} is a file: name a folder with -o")
    here = project.iterdir() if project.is_dir() else iter(())
    strange = any(path.name != JOBS for path in here)  # it may itself be run as a job
    if strange and not (project / "sky").is_dir():
        raise GalcatError(f"{project} is not empty and holds no demonstration: name another -o")


def _workers_to_be_had(wanted: int) -> int:
    if wanted < 1:
        raise GalcatError(f"--workers {wanted}: at least 1 is wanted")
    from galcat_core.training.distributed import has_horovod

    if wanted > 1 and not has_horovod():
        stages.say("Horovod is not installed here: training goes on with one process")
        return 1
    return wanted


def _step(number: int, what: str) -> None:
    stages.say(f"\n[{number}/5] {what}")


def _catalogues(project: Path, config: Config, _workers: int) -> None:
    _step(1, "A small sky through two telescopes; cross-match; labels from votes")
    sky, catalogs = project / "sky", project / "catalogs"
    stages.simulate(sky, config)
    stages.match(sky / "sdss.csv.gz", sky / "des.csv.gz", project / "pairs.parquet", config)
    stages.select(
        sky / "sdss.csv.gz", catalogs / "sdss.parquet", config, votes=sky / "galaxy_zoo.csv.gz"
    )
    stages.select(
        sky / "des.csv.gz", catalogs / "des.parquet", config, pairs=project / "pairs.parquet"
    )
    stages.split(
        [catalogs / "sdss.parquet", catalogs / "des.parquet"],
        project / "split.parquet",
        config,
        pairs=project / "pairs.parquet",
    )


def _pictures(project: Path, config: Config, _workers: int) -> None:
    _step(2, "The same galaxies as both telescopes saw them")
    for survey in ("sdss", "des"):
        stages.cutouts(
            project / "cutouts" / survey,
            config,
            catalog=project / f"catalogs/{survey}.parquet",
            tiles=project / f"sky/tiles/{survey}",
            pairs=project / "pairs.parquet",
        )


def _learn(project: Path, config: Config, workers: int) -> None:
    _step(
        3, f"Train on SDSS with {workers} process{'es' * (workers > 1)}; evaluate; transfer to DES"
    )
    split, cutouts, runs = project / "split.parquet", project / "cutouts", project / "runs"
    stages.train(cutouts / "sdss", split, runs / "sdss", config, workers)
    for survey in ("sdss", "des"):
        table = project / f"predictions/{survey}_by_sdss.parquet"
        stages.predict(cutouts / survey, table, run=runs / "sdss", split=split, set_name="test")
        stages.evaluate(
            table,
            project / f"report/{survey}_test",
            config,
            split=split,
            images=cutouts / survey,
        )
    stages.transfer(
        runs / "sdss", cutouts / "des", split, project / "transfer", config, workers, GALAXIES
    )


def _label(project: Path, config: Config, _workers: int) -> None:
    _step(4, "Label all DES galaxies, which few had labelled; features, maps, clusters; publish")
    run, store = project / "transfer/all_layers", project / "cutouts/des"
    predictions = stages.predict(store, project / "predictions/des.parquet", run=run)
    embedding = stages.embed(store, project / "embeddings/des.parquet", run=run)
    maps = stages.project(embedding, project / "maps/des.parquet", config)
    clusters = stages.cluster(embedding, project / "clusters/des.parquet", config, predictions)
    stages.publish(
        project / "catalogs/des.parquet",
        predictions,
        [project / "catalogue.parquet", project / "catalogue.fits"],
        maps,
        clusters,
        columns=CARRIED,
    )
    stages.atlas(
        project / "catalogue.parquet",
        project / ATLAS,
        project / "cutouts/des",
        title=f"{project.resolve().name}: galaxies of DES, labelled by votes or by nobody",
    )


PARTS = {"catalogues": _catalogues, "pictures": _pictures, "learn": _learn, "label": _label}


def _show(project: Path, config: Config) -> None:
    _step(5, "Results")
    _report(project, config)
    show(*project_tables(project))
    truth = read_table(project / "sky/truth.parquet")[0]
    catalogue = read_table(project / "catalogue.parquet")[0]
    unlabelled = Split.load(project / "split.parquet").rows("des", "unlabelled")["id"]
    print(f"\n{_against_truth(catalogue[catalogue['id'].isin(unlabelled)], truth)}")


def _report(project: Path, config: Config) -> None:
    """Write the page that judges the SDSS network on both surveys, from the predictions that are there."""
    named = {f"{survey.upper()} test": survey for survey in ("sdss", "des")}
    stages.report(
        project / "runs/sdss",
        project / REPORT,
        config,
        sets=[f"{name}={project}/predictions/{of}_by_sdss.parquet" for name, of in named.items()],
        images=[f"{name}={project}/cutouts/{of}" for name, of in named.items()],
        split=project / "split.parquet",
        pairs=project / "pairs.parquet",
        title="A network trained on SDSS, judged on SDSS and on DES (simulated sky)",
    )


def _against_truth(catalogue: pd.DataFrame, truth: pd.DataFrame) -> str:
    """Tell how the labels of unlabelled galaxies compare with what the simulation knows."""
    known = catalogue.merge(truth, left_on="id", right_on="des_id", suffixes=("", "_true"))
    right = (known["predicted"] == known["truth_class"]).mean()
    counts = catalogue["predicted"].value_counts().to_dict()
    told = ", ".join(f"{n} {name}" for name, n in sorted(counts.items()))
    return (
        f"{len(catalogue)} galaxies that nobody had labelled: {told}; the simulation's truth agrees "
        f"for {100 * right:.1f}% of them."
    )
