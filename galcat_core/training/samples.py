"""Split + store + settings -> the galaxies that a run learns and is validated on, each with label and weight."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.images.store import Flag
from galcat_core.records import Split
from galcat_core.sections import Train

if TYPE_CHECKING:
    from galcat_core.images.store import CutoutStore
    from galcat_core.runs import Run

SETS = ("train", "validation")
FEWEST_VALIDATION = 50  # a limit cuts the validation set in proportion, but not below this


@dataclass(frozen=True)
class Samples:
    """What `choose` chose.

    Attributes
    ----------
    table : pandas.DataFrame
        `id`, `set` ("train", "validation"), `label` (class name), `weight` (in the loss); by set and id.
    rejects : pandas.DataFrame
        `id`, `reason`: labelled galaxies that cannot be used.
    classes : list of str
        [negative, positive].
    left_out : dict of str to int
        How many usable galaxies the settings left out, by setting.
    """

    table: pd.DataFrame
    rejects: pd.DataFrame
    classes: list[str]
    left_out: dict[str, int]

    @property
    def digest(self) -> str:
        """The sha256 of ids, sets, labels and weights."""
        return hashlib.sha256(self.table.to_csv(index=False).encode()).hexdigest()

    def summary(self) -> dict[str, Any]:
        """Return the counts and the digest, for `run.json`."""
        counts = {
            name: {
                label: int(((self.table["set"] == name) & (self.table["label"] == label)).sum())
                for label in self.classes
            }
            for name in SETS
        }
        reasons = self.rejects["reason"].value_counts().sort_index()
        return {
            **counts,
            "left_out": self.left_out,
            "rejected": {str(k): int(v) for k, v in reasons.items()},
            "digest": self.digest,
        }


def choose(
    store: CutoutStore,
    split: Split,
    settings: Train,
    survey: str | None = None,
    parent: Run | None = None,
) -> Samples:
    """Choose the labelled galaxies of a survey that have a picture.

    Parameters
    ----------
    store : CutoutStore
    split : Split
    settings : Train
        `certain_only`, `limit`, `class_weights`, `positive` and `seed` count here.
    survey : str, optional
        Whose rows of the split (default: the store's).
    parent : Run, optional
        The run whose weights are learnt on: the classes are its classes.

    Raises
    ------
    GalcatError
        No galaxy of the survey has label and picture, there are not exactly two classes, or
        nothing is left to validate on.
    """
    survey = survey or store.survey
    labelled = _labelled(split, survey)
    table, left_out = labelled, {}
    if settings.certain_only:
        table = labelled[labelled["certain"].eq(True)]
        left_out["uncertain"] = len(labelled) - len(table)
    table, rejects = _with_pictures(table, store)
    classes = _classes(table[table["set"] == "train"], settings, survey, parent)
    table = _known_classes(table, classes)
    if not (table["set"] == "validation").any():
        raise GalcatError(
            f"no galaxy of survey '{survey}' is left to validate on; raise split.validation or give "
            "more labelled galaxies"
        )
    if settings.limit:
        if settings.limit < len(classes):
            raise GalcatError(
                f"train.limit = {settings.limit}: at least {len(classes)} is legal, one galaxy of "
                "each class; 0 takes all"
            )
        usable = len(table)
        table = _limited(table, settings)
        left_out["limit"] = usable - len(table)
    table = table.assign(weight=_weights(table, classes, settings.class_weights))
    table = table[["id", "set", "label", "weight"]].reset_index(drop=True)
    return Samples(table, rejects, classes, left_out)


def _labelled(split: Split, survey: str) -> pd.DataFrame:
    rows = split.rows(survey)
    if not len(rows):
        there = sorted(split.table["survey"].unique())
        raise GalcatError(
            f"the split has no galaxy of survey '{survey}'; it has {listed(there)}."
            f"{nearest(survey, there)}"
        )
    rows = rows[rows["set"].isin(SETS) & rows["label"].notna()]
    if not len(rows):
        raise GalcatError(
            f"no galaxy of survey '{survey}' in the training and validation sets has a label; "
            "label the catalogue (votes, or a label column) before splitting it"
        )
    rows = rows.assign(label=rows["label"].astype(str))
    return rows.sort_values(["set", "id"], kind="stable").reset_index(drop=True)


def _with_pictures(table: pd.DataFrame, store: CutoutStore) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part galaxies with a picture from those without, or with one where nothing is seen."""
    place = pd.Index(store.ids).get_indexer(table["id"])
    flags = store.table["flags"].to_numpy()[place] if len(store) else np.zeros(len(table), int)
    reason = np.where(
        place < 0, "no picture in the store", np.where(flags & Flag.BLANK, "blank picture", "")
    )
    good = reason == ""
    if not good.any():
        ids, there = listed(table["id"][:2]), listed(store.ids[:2])
        raise GalcatError(
            f"none of the {len(table)} labelled galaxies has a picture in {store.path} (ids such as "
            f"{ids}; the store's: {there}); give the store and the split of the same catalogue"
        )
    rejects = pd.DataFrame({"id": table["id"][~good], "reason": reason[~good]})
    return table[good], rejects.reset_index(drop=True)


def _classes(train: pd.DataFrame, settings: Train, survey: str, parent: Run | None) -> list[str]:
    """Return [negative, positive]."""
    found = sorted(train["label"].unique())
    if len(found) != 2:
        what = f"only the class '{found[0]}'" if len(found) == 1 else f"{len(found)} classes"
        told = f" ({listed(found, 5)})" if len(found) > 2 else ""
        raise GalcatError(
            f"the training galaxies of survey '{survey}' have {what}{told}; galaxies of two classes "
            "are wanted"
        )
    if parent is not None:
        if found != sorted(parent.classes):
            raise GalcatError(
                f"the galaxies are {listed(found)}, the run {parent.folder} knows "
                f"{listed(parent.classes)}; label them with the run's classes"
            )
        return parent.classes
    positive = settings.positive or ("spiral" if "spiral" in found else found[-1])
    if positive not in found:
        raise GalcatError(
            f"train.positive = '{positive}': the classes are {listed(found)}."
            f"{nearest(positive, found)}"
        )
    return [next(name for name in found if name != positive), positive]


def _known_classes(table: pd.DataFrame, classes: list[str]) -> pd.DataFrame:
    strange = sorted(set(table["label"]) - set(classes))
    if strange:
        raise GalcatError(
            f"galaxies to validate on have the label {listed(strange)}, which none to train on has; "
            f"the classes are {listed(classes)}"
        )
    return table


def _limited(table: pd.DataFrame, settings: Train) -> pd.DataFrame:
    """Draw `limit` training galaxies and as large a part of the validation set, class by class."""
    rng = np.random.default_rng([settings.seed, 3])
    here = table["set"] == "train"
    part = min(1.0, settings.limit / here.sum())
    check = (~here).sum()
    wanted = {
        "train": min(settings.limit, here.sum()),
        "validation": min(check, max(round(part * check), FEWEST_VALIDATION)),
    }
    kept = np.concatenate(
        [_drawn(table[table["set"] == name], count, rng) for name, count in wanted.items()]
    )
    return table.loc[np.sort(kept)]


def _drawn(table: pd.DataFrame, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw `count` rows so that each class keeps its share, and at least one row."""
    order = table.index.to_numpy()[rng.permutation(len(table))]
    label = table["label"].loc[order]
    # place of each row within its class, in units of the class: taking the smallest keeps the shares
    rank = label.groupby(label).cumcount() / label.groupby(label).transform("size")
    return order[np.argsort(rank.to_numpy(), kind="stable")[:count]]


def _weights(table: pd.DataFrame, classes: list[str], balance: bool) -> np.ndarray:
    """Weight of each row: n / (2 n_class) of the training set, or 1."""
    if not balance:
        return np.ones(len(table))
    counts = table.loc[table["set"] == "train", "label"].value_counts()
    weight = {name: counts.sum() / (len(classes) * counts[name]) for name in classes}
    return table["label"].map(weight).to_numpy(float)
