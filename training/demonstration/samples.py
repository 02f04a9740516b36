"""From a case on the working grid to one augmented training sample.

A sample depends on the case list, the seed and its number alone, never on what was drawn before: a run that
is stopped and resumed sees exactly the samples that it would have seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch.nn import functional

from LiverTumorAttentionLib.preprocessing import stack_neighbours, window_hu
from training.augmentation.random_fields import smooth_noise
from training.demonstration.recipes import Recipe

AIR_HU = np.float32(-1024.0)
FAR_MM = np.float32(63.5)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One case of a cohort; arrays are (z, y, x).

    portal, arterial: int16 HU. labels: uint8, 0 background, 1 liver, 2 tumour.
    distance: int8, signed distance to the liver's surface in half millimetres, negative inside, clipped;
        empty for the liver stage. spacing_mm: (z, y, x).
    """

    name: str
    portal: NDArray[np.int16]
    arterial: NDArray[np.int16]
    labels: NDArray[np.uint8]
    distance: NDArray[np.int8]
    spacing_mm: tuple[float, float, float]

    @classmethod
    def load(cls, path: Path) -> Case:
        """Read a case that `cohort.py` wrote; never unpickles."""
        with np.load(path, allow_pickle=False) as arrays:
            z, y, x = (float(s) for s in arrays["spacing_mm"])
            values = {name: arrays[name] for name in ("portal", "arterial", "labels", "distance")}
        return cls(name=path.stem, spacing_mm=(z, y, x), **values)

    @property
    def has_tumor(self) -> bool:
        """Whether any voxel is tumour."""
        return bool((self.labels == 2).any())


