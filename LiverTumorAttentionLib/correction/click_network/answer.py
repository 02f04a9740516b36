"""The lesion that a network makes of the random walker's answer to clicks, in a cube that fits what is known of it.

The random walker finds where the lesion is and how far it extends; the network, which has seen lesions, draws its
outline. Whatever the network says, the lesion holds every foreground voxel and no background one, stays in the liver
(closed over its surface as for the random walker) and takes nothing of other lesions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.correction.algorithm.appearance import (
    FAT_HU,
    SURFACE_RADIUS_MM,
    Phase,
    arterial_covered,
)
from LiverTumorAttentionLib.correction.algorithm.block_grid import Field, Mask
from LiverTumorAttentionLib.correction.algorithm.click_segmentation import SegmentedLesion
from LiverTumorAttentionLib.correction.algorithm.shapes import closed, connected_to
from LiverTumorAttentionLib.correction.case import Voxel
from LiverTumorAttentionLib.correction.click_model import ClickModel, Predict
from LiverTumorAttentionLib.correction.click_network.channels import View, network_input
from LiverTumorAttentionLib.correction.lesions import LesionMap
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import Box, bounding_box, box_corners, box_start
from LiverTumorAttentionLib.voxels.morphology import fill_holes
from LiverTumorAttentionLib.voxels.sample_cube import Cube, Triple


@dataclass(frozen=True, kw_only=True)
class AnswerSettings:
    """How the cube is laid."""

    samples: int = 40
    """Samples along a side of a cube."""
    room_share: float = 1.4
    """Side of the cube as a share of the extent of all that is known of the lesion, and"""
    room_mm: float = 12.0
    """this more, and"""
    least_side_mm: float = 24.0
    """this at least."""
    zoom_out: float = 1.6
    """A cube whose faces the answer touches is followed by one that is larger by this."""
    most_zooms: int = 2
    """How often, at most."""
    walker_trust: float = 0.3
    """By how much more than 0.5 the network has to be sure to overrule the random walker, below 0.5: of 0, 0.15 and 0.3
    the one with the fewest clicks from nothing on phantoms 90000 to 90011."""
    part_share: float = 0.25
    """A component without a foreground voxel stays if this share of it was lesion."""


DEFAULT = AnswerSettings()
LEAST_INSIDE = 0.51
"""Probability of filled holes and of prompts where the network's is lower."""


@dataclass(frozen=True, kw_only=True)
class Prompts:
    """Foreground and background voxels (z, y, x), at least one of them foreground where there is no lesion yet."""

    include: tuple[Voxel, ...] = ()
    exclude: tuple[Voxel, ...] = ()


def asked(lesions: LesionMap, phase: Phase | None) -> ClickModel | None:
    """Return the network to be asked for an answer by one phase, None for both; None where there is none to ask.

    By the arterial phase alone the random walker answers: the network always sees the portal phase.
    """
    return None if phase == "arterial" else lesions.clicks


def improved(
    lesions: LesionMap,
    number: int | None,
    prompts: Prompts,
    walker: SegmentedLesion,
    predict: Predict,
    progress: Progress,
    settings: AnswerSettings = DEFAULT,
    *,
    phase: Phase | None = None,
) -> SegmentedLesion:
    """Return the lesion that a network makes of the random walker's answer to the last of the prompts.

    number: of the lesion to correct; None for one that is to be added. Outside of the returned box a lesion that is
    corrected is unchanged. phase: "portal" hides the arterial phase and the probability from the network; None hides
    nothing. Raises `Cancelled`.
    """
    look = _Look(lesions, number, prompts, walker, predict, settings, phase)
    cube, probability = look.found(progress)
    mask = cube.spread(probability) > 0.5
    box = cube.box
    mask &= look.liver(cube) & ~lesions.taken(number, box)
    for voxels, value in ((prompts.include, True), (prompts.exclude, False)):
        for voxel in voxels:
            place = np.asarray(voxel) - box_start(box)
            if ((place >= 0) & (place < mask.shape)).all():
                mask[tuple(place)] = value
    return SegmentedLesion(box, mask)


