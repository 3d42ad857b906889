"""The sections of the config: every setting of galcat, its default, its meaning and what is legal."""

# ruff: noqa: RUF009 (setting() makes a dataclasses.field, list defaults included)

from __future__ import annotations

from dataclasses import dataclass

from galcat_core.errors import GalcatError
from galcat_core.settings import setting


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
            "efficientnetlite0",
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
        "what a network with a pretrained base begins with: imagenet, none (random), or a file of "
        "its base without top (.h5, .weights.h5, .keras; efficientnetlite0: .pth too)",
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
        60.0,
        "time between checkpoints; longer where they would cost over 1%, and at the end of an epoch "
        "if they do not (0: after each step)",
        low=0.0,
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
    missing_pixels: float = setting(
        0.0,
        "largest part of a picture that is blanked: rows, columns, blocks, bleed trails, dead pixels",
        low=0.0,
        high=0.9,
    )
    missing_pixels_rate: float = setting(
        0.5, "part of the pictures that lose pixels (see missing_pixels)", low=0.0, high=1.0
    )
    missing_band_rate: float = setting(
        0.0, "part of the pictures that lose one of their bands", low=0.0, high=1.0
    )
    missing_band_fill: str = setting(
        "rendered",
        "what a missing band is shown as: the others' mean, tinted, as from FITS tiles; or blank",
        choices=("rendered", "blank"),
    )

    def __post_init__(self) -> None:
        """Refuse a zoom that is no pair of positive numbers, the smaller first."""
        if len(self.zoom) != 2 or not 0 < self.zoom[0] <= self.zoom[1]:
            raise GalcatError(
                f"augment.zoom = {self.zoom}: two positive numbers are wanted, the smaller first, "
                "such as 0.75 1.3"
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
