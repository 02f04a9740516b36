"""Samples for a network that answers clicks: cubes with a lesion, a simulated user's prompts, and its truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.correction.algorithm.appearance import arterial_covered
from LiverTumorAttentionLib.correction.click_network.answer import AnswerSettings
from LiverTumorAttentionLib.correction.click_network.channels import View, network_input
from LiverTumorAttentionLib.correction.click_network.cube import Cube
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.inference.stage_input import LIVER_MEDIAN
from LiverTumorAttentionLib.voxels.boxes import box_start
from training.augmentation import varied_hu
from training.augmentation.random_fields import smooth_noise
from training.data.case import PreparedCase
from training.recipes.recipe import Recipe
from training.sampling.lesions import TUMOR, CaseLesion, lesions_of
from training.sampling.order import Mixed, Shuffled
from training.sampling.simulated_user import (
    correcting_click,
    drawn,
    earlier_clicks,
    first_click,
    wrong_answer,
)
from training.sampling.view import Sample

Field = NDArray[np.float32]
Mask = NDArray[np.bool_]
STEP_SPREAD, SIDE_SPREAD = 0.15, (0.6, 1.5)
"""Of the step of a first look, and of what a second look takes the lesion's extent for."""
CENTER_SPREAD = 0.12
"""Of the center of a second look, in extents of the lesion."""
ERROR_WAVELENGTH_MM = 30.0
"""Of the error of the liver's outline."""


@dataclass(frozen=True)
class _Scene:
    """A lesion in a cube: its truth, other lesions and liver in samples, and first click, in samples; None without."""

    cube: Cube
    truth: Mask
    others: Field
    liver: Field
    click: NDArray[np.float64]


