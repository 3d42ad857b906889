"""The one config: dataclasses with help and limits <-> one TOML file, saved with every run."""

# ruff: noqa: RUF009 (setting() makes a dataclasses.field, list defaults included)

from __future__ import annotations

import dataclasses
import math
import tomllib
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from galcat_core.errors import GalcatError, listed, nearest
from galcat_core.files import write_text


def setting(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple | None = None,
) -> Any:
    """Declare a setting with its default, its help text, and what is legal."""
    metadata = {"help": help, "low": low, "high": high, "choices": choices}
    if isinstance(default, list | dict):
        return field(default_factory=lambda: type(default)(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass
class Simulate:
    """The simulated twin survey."""

    seed: int = setting(20180812, "seed of every random number", low=0)
    overlap: int = setting(1800, "galaxies seen by both telescopes", low=10)
    unlabelled: int = setting(
        600, "galaxies outside the overlap, seen by the DES-like one only", low=0
    )
    tile_arcmin: float = setting(8.0, "largest side of a DES-like tile", low=2.0, high=20.0)
    compress: bool = setting(False, "write .fits.fz tiles")


@dataclass
class Select:
    """Quality cuts and label thresholds; the defaults are those of Khan et al. 2019, section 2."""

    spiral_min: float = setting(0.985, "debiased P_CS of a certain spiral", low=0.0, high=1.0)
    elliptical_min: float = setting(
        0.926, "debiased P_EL of a certain elliptical", low=0.0, high=1.0
    )
    min_votes: int = setting(5, "fewest votes of a certain label", low=0)
    mag_limit_g: float = setting(
        18.0, "MAG_AUTO_G below which a DES galaxy is labelled", low=0.0, high=40.0
    )
    spread_plus_3_err: float = setting(
        0.005, "WAVG_SPREAD_MODEL_I + 3 errors of an extended object is above this"
    )
    spread_plus_1_err: float = setting(
        0.003, "WAVG_SPREAD_MODEL_I + 1 error of an extended object is above this"
    )
    spread_minus_1_err: float = setting(
        0.001, "WAVG_SPREAD_MODEL_I - 1 error of an extended object is above this"
    )
    flag_bands: list[str] = setting(["g", "r", "i"], "bands whose flags and epochs are looked at")
    flags_below: int = setting(4, "SExtractor FLAGS of a clean object are below this", low=0)
    min_epochs: int = setting(1, "fewest exposures (NEPOCHS) in each band", low=0)


@dataclass
class Match:
    """Cross-match on the sky."""

    radius_arcsec: float = setting(1.0, "largest separation of a pair", low=0.0, high=3600.0)
    one_to_one: bool = setting(
        False, "keep only the closest of several left objects that share a right one"
    )


@dataclass
class Cutouts:
    """Cutting out and rendering, alike for every survey."""

    size_px: int = setting(96, "width and height of a picture", low=16, high=1024)
    size_factor: float = setting(
        4.0, "width of a picture in units of the galaxy's size_arcsec", low=0.5, high=50.0
    )
    min_arcsec: float = setting(8.0, "smallest width of a picture", low=0.1)
    max_arcsec: float = setting(300.0, "largest width of a picture", low=0.1)
    bands: list[str] = setting(
        ["i|z", "r", "g"], "bands of the red, green and blue channel; i|z is z where there is no i"
    )
    zero_point: float = setting(
        0.0, "AB magnitude of one count (0: what the headers say)", low=0.0, high=40.0
    )
    stretch: str = setting("lupton", "how flux becomes brightness", choices=("lupton", "sigma"))
    channel_scale: list[float] = setting(
        [0.8, 1.0, 1.4], "factors of red, green and blue, so that galaxies are not all red"
    )
    white: float = setting(
        8.0, "lupton: what is white, in units of the galaxy's mean surface brightness", low=0.1
    )
    contrast: float = setting(100.0, "lupton: white over the level where asinh bends", low=1.0)
    noise_floor: float = setting(
        4.0, "lupton: that level is at least so many sigmas of the noise", low=0.1
    )
    colour_floor: float = setting(
        4.0, "lupton: colours fade to grey below so many sigmas of the noise", low=0.0
    )
    pedestal: float = setting(0.03, "lupton: brightness of the sky", low=0.0, high=0.5)
    shard_rows: int = setting(512, "pictures in one shard of the store", low=1)


@dataclass
class Harmonise:
    """Finished pictures (JPEG, PNG) of any survey, brought to one face on import."""

    harmonise: bool = setting(
        True, "find the galaxy and bring its size, sky and stretch to one standard"
    )
    size_px: int = setting(96, "width and height of a harmonised picture", low=16, high=1024)
    size_factor: float = setting(
        2.0, "width of a picture in units of the galaxy's measured diameter", low=0.5, high=20.0
    )
    grey: bool = setting(True, "drop the colours, which mean something else in every survey")
    isophote: float = setting(
        0.1, "fraction of its peak down to which a galaxy's size is measured", low=0.01, high=0.9
    )
    equalise: bool = setting(True, "bend every stretch so that the galaxy's median is the same")
    median: float = setting(
        0.4, "brightness of the galaxy's median pixel if equalised", low=0.05, high=0.95
    )
    renderings: int = setting(
        0,
        "further pictures of each galaxy in the looks of other surveys, kept to learn from",
        low=0,
        high=99,
    )


@dataclass
class Splitting:
    """Honest training, validation and test sets."""

    seed: int = setting(1, "seed of the draw", low=0)
    validation: float = setting(0.15, "fraction of groups for validation", low=0.0, high=0.9)
    test: float = setting(0.25, "fraction of groups for testing", low=0.0, high=0.9)
    duplicate_arcsec: float = setting(2.0, "positions closer than this are one galaxy", low=0.0)


@dataclass
class Train:
    """Network and optimisation."""

    network: str = setting(
        "ds18",
        "which network",
        choices=(
            "ds18",
            "resnet12",
            "xception",
            "mobilenetv3small",
            "mobilenetv3large",
            "efficientnetv2b0",
            "resnet50v2",
            "densenet121",
        ),
    )
    input_px: int = setting(
        0,
        "width and height of the pictures that the network sees (0: its own)",
        low=0,
        high=1024,
    )
    weights: str = setting(
        "imagenet",
        "what a keras.applications network begins with: imagenet, none (random), or a file of its "
        "base without top (.h5, .weights.h5, .keras)",
    )
    seed: int = setting(1, "seed of weights, order, augmentation and dropout", low=0)
    epochs: int = setting(50, "most epochs, of all stages together", low=1)
    stage_epochs: list[int] = setting(
        [], "most epochs of each stage (none: the network's own stages)"
    )
    stage_first_layer: list[int] = setting(
        [], "each stage's first layer that learns, by its place; -1: the dense layers alone"
    )
    stage_rate: list[float] = setting([], "each stage's factor on the learning rate (none: 1)")
    precision: str = setting(
        "float32",
        "what the layers compute in; weights, and prediction, are float32",
        choices=("float32", "mixed_float16", "mixed_bfloat16"),
    )
    xla: bool = setting(False, "compile the training step with XLA, which draws other dropouts")
    batch_size: int = setting(30, "pictures a step and worker", low=1)
    learning_rate: float = setting(
        1e-3, "Adam's rate for one worker; times the number of workers", low=0.0
    )
    scale_learning_rate: bool = setting(True, "multiply the rate by the number of workers")
    warmup_epochs: float = setting(
        1.0,
        "epochs over which the rate climbs from one worker's to the full one; half a stage at most",
        low=0.0,
    )
    patience: int = setting(
        8, "epochs without a better validation loss before training stops", low=1
    )
    plateau_patience: int = setting(
        4, "epochs without a better validation loss before the rate is halved", low=1
    )
    schedule: str = setting(
        "plateau",
        "how the rate falls: halved on plateaus, or along a cosine to nothing in the last epoch",
        choices=("plateau", "cosine"),
    )
    weight_decay: float = setting(
        0.0, "part of each weight that AdamW takes away, times the rate (0: Adam)", low=0.0
    )
    class_weights: bool = setting(True, "weigh classes so that each counts the same")
    certain_only: bool = setting(
        False, "train and validate on galaxies that pass the label thresholds only"
    )
    limit: int = setting(0, "train on this many galaxies drawn by the seed (0: all)", low=0)
    layers: str = setting("all", "layers that learn", choices=("all", "dense"))
    positive: str = setting(
        "", "class whose probability is given (empty: spiral, or the last by name)"
    )
    fine_tune_rate: float = setting(
        0.3, "factor on the learning rate of a run that starts from a parent's weights", low=0.0
    )
    fine_tune_epochs: int = setting(
        30, "most epochs of a run that starts from a parent's weights", low=1
    )
    checkpoint_seconds: float = setting(
        60.0, "longest time between checkpoints inside an epoch (0: after each step)", low=0.0
    )


@dataclass
class Augment:
    """Random changes of training pictures; never applied anywhere else."""

    rotation_deg: float = setting(180.0, "largest rotation", low=0.0, high=180.0)
    shift: float = setting(0.05, "largest shift, as a fraction of the width", low=0.0, high=0.5)
    zoom: list[float] = setting([0.75, 1.3], "smallest and largest zoom")
    flip: bool = setting(True, "mirror both ways")
    fill: str = setting(
        "reflect",
        "what fills the corners that a rotation or shift lays bare",
        choices=("reflect", "nearest", "wrap", "constant"),
    )
    blur_px: float = setting(0.0, "largest sigma of a Gaussian blur", low=0.0, high=10.0)
    noise: float = setting(
        0.0, "largest sigma of added noise, as a fraction of full brightness", low=0.0, high=1.0
    )
    gamma: float = setting(
        0.0,
        "largest change of the stretch: brightness to the power exp(+-gamma)",
        low=0.0,
        high=2.0,
    )
    colour: float = setting(
        0.0, "largest relative change of a channel and of the saturation", low=0.0, high=1.0
    )
    renderings: float = setting(
        0.75,
        "part of the pictures seen in another survey's look, where there are (pictures.renderings)",
        low=0.0,
        high=1.0,
    )


@dataclass
class Calibrate:
    """Calibrated probabilities, fitted on galaxies that the network did not learn from."""

    method: str = setting(
        "auto",
        "temperature, temperature and bias (platt), or isotonic; auto takes the best of them, or "
        "none, by cross-validated log-loss",
        choices=("auto", "none", "temperature", "platt", "isotonic"),
    )
    class_mix: str = setting(
        "labels",
        "mix of classes that the probabilities hold for: that of the labels, or each class alike",
        choices=("labels", "balanced"),
    )
    threshold: float = setting(
        0.5, "calibrated probability from which the positive class is predicted", low=0.0, high=1.0
    )
    folds: int = setting(5, "parts of the cross-validation", low=2)
    seed: int = setting(1, "seed of the parts", low=0)


@dataclass
class Evaluate:
    """Metrics and their intervals."""

    threshold: float = setting(
        0.0,
        "probability from which the positive class is predicted (0: the one that predicted)",
        low=0.0,
        high=1.0,
    )
    bootstrap: int = setting(1000, "resamplings behind an interval", low=10)
    confidence: float = setting(0.95, "coverage of an interval", low=0.5, high=0.999)
    seed: int = setting(1, "seed of the resamplings", low=0)
    bins: int = setting(10, "bins of the reliability diagram and the calibration error", low=2)
    bin_by: list[str] = setting(
        [], "columns of numbers to measure in bins of: magnitude, size, redshift, domain_distance"
    )
    bin_count: int = setting(5, "bins of each such column, of equally many galaxies", low=2)


@dataclass
class Project:
    """Maps and clusters of the embedding."""

    seed: int = setting(1, "seed of the maps and clusters", low=0)
    pca: int = setting(50, "principal components kept before mapping (0: none)", low=0)
    perplexity: float = setting(30.0, "t-SNE: neighbours that count", low=2.0)
    neighbors: int = setting(15, "UMAP: neighbours that count", low=2)
    min_dist: float = setting(0.1, "UMAP: how tight points may lie", low=0.0, high=1.0)
    methods: list[str] = setting(["tsne", "umap"], "maps to make")
    clusters: int = setting(2, "number of clusters", low=2)
    cluster_method: str = setting(
        "kmeans", "how clusters are found", choices=("kmeans", "gaussian_mixture")
    )


@dataclass
class Config:
    """Every setting of galcat; a TOML file holds one table a section and only what differs."""

    simulate: Simulate = field(default_factory=Simulate)
    select: Select = field(default_factory=Select)
    match: Match = field(default_factory=Match)
    cutouts: Cutouts = field(default_factory=Cutouts)
    pictures: Harmonise = field(default_factory=Harmonise)
    split: Splitting = field(default_factory=Splitting)
    train: Train = field(default_factory=Train)
    augment: Augment = field(default_factory=Augment)
    calibrate: Calibrate = field(default_factory=Calibrate)
    evaluate: Evaluate = field(default_factory=Evaluate)
    project: Project = field(default_factory=Project)

    @classmethod
    def from_dict(cls, values: dict[str, Any], where: str = "config") -> Config:
        """Build a config from nested dicts, checking names, types and limits.

        Raises
        ------
        GalcatError
            A section or key is unknown (the nearest legal one is suggested), or a value is not legal.
        """
        sections = {f.name: f for f in dataclasses.fields(cls)}
        made = {}
        for name, content in values.items():
            if name not in sections:
                raise GalcatError(
                    f"{where}: there is no section [{name}]; legal are "
                    f"{listed(sections)}.{nearest(name, sections)}"
                )
            if not isinstance(content, dict):
                raise GalcatError(
                    f"{where}: [{name}] is a section, not a value; write [{name}] on a line "
                    "of its own and its keys below"
                )
            made[name] = section_from_dict(
                sections[name].default_factory, content, f"{where}: [{name}]"
            )
        return cls(**made)

    @classmethod
    def load(cls, path: str | Path | None) -> Config:
        """Read a TOML file; None gives the defaults."""
        if path is None:
            return cls()
        path = Path(path)
        if not path.is_file():
            raise GalcatError(f"{path}: no such config file")
        try:
            values = tomllib.loads(path.read_text())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise GalcatError(f"{path}: not a TOML file ({error})") from error
        return cls.from_dict(values, str(path))

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return nested dicts of JSON types, every setting spelled out."""
        return dataclasses.asdict(self)

    def save(self, path: str | Path) -> None:
        """Write the TOML file, every setting spelled out with its help beside it."""
        lines = []
        for section in dataclasses.fields(self):
            value = getattr(self, section.name)
            lines.append(f"[{section.name}]  # {value.__doc__}")
            for item in dataclasses.fields(value):
                lines.append(
                    f"{item.name} = {_toml(getattr(value, item.name))}  # {item.metadata['help']}"
                )
            lines.append("")
        write_text(path, "\n".join(lines))

    def replace(self, **sections: dict[str, Any]) -> Config:
        """Return a config with some settings changed and checked: replace(train={"epochs": 3})."""
        values = self.to_dict()
        for name, changes in sections.items():
            values.setdefault(name, {}).update(changes)
        return Config.from_dict(values, "settings")


def section_from_dict(section: type, values: dict[str, Any], where: str) -> Any:
    """Build one section, checking each key's name, type and limits (errors as in `Config.from_dict`)."""
    fields = {f.name: f for f in dataclasses.fields(section)}
    hints = typing.get_type_hints(section)
    made = {}
    for name, value in values.items():
        if name not in fields:
            raise GalcatError(
                f"{where} has no key '{name}'; legal are {listed(fields, 40)}."
                f"{nearest(name, fields)}"
            )
        made[name] = check_value(fields[name], hints[name], value, f"{where} {name}")
    return section(**made)


def check_value(item: dataclasses.Field, kind: Any, value: Any, where: str) -> Any:
    """Return the value in its setting's type, or say what is legal."""
    element = typing.get_args(kind)[0] if isinstance(kind, types.GenericAlias) else None
    if element is not None:
        if not isinstance(value, list | tuple) or not all(_is(v, element) for v in value):
            raise GalcatError(f"{where} = {value!r}: a list of {element.__name__} is wanted")
        return [element(v) for v in value]
    if not _is(value, kind):
        raise GalcatError(f"{where} = {value!r}: a value of type {kind.__name__} is wanted")
    value = kind(value)
    low, high, choices = (item.metadata[k] for k in ("low", "high", "choices"))
    if choices and kind is str:
        value = {choice.lower(): choice for choice in choices}.get(value.lower(), value)
    if choices and value not in choices:
        raise GalcatError(
            f"{where} = {value!r}: legal are {listed(choices)}.{nearest(str(value), choices)}"
        )
    if kind in (int, float):
        low_end, high_end = (
            (-math.inf if low is None else low),
            (math.inf if high is None else high),
        )
        if not (math.isfinite(value) and low_end <= value <= high_end):
            raise GalcatError(f"{where} = {value!r}: {_bounds(low, high)} is legal")
    return value


def _bounds(low: float | None, high: float | None) -> str:
    if low is None:
        return "a finite number" if high is None else f"at most {high}"
    return f"at least {low}" if high is None else f"from {low} to {high}"


def _is(value: Any, kind: type) -> bool:
    if kind is bool:
        return isinstance(value, bool)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)


def _toml(value: Any) -> str:
    import json

    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)  # TOML knows no surrogate pairs
    if isinstance(value, list):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    return repr(value)
