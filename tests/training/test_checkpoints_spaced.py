"""Checkpoints that would cost more than 1% of the time are made more seldom, and nothing is claimed that they lack."""

import time
from pathlib import Path

import pandas as pd
import pytest

from galcat_core.runs import Run
from galcat_core.training import checkpoint, loop
from galcat_core.training.fit import train

EPOCHS = 5
# Keras 3.15 reads TensorFlow's variables in numpy's old way
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
EXACT = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"]


@pytest.fixture
def saved(monkeypatch):
    """The epochs at whose end a checkpoint is made; each takes 0.2 s more than it does."""
    epochs, save = [], checkpoint.save

    def slowly(folder, model, optimizer, progress):
        epochs.append(progress.epoch)
        time.sleep(0.2)
        save(folder, model, optimizer, progress)

    monkeypatch.setattr(checkpoint, "save", slowly)
    return epochs


def test_short_epochs_share_a_checkpoint(tmp_path, store, split, config, saved, monkeypatch):
    """Broken off behind the last checkpoint, it learns the rest again, to the same bits."""
    settings = config.replace(train={"epochs": EPOCHS, "patience": EPOCHS})
    whole = train(tmp_path / "whole", store, split, settings)
    assert saved == [1, EPOCHS]
    assert whole.history["epoch"].tolist() == list(range(1, EPOCHS + 1))

    write = loop.write_table

    def break_off(table, path):
        write(table, path)
        if len(table) == 4:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(loop, "write_table", break_off)
        train(tmp_path / "broken", store, split, settings)
    run = Run.open(tmp_path / "broken")
    assert len(pd.read_csv(Path(run.folder) / "history.csv")) == 4  # for who watched it
    assert run.status == "interrupted"
    assert run.history["epoch"].tolist() == [1]
    assert run.weights.read_bytes() != whole.weights.read_bytes()

    again = train(run.folder, store, split, settings)
    assert again.digest == whole.digest
    assert again.history[EXACT].equals(whole.history[EXACT])
    best = again.history.set_index("epoch").loc[again.report["best_epoch"]]
    assert again.report["val_loss"] == best["val_loss"]


def test_after_each_step_is_after_each_step(tmp_path, store, split, config, saved):
    settings = config.replace(train={"epochs": 1, "checkpoint_seconds": 0.0})
    train(tmp_path / "run", store, split, settings)
    steps = -(-37 // settings.train.batch_size)
    assert saved == [0] * steps + [1]
