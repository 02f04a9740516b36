"""How a network of nnU-Net is given a volume and how its answer goes back, as a block of a stage in `model.json`.

Source: Isensee et al., nnU-Net, Nature Methods 2021, and the plans that its versions 1 and 2 write; the names are ours.

Axes. A volume is turned to the stage's `orientation` first; its array is (slices, rows, columns). `transposition` then
says which of these axes becomes the first, second and third. Spacing, patch and mirror axes are given in the order
after that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from LiverTumorAttentionLib.config_parsing import shown
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.models.limits import LARGEST_PATCH_VOXELS, LARGEST_TILE
from LiverTumorAttentionLib.models.weights_file import WeightsFile, weights_problem

NORMALIZATIONS = ("ct", "zscore", "rescale", "none")
AVERAGED = ("logits", "probabilities")
SPACING_RANGE_MM = (0.1, 30.0)
LARGEST_HU = 1e6
MOST_CHANNELS = 16


@dataclass(frozen=True, kw_only=True)
class ChannelSettings:
    """One channel of the input: the phase that it shows, and from Hounsfield units to input values."""

    phase: str
    """Phase that the channel is given."""
    normalization: str
    """"ct": clipped to `clip_hu`, less `mean_hu`, divided by `spread_hu`. "zscore": less its own mean, divided by its
    own standard deviation. "rescale": its own least value becomes 0, its largest 1. "none": as it is."""
    clip_hu: tuple[float, float] | None = None
    """For "ct": the 0.5 and 99.5 % quantiles of the foreground of the training data."""
    mean_hu: float | None = None
    """For "ct": mean of the foreground of the training data."""
    spread_hu: float | None = None
    """For "ct": standard deviation of it; less than 1e-8 counts as that."""
    only_nonzero: bool = False
    """For "zscore": whether mean and deviation are those of the voxels that are not zero in some channel, holes filled,
    and what lies outside of them becomes 0."""

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            raise ModelError(f"model.json: nnunet: channel {shown(self.phase)}: {problem}: correct it there")

    def _problem(self) -> str | None:
        if self.normalization not in NORMALIZATIONS:
            return (
                f"normalization must be one of {', '.join(NORMALIZATIONS)}, got {shown(self.normalization)}"
            )
        if self.only_nonzero and self.normalization != "zscore":
            return "only_nonzero is for the normalization 'zscore' alone"
        numbers = (self.clip_hu, self.mean_hu, self.spread_hu)
        if self.normalization != "ct":
            given = any(value is not None for value in numbers)
            return "clip_hu, mean_hu and spread_hu are for the normalization 'ct' alone" if given else None
        if self.clip_hu is None or self.mean_hu is None or self.spread_hu is None:
            return "the normalization 'ct' needs clip_hu, mean_hu and spread_hu"
        if not -LARGEST_HU <= self.clip_hu[0] < self.clip_hu[1] <= LARGEST_HU:
            return f"clip_hu must rise and be Hounsfield units, got {self.clip_hu}"
        if abs(self.mean_hu) > LARGEST_HU or not 0 <= self.spread_hu <= LARGEST_HU:
            return (
                f"mean_hu and spread_hu must be Hounsfield units, got {self.mean_hu:g} and {self.spread_hu:g}"
            )
        return None


@dataclass(frozen=True, kw_only=True)
class ResamplingSettings:
    """How values are brought from one grid to another that covers the same box."""

    order: int
    """Order of the spline, 0 to 5: 0 nearest, 1 linear, 3 cubic. Where z is separate, within slices."""
    order_z: int = 0
    """Order across slices where z is separate."""
    separate_z: bool | None = None
    """Whether the axis of the coarsest spacing is resampled by itself; None where the old spacing, else the new one,
    is more than `anisotropy_threshold` times as coarse along one axis as along another. Never where two axes, or all,
    share the coarsest spacing."""
    anisotropy_threshold: float = 3.0
    """See `separate_z`."""

    def __post_init__(self) -> None:
        if not (0 <= self.order <= 5 and 0 <= self.order_z <= 5 and 1 <= self.anisotropy_threshold <= 1000):
            raise ModelError(
                "model.json: nnunet: resampling needs orders from 0 to 5 and an anisotropy_threshold from 1 to 1000, "
                f"got {self.order}, {self.order_z} and {self.anisotropy_threshold:g}: correct it there"
            )


@dataclass(frozen=True, kw_only=True)
class NetworkPass:
    """How one network of nnU-Net is run over a volume: order of steps as they are listed."""

    configuration: str
    """What nnU-Net calls it, such as "3d_fullres"; for the user's eyes."""
    channels: tuple[ChannelSettings, ...]
    """Channels of the input, in order. After them, in a cascade, one for each label value but 0 (rising) of what the
    previous network found: 1 where it found that value, else 0."""
    normalize_first: bool
    """Whether intensities are normalized before the volume is resampled (version 2) or after (version 1). What is zero
    in all channels at the border is cut off before either, and comes back as background."""
    spacing_mm: tuple[float, ...]
    """Spacing of the network's grid: three numbers, or two for slices, which keep the volume's own distance. The grid
    has round(length x old spacing / new spacing) voxels along each axis."""
    image_resampling: ResamplingSettings
    """From the volume's grid to the network's."""
    label_resampling: ResamplingSettings
    """The same for the labels of the previous network of a cascade; a voxel has the label of the largest share."""
    patch: tuple[int, ...]
    """Voxels of a patch: three, or two for slices. A smaller volume is padded about its center with zeros."""
    step: float = 0.5
    """Largest distance of neighboring patches as a share of the patch."""
    mirror_axes: tuple[int, ...] = ()
    """Axes of the patch (0 the first) that were mirrored in training: the network may be run on all combinations of
    them, and its answers averaged. () never mirrors."""
    averaged: str = "logits"
    """What is averaged over mirrorings, patches and folds and brought back to the volume's grid: "logits" (version 2)
    or "probabilities" (version 1)."""
    output_resampling: ResamplingSettings
    """From the network's grid back to the volume's."""

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            raise ModelError(f"model.json: nnunet: {problem}: correct it there")

    @property
    def dimensions(self) -> int:
        """2 for slices, 3 for volumes."""
        return len(self.patch)

    @property
    def tells_outside(self) -> bool:
        """Whether background outside of what is not 0 is a label of its own when labels are resampled (version 2)."""
        return self.normalize_first

    def _problem(self) -> str | None:
        if not 1 <= len(self.channels) <= MOST_CHANNELS:
            return f"channels must be 1 to {MOST_CHANNELS}, got {len(self.channels)}"
        phases = [channel.phase for channel in self.channels]
        if len(set(phases)) < len(phases):
            return f"each channel shows another phase, got {', '.join(phases)}"
        if len(self.patch) not in (2, 3) or len(self.spacing_mm) != len(self.patch):
            return (
                f"patch and spacing_mm have three numbers, or two for slices, got {shown(self.patch)} and "
                f"{shown(self.spacing_mm)}"
            )
        low, high = SPACING_RANGE_MM
        if not all(low <= value <= high for value in self.spacing_mm):
            return f"spacing_mm must lie between {low:g} and {high:g} mm, got {shown(self.spacing_mm)}"
        if (
            not all(1 <= side <= LARGEST_TILE for side in self.patch)
            or math.prod(self.patch) > LARGEST_PATCH_VOXELS
        ):
            return (
                f"patch must have sides from 1 to {LARGEST_TILE} and at most {LARGEST_PATCH_VOXELS} voxels, got "
                f"{shown(self.patch)}"
            )
        if not 0.1 <= self.step <= 1:
            return f"step must lie between 0.1 and 1, got {self.step:g}"
        axes = self.mirror_axes
        if sorted(set(axes)) != list(axes) or not all(0 <= axis < len(self.patch) for axis in axes):
            return f"mirror_axes are axes of the patch, rising, got {shown(axes)}"
        if self.averaged not in AVERAGED:
            return f"averaged must be {' or '.join(map(repr, AVERAGED))}, got {shown(self.averaged)}"
        return None


