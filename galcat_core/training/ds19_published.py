"""What Dominguez Sanchez et al. 2019 (MNRAS 484, 93; arXiv:1807.00807) asked, how they trained, what they got."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from galcat_core.config import Config


@dataclass(frozen=True)
class Question:
    """One question of Galaxy Zoo 2, for which a network of its own is trained.

    Attributes
    ----------
    title : str
    positive, negative : str
        Classes.
    votes : dict of str to (str or None)
        Galaxy Zoo 2's answer -> class; None: galaxies with that answer are left out.
    class_weights : bool
        Whether the paper balances the classes.
    train, fine_tune : int
        Galaxies that its SDSS models, and its models (b) to (d), learn from.
    """

    title: str
    positive: str
    negative: str
    votes: dict[str, str | None]
    class_weights: bool
    train: int
    fine_tune: int


QUESTIONS = {
    "q1": Question(
        "Disk or features",
        "featured",
        "smooth",
        {
            "t01_smooth_or_features_a01_smooth": "smooth",
            "t01_smooth_or_features_a02_features_or_disk": "featured",
            "t01_smooth_or_features_a03_star_or_artifact": None,
        },
        class_weights=False,
        train=5000,
        fine_tune=500,
    ),
    "q2": Question(
        "Edge-on",
        "edge_on",
        "face_on",
        {"t02_edgeon_a04_yes": "edge_on", "t02_edgeon_a05_no": "face_on"},
        class_weights=True,
        train=5000,
        fine_tune=500,
    ),
    "q3": Question(
        "Bar",
        "bar",
        "no_bar",
        {"t03_bar_a06_bar": "bar", "t03_bar_a07_no_bar": "no_bar"},
        class_weights=True,
        train=10000,
        fine_tune=300,
    ),
}

# letter -> what the paper does, and the name of the same in `training.transfer` (0: the SDSS run)
EXPERIMENTS = {
    "0": ("SDSS model on SDSS", "sdss"),
    "a": ("SDSS model on DES, as it is", "as it is"),
    "b": ("fine-tuned on DES, all layers", "fine-tuned, all layers"),
    "c": ("fine-tuned on DES, dense layers", "fine-tuned, dense layers"),
    "d": ("DES alone, from scratch", "from scratch"),
}


@dataclass(frozen=True)
class Published:
    """A row of the paper's table 4; `note` where the print cannot be right."""

    ntrain: int
    ntest: int
    npos: int
    tpr: float
    precision: float
    accuracy: float
    note: str = ""


MISPRINT = "the paper prints 238 test galaxies (78 positive), those of question 1"
TABLE = {
    ("q1", "0"): Published(5000, 3370, 674, 0.93, 0.91, 0.97),
    ("q1", "a"): Published(0, 2409, 797, 0.48, 0.92, 0.81),
    ("q1", "b"): Published(500, 238, 78, 0.95, 0.91, 0.95),
    ("q1", "c"): Published(500, 238, 78, 0.96, 0.78, 0.90),
    ("q1", "d"): Published(500, 238, 78, 0.81, 0.77, 0.85),
    ("q2", "0"): Published(5000, 2687, 396, 0.98, 0.80, 0.96),
    ("q2", "a"): Published(0, 2851, 536, 0.91, 0.76, 0.93),
    ("q2", "b"): Published(500, 738, 187, 0.96, 0.86, 0.95),
    ("q2", "c"): Published(500, 738, 187, 0.97, 0.77, 0.92),
    ("q2", "d"): Published(500, 738, 187, 0.97, 0.70, 0.89, MISPRINT),
    ("q3", "0"): Published(10000, 1806, 169, 0.76, 0.79, 0.96),
    ("q3", "a"): Published(0, 1768, 61, 0.57, 0.35, 0.95),
    ("q3", "b"): Published(300, 86, 9, 0.89, 0.73, 0.95),
    ("q3", "c"): Published(300, 86, 9, 1.00, 0.50, 0.89),
    ("q3", "d"): Published(300, 86, 9, 1.00, 0.10, 0.10),
}

FEWEST_VOTES = 5
# a(p) = 1 - H(p) / ln(number of answers), H the entropy of the answers in nats: 0 where volunteers
# answer at random, 1 where all agree (arXiv:1711.05744, section 3). From 0.3 on one answer has about
# 0.7 of the votes (three answers; 0.8 of them with two).
AGREEMENT = 0.3


def settings() -> Config:
    """Return the paper's settings of network, training and augmentation (section 3 of both papers).

    50 epochs without stopping early, the best validation loss kept; probabilities as the network gives
    them, a galaxy positive from 0.5 on.
    """
    return Config().replace(
        train={
            "network": "ds18",
            "epochs": 50,
            "fine_tune_epochs": 50,
            "fine_tune_rate": 1.0,
            "batch_size": 30,
            "warmup_epochs": 0.0,
            "patience": 50,
            "plateau_patience": 50,
        },
        augment={"rotation_deg": 45.0, "shift": 0.05, "zoom": [0.75, 1.3], "flip": True},
        calibrate={"method": "none"},
        evaluate={"threshold": 0.5},
    )


def rows(question: str) -> dict[str, dict]:
    """Return the published rows of a question: letter -> column -> value."""
    return {
        letter: dataclasses.asdict(row) for (name, letter), row in TABLE.items() if name == question
    }
