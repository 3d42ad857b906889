"""Maps on files: project, cluster."""

from __future__ import annotations

from pathlib import Path

from galcat_core.config import Config
from galcat_core.errors import listed
from galcat_core.provenance import Provenance, digests
from galcat_core.stages.work import made_already, need, result, save, say, settings


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
