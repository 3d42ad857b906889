"""One source onto the images of a tile: its profile, convolved with the PSF and the pixel, added in every band."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from galcat_core.sky.galaxies import Disk, has_disk, spheroid
from galcat_core.sky.telescopes import Telescope

if TYPE_CHECKING:
    import galsim

# errors of 2e-5 of the peak for n = 3 to 5.5, against GalSim's defaults, and 10 times faster
FAST = {
    "folding_threshold": 3e-2,
    "maxk_threshold": 3e-3,
    "kvalue_accuracy": 1e-4,
    "stepk_minimum_hlr": 3,
}
MOFFAT_BETA = 3.5  # half-integers have a closed Fourier transform: 5 times faster than 3.3
FAINTEST = 0.25  # profiles are drawn until this many sky sigmas a pixel
FINE = 2  # samples a pixel along each axis, for disks


class Brush:
    """Draws sources onto a tile.

    Parameters
    ----------
    telescope : Telescope
    canvas : dict of str to galsim.Image
        The image of each band, with its WCS; added to in place.
    psfs : dict of str to galsim.GSObject
        The PSF of each band.
    """

    def __init__(
        self,
        telescope: Telescope,
        canvas: dict[str, galsim.Image],
        psfs: dict[str, galsim.GSObject],
    ) -> None:
        import galsim

        self.telescope, self.canvas, self.psfs = telescope, canvas, psfs
        self.accuracy = galsim.GSParams(**FAST)
        self.kernels: dict[tuple[str, int], np.ndarray] = {}

    def draw(self, row: dict, at: galsim.PositionD) -> None:
        """Add a source to the images of all bands, where its stamp overlaps them."""
        import galsim

        flux = 10 ** (0.4 * (self.telescope.zero_point - row["mag_r"]))
        half = int(reach_arcsec(row, self.telescope) / self.telescope.pixel_arcsec) + 2
        x, y = round(at.x), round(at.y)
        box = galsim.BoundsI(x - half, x + half, y - half, y + half)
        part = box & self.canvas["r"].bounds
        if not part.isDefined():
            return
        disk = Disk(row) if has_disk(row) else None
        local = self.canvas["r"].wcs.local(at)
        for band, image in self.canvas.items():
            stamp = galsim.ImageF(box, wcs=local)
            self._profile(row, band, flux).drawImage(stamp, center=at)
            if disk is not None:
                stamp.array[:] += flux * self._seen(disk, band, stamp, at)
            image[part] += stamp[part]

    def _profile(self, row: dict, band: str, flux: float) -> galsim.GSObject:
        """Return what is drawn with GalSim alone: a star, an elliptical, a bulge."""
        import galsim

        psf = self.psfs[band]
        if row["kind"] == "star":
            return psf.withFlux(flux * 10 ** (0.4 * (row["mag_r"] - row[f"mag_{band}"])))
        return galsim.Convolve(spheroid(row, band, self.accuracy) * flux, psf)

    def _seen(self, disk: Disk, band: str, stamp: galsim.Image, at: galsim.PositionD) -> np.ndarray:
        """Return the disk on the stamp's pixels, (H, W), the PSF and the pixel convolved in."""
        from scipy.fft import irfft2, rfft2
        from scipy.ndimage import affine_transform

        pixels = stamp.array.shape[0]
        size = -(-FINE * (pixels + 8) // 32) * 32
        world = stamp.wcs.getMatrix()  # (u, v) from (x, y)
        theta = np.radians(disk.row["theta_deg"])
        turn = np.array([[np.cos(theta), np.sin(theta)], [-np.sin(theta), np.cos(theta)]])
        matrix = (turn @ world / disk.pixel_arcsec)[::-1, ::-1]  # numpy's axes are (y, x)
        image = disk.image(band)
        start = np.array([stamp.ymin - at.y, stamp.xmin - at.x])
        middle = (np.array(image.shape) - 1) / 2
        model = affine_transform(
            image.astype(np.float32),
            matrix / FINE,
            offset=matrix @ start + middle,
            output_shape=(size, size),
            order=1,
            prefilter=False,
        )
        # flux of a disk pixel spreads over this many stamp pixels
        area = abs(np.linalg.det(world)) / disk.pixel_arcsec**2
        seen = irfft2(rfft2(model) * self._kernel(band, size, stamp.wcs), s=(size, size))
        return area * seen[: FINE * pixels : FINE, : FINE * pixels : FINE]

    def _kernel(self, band: str, size: int, wcs: galsim.JacobianWCS) -> np.ndarray:
        """Return the Fourier transform of PSF and pixel on the fine grid."""
        import galsim
        from scipy.fft import rfft2

        if (band, size) not in self.kernels:
            psf = galsim.Convolve(wcs.toImage(self.psfs[band]), galsim.Pixel(1.0))
            drawn = galsim.ImageF(size, size, scale=1 / FINE)
            psf.drawImage(drawn, method="no_pixel", offset=(0.5, 0.5))  # centre: size // 2
            self.kernels[band, size] = rfft2(np.fft.ifftshift(drawn.array))
        return self.kernels[band, size]


def reach_arcsec(row: Any, telescope: Telescope) -> float:
    """Return how far from its centre a source rises above `FAINTEST` sky sigmas (arcsec)."""
    flux = 10 ** (0.4 * (telescope.zero_point - row["mag_r"])) * telescope.pixel_arcsec**2
    level = FAINTEST * telescope.sky_sigma["r"]
    fwhm = telescope.psf_fwhm_arcsec["r"]
    if row["kind"] == "star":
        core = 0.5 * fwhm / np.sqrt(2 ** (1 / MOFFAT_BETA) - 1)
        peak = flux * (MOFFAT_BETA - 1) / (np.pi * core**2)
        wings = core * np.sqrt(max((peak / level) ** (1 / MOFFAT_BETA) - 1, 1.0))
        return float(np.clip(wings, 3 * fwhm, 45.0))
    radii = np.geomspace(0.3, 90, 120)
    disk = has_disk(row)
    n, size = (1.0 if disk else row["sersic_n"]), row["re_arcsec"]
    brightness = np.exp(-(2 * n - 1 / 3) * ((radii / size) ** (1 / n) - 1)) / (8 * size**2)
    bright = radii[flux * brightness > level]
    far = float(bright[-1]) if len(bright) else 0.0
    far = min(far, 5.0 * row["scale_arcsec"]) if disk else far
    return float(np.clip(far + 2 * fwhm, 3 * fwhm, 60.0))