class CubeSampler:
    """Gives the sample of a number, which depends on (cases, recipe, seed, number) alone.

    Lesions come in a random order, all once before any comes again; with `sampling.mix_by`, a value of that fact is
    drawn, then a lesion of such a case. Prompts and what stands already are those of `simulated_user`.
    Raises `InputError` when no case has a lesion, or none that `sampling.mix` draws.
    """

    def __init__(self, cases: Sequence[PreparedCase], recipe: Recipe, seed: int) -> None:
        if recipe.interaction is None:
            raise ValueError("a recipe without simulated users")
        self._cases, self._recipe, self._seed = tuple(cases), recipe, seed
        self._settings, self._answer = recipe.interaction, AnswerSettings()
        self._lesions = lesions_of(cases, self._settings.least_diameter_mm)
        if not self._lesions:
            raise InputError(
                f"none of {len(cases)} training cases has a lesion of {self._settings.least_diameter_mm:g} mm or more: "
                "prepare cases with lesions"
            )
        self._order: Shuffled | Mixed = Shuffled(len(self._lesions), seed)
        if recipe.sampling.mix_by is not None:
            fact = recipe.sampling.mix_by
            values = [self._cases[lesion.case].facts.get(fact, "") for lesion in self._lesions]
            self._order = Mixed(values, recipe.sampling.mix, fact, seed)
        self.samples_an_epoch: int = recipe.sampling.samples_an_epoch or len(self._lesions)

    def __call__(self, number: int) -> Sample:
        """Return sample `number`, counted from 0 without end."""
        rng = np.random.default_rng((self._seed, number))
        lesion = self._lesions[self._order[number]]
        case = self._cases[lesion.case]
        scene = self._scene(rng, lesion, case)
        previous, include, exclude = self._prompts(rng, scene)
        known = rng.random() >= self._settings.unknown_others_share
        view = View(
            portal=self._relative_hu(rng, case, "portal", scene.cube),
            arterial=self._arterial(rng, case, scene.cube),
            probability=self._probability(rng, scene),
            liver=self._liver(rng, scene),
            others=scene.others if known else np.zeros_like(scene.others),
            previous=previous,
            include=include,
            exclude=exclude,
            step_mm=float(np.mean(scene.cube.step_mm)),
        )
        values, truth = self._turned(rng, network_input(view), scene.truth)
        return Sample(inputs=(values,), truth=truth, case=case.name)

    def _scene(self, rng: np.random.Generator, lesion: CaseLesion, case: PreparedCase) -> _Scene:
        """Return a lesion in a cube of the first or of the second look."""
        click = np.asarray(first_click(rng, lesion.mask, case.spacing_mm, self._settings))
        click = click + box_start(lesion.box)
        samples, spacing = self._answer.samples, np.asarray(case.spacing_mm)
        low = np.asarray([side.start for side in lesion.box], float)
        high = np.asarray([side.stop - 1 for side in lesion.box], float)
        extent = float(((high - low + 1) * spacing).max())
        if rng.random() < self._settings.first_look_share:
            center = click
            step = self._answer.search_step_mm * float(np.exp(rng.normal(0, STEP_SPREAD)))
            if extent > 0.7 * step * samples:
                step *= self._answer.zoom_out
        else:
            center = (low + high) / 2 + rng.normal(0, CENTER_SPREAD, 3) * extent / spacing
            taken = self._answer.room_share * extent * rng.uniform(*SIDE_SPREAD) + self._answer.room_mm
            step = max(taken, self._answer.least_side_mm, 1.05 * extent) / samples
            half = 0.45 * step * samples / spacing
            center = np.clip(center, click - half, click + half)
        steps = step * np.exp(rng.normal(0, self._settings.axis_scale, 3))
        cube = Cube(
            center=(float(center[0]), float(center[1]), float(center[2])),
            step_mm=(float(steps[0]), float(steps[1]), float(steps[2])),
            samples=samples,
            spacing_mm=case.spacing_mm,
            shape=case.labels.shape,
        )
        labels = case.labels
        share = cube.sampled(lesion.read)
        others = cube.sampled(lambda box: (labels[box] == TUMOR) & ~lesion.read(box))
        liver = cube.sampled(lambda box: labels[box] > 0)
        return _Scene(cube, share > 0.5, others, liver, cube.index_of(click))

    def _prompts(
        self, rng: np.random.Generator, scene: _Scene
    ) -> tuple[Field, list[NDArray[np.float64]], list[NDArray[np.float64]]]:
        """Return the lesion as it stands, and the clicks on foreground and on background, in samples."""
        if rng.random() < self._settings.correction_share and scene.truth.any():
            stands = wrong_answer(rng, scene.truth, scene.others > 0.5) & (scene.liver > 0.5)
            click = correcting_click(rng, scene.truth, stands)
            if click is not None:
                count = int(rng.integers(self._settings.most_clicks))
                include, exclude = earlier_clicks(rng, scene.truth, stands, count)
                (include if click[1] else exclude).append(click[0])
                return stands.astype(np.float32), _samples(include), _samples(exclude)
        more = int(rng.integers(self._settings.most_clicks)) if rng.random() < 0.2 else 0
        further = [drawn(rng, scene.truth) for _ in range(more) if scene.truth.any()]
        return np.zeros(scene.truth.shape, np.float32), [scene.click, *_samples(further)], []

    def _relative_hu(self, rng: np.random.Generator, case: PreparedCase, phase: str, cube: Cube) -> Field:
        """Return HU less those of the liver, with random intensities; 0 where a registered phase has no data."""
        level = float(case.intensity[phase][LIVER_MEDIAN])
        hu = cube.sampled(case.volume(phase).__getitem__)
        varied = varied_hu(rng, self._recipe.augmentation, hu[None], tissue_hu=level)[0]
        if phase == "arterial":
            varied = np.where(arterial_covered(hu), varied, level)
        return np.asarray(varied - level, np.float32)

    def _arterial(self, rng: np.random.Generator, case: PreparedCase, cube: Cube) -> Field | None:
        if not case.has("arterial") or rng.random() < self._settings.arterial_dropped_share:
            return None
        return self._relative_hu(rng, case, "arterial", cube)

    def _liver(self, rng: np.random.Generator, scene: _Scene) -> Field:
        """Return the share of liver, in half of the samples with an error of its outline."""
        error, step = self._settings.liver_error_mm, float(np.mean(scene.cube.step_mm))
        if not error or rng.random() < 0.5 or scene.liver.min() > 0.5 or scene.liver.max() <= 0.5:
            return scene.liver
        inside = scene.liver > 0.5
        distance = ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside)
        noise = smooth_noise(rng, inside.shape, scene.cube.step_mm, ERROR_WAVELENGTH_MM)
        return np.asarray(distance * step + noise * error > 0, np.float32)

    def _probability(self, rng: np.random.Generator, scene: _Scene) -> Field | None:
        """Return a probability of tumor as a model might give it; None where a case comes without."""
        if rng.random() >= self._settings.probability_share:
            return None
        found = np.zeros(scene.truth.shape, np.float32)
        none = np.zeros_like(scene.truth)
        for mask in (scene.truth, scene.others > 0.5):
            if mask.any() and rng.random() < 0.75:
                blurred = ndimage.gaussian_filter(
                    wrong_answer(rng, mask, none).astype(np.float32), rng.uniform(0.5, 2.0)
                )
                found = np.maximum(found, blurred * np.float32(rng.uniform(0.3, 1.0)))
        for _ in range(int(rng.integers(3))):
            found = np.maximum(found, _blob(rng, self._answer.samples) * np.float32(rng.uniform(0.1, 0.8)))
        return np.asarray(found * (scene.liver > 0.5), np.float32)

    def _turned(
        self, rng: np.random.Generator, values: Field, truth: Mask
    ) -> tuple[Field, NDArray[np.uint8]]:
        """Return a sample mirrored along random axes, and rows exchanged with columns in half of the samples."""
        flips = self._recipe.augmentation.flips
        axes = tuple(axis for axis, name in enumerate("zyx") if name in flips and rng.random() < 0.5)
        values = np.flip(values, tuple(axis + 1 for axis in axes))
        turned = np.flip(truth, axes)
        if self._recipe.augmentation.quarter_turns and rng.random() < 0.5:
            values, turned = np.swapaxes(values, -1, -2), np.swapaxes(turned, -1, -2)
        return np.ascontiguousarray(values), np.ascontiguousarray(turned, np.uint8)


def _samples(places: Sequence[tuple[int, int, int]]) -> list[NDArray[np.float64]]:
    return [np.asarray(place, float) for place in places]


def _blob(rng: np.random.Generator, samples: int) -> Field:
    """Return a Gaussian anywhere in a cube, 1 in its middle."""
    size = rng.uniform(1.5, 5.0)
    z, y, x = (
        np.exp(-0.5 * ((np.arange(samples) - rng.uniform(0, samples)) / size) ** 2).astype(np.float32)
        for _ in range(3)
    )
    return np.asarray(z[:, None, None] * y[None, :, None] * x[None, None, :])
