"""Positions of samples in a volume."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from training.data.case import PreparedCase


def corner_around(voxel: Sequence[int], size: Sequence[int], shape: Sequence[int]) -> tuple[int, ...]:
    """Return the first voxel of the box around a voxel, moved so that it does not leave the volume needlessly.

    A volume that is smaller than the box is filled up at its far borders, as inference does.
    """
    return tuple(
        min(max(0, at - n // 2), max(0, side - n)) for at, n, side in zip(voxel, size, shape, strict=True)
    )


def corner_anywhere(rng: np.random.Generator, size: Sequence[int], shape: Sequence[int]) -> tuple[int, ...]:
    """Return the first voxel of a box anywhere in the volume, each place alike."""
    return tuple(int(rng.integers(max(0, side - n) + 1)) for n, side in zip(size, shape, strict=True))


def middle_of(corner: Sequence[int], size: Sequence[int], shape: Sequence[int]) -> tuple[float, ...]:
    """Return the middle, in voxels, of the part of the volume that a box shows."""
    return tuple(at + (min(n, side - at) - 1) / 2 for at, n, side in zip(corner, size, shape, strict=True))


def foreground_voxel(
    case: PreparedCase, classes: Sequence[str], rng: np.random.Generator
) -> tuple[int, int, int] | None:
    """Return a voxel of a class other than background, the class drawn first; None where the case shows none.

    classes: those of the stage. Classes that the case lacks are not drawn.
    Source: DPC-Net, section III.A: "guaranteed to contain one of the foreground classes that are present".
    """
    places = case.places
    shown = [places[name] for name in classes[1:] if len(places[name])]
    return voxel_of(shown[int(rng.integers(len(shown)))], rng) if shown else None


def voxel_of(places: np.ndarray, rng: np.random.Generator) -> tuple[int, int, int] | None:
    """Return one of the (n, 3) places; None where there is none."""
    if not len(places):
        return None
    z, y, x = (int(at) for at in places[int(rng.integers(len(places)))])
    return z, y, x


def lesions_of(labels: NDArray[np.uint8], most: int = 500) -> list[NDArray[np.int32]]:
    """Return voxels (n, 3) of each connected tumor, thinned evenly to at most `most`."""
    numbered, _ = ndimage.label(labels == 2)
    lesions = []
    for number, box in enumerate(ndimage.find_objects(numbered), start=1):
        voxels = np.argwhere(numbered[box] == number) + [side.start for side in box]
        lesions.append(voxels[:: -(-len(voxels) // most)].astype(np.int32))
    return lesions


def lesion_voxel(
    lesions: Sequence[NDArray[np.int32]], rng: np.random.Generator
) -> tuple[int, int, int] | None:
    """Return a voxel of one of the lesions, each as likely as any other; None where there is none."""
    return voxel_of(lesions[int(rng.integers(len(lesions)))], rng) if lesions else None


def jittered(
    rng: np.random.Generator,
    place: Sequence[int],
    most_mm: float,
    spacing_mm: Sequence[float],
    shape: Sequence[int],
) -> tuple[int, ...]:
    """Return a pixel moved by at most `most_mm` along each axis, within the slice."""
    moved = np.asarray(place) + rng.uniform(-most_mm, most_mm, len(place)) / spacing_mm
    return tuple(int(at) for at in np.clip(np.rint(moved), 0, np.asarray(shape) - 1))
