"""The page's fonts: its text -> STIX (the figures' own face) cut down to the letters used, as CSS."""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path

import matplotlib
from fontTools import subset
from fontTools.ttLib import TTFont

from galcat_core.evaluation.report.figures import uri

FACES = {  # file that comes with matplotlib: weight, style
    "STIXGeneral.ttf": (400, "normal"),
    "STIXGeneralBol.ttf": (700, "normal"),
    "STIXGeneralItalic.ttf": (400, "italic"),
}
ALWAYS = "".join(map(chr, range(0x20, 0x7F)))


def font_faces(text: str) -> str:
    """Return the @font-face rules for a text, the fonts inside as WOFF."""
    letters = "".join(sorted({c for c in text if c.isprintable()} | set(ALWAYS)))
    rules = []
    for name, (weight, slant) in FACES.items():
        source = uri(_cut(name, letters), "font/woff")
        rules.append(
            f'@font-face{{font-family:"STIX";font-weight:{weight};font-style:{slant};'
            f'font-display:block;src:url({source}) format("woff")}}'
        )
    return "\n".join(rules)


@lru_cache(maxsize=8)
def _cut(name: str, letters: str) -> bytes:
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name
    options = subset.Options()
    options.flavor, options.hinting, options.layout_features = "woff", False, ["kern", "liga"]
    options.drop_tables += ["FFTM"]  # FontForge's time stamps
    with TTFont(path, recalcTimestamp=False) as font:
        cutter = subset.Subsetter(options)
        cutter.populate(text=letters)
        cutter.subset(font)
        font.flavor = "woff"
        stream = io.BytesIO()
        font.save(stream)
    return stream.getvalue()
