"""The network of Khan et al. 2019: Xception, pretrained on ImageNet, under two dense layers."""

from __future__ import annotations

from galcat_core.models.backbones import Backbone

PARAMETERS = 24_011_306  # 20,861,480 of the base and 3,149,826 of the head

# arXiv:1812.02183, section 3: 299 x 299 pixels scaled to [-1, 1]; the head alone, then the layers
# from the 40th up, then from the 2nd up.
XCEPTION = Backbone.named("Xception", "xception", thaw=40, INPUT_SIZE=299, fewest_px=71)
