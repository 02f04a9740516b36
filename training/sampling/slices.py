"""Slices, or tiles of slices, with their neighbors as channels, for 2D and 2.5D networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.models.stage_description import SliceSettings
from LiverTumorAttentionLib.preprocessing import stack_neighbours
from training.augmentation import (
    OrganLesions,
    draw_misregistration,
    draw_motion,
    draw_organ_lesions,
    perturbed_liver,
)
from training.data.case import PreparedCase
from training.recipes.recipe import Recipe
from training.sampling.crop import Crop, Read
from training.sampling.positions import (
    corner_anywhere,
    corner_around,
    foreground_voxel,
    jittered,
    lesion_voxel,
    lesions_of,
    middle_of,
)
from training.sampling.view import CLASS_NUMBERS, Sample, sample_inputs


class SliceSampling:
    """Cuts tiles of slices; each slice that may be drawn counts once in an epoch.

    Source: PA-ResSeg, section 4.B: three adjacent slices, cropped "based on the region of liver", both phases in
        the same position. The context network, section 3.1: slices that show tumor.
    A tile lies within the slice, around a chosen pixel as nearly as that allows. A smaller slice is filled up at
    its far borders with 0, as inference does, and so is what a rotation brings in from beyond; the truth there is
    background.
    Raises `InputError` when no slice may be drawn.
    """

    def __init__(self, cases: Sequence[PreparedCase], recipe: Recipe) -> None:
        self._cases, self._recipe = cases, recipe
        self._neighbours = cast(
            SliceSettings, recipe.stage.slices
        ).neighbours  # the sampler chose this class by it
        self._slices = [self._drawable(case) for case in cases]
        self._ends = np.cumsum([len(slices) for slices in self._slices])
        by_lesion = recipe.sampling.foreground_by == "lesion"
        self._lesions = [lesions_of(case.labels) for case in cases] if by_lesion else None
        self.items = int(self._ends[-1])
        if self.items == 0:
            what = "tumor" if recipe.sampling.tumor_slices_only else "liver"
            raise InputError(
                f"none of the {len(cases)} training cases has a slice that shows {what}, which the recipe "
                f"{recipe.name!r} trains on: add cases that do"
            )

    def case_of(self, item: int) -> PreparedCase:
        """Return the case that an item is cut from."""
        return self._cases[self._which(item)]

    def __call__(self, item: int, rng: np.random.Generator) -> Sample:
        which = self._which(item)
        z, place = self._place(which, item, rng)
        return self._cut(which, z, place, rng)

    def around(self, which: int, voxel: tuple[int, int, int], rng: np.random.Generator) -> Sample:
        """Return a sample of the case of that number around a voxel (z, y, x), moved as far as jitter_mm allows."""
        return self._cut(which, voxel[0], voxel[1:], rng)

    def _cut(self, which: int, z: int, place: tuple[int, ...] | None, rng: np.random.Generator) -> Sample:
        """Return a sample of a slice around a pixel (y, x); None is anywhere in it."""
        case, stage = self._cases[which], self._recipe.stage
        crop = self._crop(case, place, rng)
        visible = self._visible(case, z, crop, rng)

        lesions = self._organ_lesions(case, z, crop, rng)

        def hu_of(phase: str) -> NDArray[np.generic]:
            hu = self._hu(case, phase, z, crop, rng)
            return hu if lesions is None else lesions.in_phase(rng, hu)

        inputs = sample_inputs(case, self._recipe, rng, hu_of, visible)
        near = self._neighbours if self._recipe.loss.enhances_boundary else 0
        truth = CLASS_NUMBERS[stage.name].take(crop.take(_reader(case.labels, z, near), linear=False))
        if lesions is not None and lesions.seen:
            drawn = lesions.truth
            middle = len(drawn) // 2
            truth = np.maximum(truth, drawn[middle - near : middle + near + 1])
        if visible is not None:
            middle = len(visible) // 2
            truth = truth * (visible if len(visible) == 1 else visible[middle - near : middle + near + 1])
        return Sample(inputs=inputs, truth=truth if near else truth[0], case=case.name)

    def _hu(
        self, case: PreparedCase, phase: str, z: int, crop: Crop, rng: np.random.Generator
    ) -> NDArray[np.generic]:
        """Return the Hounsfield units of a stack of slices, the arterial phase with its registration error."""
        volume, neighbours = case.volume(phase), self._neighbours
        error = None
        if phase == "arterial":
            size, augmentation = self._recipe.sample_size, self._recipe.augmentation
            error = draw_misregistration(rng, augmentation, size, case.spacing_mm)
        if error is None:
            return crop.take(_reader(volume, z, neighbours), linear=True)
        moved, share = crop.displaced(error.in_plane_mm), np.float32(abs(error.slices))
        beside = min(max(z + (1 if error.slices > 0 else -1), 0), len(volume) - 1)
        return (1 - share) * moved.take(_reader(volume, z, neighbours), linear=True) + share * moved.take(
            _reader(volume, beside, neighbours), linear=True
        )

    def _organ_lesions(
        self, case: PreparedCase, z: int, crop: Crop, rng: np.random.Generator
    ) -> OrganLesions | None:
        """Return the lesions that are drawn into the liver of a stack of slices, if any."""
        augmentation, near = self._recipe.augmentation, self._neighbours
        tumors = self._recipe.stage.name == "tumor"
        if not augmentation.organ_lesion_share or (tumors and case.voxels["tumor"]):
            return None
        liver = crop.take(_reader(case.labels, z, near), linear=False) > 0
        spacing_z, *in_plane = case.spacing_mm
        last = len(case.labels) - 1
        depths = [spacing_z * (min(max(z + k, 0), last) - z) for k in range(-near, near + 1)]
        return draw_organ_lesions(rng, augmentation, liver, depths, in_plane, seen=tumors)

    def _visible(
        self, case: PreparedCase, z: int, crop: Crop, rng: np.random.Generator
    ) -> NDArray[np.uint8] | None:
        """Return what the network sees of a stack, (slices, Y, X) of 0 and 1 or (1, Y, X); None is everything."""
        covered, inside = crop.covered, case.inside
        if inside is None:
            return None if covered is None else covered[None].astype(np.uint8)
        within = crop.take(_reader(inside, z, self._neighbours), linear=False)
        within = perturbed_liver(rng, self._recipe.augmentation, within, case.spacing_mm[1:])
        return within if covered is None else within * covered

    def _drawable(self, case: PreparedCase) -> NDArray[np.int64]:
        """Return the slices of a case that samples are cut from."""
        settings, labels = self._recipe.sampling, case.labels
        if settings.tumor_slices_only:
            return np.array([z for z, plane in enumerate(labels) if plane.max() == 2], int)
        if settings.centre == "liver":
            return np.array([z for z, plane in enumerate(labels) if plane.any()], int)
        return np.arange(len(labels))

    def _which(self, item: int) -> int:
        """Return the number of the case that an item belongs to."""
        return int(np.searchsorted(self._ends, item, side="right"))

    def _place(self, which: int, item: int, rng: np.random.Generator) -> tuple[int, tuple[int, int] | None]:
        """Return the slice of a sample and the pixel (y, x) that it lies around; None is anywhere in the slice."""
        case, settings = self._cases[which], self._recipe.sampling
        z = int(self._slices[which][item - self._ends[which]])  # counted from the end of the case's slices
        if rng.random() < settings.foreground_share:
            if self._lesions is None:
                voxel = foreground_voxel(case, self._recipe.stage.classes, rng)
            else:
                voxel = lesion_voxel(self._lesions[which], rng)
            return (z, None) if voxel is None else (voxel[0], voxel[1:])
        return z, _liver_pixel(case.labels[z], rng) if settings.centre == "liver" else None

    def _crop(self, case: PreparedCase, place: tuple[int, ...] | None, rng: np.random.Generator) -> Crop:
        """Return where in its slice a sample lies."""
        settings, size, shape = self._recipe.sampling, self._recipe.sample_size, case.labels.shape[1:]
        if place is not None and settings.jitter_mm:
            place = jittered(rng, place, settings.jitter_mm, case.spacing_mm[1:], shape)
        corner = corner_anywhere(rng, size, shape) if place is None else corner_around(place, size, shape)
        return Crop(
            shape=shape,
            corner=corner,
            size=size,
            fixed=place or middle_of(corner, size, shape),
            spacing_mm=case.spacing_mm[1:],
            motion=draw_motion(rng, self._recipe.augmentation, size, case.spacing_mm[1:]),
        )


def _reader(volume: NDArray[Any], z: int, neighbours: int) -> Read:
    """Return what reads boxes of a slice and its neighbors."""

    def read(box: tuple[slice, ...]) -> NDArray[Any]:
        window = (slice(None), *box)
        return stack_neighbours(volume[window], z, neighbours)

    return read


def _liver_pixel(plane: NDArray[np.uint8], rng: np.random.Generator) -> tuple[int, int]:
    """Return a pixel (y, x) of the liver in a slice that shows it."""
    pixels = np.flatnonzero(plane)
    y, x = divmod(int(pixels[int(rng.integers(len(pixels)))]), plane.shape[1])
    return y, x
