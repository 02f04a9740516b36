"""Generated cases: a block of liver with balls in it, on any grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.correction import CorrectionCase, CorrectionSession

SHAPE = (40, 56, 64)
SPACING_MM = (2.0, 1.25, 1.25)
"""Along z, y, x."""
LIVER_BOX = (slice(3, 37), slice(6, 50), slice(6, 58))
LIVER_HU = {"portal": 100.0, "arterial": 60.0}
NOISE_HU = 6.0

Triple = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Ball:
    """center: voxel (z, y, x). portal, arterial: HU above the liver. number: of the lesion, 0 when not segmented."""

    center: tuple[int, int, int]
    radius_mm: float
    portal: float = -40.0
    arterial: float = 0.0
    number: int = 0


DARK = Ball(center=(12, 20, 20), radius_mm=9.0)
BRIGHT = Ball(center=(24, 36, 40), radius_mm=8.0, portal=0.0, arterial=45.0)


def distance_mm(
    center: Sequence[float], shape: Sequence[int] = SHAPE, spacing: Triple = SPACING_MM
) -> np.ndarray:
    """Return the distance of every voxel from a voxel."""
    axes = [((np.arange(n) - c) * s) ** 2 for n, c, s in zip(shape, center, spacing, strict=True)]
    return np.sqrt(axes[0][:, None, None] + axes[1][None, :, None] + axes[2][None, None, :])


def ball(center: Sequence[float], radius_mm: float) -> np.ndarray:
    return distance_mm(center) <= radius_mm


def image(
    voxels: np.ndarray, *, spacing: Triple = SPACING_MM, direction: Sequence[float] | None = None
) -> sitk.Image:
    made = sitk.GetImageFromArray(voxels)
    made.SetSpacing(spacing[::-1])
    made.SetOrigin((-20.0, 35.5, -410.25))
    if direction is not None:
        made.SetDirection([float(value) for value in np.ravel(direction)])
    return made


def oblique(degrees: float = 20.0) -> np.ndarray:
    """Return a direction rotated about x and z."""
    a, b = np.radians(degrees), np.radians(degrees / 2)
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_z = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    return about_x @ about_z


def made_case(
    balls: Sequence[Ball] = (DARK, BRIGHT),
    *,
    direction: Sequence[float] | None = None,
    spacing: Triple = SPACING_MM,
    arterial: bool = True,
    probability: bool = True,
    seed: int = 0,
) -> CorrectionCase:
    """Return a case with balls; those with a number are segmented. Their probability falls linearly from the center."""
    rng = np.random.default_rng(seed)
    hu = {name: np.full(SHAPE, -100.0) for name in LIVER_HU}
    labels = np.zeros(SHAPE, np.uint16)
    labels[LIVER_BOX] = 1
    chances = np.zeros(SHAPE, np.float32)
    for name, value in LIVER_HU.items():
        hu[name][LIVER_BOX] = value
    for each in balls:
        inside = ball(each.center, each.radius_mm)
        hu["portal"][inside] = LIVER_HU["portal"] + each.portal
        hu["arterial"][inside] = LIVER_HU["arterial"] + each.arterial
        if each.number:
            labels[inside] = each.number + 1
        chances = np.maximum(chances, 1 - distance_mm(each.center) / (2 * each.radius_mm))
    noisy = {name: (hu[name] + rng.normal(0, NOISE_HU, SHAPE)).astype(np.int16) for name in hu}
    grid = {"direction": direction, "spacing": spacing}
    return CorrectionCase(
        portal=image(noisy["portal"], **grid),
        arterial=image(noisy["arterial"], **grid) if arterial else None,
        probability=image(np.clip(chances, 0, 1).astype(np.float32), **grid) if probability else None,
        instances=image(labels, **grid),
        model="made",
    )


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b))


def session_of(labels: np.ndarray) -> CorrectionSession:
    """Return a session on labels with constant phases."""
    flat = np.full(SHAPE, 60, np.int16)
    return CorrectionSession(CorrectionCase(portal=image(flat), instances=image(labels.astype(np.uint16))))


def block(*parts: slice) -> np.ndarray:
    """Return the labels of a liver with one block of tumor."""
    labels = np.zeros(SHAPE, np.uint16)
    labels[LIVER_BOX] = 1
    labels[parts] = 2
    return labels
