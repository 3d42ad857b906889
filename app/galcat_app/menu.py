"""The pages there are: the name of a notebook (and of its address) -> what it is called."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from galcat_core.errors import GalcatError

HERE = Path(__file__).resolve().parent
ORDER = {"home": "Home", "pairs": "Pairs", "training": "Training", "explore": "Explore"}


def pages_folder() -> Path:
    """Return the folder of the notebooks: inside the installed package, or app/ in a checkout.

    Raises
    ------
    GalcatError
        Neither holds them.
    """
    for folder in (HERE / "pages", HERE.parent):
        if (folder / "explore.ipynb").is_file():
            return folder
    raise GalcatError(
        f"the pages of galcat (explore.ipynb) are neither in {HERE / 'pages'} nor in {HERE.parent}: "
        "install galcat again"
    )


def _with_notebook() -> dict[str, str]:
    folder = pages_folder()
    return {page: name for page, name in ORDER.items() if (folder / f"{page}.ipynb").is_file()}


PAGES = _with_notebook()  # in the order of the header


def report_href(path: str) -> str | None:
    """Return where the server shows a report of the project; in JupyterLab nobody does: None."""
    if "GALCAT_SERVED" not in os.environ:
        return None
    return f"{os.environ.get('VOILA_BASE_URL', '/')}report/{quote(path)}"
