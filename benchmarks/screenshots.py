"""`python -m benchmarks.screenshots PROJECT -o docs/pictures`: pictures of every page, at two widths, light and dark.

The README shows some of those of a simulated project (`galcat demo -o demo`), of no other.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import Any

from galcat_app import serve
from galcat_app.menu import PAGES
from PIL import Image

from benchmarks.browser import chromium
from galcat_core.errors import GalcatError

SIZES = ((1440, 900), (1024, 768))
THEMES = ("light", "dark")
QUALITY = 82  # of WebP


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.screenshots", description=__doc__)
    parser.add_argument("project", type=Path, help="folder that galcat demo made")
    parser.add_argument("-o", "--out", type=Path, default=Path("docs/pictures"), metavar="FOLDER")
    parser.add_argument("--pages", nargs="+", choices=tuple(PAGES), default=tuple(PAGES))
    args = parser.parse_args()
    if not (args.project / "sky/sky.json").is_file():
        raise GalcatError(f"{args.project} holds no simulated sky: make it with galcat demo")
    args.out.mkdir(parents=True, exist_ok=True)
    with (
        serve(args.project, port=0, preheat=False, say=lambda _: None) as server,
        chromium() as browser,
    ):
        for page in args.pages:
            for size in SIZES:
                shoot(browser, f"{server.url}{page}", args.out / f"{page}-{size[0]}", size)


def shoot(browser: Any, url: str, path: Path, size: tuple[int, int]) -> None:
    """Write a page in each theme, once its pictures stand."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce"
    )
    context.set_default_timeout(300_000)
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("#galcat-skeleton", state="detached")
    page.wait_for_function("[...document.images].every((image) => image.complete)")
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)
        page.wait_for_selector(f"html[data-galcat-theme={theme}]", state="attached")
        page.wait_for_timeout(1500)
        made = Image.open(io.BytesIO(page.screenshot()))
        file = path.with_name(f"{path.name}-{theme}.webp")
        made.convert("RGB").save(file, "WEBP", quality=QUALITY, method=6)
        print(f"{file}: {file.stat().st_size / 1000:.0f} kB", flush=True)
    context.close()


if __name__ == "__main__":
    main()
