"""Clicks of simulated users on the lesions of a prepared case, each with the random walker's answer."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.correction import Add, CorrectionCase, Exclude, Include
from LiverTumorAttentionLib.correction.case import Voxel
from LiverTumorAttentionLib.correction.click_network.answer import AnswerSettings, fitting_cube
from LiverTumorAttentionLib.correction.lesions import Lesion, LesionMap, Seed
from LiverTumorAttentionLib.correction.undo import perform
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import Box, bounding_box, box_corners, box_start, enclosing_box
from LiverTumorAttentionLib.voxels.labels import LIVER
from training.data.case import PreparedCase
from training.recipes.interaction_settings import InteractionSettings
from training.sampling.box_mask import BoxMask
from training.sampling.lesions import CaseLesion, lesions_of
from training.sampling.simulated_user import correcting_click, earlier_clicks, first_click, wrong_answer

CORRECTIONS = (1, 1, 2)
"""Of each lesion, as many first clicks as numbers, each followed by as many corrections."""
WRONG_LESIONS = 3
"""Of each lesion: corrections of one that stands and is wrong."""
WRONG_CUBE = AnswerSettings(samples=48, room_share=1.5, room_mm=16.0, least_side_mm=28.0)
"""In which they are made wrong."""
UNSURE_MM = 3.0
"""Reach of earlier clicks on a lesion that was made wrong on purpose."""


@dataclass(frozen=True, kw_only=True)
class WalkerClick:
    """A click and the random walker's answer to it.

    lesion: number among those of the case (`lesions_of`). others_known: whether the other lesions were marked.
    previous: the lesion before the click; None for the first one. answer: after it. include, exclude: all clicks on
    the lesion, this one among them, (z, y, x).
    """

    lesion: int
    others_known: bool
    previous: BoxMask | None
    answer: BoxMask
    include: tuple[Voxel, ...]
    exclude: tuple[Voxel, ...]


def simulated_clicks(case: PreparedCase, settings: InteractionSettings, seed: int) -> list[WalkerClick]:
    """Return clicks on all lesions of a case; the same for the same case, settings and seed.

    A click that no tool takes, such as one beside the liver, is left out.
    """
    lesions = lesions_of([case], settings.least_diameter_mm)
    if not lesions:
        return []
    scene = _Scene(case, lesions)
    found: list[WalkerClick] = []
    for number, lesion in enumerate(lesions):
        rng = np.random.default_rng((seed, zlib.crc32(case.name.encode()), number))
        for corrections in CORRECTIONS:
            scene.begin(number, others_known=rng.random() >= settings.unknown_others_share)
            place = np.rint(np.asarray(first_click(rng, lesion.voxels.mask, case.spacing_mm, settings)))
            clicks = [scene.add(place + box_start(lesion.voxels.box))]
            clicks += [scene.correct(rng) for _ in range(corrections)]
            found += [click for click in clicks if click is not None]
        for _ in range(WRONG_LESIONS):
            scene.begin(number, others_known=rng.random() >= settings.unknown_others_share)
            scene.stand_wrong(rng, int(rng.integers(settings.most_clicks)))
            click = scene.correct(rng)
            found += [] if click is None else [click]
    return found


class _Scene:
    """A prepared case under correction, of which one lesion is the one that is clicked on."""

    def __init__(self, case: PreparedCase, lesions: Sequence[CaseLesion]) -> None:
        self._lesions, self._map = lesions, lesion_map(case)
        self._value = len(lesions) + 1 + LIVER
        self._liver = self._map.labels.copy()
        self._target, self._others_known = 0, True

    def begin(self, target: int, *, others_known: bool) -> None:
        """Forget what was found. target: number of the lesion that is clicked on."""
        self._target, self._others_known = target, others_known
        self._map.labels[:] = self._liver
        self._map.lesions.clear()
        self._map.next_number = self._value - LIVER
        for number, lesion in enumerate(self._lesions if others_known else ()):
            if number != target:
                self._map.labels[lesion.voxels.box][lesion.voxels.mask] = number + 1 + LIVER

    def add(self, voxel: NDArray[np.float64]) -> WalkerClick | None:
        """Click on the lesion for the first time. voxel: (z, y, x); beyond the volume, the nearest one in it."""
        shape = self._map.labels.shape
        z, y, x = (int(np.clip(at, 0, length - 1)) for at, length in zip(voxel, shape, strict=True))
        return self._done(Add(point=self._map.case.point_at((z, y, x))), None)

    def stand_wrong(self, rng: np.random.Generator, clicks: int) -> None:
        """Put a lesion there that is wrong, with earlier clicks on what is right about it."""
        case, truth = self._map.case, self._lesions[self._target].voxels
        cube = fitting_cube(box_corners([truth.box]), case.spacing_mm, self._map.labels.shape, WRONG_CUBE)
        others = cube.sampled(lambda box: self._map.labels[box] > LIVER) > 0.5
        wrong = wrong_answer(rng, cube.sampled(truth.read) > 0.5, others)
        labels = self._map.labels[cube.box]
        stands = (cube.spread(wrong.astype(np.float32)) > 0.5) & (labels == LIVER)
        inside = bounding_box(stands)
        if inside is None:
            return
        include, exclude = earlier_clicks(rng, truth.read(cube.box), stands, clicks)
        labels[stands] = self._value
        start = box_start(cube.box)
        self._map.lesions[self._value - LIVER] = Lesion(
            number=self._value - LIVER,
            box=_moved(inside, start),
            include=_seeds(include, start),
            exclude=_seeds(exclude, start),
        )

    def correct(self, rng: np.random.Generator) -> WalkerClick | None:
        """Click on the largest part of the lesion that is wrong; None where nothing is."""
        number = self._value - LIVER
        if number not in self._map.lesions:
            return None
        truth = self._lesions[self._target].voxels
        box = enclosing_box([truth.box, self._map.lesions[number].box])
        stands = self._map.mask(number, box)
        click = correcting_click(rng, truth.read(box), stands)
        if click is None:
            return None
        z, y, x = (int(at + s) for at, s in zip(click[0], box_start(box), strict=True))
        tool = Include if click[1] else Exclude
        point = self._map.case.point_at((z, y, x))
        return self._done(tool(stroke=(point,), lesion=number), BoxMask.of(box, stands))

    def _done(self, action: Add | Include | Exclude, previous: BoxMask | None) -> WalkerClick | None:
        try:
            perform(self._map, action.edit(self._map, Progress()))
        except InputError:
            return None
        number = self._value - LIVER
        lesion = self._map.lesions[number]
        return WalkerClick(
            lesion=self._target,
            others_known=self._others_known,
            previous=previous,
            answer=BoxMask.of(lesion.box, self._map.mask(number, lesion.box)),
            include=tuple(seed.voxel for seed in lesion.include),
            exclude=tuple(seed.voxel for seed in lesion.exclude),
        )


def lesion_map(case: PreparedCase) -> LesionMap:
    """Return a prepared case without its lesions, as a session of correction has it."""

    def image(values: Any) -> sitk.Image:
        made = sitk.GetImageFromArray(values)
        made.SetSpacing(case.spacing_mm[::-1])
        return made

    return LesionMap(
        CorrectionCase(
            portal=image(np.asarray(case.volume("portal"))),
            arterial=image(np.asarray(case.volume("arterial"))) if case.has("arterial") else None,
            instances=image((np.asarray(case.labels) > 0).astype(np.uint16)),
        )
    )


def _moved(box: Box, start: NDArray[np.intp]) -> Box:
    return tuple(
        slice(side.start + int(at), side.stop + int(at)) for side, at in zip(box, start, strict=True)
    )


def _seeds(places: Sequence[Voxel], start: NDArray[np.intp]) -> tuple[Seed, ...]:
    return tuple(
        Seed(voxel=(z + int(start[0]), y + int(start[1]), x + int(start[2])), reach_mm=UNSURE_MM)
        for z, y, x in places
    )
