"""A report's figures for the page: matplotlib -> SVG that follows the page's colours, and files to download."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from html import escape

from matplotlib.figure import Figure

from galcat_core.evaluation.style import COLORS, FAINT, INK, PAPER, SERIES, SOFT, rendered

BROAD_INCHES = 5.3  # a figure that is wider does not fit into half a page
# what the page calls the colours that it changes in the dark
NAMES = {INK: "ink", SOFT: "soft", FAINT: "faint", PAPER: "paper", "#7d7d7d": "raw"}
NAMES |= {color: f"class-{i}" for i, color in enumerate(COLORS[:2])}
NAMES |= {color: f"series-{i}" for i, color in enumerate(SERIES)}


@dataclass(frozen=True)
class Shown:
    """A figure of the page.

    Attributes
    ----------
    name : str
        File name of the downloads, and the figure's anchor.
    title, caption, alt : str
        The caption says what is seen and of how many galaxies; the alt text what it looks like.
    wide : Figure
    narrow : Figure or None
        The same for a narrow screen, where the wide one would be too small to read.
    number : int
        Counted over the page.
    """

    name: str
    title: str
    caption: str
    alt: str
    wide: Figure
    narrow: Figure | None = None
    number: int = 0

    @property
    def broad(self) -> bool:
        """Whether it wants the width of the page."""
        return self.wide.get_figwidth() > BROAD_INCHES

    @property
    def svgs(self) -> list[tuple[str, str]]:
        """Return ("wide" or "narrow" or "any", SVG text) for each shape."""
        shapes = {"any": self.wide} if self.narrow is None else {}
        shapes = shapes or {"wide": self.wide, "narrow": self.narrow}
        return [
            (shape, inline(made, f"{self.name}-{shape}", self.alt))
            for shape, made in shapes.items()
        ]

    @property
    def downloads(self) -> dict[str, str]:
        """Return {"PDF": data URI, "PNG": data URI} of the wide figure."""
        return downloads(self.wide)


def downloads(made: Figure, dpi: int = 300) -> dict[str, str]:
    """Return {"PDF": data URI, "PNG": data URI} of a figure; pictures in the PDF keep their pixels."""
    png = uri(rendered(made, "png", dpi), "image/png")
    for axes in made.axes:
        for image in axes.images:
            image.set_interpolation("none")
    return {"PDF": uri(rendered(made, "pdf", dpi), "application/pdf"), "PNG": png}


def uri(content: bytes | str, kind: str) -> str:
    """Return the data URI of a file."""
    content = content.encode() if isinstance(content, str) else content
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def inline(made: Figure, prefix: str, label: str) -> str:
    """Return a figure as SVG to stand in an HTML page.

    Its ids get a prefix, so that figures do not take each other's; its colours become the page's
    variables with the printed colour as fallback: `var(--ink, #1a1a1a)`.

    Parameters
    ----------
    made : matplotlib.figure.Figure
    prefix : str
        A name that no other figure of the page has.
    label : str
        The alternative text.
    """
    text = rendered(made, "svg").decode()
    text = text[text.index("<svg") :]
    # the page's own style sheet says what matplotlib's says
    text = re.sub(r"<(metadata|style)\b.*?</\1>", "", text, flags=re.DOTALL)
    text = re.sub(r'\sxmlns(:xlink)?="[^"]*"', "", text).replace("xlink:href", "href")
    prefix = re.sub(r"[^a-z0-9-]", "-", prefix.lower())
    text = re.sub(r'(\sid=")', rf"\g<1>{prefix}-", text)
    text = re.sub(r'(href="#|url\(#)', rf"\g<1>{prefix}-", text)
    for color, name in NAMES.items():
        text = text.replace(color, f"var(--{name}, {color})")
    head = re.match(r"<svg[^>]*>", text)
    width = float(re.search(r'width="([\d.]+)pt"', head[0])[1]) * 4 / 3
    box = re.search(r'viewBox="[^"]*"', head[0])[0]
    begin = (
        f'<svg {box} role="img" aria-label="{escape(label)}" style="max-width:{width:.0f}px" '
        'preserveAspectRatio="xMidYMid meet">'
    )
    return re.sub(r"\n\s*", "\n", begin + text[head.end() :]).strip()
