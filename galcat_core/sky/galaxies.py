"""What a galaxy looks like: a row of the population -> its surface brightness in a band, for GalSim."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import galsim

REACH = 4.6  # the disk is drawn out to this many scale lengths
OPACITY = {"g": 1.25, "r": 1.0, "i": 0.72}  # relative to r: Cardelli et al. 1989, rounded
LAYERS = np.linspace(-2.4, 2.4, 11)  # of a thick disk, in units of its scale height


def spheroid(row: Any, band: str, gsparams: galsim.GSParams) -> galsim.GSObject:
    """Return the bulge, or all of an elliptical or a field galaxy, with its share of the flux in r.

    The profile has u to the West and v to the North, as GalSim's celestial WCS do.
    """
    import galsim

    whole = not has_disk(row)
    size = row["re_arcsec"] if whole else row["bulge_re_arcsec"]
    share = 10 ** (0.4 * (row["mag_r"] - row[f"mag_{band}"]))
    return galsim.Sersic(
        n=row["sersic_n"],
        half_light_radius=size * np.sqrt(row["axis_ratio"]),
        flux=share if whole else part_flux(row, band, "bulge"),
        gsparams=gsparams,
    ).shear(q=row["axis_ratio"], beta=row["theta_deg"] * galsim.degrees)


def has_disk(row: Any) -> bool:
    """Tell whether the galaxy has a disk of its own, drawn by `Disk`."""
    return row["kind"] == "galaxy" and row["morphology"] != "elliptical"


class Disk:
    """A disk with its arms, bar, knots and dust, inclined, ready for any band.

    Attributes
    ----------
    pixel_arcsec : float
        Scale of its images; their x axis is the line of nodes.
    """

    def __init__(self, row: Any) -> None:
        self.row = row
        self.pixel_arcsec = float(np.clip(0.06 * row["scale_arcsec"], 0.16, 0.3))
        self.maps = project(row, *face_on(row, self.pixel_arcsec), self.pixel_arcsec)

    def image(self, band: str) -> np.ndarray:
        """Return its image in a band, (H, W), the disk's share of the flux in r as the sum."""
        fluxes = [part_flux(self.row, band, part) for part in ("disk", "young")]
        image = disk_image(self.maps, *fluxes, band)
        if self.row["inclination_deg"] > 60 and self.row["dust"] > 0:
            image -= self._lane(band)
        return image * (sum(fluxes) / float(image.sum()))

    def _lane(self, band: str) -> np.ndarray:
        """Return what the dust takes from the far half of the bulge, (H, W)."""
        row, seen = self.row, np.exp(-OPACITY[band] * self.maps["dust"])
        height, width = seen.shape
        y = (np.arange(height)[:, None] - (height - 1) / 2) * self.pixel_arcsec
        x = (np.arange(width)[None, :] - (width - 1) / 2) * self.pixel_arcsec
        size, n, q = row["bulge_re_arcsec"], row["sersic_n"], row["axis_ratio"]
        radius = np.sqrt(x**2 + (y / q) ** 2 + (0.7 * self.pixel_arcsec) ** 2)
        light = np.exp(-(2 * n - 1 / 3) * ((radius / size) ** (1 / n) - 1))
        return 0.5 * part_flux(row, band, "bulge") * light / float(light.sum()) * (1 - seen)


def part_flux(row: Any, band: str, part: str) -> float:
    """Flux of "bulge", "disk" or "young" stars in a band over the total in r (cf. `band_flux`)."""
    bulge = row["bulge_fraction"]
    young = (1 - bulge) * row["young_fraction"]
    share = {"bulge": bulge, "disk": 1 - bulge - young, "young": young}[part]
    colour = {"g": -row[f"{part}_gr"], "r": 0.0, "i": row[f"{part}_ri"]}[band]
    return float(share * 10 ** (0.4 * colour))


