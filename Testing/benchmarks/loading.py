"""Milliseconds of a processor that a training sample takes, beside the same by MONAI's dictionary transforms.

    python -m Testing.benchmarks.loading

One thread, as in a worker, and its processor time, which other programs hardly lengthen. The samples are of the
papers' kinds, cut from memory-mapped arrays of random numbers, as the recipes augment them and without augmentation.
MONAI gets the same arrays and settings: it cuts a box with room for rotation, normalizes, rotates, scales and bends
in its one resampling, and mirrors. Ours and MONAI's are made in turn, and medians are compared; a ratio below 1
says that ours take less.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from Testing.Training.prepared import write_case
from training.data.case import PreparedCase
from training.recipes.recipe import Recipe, read_recipe
from training.recipes.settings import AugmentationSettings
from training.sampling import Sampler
from training.sampling.view import network_input

KINDS: Mapping[str, tuple[str, tuple[int, int, int], tuple[float, float, float]]] = {
    "2.5D tiles of two phases": ("paresseg/table4-msf-pa", (60, 320, 360), (2.5, 0.75, 0.75)),
    "whole slices": ("context/table1-context", (60, 448, 448), (2.5, 0.8, 0.8)),
    "3D patches": ("dpcnet/table2-both", (180, 210, 210), (2.47, 1.9, 1.9)),
}
"""A recipe, and voxels (z, y, x) and spacing of a case on its stage's grid."""

ROOM = 1.4
"""How much longer than the sample the sides of the box are that MONAI cuts: turned by 15 degrees and scaled by a
fifth, a slice needs 1.5 times its side in the worst case, and 1.3 in most."""


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="for each row (default: 3)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| samples | augmentation | ours, ms | MONAI, ms | ratio |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for kind, (name, shape, spacing_mm) in KINDS.items():
            recipe = read_recipe(name)
            masked = recipe.stage.mask_dilation_mm is not None
            case = random_case(Path(folder) / name, shape, spacing_mm, masked=masked)
            asked = recipe.augmentation
            rows = {"the recipe's": asked, "none": AugmentationSettings()}
            if asked.elastic_mm:
                rows["the recipe's, unbent"] = replace(asked, elastic_mm=0.0)
            for what, augmentation in rows.items():
                chosen = replace(recipe, augmentation=augmentation)
                ours, peers = in_turn(Sampler([case], chosen, 0), MonaiSampler(case, chosen), options.seconds)
                print(f"| {kind} | {what} | {ours:.1f} | {peers:.1f} | {ours / peers:.2f} |", flush=True)


