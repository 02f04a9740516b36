"""A network that answers clicks in a session: which one it is, and how it is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from LiverTumorAttentionLib.correction.algorithm.block_grid import Field

Predict = Callable[[Field], Field]
"""From the input (channels, z, y, x) of a cube to the probability of the lesion at its samples (z, y, x)."""


@dataclass(frozen=True, kw_only=True)
class ClickModel:
    """A model of the kind "interaction", ready to be asked.

    id: of the model. sha256: of its weights, 64 hexadecimal digits. predict: asks the network; the same answer for the
    same input, always.
    """

    id: str
    sha256: str
    predict: Predict

    @property
    def name(self) -> str:
        """Id and checksum, as logs have them."""
        return f"{self.id} sha256:{self.sha256}"
