"""How small each network is built, and on what size it is tried, where all networks are tested alike.

A new network gets a line here: `test_every_network.py` then holds it to what every network promises.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Case:
    """One network, small enough that a step of training takes far less than a second."""

    size: tuple[int, ...]
    """Rows and columns, or slices, rows and columns; multiples of the network's stride, not all alike."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """What the network is built with; its `classes` and `in_channels` may be among it."""
    learning_rate: float = 1e-3
    """Of the one step of Adam that must lower the loss."""
    any_size: bool = True
    """Whether sizes that are no multiples of the stride come back as they are; False: ModelError."""


CASES: dict[str, Case] = {
    # DPC-Net, its forerunner DARN, and what they are compared with. No level is 2 slices deep: there, torch
    # 2.13 on the CPU reads memory that nobody wrote, in the weights' gradient of a bfloat16 convolution.
    "dpcnet": Case(size=(24, 8, 16), arguments={"width": 4, "levels": 4, "pyramid_width": 6}),
    "darn": Case(size=(24, 8, 16), arguments={"width": 4, "levels": 4, "pyramid_width": 6}),
    "unet3d": Case(size=(24, 8, 16), arguments={"width": 4, "levels": 3, "in_channels": 2}),
    "ag": Case(size=(24, 8, 16), arguments={"width": 4, "levels": 3}),
    "daf": Case(size=(24, 8, 16), arguments={"width": 4, "levels": 3, "pyramid_width": 8}),
    "nnunet": Case(size=(16, 8, 24), arguments={"width": 4, "levels": 4}),
    # PA-ResSeg and what it is compared with
    "resseg": Case(size=(64, 32), arguments={"width": 4, "classes": 3}),
    "paresseg": Case(size=(64, 32), arguments={"width": 4, "in_channels": 2}),
    "resseg_intra": Case(size=(64, 32), arguments={"width": 4, "in_channels": 2}),
    "dmp": Case(size=(64, 32), arguments={"width": 4, "in_channels": 2, "classes": 3}),
    "mpf": Case(size=(64, 32), arguments={"width": 4, "backbone": "unet"}),
    # SFAN and what it is compared with
    "sfan": Case(size=(48, 32), arguments={"width": 4, "aligned_width": 4, "in_channels": 2}),
    "deeplabv3": Case(size=(48, 32), arguments={"width": 4, "blocks": (1, 1, 2, 3), "aspp_width": 6}),
    "unet": Case(size=(48, 32), arguments={"width": 4, "in_channels": 2, "classes": 3}),
    # The multi-scale context network and what it is compared with
    "context": Case(size=(64, 96), arguments={"width": 8, "blocks": (1, 1, 1, 1)}),
    "attention_unet": Case(size=(48, 32), arguments={"width": 4, "levels": 3}),
    "r2unet": Case(size=(48, 32), arguments={"width": 8, "levels": 3}),
    "nested_unet": Case(size=(48, 32), arguments={"width": 4, "levels": 3}),
    "mcfcn": Case(size=(48, 32), arguments={"width": 4, "levels": 3}),
    "mwunet": Case(size=(48, 32), arguments={"width": 4, "levels": 3}),
    "senet": Case(size=(64, 96), arguments={"width": 32, "blocks": (1, 1, 1, 1)}),
    "self_attention": Case(size=(64, 96), arguments={"width": 8, "blocks": (1, 1, 1, 1)}),
    "danet": Case(size=(48, 64), arguments={"width": 16, "blocks": (1, 1, 1, 1), "classes": 3}),
    "csnet": Case(size=(48, 64), arguments={"width": 8, "levels": 3}),
    # What answers clicks
    "click_unet": Case(size=(32, 24, 40), arguments={"width": 4, "in_channels": 2}),
    "cenet": Case(size=(64, 96), arguments={"width": 8, "blocks": (1, 1, 1, 1), "classes": 3}),
}
