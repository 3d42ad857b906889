"""Maps on files: project, cluster, and a page to look at them."""

from __future__ import annotations

import re
from pathlib import Path

from galcat_core.config import Config
from galcat_core.errors import GalcatError, listed
from galcat_core.files import write_text
from galcat_core.provenance import Provenance, digests
from galcat_core.stages.work import made_already, need, result, save, say, settings, spared

MARK = re.compile(r'<script type="application/json" id="provenance">(.*?)</script>', re.DOTALL)
FIRST_BYTES = 100_000  # of a page: the mark stands in its head


def project(
    embedding: str | Path,
    out: str | Path,
    config: Config,
    force: bool = False,
) -> Path:
    """Draw maps of an embedding; write a Projection."""
    from galcat_core.records import Embedding

    path = need(embedding, "file", "make it with galcat embed")
    out = result(out, path)
    work = Provenance("project", digests(path), settings(config.project))
    if made_already(out, work, force):
        return out
    from galcat_core.embeddings.project import project_to

    made = project_to(out, Embedding.load(path), config.project, provenance=work)
    say(f"maps of {len(made)} galaxies ({listed(config.project.methods)}): {out}")
    return out


def cluster(
    embedding: str | Path,
    out: str | Path,
    config: Config,
    predictions: str | Path | None = None,
    force: bool = False,
) -> Path:
    """Find clusters in an embedding and tell how they agree with predictions; write Clusters."""
    from galcat_core.records import Embedding, Predictions

    path = need(embedding, "file", "make it with galcat embed")
    given = [path]
    given += [need(predictions, "file", "make it with galcat predict")] if predictions else []
    out = result(out, *given)
    work = Provenance("cluster", digests(*given), settings(config.project))
    if made_already(out, work, force):
        return out
    from galcat_core.embeddings.neighbors import cluster as find

    told = Predictions.load(predictions) if predictions else None
    made = find(Embedding.load(path), config.project, told)
    save(made, out, work)
    sizes = made.table["cluster"].value_counts().sort_index()
    say(f"{len(sizes)} clusters of {listed(sizes.tolist())} galaxies: {out}")
    return out


def atlas(
    catalogue: str | Path,
    out: str | Path,
    images: str | Path | None = None,
    most: int = 50_000,
    pictures: int = 5_000,
    title: str | None = None,
    force: bool = False,
) -> Path:
    """Write the map of a published catalogue as one HTML page: pictures on hover, selections to save.

    Parameters
    ----------
    catalogue : str or Path
        A table of `galcat publish ... --map`.
    out : str or Path
        The page, .html.
    images : str or Path, optional
        Cutout store with the galaxies' pictures.
    most, pictures : int
        Galaxies and pictures at most (see `galcat_core.embeddings.atlas.atlas`).
    title : str, optional
        Heading; the catalogue's name if not given.
    """
    path = need(catalogue, "file", "make it with galcat publish")
    given = [path] + ([need(images, "store", "make it with galcat cutouts")] if images else [])
    out = spared(out, *given)
    _check_page(out, most, pictures)
    choices = {"most": most, "pictures": pictures, "title": title or path.stem}
    work = Provenance("atlas", digests(*given), choices)
    if not force and out.is_file() and work.same_work(_page_provenance(out)):
        say(f"{out}: up to date")
        return out
    from galcat_core.embeddings.atlas import atlas as draw
    from galcat_core.images.store import CutoutStore
    from galcat_core.records import Catalogue

    store = CutoutStore.open(images) if images else None
    page = draw(Catalogue.load(path), store, most, pictures, title=choices["title"])
    told = work.to_json().replace("<", "\\u003c")
    mark = f'<script type="application/json" id="provenance">{told}</script>'
    write_text(out, page.replace("<head>", f"<head>\n{mark}", 1))
    say(f"{out}: {out.stat().st_size / 1e6:.1f} MB; open it in any browser, it needs no network")
    return out


def _check_page(out: Path, most: int, pictures: int) -> None:
    if out.suffix.lower() not in (".html", ".htm"):
        raise GalcatError(f"{out}: the page is HTML; name it with -o NAME.html")
    for flag, value, least in (("--most", most, 1), ("--pictures", pictures, 0)):
        if value < least:
            raise GalcatError(f"{flag} {value}: at least {least}")


def _page_provenance(page: Path) -> Provenance | None:
    """Return what made a page, None for one of somebody else's."""
    with page.open(encoding="utf-8", errors="replace") as stream:
        found = MARK.search(stream.read(FIRST_BYTES))
    return Provenance.from_json(found[1]) if found else None
