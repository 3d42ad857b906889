"""Palettes of the pages, safe for colour-blind eyes, each in a light and a dark version; hex out.

Ramps run through OKLab (Ottosson 2020, https://bottosson.github.io/posts/oklab/), in which equal
steps look equally large. Categories have the hues of Okabe & Ito (2008,
https://jfly.uni-koeln.de/color/), with lightnesses that keep the first four apart for dichromats.
"""

from __future__ import annotations

import numpy as np

RAMP = 255  # colours of a ramp; code 255 is left for "no value"
MISSING = 255

# Orange for the class at 0, blue for the class at 1: as ellipticals and spirals look on the sky.
# Both ends differ in lightness from the middle, so that the map reads in grey as well.
DIVERGING = {
    "light": ("#c8590a", "#e0954d", "#bab5b1", "#5b93d3", "#11418f"),
    "dark": ("#ffa64d", "#d9772b", "#6d6a70", "#4d8fe0", "#8cc4ff"),
}
# Little to much, for magnitudes, sizes and the like.
SEQUENTIAL = {
    "light": ("#f0c75e", "#d98a4e", "#b0506b", "#6d3484", "#2a1f5c"),
    "dark": ("#4b3a8c", "#8d4a9c", "#cc6680", "#eb9c68", "#fbe08a"),
}
CATEGORIES = {
    "light": (
        "#0b6e5a",
        "#b84fae",
        "#d8a31a",
        "#4aa3df",
        "#c24a1e",
        "#5c5f66",
        "#7d6a3a",
        "#d0709a",
    ),
    "dark": (
        "#27a884",
        "#e8a0e0",
        "#f7d774",
        "#5b8ff0",
        "#f28e63",
        "#a8adb8",
        "#c9b37a",
        "#f2a6c6",
    ),
}
NOTHING = {"light": "#c9c9c6", "dark": "#4a4e57"}
THEMES = ("light", "dark")

_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def to_rgb(colours: tuple[str, ...] | list[str]) -> np.ndarray:
    """Return "#rrggbb" as numbers from 0 to 1, (n, 3)."""
    return np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colours]) / 255


def to_oklab(rgb: np.ndarray) -> np.ndarray:
    """Return sRGB from 0 to 1, (n, 3), as OKLab (lightness, green-red, blue-yellow), (n, 3)."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T


def _from_oklab(lab: np.ndarray) -> np.ndarray:
    linear = ((lab @ np.linalg.inv(_TO_LAB).T) ** 3) @ np.linalg.inv(_TO_LMS).T
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def ramp(stops: tuple[str, ...], number: int = RAMP) -> list[str]:
    """Return `number` hex colours that run evenly through the stops."""
    lab = to_oklab(to_rgb(stops))
    at, wanted = np.linspace(0, 1, len(stops)), np.linspace(0, 1, number)
    mixed = np.stack([np.interp(wanted, at, channel) for channel in lab.T], axis=1)
    return [
        "#{:02x}{:02x}{:02x}".format(*row)
        for row in np.rint(_from_oklab(mixed) * 255).astype(int).tolist()
    ]


def ramps(kind: dict[str, tuple[str, ...]]) -> dict[str, list[str]]:
    """Return the light and the dark ramp of `DIVERGING` or `SEQUENTIAL`, `RAMP` colours each."""
    return {theme: ramp(kind[theme]) for theme in THEMES}


def categories(number: int) -> dict[str, list[str]]:
    """Return distinct colours for up to 8 categories; more repeat them."""
    return {
        theme: [CATEGORIES[theme][i % len(CATEGORIES[theme])] for i in range(number)]
        for theme in THEMES
    }


def class_pair() -> dict[str, list[str]]:
    """Return the two ends of the diverging ramp, for two classes."""
    return {theme: [DIVERGING[theme][0], DIVERGING[theme][-1]] for theme in THEMES}
