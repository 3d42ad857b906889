"""The house style of every figure: settings in, a look that prints, and files of equal bytes out."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from galcat_core.files import whole

INK, SOFT, FAINT, PAPER = "#1a1a1a", "#6b6b6b", "#dcd9d3", "#ffffff"
# Okabe and Ito (2008), colour-blind safe, ordered so that old stars are warm and young ones blue.
COLORS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a6f00", "#000000")
# Test sets are no classes: Tol (2021) "muted", colour-blind safe, darkened to 3:1 on white.
SERIES = ("#332288", "#cc6677", "#2a8f80", "#857f1b", "#aa4499", "#117733")
DASHES = ("-", (0, (5, 1.5)), (0, (1, 1.2)), (0, (6, 1.5, 1, 1.5)), (0, (3, 1, 3, 3)), "-")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
# From the first class's colour through a grey that still shows on white to the second's.
PROBABILITY = LinearSegmentedColormap.from_list(
    "probability", ["#a83e00", "#e8823a", "#c9b8a6", "#aab0b8", "#4f9fd3", "#00507f"]
)
SURVEYS = {"des": "DES", "sdss": "SDSS", "ps1": "Pan-STARRS1", "legacy": "Legacy Surveys"}
SINGLE, DOUBLE = 3.5, 7.1  # inches: one column and the full width of a journal page
RC = {
    # fonts that come with matplotlib: the same page on every machine
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "font.size": 9.5,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.titlepad": 7.0,
    "axes.labelsize": 10,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.linewidth": 0.7,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "text.color": INK,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.top": True,
    "ytick.right": True,
    "xtick.minor.visible": True,
    "ytick.minor.visible": True,
    "xtick.major.size": 3.5,
    "ytick.major.size": 3.5,
    "xtick.minor.size": 1.8,
    "ytick.minor.size": 1.8,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "legend.handlelength": 1.6,
    "lines.linewidth": 1.3,
    "figure.dpi": 100,
    "savefig.dpi": 300,
    "image.interpolation": "none",
    "pdf.fonttype": 42,  # text stays text in the PDF
    "svg.fonttype": "path",  # looks alike everywhere
    "svg.hashsalt": "galcat",  # the same ids each time
    "path.simplify": True,
}


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Set the house's rcParams inside a `with` block; nothing of the caller's settings is left."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(RC)
        yield


def figure(width: float, height: float, layout: str = "constrained") -> Figure:
    """Return an empty figure (inches) that is drawn without a window; call it inside `style()`."""
    made = Figure(figsize=(width, height), layout=layout, facecolor=PAPER)
    FigureCanvasAgg(made)
    return made


def save(made: Figure, path: str | Path) -> list[Path]:
    """Write PATH.png (300 dpi) and PATH.pdf, whole, without dates: the same bytes each time.

    Parameters
    ----------
    made : matplotlib.figure.Figure
    path : str or Path
        Without suffix; a .png or .pdf at its end is taken off.

    Returns
    -------
    list of Path
        The two files.

    Raises
    ------
    GalcatError
        The place cannot be written (see `galcat_core.files.whole`).
    """
    path = Path(path)
    stem = path.with_suffix("") if path.suffix.lower() in (".png", ".pdf") else path
    files = [stem.with_name(f"{stem.name}.{kind}") for kind in ("png", "pdf")]
    metadata = {"png": {"Software": None}, "pdf": {"CreationDate": None, "ModDate": None}}
    with style():
        for file in files:
            with whole(file) as temporary:
                made.savefig(temporary, metadata=metadata[file.suffix[1:]])
    return files


def rendered(made: Figure, kind: str, dpi: int = 300) -> bytes:
    """Return a figure as the bytes of a "svg", "pdf" or "png" file, without dates."""
    metadata = {
        "svg": {"Date": None, "Creator": None},
        "pdf": {"CreationDate": None, "ModDate": None, "Creator": None, "Producer": None},
        "png": {"Software": None},
    }
    stream = io.BytesIO()
    with style():
        made.savefig(stream, format=kind, dpi=dpi, metadata=metadata[kind])
    return stream.getvalue()


def series_of(index: int) -> dict[str, object]:
    """Return colour and dashes of a test set's line by its place."""
    place = index % len(SERIES)
    return {"color": SERIES[place], "linestyle": DASHES[place]}


def color_of(index: int) -> str:
    """Return the colour of a class or curve by its place."""
    return COLORS[index % len(COLORS)]


def quoted(name: str) -> str:
    """Return a class name between typographic quotes."""
    return f"\N{LEFT SINGLE QUOTATION MARK}{name}\N{RIGHT SINGLE QUOTATION MARK}"


def survey_name(name: str | None) -> str:
    """Return a survey's name as papers write it: SDSS for "sdss"; others as they are."""
    return SURVEYS.get(name or "", name or "unknown")
