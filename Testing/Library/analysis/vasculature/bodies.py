"""A small liver with tubes of known place in it, as CT."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

Points = list[tuple[float, float, float]]

LIVER_HU, BLOOD_HU, FAT_HU = 100.0, 160.0, -100.0
RADIUS_MM = 32.0
PORTAL: list[Points] = [
    [(-6, 0, -30), (-6, 0, -10)],
    [(-6, 0, -10), (-20, 0, 8)],
    [(-6, 0, -10), (12, -6, 6)],
]
"""Y with its root below, LPS mm from the liver's middle."""
HEPATIC: list[Points] = [[(0, 24, 16), (-12, 8, 22)], [(0, 24, 16), (14, 4, 18)]]
"""V with its root behind and above, at the cava."""
CAVA: Points = [(0, 34, -20), (0, 34, 30)]
TUMOR_MM, TUMOR_RADIUS_MM = (20.0, 8.0, -12.0), 7.0


def grid(spacing: tuple[float, float, float] = (1.5, 1.5, 2.0), reach: float = 56.0) -> sitk.Image:
    """Return an empty image about (0, 0, 0)."""
    size = [int(2 * reach / step) for step in spacing]
    image = sitk.Image(size, sitk.sitkUInt8)
    image.SetSpacing(spacing)
    image.SetOrigin([-(n - 1) / 2 * step for n, step in zip(size, spacing, strict=True)])
    return image


def places(image: sitk.Image) -> NDArray[np.float64]:
    """Return the LPS positions (z, y, x, 3) of an image with straight axes."""
    axes = [
        o + s * np.arange(n)
        for o, s, n in zip(image.GetOrigin(), image.GetSpacing(), image.GetSize(), strict=True)
    ]
    z, y, x = np.meshgrid(axes[2], axes[1], axes[0], indexing="ij")
    return np.stack([x, y, z], axis=-1)


def tube(place: NDArray[np.float64], line: Points, radius_mm: float) -> NDArray[np.bool_]:
    """Return what lies within a radius of a line of two points."""
    start, end = np.array(line[0], float), np.array(line[1], float)
    way = end - start
    along = np.clip(((place - start) @ way) / (way @ way), 0, 1)
    return np.linalg.norm(place - start - along[..., None] * way, axis=-1) <= radius_mm


def tubes(place: NDArray[np.float64], lines: list[Points], radius_mm: float) -> NDArray[np.bool_]:
    """Return several tubes of one radius."""
    return np.any([tube(place, line, radius_mm) for line in lines], axis=0)


def image_of(array: NDArray[np.generic], like: sitk.Image) -> sitk.Image:
    """Return an array as image on a grid."""
    image = sitk.GetImageFromArray(array)
    image.CopyInformation(like)
    return image


def liver_with_vessels(*, noise_hu: float = 8.0, tumor_hu: float = 160.0) -> dict[str, sitk.Image]:
    """Return a portal volume, its instances with one tumor, and the truth: 1 portal, 2 hepatic, 3 cava."""
    like = grid()
    place = places(like)
    organ = np.linalg.norm(place, axis=-1) <= RADIUS_MM
    cava = tube(place, CAVA, 9.0)
    organ &= ~cava
    tumor = np.linalg.norm(place - np.array(TUMOR_MM), axis=-1) <= TUMOR_RADIUS_MM
    truth = np.zeros(organ.shape, np.uint8)
    truth[organ & tubes(place, PORTAL, 3.0)] = 1
    truth[organ & tubes(place, HEPATIC, 3.0)] = 2
    truth[cava] = 3
    truth[tumor] = 0
    hu = np.where(organ, LIVER_HU, FAT_HU)
    hu[truth > 0] = BLOOD_HU
    hu[tumor] = tumor_hu
    rng = np.random.default_rng(5)
    blurred = sitk.GetArrayFromImage(sitk.DiscreteGaussian(image_of(hu.astype(np.float32), like), 1.0))
    portal = blurred + rng.normal(0, noise_hu, hu.shape).astype(np.float32)
    instances = np.where(tumor, 2, organ).astype(np.uint16)
    return {
        "portal": image_of(portal.astype(np.float32), like),
        "instances": image_of(instances, like),
        "truth": image_of(truth, like),
    }
