"""Samples for the network of the second look: patches, turned, scaled, moved, and with other intensities; by number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.postprocessing.candidate_patches import LARGEST_CONTRAST, SAMPLES
from training.candidates.patches import STORED, read_patches
from training.sampling import Sample

PORTAL, ARTERIAL, IMAGED, PROBABILITY, STEP = 0, 1, 2, 3, 6
"""Channels of a patch."""
LEAST_PROBABILITY = 1e-4


@dataclass(frozen=True, kw_only=True)
class PatchAugmentation:
    """Random changes of a patch: turned about z by any angle, mirrored along each axis, and as follows."""

    lesion_share: float = 0.35
    """Share of the samples that are lesions."""
    scale: tuple[float, float] = (0.8, 1.25)
    """Range of the factor by which it shows more."""
    shift: float = 1.0
    """Largest shift along each axis, in samples."""
    contrast: tuple[float, float] = (0.8, 1.25)
    """Range of the factor of each phase's contrast."""
    level: float = 0.15
    """Largest change of each phase's level, in units of the patch's contrast."""
    noise: float = 0.25
    """Largest standard deviation of noise that is added to the portal phase, in these units."""
    without_arterial: float = 0.25
    """Share of the samples that lose their arterial phase."""
    probability_slope: tuple[float, float] = (0.7, 1.3)
    """Range of the factor of the logit of the probability of tumor: a first look that is more or less sure,"""
    probability_shift: float = 1.0
    """and largest shift of that logit."""


class PatchSamples:
    """Gives the sample of a number, a function of (files, settings, seed, number) alone.

    files: as `collect_patches` returns them. Sources are drawn equally often. Raises `InputError` where they hold no
    lesion, or nothing else.
    """

    def __init__(
        self, files: Sequence[Path], settings: PatchAugmentation, seed: int, samples_an_epoch: int
    ) -> None:
        self._settings, self._seed = settings, seed
        self.samples_an_epoch = samples_an_epoch
        self._cases = [read_patches(path) for path in files]
        self.places: dict[tuple[str, bool], NDArray[np.int64]] = {}
        for source in sorted({about.source for about, _ in self._cases}):
            for kind in (False, True):
                places = [
                    (case, number)
                    for case, (about, _) in enumerate(self._cases)
                    for number, lesion in enumerate(about.lesion)
                    if about.source == source and lesion == kind
                ]
                if places:
                    self.places[source, kind] = np.array(places)
        for kind, name in ((True, "a lesion"), (False, "no lesion")):
            if not any(lesion == kind for _, lesion in self.places):
                raise InputError(f"none of the candidates is {name}: give more cases to train the network on")

    @property
    def counts(self) -> dict[str, int]:
        """How many patches there are, by their source and "lesion" or "other"."""
        return {f"{source} {'lesion' if k else 'other'}": len(p) for (source, k), p in self.places.items()}

    def __call__(self, number: int) -> Sample:
        """Return the sample of that number: a patch, and 1 for a lesion."""
        rng = np.random.default_rng((self._seed, number))
        lesion = bool(rng.random() < self._settings.lesion_share)
        sources = [source for source, kind in self.places if kind == lesion]
        case, which = rng.choice(self.places[sources[rng.integers(len(sources))], lesion])
        about, patches = self._cases[case]
        patch = self._intensities(self._moved(patches[which].astype(np.float32), rng), rng)
        return Sample(inputs=(patch,), truth=np.array(lesion, np.uint8), case=about.case)

    def _moved(self, patch: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        settings = self._settings
        angle, scale = rng.uniform(-np.pi, np.pi), rng.uniform(*settings.scale)
        turn = np.eye(3)
        turn[1:, 1:] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        matrix = scale * turn @ np.diag(rng.choice([-1.0, 1.0], 3))
        middle = (STORED - 1) / 2 + rng.uniform(-settings.shift, settings.shift, 3)
        offset = middle - matrix @ np.full(3, (SAMPLES - 1) / 2)
        moved = np.empty((len(patch), SAMPLES, SAMPLES, SAMPLES), np.float32)
        for channel, values in enumerate(patch):
            if np.ptp(values) == 0:
                moved[channel] = values[0, 0, 0]
                continue
            ndimage.affine_transform(
                values, matrix, offset, moved.shape[1:], moved[channel], order=1, mode="nearest"
            )
        moved[STEP] += np.float32(np.log2(scale))
        return moved

    def _intensities(self, patch: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        settings = self._settings
        for phase in (PORTAL, ARTERIAL):
            patch[phase] *= np.float32(rng.uniform(*settings.contrast))
            patch[phase] += np.float32(rng.uniform(-settings.level, settings.level))
        deviation = rng.uniform(0, settings.noise)
        patch[PORTAL] += (deviation * rng.standard_normal(patch.shape[1:])).astype(np.float32)
        patch[ARTERIAL] *= patch[IMAGED]
        np.clip(patch[:IMAGED], -LARGEST_CONTRAST, LARGEST_CONTRAST, out=patch[:IMAGED])
        if rng.random() < settings.without_arterial:
            patch[ARTERIAL : IMAGED + 1] = 0
        inside = np.clip(patch[PROBABILITY], LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
        logit = np.log(inside / (1 - inside)) * rng.uniform(*settings.probability_slope)
        logit += rng.uniform(-settings.probability_shift, settings.probability_shift)
        patch[PROBABILITY] = 1 / (1 + np.exp(-logit))
        return patch
