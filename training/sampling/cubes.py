"""Samples for a network that answers clicks: a simulated click in a cube, the random walker's answer, the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.correction.algorithm.appearance import arterial_covered
from LiverTumorAttentionLib.correction.click_network.answer import AnswerSettings, fitting_cube
from LiverTumorAttentionLib.correction.click_network.channels import View, network_input
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.inference.stage_input import LIVER_MEDIAN
from LiverTumorAttentionLib.voxels.boxes import box_corners
from LiverTumorAttentionLib.voxels.sample_cube import Cube
from training.augmentation import varied_hu
from training.augmentation.random_fields import smooth_noise
from training.data.case import PreparedCase
from training.recipes.recipe import Recipe
from training.sampling.clicks_file import clicks_key, read_clicks
from training.sampling.lesions import TUMOR, CaseLesion, lesions_of
from training.sampling.order import Mixed, Shuffled
from training.sampling.simulated_user import wrong_answer
from training.sampling.view import Sample
from training.sampling.walker_clicks import WalkerClick

Field = NDArray[np.float32]
Mask = NDArray[np.bool_]
STEP_SPREAD, CENTER_SPREAD = 0.15, 0.08
"""Of the logarithm of the cube's step; of its center, in sides of the cube."""
ERROR_WAVELENGTH_MM = 30.0
"""Of the error of the liver's outline."""


@dataclass(frozen=True)
class _Scene:
    """A click in a cube: the truth, other lesions and liver in samples."""

    cube: Cube
    truth: Mask
    others: Field
    liver: Field


class CubeSampler:
    """Gives the sample of a number, which depends on (cases and their clicks, recipe, seed, number) alone.

    Lesions come in a random order, all once before any comes again; with `sampling.mix_by`, a value of that fact is
    drawn, then a lesion of such a case; then one of its clicks. Raises `InputError` when no case has a lesion, or none
    that `sampling.mix` draws, or when a case has no clicks.
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
        self._clicks = self._clicks_by_lesion()
        usable = [number for number, clicks in enumerate(self._clicks) if clicks]
        self._lesions = [self._lesions[number] for number in usable]
        self._clicks = [self._clicks[number] for number in usable]
        self._order: Shuffled | Mixed = Shuffled(len(self._lesions), seed)
        if recipe.sampling.mix_by is not None:
            fact = recipe.sampling.mix_by
            values = [self._cases[lesion.case].facts.get(fact, "") for lesion in self._lesions]
            self._order = Mixed(values, recipe.sampling.mix, fact, seed)
        self.samples_an_epoch: int = recipe.sampling.samples_an_epoch or len(self._lesions)

    def _clicks_by_lesion(self) -> list[list[WalkerClick]]:
        """Return the clicks on each lesion."""
        found: list[list[WalkerClick]] = []
        for number, lesions in groupby(self._lesions, key=lambda lesion: lesion.case):
            case = self._cases[number]
            clicks = read_clicks(case, clicks_key(case, self._settings))
            found += [[click for click in clicks if click.lesion == at] for at, _ in enumerate(lesions)]
        return found

    def __call__(self, number: int) -> Sample:
        """Return sample `number`, counted from 0 without end."""
        rng = np.random.default_rng((self._seed, number))
        at = self._order[number]
        lesion, case = self._lesions[at], self._cases[self._lesions[at].case]
        click = self._drawn(rng, self._clicks[at])
        scene = self._scene(rng, lesion, click, case)
        nothing = np.zeros(scene.truth.shape, np.float32)
        view = View(
            portal=self._relative_hu(rng, case, "portal", scene.cube),
            arterial=self._arterial(rng, case, scene.cube),
            probability=self._probability(rng, scene),
            liver=self._liver(rng, scene),
            others=scene.others if click.others_known else nothing,
            previous=nothing if click.previous is None else scene.cube.sampled(click.previous.read),
            walker=scene.cube.sampled(click.answer.read),
            include=[scene.cube.index_of(voxel) for voxel in click.include],
            exclude=[scene.cube.index_of(voxel) for voxel in click.exclude],
            step_mm=float(np.mean(scene.cube.step_mm)),
        )
        values, truth = self._turned(rng, network_input(view), scene.truth)
        return Sample(inputs=(values,), truth=truth, case=case.name)

    def _drawn(self, rng: np.random.Generator, clicks: Sequence[WalkerClick]) -> WalkerClick:
        """Return a click on a lesion: a correction in the share of the recipe, where there are both kinds."""
        correction = rng.random() < self._settings.correction_share
        of_kind = [click for click in clicks if (click.previous is not None) == correction] or list(clicks)
        return of_kind[int(rng.integers(len(of_kind)))]

    def _scene(
        self, rng: np.random.Generator, lesion: CaseLesion, click: WalkerClick, case: PreparedCase
    ) -> _Scene:
        """Return a click in a cube such as an answer looks at, a little moved and scaled."""
        boxes = [click.answer.box] if click.previous is None else [click.answer.box, click.previous.box]
        prompts = np.asarray([*click.include, *click.exclude], float).reshape(-1, 3)
        places = np.concatenate([prompts, box_corners(boxes)])
        labels = case.labels
        cube = fitting_cube(places, case.spacing_mm, labels.shape, self._answer)
        step = cube.step_mm[0] * float(np.exp(rng.normal(0, STEP_SPREAD)))
        steps = step * np.exp(rng.normal(0, self._settings.axis_scale, 3))
        center = cube.center + rng.normal(0, CENTER_SPREAD, 3) * step * cube.samples / case.spacing_mm
        cube = replace(
            cube,
            center=(float(center[0]), float(center[1]), float(center[2])),
            step_mm=(float(steps[0]), float(steps[1]), float(steps[2])),
        )
        voxels = lesion.voxels
        share = cube.sampled(voxels.read)
        others = cube.sampled(lambda box: (labels[box] == TUMOR) & ~voxels.read(box))
        liver = cube.sampled(lambda box: labels[box] > 0)
        return _Scene(cube, share > 0.5, others, liver)

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


def _blob(rng: np.random.Generator, samples: int) -> Field:
    """Return a Gaussian anywhere in a cube, 1 in its middle."""
    size = rng.uniform(1.5, 5.0)
    z, y, x = (
        np.exp(-0.5 * ((np.arange(samples) - rng.uniform(0, samples)) / size) ** 2).astype(np.float32)
        for _ in range(3)
    )
    return np.asarray(z[:, None, None] * y[None, :, None] * x[None, None, :])
