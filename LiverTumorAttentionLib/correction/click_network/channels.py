"""The input of the network that answers clicks: what each channel of a cube is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.correction.algorithm.block_grid import Field

CHANNELS = (
    *("portal", "arterial", "arterial given", "probability", "probability given", "liver", "other lesions"),
    *("include", "exclude", "previous", "random walker", "step"),
)
"""In this order; what is not given is 0 in its own channel and in the one that says whether it is."""
CONTRAST_HU = 50.0
"""HU above the liver that become 1."""
LARGEST_CONTRAST = 4.0
"""What lies beyond, either way, is clipped."""
PROMPT_SAMPLES = 2.0
"""Deviation of the Gaussian around a prompt, in samples."""
USUAL_STEP_MM = 1.2
"""The step whose channel is 0; twice as far apart is 1."""


@dataclass(frozen=True, kw_only=True)
class View:
    """What is known in a cube, each (z, y, x) of its samples.

    portal, arterial: HU less that of the liver; None for an arterial phase that there is not. probability: of tumor,
    or None. liver, others, previous, walker: shares of masks, 0 to 1; previous: the lesion as it stands, walker: the
    random walker's answer. include, exclude: prompts, in samples (z, y, x). step_mm: between samples.
    """

    portal: Field
    arterial: Field | None
    probability: Field | None
    liver: Field
    others: Field
    previous: Field
    walker: Field
    include: Sequence[NDArray[np.float64]]
    exclude: Sequence[NDArray[np.float64]]
    step_mm: float


def network_input(view: View) -> Field:
    """Return the network's input of a cube, float32 (channels, z, y, x)."""
    shape = view.portal.shape
    nothing, all_ones = np.zeros(shape, np.float32), np.ones(shape, np.float32)
    return np.stack(
        [
            contrast(view.portal),
            nothing if view.arterial is None else contrast(view.arterial),
            nothing if view.arterial is None else all_ones,
            nothing if view.probability is None else view.probability,
            nothing if view.probability is None else all_ones,
            view.liver,
            view.others,
            prompt_map(view.include, shape),
            prompt_map(view.exclude, shape),
            view.previous,
            view.walker,
            np.full(shape, np.log2(view.step_mm / USUAL_STEP_MM), np.float32),
        ]
    ).astype(np.float32)


def contrast(hu: Field) -> Field:
    """Return HU above the liver as the network sees them."""
    return np.asarray(np.clip(hu / np.float32(CONTRAST_HU), -LARGEST_CONTRAST, LARGEST_CONTRAST), np.float32)


def prompt_map(places: Sequence[NDArray[np.float64]], shape: tuple[int, ...]) -> Field:
    """Return the largest of Gaussians around places, in samples; 0 without any."""
    found = np.zeros(shape, np.float32)
    for place in places:
        z, y, x = (
            np.exp(-0.5 * ((np.arange(n) - at) / PROMPT_SAMPLES) ** 2).astype(np.float32)
            for n, at in zip(shape, place, strict=True)
        )
        np.maximum(found, z[:, None, None] * y[None, :, None] * x[None, None, :], out=found)
    return found
