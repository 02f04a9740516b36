"""How a network that was trained with MONAI is run, as a block of a stage in `model.json`.

Axes. A volume is turned to the stage's `orientation` first; its array is (channel, i, j, k), i, j and k along the axes
that the orientation names, as MONAI has them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from LiverTumorAttentionLib.config_parsing import shown
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.models.limits import LARGEST_PATCH_VOXELS, LARGEST_TILE
from LiverTumorAttentionLib.models.monai_steps import (
    PADDINGS,
    CropForeground,
    PadTo,
    Spacing,
    Step,
    step_from,
)

MOST_STEPS = 32
MOST_PARTS = 8
LARGEST_OVERLAP = 0.95
RETURNED = ("logits", "probabilities", "labels")
_SPATIAL = (Spacing, CropForeground, PadTo)


@dataclass(frozen=True, kw_only=True)
class LargestParts:
    """`KeepLargestConnectedComponentd` on the labels: smaller components become background."""

    values: tuple[int, ...] = ()
    """The label values that it looks at; () for all but 0."""
    independent: bool = True
    """Whether each value has a largest component of its own; otherwise all of them together have one."""
    connectivity: int = 3
    """1 joins voxels by their faces, 2 by their edges too, 3 by their corners too."""

    def __post_init__(self) -> None:
        if not 1 <= self.connectivity <= 3:
            raise ModelError(
                f"model.json: monai: connectivity must be 1, 2 or 3, got {self.connectivity}: correct it there"
            )


@dataclass(frozen=True, kw_only=True)
class MonaiSettings:
    """A stage whose network was trained with MONAI: everything between a volume and its labels but the network."""

    channels: tuple[str, ...]
    """Phase that each channel of the input is given."""
    steps: tuple[dict[str, Any], ...]
    """What is done to the volume before the network, in order; see `monai_steps`."""
    window: tuple[int, int, int]
    """Voxels of a window of `SlidingWindowInferer` along i, j and k; 0 takes the whole axis."""
    overlap: tuple[float, float, float]
    """Least share that adjacent windows have in common, 0 to below 1."""
    gaussian: bool = False
    """Whether windows are blended by a Gaussian; otherwise all their voxels weigh the same."""
    gaussian_scale: tuple[float, float, float] = (0.125, 0.125, 0.125)
    """Its standard deviation as a share of the window."""
    padding: str = "constant"
    """How a volume smaller than the window is filled up on both sides: one of PADDINGS."""
    padding_value: float = 0.0
    """With what, where `padding` is "constant"."""
    returned: str = "probabilities"
    """What is brought back onto the volume's grid, one of RETURNED: logits and probabilities linearly, labels to the
    nearest voxel."""
    threshold: float = 0.5
    """For the activation "sigmoid": from which probability on an output is there."""
    largest_parts: tuple[LargestParts, ...] = ()
    """What is kept of the labels on the volume's grid, one after the other."""

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            raise ModelError(f"model.json: monai: {problem}: correct it there")

    @property
    def parsed_steps(self) -> tuple[Step, ...]:
        """The steps as settings."""
        return tuple(step_from(values) for values in self.steps)

    def _problem(self) -> str | None:
        if not self.channels or len(set(self.channels)) < len(self.channels):
            return f"each channel shows another phase, got {shown(self.channels)}"
        if len(self.steps) > MOST_STEPS or len(self.largest_parts) > MOST_PARTS:
            return f"steps must be at most {MOST_STEPS} and largest_parts {MOST_PARTS}"
        order = [_SPATIAL.index(kind) for step in self.parsed_steps if (kind := type(step)) in _SPATIAL]
        if sorted(set(order)) != order:
            return "spacing, crop_foreground and pad_to come in this order, each once at most"
        if not all(0 <= side <= LARGEST_TILE for side in self.window) or (
            math.prod(side or 1 for side in self.window) > LARGEST_PATCH_VOXELS
        ):
            return (
                f"window must have sides from 0 to {LARGEST_TILE} and at most {LARGEST_PATCH_VOXELS} voxels, got "
                f"{shown(self.window)}"
            )
        if not all(0 <= share <= LARGEST_OVERLAP for share in self.overlap):
            return f"overlap must lie between 0 and {LARGEST_OVERLAP:g}, got {shown(self.overlap)}"
        if not all(0.01 <= share <= 10 for share in self.gaussian_scale):
            return f"gaussian_scale must lie between 0.01 and 10, got {shown(self.gaussian_scale)}"
        if self.padding not in PADDINGS:
            return f"padding must be one of {', '.join(PADDINGS)}, got {shown(self.padding)}"
        if self.returned not in RETURNED:
            return f"returned must be one of {', '.join(RETURNED)}, got {shown(self.returned)}"
        return (
            None if 0 < self.threshold < 1 else f"threshold must lie between 0 and 1, got {self.threshold:g}"
        )
