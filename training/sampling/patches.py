"""Patches of volumes for 3D networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.augmentation import draw_motion, perturbed_liver
from training.data.case import PreparedCase
from training.recipes.recipe import Recipe
from training.sampling.crop import Crop, Read
from training.sampling.positions import corner_anywhere, corner_around, foreground_voxel, middle_of, voxel_of
from training.sampling.view import CLASS_NUMBERS, Sample, sample_inputs


class PatchSampling:
    """Cuts patches; one sample a case counts as an epoch.

    Source: DPC-Net, section III.A: patches from random places, a share of them certain to hold a foreground class.
    A patch lies within the volume, around a chosen voxel as nearly as that allows. A smaller volume is filled up
    at its far borders with what lies there, and so is what a rotation brings in from beyond, image and truth alike.
    """

    def __init__(self, cases: Sequence[PreparedCase], recipe: Recipe) -> None:
        self._cases, self._recipe = cases, recipe
        self.items = len(cases)

    def case_of(self, item: int) -> PreparedCase:
        """Return the case that an item is cut from."""
        return self._cases[item]

    def __call__(self, item: int, rng: np.random.Generator) -> Sample:
        return self._cut(item, self._place(self._cases[item], rng), rng)

    def around(self, which: int, voxel: tuple[int, int, int], rng: np.random.Generator) -> Sample:
        """Return a sample of the case of that number around a voxel (z, y, x)."""
        return self._cut(which, voxel, rng)

    def _cut(self, which: int, voxel: tuple[int, int, int] | None, rng: np.random.Generator) -> Sample:
        """Return a sample around a voxel; None is anywhere."""
        case, stage, augmentation = self._cases[which], self._recipe.stage, self._recipe.augmentation
        labels, inside = case.labels, case.inside
        crop = self._crop(case, labels.shape, voxel, rng)
        truth = CLASS_NUMBERS[stage.name].take(crop.take(_reader(labels), linear=False)[0])
        visible = None
        if inside is not None:
            within = crop.take(_reader(inside), linear=False)
            visible = perturbed_liver(rng, augmentation, within, case.spacing_mm)

        def hu_of(phase: str) -> NDArray[np.generic]:
            return crop.take(_reader(case.volume(phase)), linear=True)

        inputs = sample_inputs(case, self._recipe, rng, hu_of, visible)
        if visible is not None:
            truth = truth * visible[0]
        return Sample(inputs=inputs, truth=truth, case=case.name)

    def _place(self, case: PreparedCase, rng: np.random.Generator) -> tuple[int, int, int] | None:
        """Return the voxel that a sample lies around; None is anywhere."""
        settings = self._recipe.sampling
        if rng.random() < settings.foreground_share:
            return foreground_voxel(case, self._recipe.stage.classes, rng)
        return voxel_of(case.places["liver"], rng) if settings.centre == "liver" else None

    def _crop(
        self,
        case: PreparedCase,
        shape: Sequence[int],
        voxel: tuple[int, int, int] | None,
        rng: np.random.Generator,
    ) -> Crop:
        """Return where a sample lies."""
        size = self._recipe.sample_size
        if voxel is None:
            corner = corner_anywhere(rng, size, shape)
        else:
            corner = corner_around(voxel, size, shape)
        return Crop(
            shape=shape,
            corner=corner,
            size=size,
            fixed=voxel or middle_of(corner, size, shape),
            spacing_mm=case.spacing_mm,
            motion=draw_motion(rng, self._recipe.augmentation, size, case.spacing_mm),
        )


def _reader(volume: NDArray[Any]) -> Read:
    """Return what reads boxes of a volume."""
    return lambda box: volume[box][None]
