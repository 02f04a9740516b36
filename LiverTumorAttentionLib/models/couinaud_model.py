"""The model that tells the Couinaud segments of a liver: a folder with `model.json` of that kind, and weights.

It finds no liver and no tumor: it is given the liver that was found, and is not installed beside the models that
segment.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.models.limits import LARGEST_PATCH_VOXELS
from LiverTumorAttentionLib.models.one_network_model import OneNetworkDescription, OneNetworkPackage

BUNDLED = Path(__file__).resolve().parent.parent / "data" / "couinaud"
"""Folder of the model that ships with the library."""
LEAST_SIDE, LEAST_LIVER = 8, 100
"""Voxels along a side of its grid, and of the liver on it."""


@dataclass(frozen=True, kw_only=True)
class CouinaudDescription(OneNetworkDescription):
    """The whole of `model.json` of a model for segments; the classes of its network are the segments I to VIII."""

    KIND: ClassVar[str] = "couinaud"
    FORMAT: ClassVar[int] = 1
    DOES: ClassVar[str] = "tells the Couinaud segments"

    size_zyx: tuple[int, int, int]
    """Voxels of its grid along z, y and x."""
    liver_voxels: int
    """How many of them the liver covers, which decides their size."""

    def __post_init__(self) -> None:
        super().__post_init__()
        voxels = math.prod(self.size_zyx)
        if min(self.size_zyx) < LEAST_SIDE or voxels > LARGEST_PATCH_VOXELS:
            raise ModelError(
                f"model.json: size_zyx must be three numbers of voxels from {LEAST_SIDE} on, together at most "
                f"{LARGEST_PATCH_VOXELS} voxels, got {self.size_zyx}: correct it there"
            )
        if not LEAST_LIVER <= self.liver_voxels <= voxels:
            raise ModelError(
                f"model.json: liver_voxels must lie between {LEAST_LIVER} and the {voxels} voxels of the grid, got "
                f"{self.liver_voxels}: correct it there"
            )

    @property
    def words(self) -> str:
        """The model as outputs name it."""
        return f"the model {self.id} {self.version}"


class CouinaudModel(OneNetworkPackage[CouinaudDescription]):
    """A model for segments, on disk. path: its folder or zip; None for the one that ships. Raises `ModelError`."""

    def __init__(self, path: Path | None = None) -> None:
        super().__init__(path or BUNDLED, CouinaudDescription)