def random_case(
    folder: Path, shape: tuple[int, int, int], spacing_mm: tuple[float, float, float], *, masked: bool
) -> PreparedCase:
    """Write a case of noise with a block of liver and one of tumor."""
    rng = np.random.default_rng(0)
    labels = np.zeros(shape, np.uint8)
    middle = tuple(slice(n // 5, 4 * n // 5) for n in shape)
    labels[middle] = 1
    labels[tuple(slice(n // 3, n // 2) for n in shape)] = 2
    standard = {"low": -900.0, "high": 300.0, "mean": -100.0, "deviation": 200.0}
    return write_case(
        folder,
        rng.integers(-500, 500, shape),
        labels,
        arterial=rng.integers(-500, 500, shape),
        inside=labels > 0 if masked else None,
        spacing_mm=spacing_mm,
        intensity={"portal": standard, "arterial": standard},
    )


def in_turn(ours: Callable[[int], Any], theirs: Callable[[int], Any], seconds: float) -> tuple[float, float]:
    """Return the median milliseconds of two ways to make a sample, made in turn; the first of each is left out."""
    times: tuple[list[float], list[float]] = ([], [])
    end = time.perf_counter() + seconds
    number = 0
    while time.perf_counter() < end or number < 4:
        for make, taken in zip((ours, theirs), times, strict=True):
            start = time.process_time()
            make(number)
            taken.append(1e3 * (time.process_time() - start))
        number += 1
    return statistics.median(times[0][1:]), statistics.median(times[1][1:])


class MonaiSampler:
    """The samples of a recipe as MONAI's dictionary transforms make them."""

    def __init__(self, case: PreparedCase, recipe: Recipe) -> None:
        self._case, self._recipe = case, recipe
        self._neighbours = recipe.stage.slices.neighbours if recipe.stage.slices else None
        self._transform = self._transforms()

    def __call__(self, number: int) -> dict[str, np.ndarray]:
        case, stage = self._case, self._recipe.stage
        part: Any = np.s_[:] if self._neighbours is None else None
        middle = part
        if self._neighbours is not None:
            z = case.labels.shape[0] // 4 + number % (case.labels.shape[0] // 2)
            part, middle = np.s_[z - self._neighbours : z + self._neighbours + 1], np.s_[z : z + 1]
        channels = (lambda array: array[None]) if self._neighbours is None else (lambda array: array)
        data = {phase: channels(case.volume(phase)[part]) for phase in stage.phases}
        data["truth"] = channels(case.labels[middle])
        if case.inside is not None and stage.mask_dilation_mm is not None:
            data["inside"] = channels(case.inside[part])
        return {name: np.ascontiguousarray(values) for name, values in self._transform(data).items()}

    def _transforms(self) -> Any:
        """Cut, normalize, move, mirror, mask."""
        import monai.transforms as mt

        stage, size, asked = self._recipe.stage, self._recipe.sample_size, self._recipe.augmentation
        phases = list(stage.phases)
        masked = stage.mask_dilation_mm is not None
        keys = [*phases, "truth", *(["inside"] if masked else [])]
        moves = bool(asked.rotation_degrees or asked.scale or asked.elastic_mm)
        shape = self._case.labels.shape[-len(size) :]
        box = [
            min(round(n * ROOM), side) if moves else min(n, side) for n, side in zip(size, shape, strict=True)
        ]
        steps: list[Any] = [mt.RandSpatialCropd(keys, roi_size=box, random_size=False)]
        for phase in phases:
            steps.append(mt.Lambdad(phase, lambda hu, phase=phase: self._input(hu, phase)))
        if moves:
            steps.append(self._motion(keys, phases))
        steps += [
            mt.RandFlipd(keys, prob=0.5, spatial_axis="zyx"[-len(size) :].index(axis)) for axis in asked.flips
        ]
        if masked:
            steps.append(mt.Lambda(lambda data: {**data, **{p: data[p] * data["inside"] for p in phases}}))
        steps.append(mt.Lambdad("truth", lambda labels: (labels == 2) if stage.name == "tumor" else labels))
        return mt.Compose(steps).set_random_state(0)

    def _motion(self, keys: list[str], phases: list[str]) -> Any:
        """Rotation, scaling and, in 3D, bending in one resampling."""
        import monai.transforms as mt

        size, asked = self._recipe.sample_size, self._recipe.augmentation
        turn = np.radians(asked.rotation_degrees)
        shared = {
            "prob": 1.0,
            "spatial_size": size,
            "rotate_range": [turn] * (3 if len(size) == 3 else 1),
            "scale_range": [asked.scale] * len(size),
            "mode": ["bilinear" if key in phases else "nearest" for key in keys],
            "padding_mode": "border" if len(size) == 3 else "zeros",
        }
        if not asked.elastic_mm:
            return mt.RandAffined(keys, **shared)
        # Gaussian smoothing whose correlation length is about a third of the wavelength of ours, in voxels
        sigma = asked.elastic_wavelength_mm / 3 / self._case.spacing_mm[-1]
        strength = asked.elastic_mm / self._case.spacing_mm[-1] * 40
        return mt.Rand3DElasticd(
            keys, sigma_range=(sigma, sigma), magnitude_range=(strength, strength), **shared
        )

    def _input(self, hu: Any, phase: str) -> Any:
        return torch.from_numpy(network_input(np.asarray(hu), self._case, phase, self._recipe.stage))


if __name__ == "__main__":
    main()