class Sampler:
    """Draws augmented samples of a stage from cases.

    Call with the number of a sample: returns (inputs, truth): one (3, Y, X) float32 array in [0, 1] a phase,
    and the (3, Y, X) uint8 truth of the three slices.
    """

    def __init__(self, cases: Sequence[Case], recipe: Recipe, seed: int) -> None:
        self._recipe = recipe
        self._seed = seed
        self._cases = list(cases)
        self._lesions = [_lesions(case.labels == 2) for case in self._cases]
        self._liver_voxels = [_some_voxels(case.labels > 0) for case in self._cases]

    def __call__(self, number: int) -> tuple[list[NDArray[np.float32]], NDArray[np.uint8]]:
        rng = np.random.default_rng((self._seed, number))
        which = int(rng.integers(len(self._cases)))
        if self._recipe.stage == "liver":
            return self._liver_sample(which, rng)
        return self._tumor_sample(which, rng)

    def case_of(self, number: int) -> Case:
        """Return the case that a sample is drawn from."""
        return self._cases[int(np.random.default_rng((self._seed, number)).integers(len(self._cases)))]

    def _liver_sample(
        self, which: int, rng: np.random.Generator
    ) -> tuple[list[NDArray[np.float32]], NDArray[np.uint8]]:
        case = self._cases[which]
        depth, height, width = case.labels.shape
        z = int(rng.integers(depth))
        if rng.random() < 0.5 and len(self._liver_voxels[which]):
            z = int(rng.choice(self._liver_voxels[which][:, 0]))
        volume = case.portal if rng.random() < 0.5 else case.arterial
        slab = _slab(volume, z)
        truth = (_slab(case.labels, z) > 0).astype(np.float32)
        centre = np.array([height / 2, width / 2]) + rng.uniform(-20, 20, 2)
        grid = _sampling_grid(rng, self._recipe.crop, centre, turn=0.15, stretch=0.17, bend_pixels=1.5)
        slab = _sample(slab - AIR_HU, grid, "bilinear") + AIR_HU
        truth = _sample(truth, grid, "nearest")
        slab, truth = _maybe_upside_down(rng, slab, truth)
        slab = _vary_hu(rng, slab, gain=0.15, shift=15.0, noise=14.0)
        return [_gamma(rng, window_hu(slab, self._recipe.window_hu))], truth.astype(np.uint8)

    def _tumor_sample(
        self, which: int, rng: np.random.Generator
    ) -> tuple[list[NDArray[np.float32]], NDArray[np.uint8]]:
        case = self._cases[which]
        places = self._liver_voxels[which]
        lesions = self._lesions[which]
        if lesions and rng.random() < 0.65:
            # every lesion alike: drawn by voxel, small ones would hardly ever be seen
            places = lesions[rng.integers(len(lesions))]
        z, y, x = (int(v) for v in places[rng.integers(len(places))])
        centre = np.array([y, x]) + rng.uniform(-40, 40, 2)
        grid = _sampling_grid(rng, self._recipe.crop, centre, turn=np.pi, stretch=0.2, bend_pixels=2.0)
        if rng.random() < 0.5:
            grid = grid.flip(2)
        portal = _sample(_slab(case.portal, z), grid, "bilinear")
        truth = _sample((_slab(case.labels, z) == 2).astype(np.float32), grid, "nearest")
        distance = _sample(_slab(case.distance, z) / np.float32(2) - FAR_MM, grid, "bilinear") + FAR_MM
        if rng.random() < 0.2:
            arterial = portal  # what the pipeline does when there is no arterial phase
            portal = arterial = _vary_hu(rng, portal, gain=0.1, shift=8.0, noise=10.0)
        else:
            arterial = self._misregistered(case, z, grid, rng)
            portal = _vary_hu(rng, portal, gain=0.1, shift=8.0, noise=10.0)
            arterial = _vary_hu(rng, arterial, gain=0.1, shift=8.0, noise=10.0)
        inside = _coarse_liver(rng, distance, self._recipe)
        inputs = [window_hu(volume, self._recipe.window_hu) * inside for volume in (portal, arterial)]
        truth *= inside
        inputs[0], inputs[1], truth = _maybe_upside_down(rng, inputs[0], inputs[1], truth)
        return inputs, truth.astype(np.uint8)

    def _misregistered(
        self, case: Case, z: int, grid: torch.Tensor, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Return the arterial slices with the error that a registration leaves: about 1 mm, at times more."""
        error_mm = abs(rng.normal(0, 1.0)) if rng.random() < 0.9 else rng.uniform(2, 5)
        shift = float(np.clip(rng.normal(0, error_mm) / case.spacing_mm[0], -0.9, 0.9))
        slab = _slab(case.arterial, z)
        towards = min(max(z + (1 if shift > 0 else -1), 0), case.arterial.shape[0] - 1)
        other = _slab(case.arterial, towards)
        slab = slab * (1 - abs(shift)) + other * abs(shift)
        height, width = slab.shape[1:]
        error = smooth_noise(rng, grid.shape[1:3], (1.25, 1.25), 50, components=2)
        error_pixels = (
            (error + rng.normal(0, 1, (2, 1, 1))) * error_mm / self._recipe.in_plane_spacing_mm * 0.7
        )
        scale = np.array([2 / max(width - 1, 1), 2 / max(height - 1, 1)])
        moved = grid + torch.from_numpy((np.moveaxis(error_pixels, 0, -1) * scale).astype(np.float32))
        return _sample(slab, moved, "bilinear")


def _slab(volume: NDArray[Any], z: int) -> NDArray[np.float32]:
    """Return a slice and its two neighbours, as inference stacks them."""
    return stack_neighbours(volume, z).astype(np.float32)


def _lesions(mask: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Return the places of each connected lesion."""
    labelled, count = ndimage.label(mask)
    boxes = ndimage.find_objects(labelled)
    return [
        _some_voxels(labelled[box] == i + 1, 500) + [b.start for b in box]
        for i, box in zip(range(count), boxes, strict=True)
    ]


def _some_voxels(mask: NDArray[np.bool_], most: int = 20000) -> NDArray[np.int64]:
    """Return the (z, y, x) places of a mask, thinned evenly to at most `most`."""
    places = np.argwhere(mask)
    return places[:: max(1, -(-len(places) // most))]


def _sampling_grid(
    rng: np.random.Generator,
    crop: tuple[int, int],
    centre: NDArray[np.float64],
    *,
    turn: float,
    stretch: float,
    bend_pixels: float,
) -> torch.Tensor:
    """Return where a (y, x) crop samples a slice, in pixels, as a (1, Y, X, 2) tensor (x before y).

    turn: largest rotation in radians. stretch: largest relative change of scale, another along each axis.
    """
    angle = rng.uniform(-turn, turn)
    scale = (1 + rng.uniform(-stretch, stretch)) * (1 + rng.uniform(-0.05, 0.05, 2))
    y, x = np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in crop), indexing="ij")
    bend = (
        bend_pixels * rng.uniform(0, 1) * smooth_noise(rng, crop, (1, 1), rng.uniform(20, 50), components=2)
    )
    at_y = centre[0] + scale[0] * (np.cos(angle) * y - np.sin(angle) * x) + bend[0]
    at_x = centre[1] + scale[1] * (np.sin(angle) * y + np.cos(angle) * x) + bend[1]
    return torch.from_numpy(np.stack([at_x, at_y], axis=-1).astype(np.float32))[None]


def _sample(slices: NDArray[np.float32], grid: torch.Tensor, mode: str) -> NDArray[np.float32]:
    """Sample (C, Y, X) slices at pixel places; outside of them 0."""
    height, width = slices.shape[1:]
    scale = torch.tensor([2 / max(width - 1, 1), 2 / max(height - 1, 1)])
    image = torch.from_numpy(np.ascontiguousarray(slices, dtype=np.float32))[None]
    sampled = functional.grid_sample(
        image, grid * scale - 1, mode=mode, padding_mode="zeros", align_corners=True
    )
    return sampled[0].numpy()


def _maybe_upside_down(rng: np.random.Generator, *arrays: NDArray) -> list[NDArray]:
    """Reverse the order of the slices of all arrays, or of none."""
    if rng.random() < 0.5:
        return [np.ascontiguousarray(array[::-1]) for array in arrays]
    return list(arrays)


def _vary_hu(
    rng: np.random.Generator, slab: NDArray[np.float32], *, gain: float, shift: float, noise: float
) -> NDArray[np.float32]:
    """Vary contrast, level, sharpness and noise of (3, Y, X) slices in HU."""
    varied = (slab - 60) * (1 + rng.normal(0, gain)) + 60 + rng.normal(0, shift)
    if rng.random() < 0.25:
        sigma = rng.uniform(0.3, 0.9)
        varied = ndimage.gaussian_filter(varied, (0, sigma, sigma))
    if rng.random() < 0.6:
        grain = rng.standard_normal(slab.shape, dtype=np.float32)
        if rng.random() < 0.5:
            grain = ndimage.gaussian_filter(grain, (0, 0.7, 0.7)) * 2.4
        varied = varied + rng.uniform(0, noise) * grain
    return varied.astype(np.float32)


def _gamma(rng: np.random.Generator, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bend the intensities of an image in [0, 1], at times."""
    if rng.random() < 0.3:
        return image ** np.float32(np.exp(rng.normal(0, 0.2)))
    return image


def _coarse_liver(
    rng: np.random.Generator, distance_mm: NDArray[np.float32], recipe: Recipe
) -> NDArray[np.float32]:
    """Return what a dilated coarse liver would leave of the (3, Y, X) slices: 1 inside, 0 outside.

    The liver stage errs by a few millimetres around the true surface, smoothly along it.
    """
    margin = recipe.mask_dilation_mm + rng.uniform(-2.5, 3)
    rough = rng.uniform(0, 3.0) * smooth_noise(rng, distance_mm.shape[1:], (1.25, 1.25), rng.uniform(12, 40))
    return (distance_mm + rough[None] < margin).astype(np.float32)
