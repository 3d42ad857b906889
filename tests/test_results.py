"""Tables of a project's results, from the files that the stages write."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from galcat_core.embeddings.neighbors import cluster
from galcat_core.evaluation.metrics import evaluate, to_json
from galcat_core.files import write_text
from galcat_core.records import Embedding, Predictions
from galcat_core.results import project_tables
from galcat_core.sections import Project


def test_every_table_of_a_project_is_shown(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, 80)
    spiral = np.clip(0.2 + 0.6 * truth + rng.normal(0, 0.2, 80), 0.01, 0.99)
    table = pd.DataFrame({"id": np.arange(80), "p_elliptical": 1 - spiral, "p_spiral": spiral})
    table["predicted"] = np.where(spiral > 0.5, "spiral", "elliptical")
    predictions = Predictions(table.assign(run="run"))
    labels = pd.DataFrame({"id": np.arange(80), "label": np.where(truth, "spiral", "elliptical")})
    labels["certain"] = np.arange(80) % 2 == 0
    write_text(tmp_path / "report/des/metrics.json", to_json(evaluate(predictions, labels)))
    features = {f"feature_{i}": truth + rng.normal(0, 0.1, 80) for i in range(4)}
    embedding = Embedding(pd.DataFrame({"id": np.arange(80), "run": "run", **features}))
    (tmp_path / "clusters").mkdir()
    cluster(embedding, Project(), predictions).save(tmp_path / "clusters/des.parquet")
    row = {"experiment": "as it is", "ntrain": 0, "ntest": 80, "npos": 40}
    scores = dict.fromkeys(("tpr", "precision", "accuracy", "f1", "auc"), 0.9)
    (tmp_path / "transfer").mkdir()
    pd.DataFrame([row | scores]).to_csv(tmp_path / "transfer/transfer.csv", index=False)

    console = Console(width=150, record=True)
    tables = project_tables(tmp_path)
    for made in tables:
        console.print(made)
    text = console.export_text()
    assert len(tables) == 3
    for words in ("des, all", "des, certain votes", "as it is", "uncertain half", "adjusted Rand"):
        assert words in text


def test_an_empty_project_has_no_tables(tmp_path: Path) -> None:
    assert project_tables(tmp_path) == []
