"""The settings of one stage's training: what it sees, what it is, how long it learns."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides a stage's training, apart from its cohort, its seed and its number of steps."""

    stage: str
    """"liver" or "tumor"."""
    network: str
    """Name in the registry of networks."""
    arguments: dict[str, Any] = field(default_factory=dict)
    """Arguments of that network."""
    phases: tuple[str, ...]
    """Phases that the network takes."""
    window_hu: tuple[float, float]
    """Intensity window in HU that becomes [0, 1]."""
    in_plane_spacing_mm: float
    """Pixel spacing at which the network works."""
    slice_spacing_range_mm: tuple[float, float]
    """Slice spacings of the cohort lie in this range."""
    crop: tuple[int, int]
    """Height and width of a training sample in pixels."""
    tile: tuple[int, int]
    """Height and width of a tile at inference in pixels."""
    overlap: float
    """Least share that neighbouring tiles have in common at inference."""
    mask_dilation_mm: float = 0.0
    """Dilation of the coarse liver outside of which the input is 0 (tumour stage)."""
    batch: int = 8
    """Samples a step."""
    learning_rate: float = 1.5e-3
    """Highest learning rate, reached after the warm-up; from there a cosine to zero."""
    warm_up_steps: int = 200
    """Steps over which the learning rate rises."""
    weight_decay: float = 1e-4
    """Weight decay of AdamW."""
    dice_weight: float = 0.3
    """Weight of the soft Dice loss beside the 3D BE-loss."""
    average_decay: float = 0.998
    """Decay of the running average of the weights, which is what is validated and exported."""

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values for JSON."""
        return asdict(self)


LIVER = Recipe(
    stage="liver",
    network="resseg",
    arguments={"in_channels": 3, "classes": 2, "width": 16},
    phases=("portal",),
    window_hu=(-160.0, 240.0),
    in_plane_spacing_mm=3.0,
    slice_spacing_range_mm=(3.0, 7.0),
    crop=(128, 160),
    tile=(160, 160),
    overlap=0.5,
)

TUMOR = Recipe(
    stage="tumor",
    network="paresseg",
    arguments={"in_channels": 3, "classes": 2, "width": 16},
    phases=("portal", "arterial"),
    window_hu=(-70.0, 180.0),
    in_plane_spacing_mm=1.25,
    slice_spacing_range_mm=(3.0, 7.0),
    crop=(128, 128),
    tile=(256, 256),
    overlap=0.25,
    mask_dilation_mm=5.0,
    dice_weight=0.25,
)

RECIPES = {recipe.stage: recipe for recipe in (LIVER, TUMOR)}
