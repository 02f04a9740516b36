"""Arguments of networks that were added later, with the values that models from before have.

A model's or a run's stage that does not name such an argument was made before it was there: its weights are those of
the earlier network. New ones name it, for what is read here is what is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ONE_CHANNEL = {"attention_width": 1, "resampling": "learned"}
EARLIER: Mapping[str, Mapping[str, Any]] = {"dpcnet": _ONE_CHANNEL, "darn": _ONE_CHANNEL}
"""By network: argument and value."""


def with_earlier(network: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stage's arguments with those that it was made too early to name."""
    return {**EARLIER.get(network, {}), **arguments}
