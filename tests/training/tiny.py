"""A tiny base with batch normalisation in the place of a real one: thaws in three stages in a second.

`python -m tests.training.tiny FOLDER STORE SPLIT CONFIG` trains it in a process that may be killed;
with FOLDER alone it is one of the workers of a run.
"""

from __future__ import annotations

import os
import sys

import keras
from keras import layers

from galcat_core import models
from galcat_core.models.backbones import Backbone

NAME = "mobilenetv3small"


def application(
    include_top: bool, weights: str | None, input_shape: tuple[int, int, int]
) -> keras.Model:
    """Return four convolutions, each followed by a batch normalisation; it has no ImageNet weights."""
    assert not include_top and weights is None
    pictures = x = keras.Input(input_shape)
    for number in range(4):
        x = layers.Conv2D(8, 3, strides=2, padding="same", name=f"conv{number}")(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"norm{number}")(x)
        x = layers.ReLU(name=f"relu{number}")(x)
    return keras.Model(pictures, x)


TINY = Backbone(
    NAME, application, keras.applications.xception.preprocess_input, INPUT_SIZE=32, thaw=7
)

if __name__ == "__main__":
    from galcat_core.config import Config
    from galcat_core.images.store import CutoutStore
    from galcat_core.records import Split
    from galcat_core.training import worker
    from galcat_core.training.fit import train

    models.NETWORKS[NAME] = TINY
    if len(sys.argv) == 2:
        code = worker.main(sys.argv[1])
        sys.stderr.flush()
        os._exit(code)  # as a worker ends
    folder, store, split, config = sys.argv[1:]
    train(folder, CutoutStore.open(store), Split.load(split), Config.load(config))
