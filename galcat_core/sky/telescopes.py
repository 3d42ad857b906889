"""The two telescopes: what each sees of a source, and what its camera adds."""

from __future__ import annotations

from dataclasses import dataclass

from galcat_core.sky.layout import PIXEL_ARCSEC

BANDS = ("g", "r", "i")
DEEPER_MAG = 1.5  # what the DES-like telescope gains


@dataclass(frozen=True)
class Telescope:
    """A telescope, its camera and its pipeline.

    Attributes
    ----------
    survey : str
    pixel_arcsec : float
    zero_point : float
        AB magnitude of one image unit.
    unit : str
        BUNIT of the images.
    psf_fwhm_arcsec, sky_sigma, gain : dict of str to float
        A band: width of a star; sky noise a pixel (image units); electrons an image unit.
    seeing_scatter : float
        Relative scatter of the PSF's width between tiles.
    noise_kernel : float
        Weight of a neighbour pixel in the noise: resampled images have correlated noise.
    saturation : float
        Brightest pixel (image units).
    masks : bool
        Bad pixels have weight 0 in a second HDU; otherwise they are NaN.
    """

    survey: str
    pixel_arcsec: float
    zero_point: float
    unit: str
    psf_fwhm_arcsec: dict[str, float]
    sky_sigma: dict[str, float]
    gain: dict[str, float]
    seeing_scatter: float
    noise_kernel: float
    saturation: float
    masks: bool


def _deeper(sigma: float) -> float:
    """Sky noise a DES-like pixel: the same square arcsecond, `DEEPER_MAG` fainter, at ZP 30."""
    scale = PIXEL_ARCSEC["des"] / PIXEL_ARCSEC["sdss"]
    return sigma * scale * 10 ** (0.4 * (30 - 22.5 - DEEPER_MAG))


# sky noise as measured in frames of Stripe 82; electrons a nanomaggy from NMGY and the CCDs' gains
_SDSS_SIGMA = {"g": 0.0291, "r": 0.0354, "i": 0.0538}
TELESCOPES = {
    "sdss": Telescope(
        survey="sdss",
        pixel_arcsec=PIXEL_ARCSEC["sdss"],
        zero_point=22.5,
        unit="nanomaggy",
        psf_fwhm_arcsec={"g": 1.44, "r": 1.32, "i": 1.27},
        sky_sigma=_SDSS_SIGMA,
        gain={"g": 980.0, "r": 900.0, "i": 660.0},
        seeing_scatter=0.06,
        noise_kernel=0.0,
        saturation=280.0,
        masks=False,
    ),
    "des": Telescope(
        survey="des",
        pixel_arcsec=PIXEL_ARCSEC["des"],
        zero_point=30.0,
        unit="electrons",
        psf_fwhm_arcsec={"g": 1.07, "r": 0.96, "i": 0.90},
        sky_sigma={band: _deeper(sigma) for band, sigma in _SDSS_SIGMA.items()},
        gain={"g": 4.5, "r": 5.5, "i": 5.0},
        seeing_scatter=0.05,
        noise_kernel=0.13,
        saturation=60000.0,
        masks=True,
    ),
}