class _Look:
    """A network's look at the cube around one lesion of a case, its prompts and the random walker's answer."""

    def __init__(
        self,
        lesions: LesionMap,
        number: int | None,
        prompts: Prompts,
        walker: SegmentedLesion,
        predict: Predict,
        settings: AnswerSettings,
        phase: Phase | None,
    ) -> None:
        self._lesions, self._number, self._prompts, self._phase = lesions, number, prompts, phase
        self._walker, self._predict, self._settings = walker, predict, settings
        self._spacing = lesions.case.spacing_mm

    def found(self, progress: Progress) -> tuple[Cube, Field]:
        """Return what the network finds in the cube, or in a larger one where it reaches the faces of that."""
        cube = fitting_cube(self._known_places(), self._spacing, self._lesions.labels.shape, self._settings)
        for left in reversed(range(self._settings.most_zooms + 1)):
            progress.check()
            probability = self._probability(cube)
            if not left or not _touches(probability > 0.5, cube):
                break
            cube = cube.scaled(self._settings.zoom_out)
        return cube, probability

    def _known_places(self) -> NDArray[np.float64]:
        """Return voxels (n, 3) whose hull holds the prompts, the lesion as it stands and the random walker's answer."""
        prompts = np.asarray([*self._prompts.include, *self._prompts.exclude], float).reshape(-1, 3)
        boxes = [] if self._number is None else [self._lesions.lesion(self._number).box]
        inside = bounding_box(self._walker.mask)
        if inside is not None:
            start = box_start(self._walker.box)
            boxes.append(
                tuple(slice(s.start + int(a), s.stop + int(a)) for s, a in zip(inside, start, strict=True))
            )
        return np.concatenate([prompts, box_corners(boxes)])

    def liver(self, cube: Cube) -> Mask:
        """Return where a lesion may lie among the voxels of a cube's box: liver, and gaps in its surface but for fat.

        Voxel by voxel, since an answer is only as exact as the samples of its cube; gaps are closed among the samples.
        """
        box = cube.box
        organ = cube.sampled(self._lesions.organ) > 0.5
        filled = closed(organ, np.asarray(cube.step_mm), SURFACE_RADIUS_MM)
        gaps = ndimage.binary_dilation(filled & ~organ)
        if not gaps.any():
            return self._lesions.organ(box)
        inside = (cube.spread(filled.astype(np.float32)) > 0.5) & (cube.spread(gaps.astype(np.float32)) > 0.5)
        return self._lesions.organ(box) | (inside & (self._lesions.case.portal_hu[box] > FAT_HU))

    def _proposed(self, box: Box) -> Mask:
        """Return the random walker's answer in a box: outside of its own, the lesion as it stands."""
        if self._number is None:
            mask = np.zeros([side.stop - side.start for side in box], bool)
        else:
            mask = self._lesions.mask(self._number, box).copy()
        pasted(mask, box, self._walker)
        return mask

    def _probability(self, cube: Cube) -> Field:
        """Return the probability of the lesion at the samples of a cube, 0 where it cannot be."""
        lesions, case = self._lesions, self._lesions.case
        level = lesions.parenchyma.mean
        portal = cube.sampled(case.portal_hu.__getitem__)
        arterial = None
        if case.arterial_hu is not None and self._phase is None:
            hu = cube.sampled(case.arterial_hu.__getitem__)
            arterial = np.where(arterial_covered(hu), hu - np.float32(level[1]), np.float32(0))
        organ = cube.sampled(lesions.organ)
        others = cube.sampled(partial(lesions.taken, self._number))
        previous = np.zeros_like(portal)
        if self._number is not None:
            previous = cube.sampled(partial(lesions.mask, self._number))
        liver = closed(organ > 0.5, np.asarray(cube.step_mm), SURFACE_RADIUS_MM) & (portal > FAT_HU)
        view = View(
            portal=portal - np.float32(level[0]),
            arterial=arterial,
            probability=None
            if case.tumor_probability is None or self._phase is not None
            else cube.sampled(case.tumor_probability.__getitem__),
            liver=np.maximum(organ, liver),
            others=others,
            previous=previous,
            walker=cube.sampled(self._proposed),
            include=[cube.index_of(voxel) for voxel in self._prompts.include],
            exclude=[cube.index_of(voxel) for voxel in self._prompts.exclude],
            step_mm=cube.step_mm[0],
        )
        allowed = (others < 0.5) & ((organ > 0.5) | liver)
        least = 0.5 - np.float32(self._settings.walker_trust) * (2 * view.walker - 1)
        probability = _with_threshold(self._predict(network_input(view)), least) * allowed
        return self._kept(probability, previous > 0.5, cube)

    def _kept(self, probability: Field, previous: Mask, cube: Cube) -> Field:
        """Return the probability of the components that prompts or the lesion as it stands vouch for, and their rim."""
        seeds = np.zeros(probability.shape, bool)
        for voxel in self._prompts.include:
            seeds[self._sample_of(voxel, cube)] = True
        for voxel in self._prompts.exclude:
            probability[self._sample_of(voxel, cube)] = 0
        labels, count = ndimage.label(probability > 0.5)
        kept = connected_to(labels > 0, seeds)
        if count and previous.any():
            sizes = np.bincount(labels.ravel(), minlength=count + 1)
            were = np.bincount(labels[previous], minlength=count + 1)
            stay = were >= self._settings.part_share * sizes
            stay[0] = False
            kept |= stay[labels]
        kept = fill_holes(kept)
        for voxel in self._prompts.exclude:
            kept[self._sample_of(voxel, cube)] = False
        rim = ndimage.binary_dilation(kept) & (probability <= 0.5)
        inside = np.maximum(probability, np.float32(LEAST_INSIDE))
        return np.asarray(np.where(kept, inside, probability * rim), np.float32)

    def _sample_of(self, voxel: Voxel, cube: Cube) -> tuple[int, int, int]:
        """Return the sample nearest to a voxel."""
        z, y, x = (int(i) for i in np.clip(np.rint(cube.index_of(voxel)), 0, cube.samples - 1))
        return z, y, x