def face_on(row: Any, pixel_arcsec: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Look at the disk from its pole: old stars, young stars, dust.

    Returns
    -------
    old, young, dust : ndarray, (M, M), float32
        Surface brightness (any unit) and optical depth in r, out to `REACH` scale lengths; axes
        (y, x), the disk's line of nodes along x.
    """
    random = np.random.default_rng(int(row["seed"]))
    half = int(np.ceil(REACH * row["scale_arcsec"] / pixel_arcsec))
    axis = np.arange(-half, half + 1, dtype=np.float32) * (pixel_arcsec / row["scale_arcsec"])
    x, y = axis[None, :], axis[:, None]
    radius = np.sqrt(x * x + y * y) + 1e-3
    edge = 1 / (1 + np.exp((radius - 0.9 * REACH) * 5))  # disks end: van der Kruit 1979
    smooth = np.exp(-radius) * edge
    if row["morphology"] == "lenticular":
        dust = row["dust"] * np.exp(-(((radius - 1.0) / 0.4) ** 2))
        return smooth, np.zeros_like(smooth), dust.astype(np.float32)
    angle = np.arctan2(y, x)
    arms, lanes = spiral_arms(row, random, radius, angle)
    contrast = row["arm_strength"]
    old = smooth * (1 - 0.45 * contrast + 1.3 * contrast * arms)
    if row["bar"]:
        old += bar(row, x, y, random)
    if row["ring"]:
        start = max(float(row["bar_length"]), 0.7)
        arms = np.maximum(arms, 0.8 * np.exp(-(((radius - start) / 0.13) ** 2)))
    spread = np.exp(-radius / 1.25) * edge * (1 - np.exp(-((radius / 0.6) ** 2)))
    young = spread * (0.10 + 0.25 * (1 - contrast) + 1.6 * arms**1.4)
    young += knots(row, random, young, smooth.shape)
    dust = row["dust"] * np.exp(-radius / 1.6) * (0.35 + 1.1 * lanes)
    return old, young, dust


def spiral_arms(
    row: Any, random: np.random.Generator, radius: np.ndarray, angle: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ridges of logarithmic arms and the dust lanes on their inner side, both in 0..1.

    Counterclockwise outwards (seen with North up and East left) is what Galaxy Zoo calls clockwise:
    the arms trail.
    """
    sense = 1.0 if row["winding"] == "cw" else -1.0
    arms = int(row["arms"])
    start = max(float(row["bar_length"]), 0.35 + 0.35 * row["bulge_fraction"])
    wound = sense * np.log(radius / start) / np.tan(np.radians(row["pitch_deg"]))
    ragged = (0.32 if arms <= 2 else 0.6) / arms  # many arms are flocculent ones
    wobble = sum(
        ragged / k * np.sin(k * angle + random.uniform(1, 4) * np.log(radius) * 2 + phase)
        for k, phase in zip((1, 2, 3, 5), random.uniform(0, 2 * np.pi, 4), strict=True)
    )
    # the arms leave a bar at its two ends, which lie at the angle where both start
    phase = angle - wound - _bar_angle(row) + wobble
    sharp = random.uniform(1.6, 4.0)
    ridge = np.exp(sharp * (np.cos(arms * phase) - 1))
    lane = np.exp(1.5 * sharp * (np.cos(arms * phase + sense * 0.75) - 1))
    which = np.floor(((phase * arms / (2 * np.pi)) + 0.5) % arms).astype(int) % arms
    weight = random.uniform(0.45 if arms > 2 else 0.75, 1.0, arms)[which]
    end = random.uniform(2.4, 4.2, arms)[which]
    span = 1 / (1 + np.exp(-(radius - start) / 0.1)) / (1 + np.exp((radius - end) / 0.25))
    patchy = 1 + 0.35 * np.sin(random.uniform(4, 9) * np.log(radius) + arms * angle * 0.5)
    return ridge * weight * span * np.clip(patchy, 0.3, 1.4), lane * weight * span


def _bar_angle(row: Any) -> float:
    return float(row["seed"] % 1000) / 1000 * np.pi


def bar(row: Any, x: np.ndarray, y: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return a boxy bar, about as bright as the disk below it."""
    turn, length = _bar_angle(row), row["bar_length"]
    along = np.abs(x * np.cos(turn) + y * np.sin(turn)) / length
    across = np.abs(-x * np.sin(turn) + y * np.cos(turn)) / (length * random.uniform(0.24, 0.36))
    shape = (along**2.6 + across**2.6) ** (1 / 2.6)
    return random.uniform(0.7, 1.5) * np.exp(-(shape**2.4)) * np.exp(-0.5 * length)


def knots(row: Any, random: np.random.Generator, young: np.ndarray, shape: tuple) -> np.ndarray:
    """Return star-forming knots, found where the young stars are, with a power law of fluxes."""
    from scipy.ndimage import gaussian_filter

    if not row["knots"]:
        return np.zeros(shape, np.float32)
    count = int(row["knots"] * np.clip(row["scale_arcsec"] / 1.5, 1, 6))  # resolved ones
    chance = np.cumsum(young.ravel() ** 1.6, dtype=float)
    where = np.searchsorted(chance, random.random(count) * chance[-1])
    flux = np.minimum(random.pareto(1.2, count) + 0.4, 5.0)
    canvas = np.zeros(young.size, np.float32)
    np.add.at(canvas, np.minimum(where, young.size - 1), flux)
    tight, loose = random.uniform(0.9, 1.5), random.uniform(2.2, 3.5)
    canvas = canvas.reshape(shape)
    drawn = 0.5 * (gaussian_filter(canvas, tight) + gaussian_filter(canvas, loose))
    return drawn * (random.uniform(0.2, 0.5) * float(young.sum()) / float(drawn.sum()))


def project(
    row: Any, old: np.ndarray, young: np.ndarray, dust: np.ndarray, pixel_arcsec: float
) -> dict[str, Any]:
    """Incline a disk of finite thickness with dust in its mid-plane.

    The disk is a stack of thin layers. A line of sight crosses the mid-plane once; the layers behind
    that point are dimmed by the dust there, so that edge-on galaxies get their lane.

    Returns
    -------
    dict
        "front" and "back": (old, young) pairs of ndarray (H, W); "dust": optical depth in r (H, W).
    """
    from scipy.ndimage import map_coordinates

    scale = row["scale_arcsec"] / pixel_arcsec
    inclination = np.radians(row["inclination_deg"])
    cos_i, sin_i = max(np.cos(inclination), 0.05), np.sin(inclination)
    height = row["thickness"] * scale
    middle = (old.shape[0] - 1) / 2
    rows = int(np.ceil(min(middle, REACH * scale) * cos_i + 2.5 * height * sin_i)) + 1
    y = np.arange(-rows, rows + 1, dtype=np.float32)[:, None]
    x = np.broadcast_to(np.arange(old.shape[1], dtype=np.float32), (2 * rows + 1, old.shape[1]))
    thin = row["inclination_deg"] < 45
    layers = np.array([-0.6, 0.6]) if thin else LAYERS
    weights = 1 / np.cosh(layers) ** 2

    def layer(image: np.ndarray, offset: float) -> np.ndarray:
        at = np.broadcast_to((y - offset) / cos_i + middle, x.shape)
        return map_coordinates(image, [at, x], order=1, mode="constant")

    sums = {}
    for side, chosen in (("front", layers > 0), ("back", layers <= 0)):
        sums[side] = tuple(
            sum(
                w * layer(image, z * height * sin_i)
                for z, w in zip(layers[chosen], weights[chosen], strict=True)
            )
            for image in (old, young)
        )
    depth = 1.3 * layer(dust, 0.0) / max(cos_i, 0.11)
    return {**sums, "dust": depth}


def disk_image(maps: dict[str, Any], old: float, young: float, band: str) -> np.ndarray:
    """Add old and young stars, seen through the dust, to an image of the disk in a band, (H, W)."""
    seen = np.exp(-OPACITY[band] * maps["dust"])
    image = np.zeros_like(seen)
    for part, flux in enumerate((old, young)):
        front, back = maps["front"][part], maps["back"][part]
        total = float(front.sum() + back.sum())
        if total > 0 and flux > 0:
            image += (flux / total) * (front + back * seen)
    return image
