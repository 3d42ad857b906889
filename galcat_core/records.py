"""The records that flow from stage to stage: each holds a table, checks itself, saves and loads."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from galcat_core.columns import notes_of
from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.provenance import Provenance
from galcat_core.tables import check_ids, exact_ids, read_table, write_table

WRITTEN_BY = {  # the verb that writes each kind
    "Catalog": "select",
    "Pairs": "match",
    "Review": "app (its page Pairs)",
    "Split": "split",
    "Predictions": "predict",
    "Embedding": "embed",
    "Projection": "project",
    "Clusters": "cluster",
    "Catalogue": "publish",
}


@dataclass(frozen=True)
class Record:
    """A table with the columns that its kind requires, and where it came from.

    Attributes
    ----------
    table : pandas.DataFrame
        One row an object (a pair, for `Pairs`); index 0..n-1.
    provenance : Provenance or None
    meta : dict
        What else the kind keeps (JSON types).
    path : Path or None
        The file that it was loaded from; None for one that was made, or changed, since.

    Raises
    ------
    GalcatError
        A column is missing or an id is not exact (see `check_ids`).
    """

    table: pd.DataFrame
    provenance: Provenance | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    path: Path | None = field(default=None, init=False, repr=False, compare=False)

    required: ClassVar[tuple[str, ...]] = ("id",)
    keys: ClassVar[tuple[str, ...]] = ("id",)

    def __post_init__(self) -> None:
        kind = type(self).__name__
        for name in self.required:
            if name not in self.table.columns:
                raise GalcatError(
                    f"{kind}: column '{name}' is missing; there are "
                    f"{listed(self.table.columns)}.{nearest(name, self.table.columns)}"
                )
        table = self.table.reset_index(drop=True)  # a copy: the caller's stays as it is
        for name in ("id", "left_id", "right_id"):
            if name in table:
                check = check_ids if self.keys == (name,) else exact_ids
                table[name] = check(table[name], kind)
        if len(self.keys) > 1 and table.duplicated(list(self.keys)).any():
            raise GalcatError(
                f"{kind}: rows with the same {' and '.join(self.keys)} stand more than once; "
                "keep one of each"
            )
        object.__setattr__(self, "table", table)

    def __len__(self) -> int:
        return len(self.table)

    @property
    def ids(self) -> np.ndarray:
        """Object ids, (N,), int64 (or str where a picture's file name is its id)."""
        return self.table["id"].to_numpy()

    def save(self, path: str | Path) -> None:
        """Write to Parquet, CSV, FITS or VOTable by suffix, provenance inside."""
        meta = {"kind": type(self).__name__, **self.meta}
        if self.provenance is not None:
            meta["provenance"] = asdict(self.provenance)
        write_table(self.table, path, meta, notes_of(self.table.columns))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote; another kind of record is refused with its name."""
        table, meta = read_table(path)
        kind = meta.pop("kind", cls.__name__)
        if kind != cls.__name__:
            raise GalcatError(
                f"{path} holds {kind}, not {cls.__name__}: give a table that galcat "
                f"{WRITTEN_BY[cls.__name__]} wrote"
            )
        provenance = meta.pop("provenance", None)
        try:
            loaded = cls(table, Provenance(**provenance) if provenance else None, meta)
        except GalcatError as error:
            raise GalcatError(f"{path}: {error}") from error
        object.__setattr__(loaded, "path", Path(path))
        return loaded


class Catalog(Record):
    """Objects of one survey: `id`, `ra_deg`, `dec_deg` and the survey's own columns.

    `meta["survey"]` names the survey. Sentinels are NaN. Optional columns that stages use:
    `size_arcsec` (radius that scales the cutout), `label` (class name), `certain` (bool: the votes
    pass the thresholds), `tile` (the FITS tile that holds the object).
    """

    required = ("id", "ra_deg", "dec_deg")

    @property
    def survey(self) -> str:
        return self.meta.get("survey", "unknown")


class Pairs(Record):
    """Matches of two catalogues: `left_id`, `right_id`, `separation_arcsec`, `ambiguous` (bool).

    `meta["left_survey"]`, `meta["right_survey"]` name the surveys. A left object stands once.
    """

    required = ("left_id", "right_id", "separation_arcsec", "ambiguous")
    keys = ("left_id",)


class Review(Record):
    """What somebody who looked at pairs says of them, one row a pair.

    `left_survey`, `left_id`, `right_survey`, `right_id` name the pair. `bad_match` (bool): the two are
    not one galaxy. `bad_left_image`, `bad_right_image` (bool): the picture is of no use. `label`: the
    class that both have, or None; of a bad match it counts for nothing. `note`, `reviewed_at` (UTC)
    may stand beside.
    """

    MARKS: ClassVar[tuple[str, ...]] = ("bad_match", "bad_left_image", "bad_right_image")
    required = ("left_survey", "left_id", "right_survey", "right_id", *MARKS, "label")
    keys = ("left_id", "right_id")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self.MARKS:
            self.table[name] = _yes_or_no(self.table[name], name)
        for name in ("left_survey", "right_survey", "label"):
            text = self.table[name].astype(object)
            self.table[name] = text.where(text.notna() & (text != ""), None)


def _yes_or_no(values: pd.Series, name: str) -> pd.Series:
    """Return a column of yes and no as bool, whatever a spreadsheet made of it."""
    if values.dtype == bool:
        return values
    words = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}
    words |= {"t": True, "f": False, "yes": True, "no": False, "": False}
    found = values.astype(object).where(values.notna(), "").map(lambda v: str(v).strip().lower())
    if not found.isin(words).all():
        wrong = values[~found.isin(words)].iloc[0]
        raise GalcatError(f"Review: {name} = {wrong!r}; true or false is wanted in every row")
    return found.map(words).astype(bool)


class Split(Record):
    """Which set each galaxy of each survey is in: `survey`, `id`, `set`, `label`, `certain`, `group`.

    `set` is one of `SETS`; `label` a class name or None; `certain` tells whether the label passes the
    thresholds; `has_twin`, where present, whether the galaxy is paired with one of another survey.
    Rows of one `group` (a galaxy, its twins, duplicates of its position) are all in one set.
    """

    SETS: ClassVar[tuple[str, ...]] = ("train", "validation", "test", "unlabelled")
    required = ("survey", "id", "set", "label", "certain", "group")
    keys = ("survey", "id")

    def __post_init__(self) -> None:
        super().__post_init__()
        odd = set(self.table["set"]) - set(self.SETS)
        if odd:
            raise GalcatError(f"Split: set {listed(sorted(odd))} is not one of {listed(self.SETS)}")
        sides = self.table.groupby("group")["set"].nunique()
        if (sides > 1).any():
            raise GalcatError(
                f"Split: group {sides.index[sides > 1][0]} stands in more than one set"
            )

    def rows(
        self, survey: str | None = None, set_name: str | None = None, certain: bool | None = None
    ) -> pd.DataFrame:
        """Return the rows of a survey and a set, all of them or only the (un)certain ones."""
        keep = np.ones(len(self.table), bool)
        if survey is not None:
            keep &= (self.table["survey"] == survey).to_numpy()
        if set_name is not None:
            keep &= (self.table["set"] == set_name).to_numpy()
        if certain is not None:
            keep &= (self.table["certain"] == certain).to_numpy()
        return self.table[keep]

    def high_probability(self, survey: str | None = None) -> pd.DataFrame:
        """Return the rows of the high-probability test set: tested, and the label is certain."""
        return self.rows(survey, "test", certain=True)

    def full_overlap(self, survey: str | None = None) -> pd.DataFrame:
        """Return the rows of the full-overlap test set: tested, and seen by another survey too."""
        if "has_twin" not in self.table:
            raise GalcatError("Split: no column 'has_twin'; make the split again with galcat split")
        tested = self.rows(survey, "test")
        return tested[tested["has_twin"].astype(bool)]


class Predictions(Record):
    """What a run says of each galaxy: `id`, `p_CLASS` for each class, `predicted`, `run`, `flags`.

    `meta["classes"]` lists the classes in the order of the network's outputs, `meta["positive"]` is
    the class that ROC curves are drawn for. `flags` is a bit mask (`galcat_core.images.store.FLAGS`)
    carried over from the cutouts. Of a calibrated run `p_CLASS` is calibrated, `raw_p_CLASS` the
    network's own, `meta["calibration"]` tells how and `meta["threshold"]` from which probability
    on the positive class is `predicted`. `epistemic`, `aleatoric` (nats), `domain_distance`
    (percentile) and `out_of_domain` (bool) stand beside them where they were asked for.
    """

    required = ("id", "predicted", "run")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.classes:
            raise GalcatError("Predictions: no probability column (p_CLASS) in the table")

    @property
    def classes(self) -> list[str]:
        named = self.meta.get("classes")
        return named or [c[2:] for c in self.table.columns if c.startswith("p_")]

    @property
    def positive(self) -> str:
        return self.meta.get("positive", self.classes[-1])

    @property
    def threshold(self) -> float:
        """Probability from which the positive class is predicted."""
        return float(self.meta.get("threshold", 0.5))

    def probability(self, name: str | None = None) -> np.ndarray:
        """Probability of a class (default: the positive one), (N,), float64."""
        return self.table[f"p_{name or self.positive}"].to_numpy(float)

    def raw(self, name: str | None = None) -> np.ndarray:
        """The network's own probability, before any calibration, (N,), float64."""
        column = f"p_{name or self.positive}"
        raw = f"raw_{column}"
        return self.table[raw if raw in self.table else column].to_numpy(float)


class Embedding(Record):
    """Features of each galaxy: `id` and `feature_0` ... `feature_{D-1}` (float32), `run`."""

    required = ("id", "run", "feature_0")

    @property
    def features(self) -> np.ndarray:
        """Features, (N, D), float32."""
        names = [c for c in self.table.columns if c.startswith("feature_")]
        return self.table[names].to_numpy(np.float32)


class Projection(Record):
    """Maps of an embedding: `id` and, for each method, `tsne_x`, `tsne_y`, `umap_x`, `umap_y`."""


class Clusters(Record):
    """Unsupervised clusters: `id`, `cluster` (int, -1 for none). `meta` holds the agreement figures."""

    required = ("id", "cluster")


class Catalogue(Record):
    """The published result: `id`, `survey`, `ra_deg`, `dec_deg`, `p_CLASS`, `predicted`, `flags`, `run`.

    Where there is a map or a clustering, its coordinates and `cluster` too. `meta` holds "classes",
    "positive", "runs" and, for each cut, how many rows were left out.
    """

    required = ("id", "survey", "ra_deg", "dec_deg", "predicted", "flags", "run")