def _with_threshold(probability: Field, least: Field) -> Field:
    """Return a probability stretched so that what was `least` becomes 0.5; 0 and 1 stay."""
    below = 0.5 * probability / least
    above = 0.5 + 0.5 * (probability - least) / (1 - least)
    return np.asarray(np.where(probability <= least, below, above), np.float32)


def fitting_cube(
    places: NDArray[np.float64],
    spacing_mm: Triple,
    shape: tuple[int, ...],
    settings: AnswerSettings = DEFAULT,
) -> Cube:
    """Return the cube around voxels (n, 3) of a volume, with room. spacing_mm, shape: of the volume (z, y, x)."""
    low, high = places.min(axis=0), places.max(axis=0)
    extent = float(((high - low + 1) * spacing_mm).max())
    step = max(settings.room_share * extent + settings.room_mm, settings.least_side_mm) / settings.samples
    z, y, x = (float(value) for value in (low + high) / 2)
    return Cube(
        center=(z, y, x),
        step_mm=(step, step, step),
        samples=settings.samples,
        spacing_mm=spacing_mm,
        shape=shape,
    )


def pasted(mask: Mask, box: Box, part: SegmentedLesion) -> None:
    """Put a mask of a part of the volume into one of another box, where the two meet."""
    both = [slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(box, part.box, strict=True)]
    if all(side.start < side.stop for side in both):
        there, here = (
            tuple(slice(s.start - o.start, s.stop - o.start) for s, o in zip(both, outer, strict=True))
            for outer in (box, part.box)
        )
        mask[there] = part.mask[here]


def _touches(mask: Mask, cube: Cube) -> bool:
    """Tell whether a mask reaches a face of its cube behind which the volume goes on."""
    for axis, length in enumerate(cube.shape):
        ends, places = np.moveaxis(mask, axis, 0), cube.places(axis)
        if (places[0] > 0 and ends[0].any()) or (places[-1] < length - 1 and ends[-1].any()):
            return True
    return False