@dataclass(frozen=True, kw_only=True)
class PreviousNetwork:
    """The first network of a cascade: its labels, as it writes them on the volume's grid, go to the second one."""

    network: str
    """Name in the registry of networks."""
    arguments: dict[str, Any]
    """Arguments of that network."""
    weights: str
    """File name of its weights inside the model, ending in .safetensors."""
    sha256: str
    """SHA-256 of that file, 64 hexadecimal digits."""
    ensemble: tuple[WeightsFile, ...] = ()
    """Further weights of the same network; see `StageDescription.ensemble`."""
    run: NetworkPass
    """How it is run. Outputs, activation, orientation and transposition are those of the stage."""

    def __post_init__(self) -> None:
        problem = weights_problem(self.weights, self.sha256)
        if problem:
            raise ModelError(f"model.json: nnunet: previous: {problem}: correct it there")

    @property
    def weight_files(self) -> tuple[WeightsFile, ...]:
        """All its weights, in order."""
        return (WeightsFile(weights=self.weights, sha256=self.sha256), *self.ensemble)


@dataclass(frozen=True, kw_only=True)
class NNUNetSettings:
    """A stage whose network nnU-Net trained."""

    transposition: tuple[int, int, int]
    """Which axis of (slices, rows, columns) becomes the first, second and third; (0, 1, 2) leaves them."""
    run: NetworkPass
    """How the stage's network is run."""
    previous: PreviousNetwork | None = None
    """The network before it in a cascade; None where there is none."""

    def __post_init__(self) -> None:
        if sorted(self.transposition) != [0, 1, 2]:
            raise ModelError(
                f"model.json: nnunet: transposition must hold 0, 1 and 2 once each, got {shown(self.transposition)}: "
                "correct it there"
            )
