"""Arguments of networks that were added or got another default later, with the values that models from before have.

A model's or a run's stage that does not name such an argument was made before that: its weights are those of the
earlier network. New ones name it, for what is read here is what is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ONE_CHANNEL = {"attention_width": 1, "resampling": "learned"}
_PYRAMID = {"pyramid_width": 64}  # whatever `width` was
EARLIER: Mapping[str, Mapping[str, Any]] = {
    "dpcnet": {**_ONE_CHANNEL, **_PYRAMID},
    "darn": {**_ONE_CHANNEL, **_PYRAMID},
    "daf": _PYRAMID,
    "sfan": {"aligned_width": 64},
    "deeplabv3": {"aspp_width": 256},
}
"""By network: argument and value."""


def with_earlier(network: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stage's arguments with those that it was made too early to name."""
    return {**EARLIER.get(network, {}), **arguments}
