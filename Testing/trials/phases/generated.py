"""Generated patients in all five phases, and their volumes with noise, thick slices, partial fields and slabs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.contrast_phase import (
    CONTRAST_PHASES,
    DELAYED,
    EARLY_ARTERIAL,
    LATE_ARTERIAL,
    NATIVE,
    PORTAL,
)
from LiverTumorAttentionLib.io import write_image
from LiverTumorAttentionLib.phantoms import generate_phantom

FIRST_SEED = 70000
MATRIX = 128
THICKNESSES_MM = (2.5, 3.0, 5.0, 5.0, 7.0)
NOISY_HU = 45.0
"""Standard deviation of the noise that is added, far above that of a usable scan."""
THICK_MM = 10.0
SHORTEST_MM = 90.0
"""Of partial fields; less does not hold liver and kidneys or liver and heart."""
SLABS_MM = (20.0, 40.0, 70.0)
"""Lengths of slabs: what nine slices of 2 to 8 mm show, at a place of the volume that is drawn."""


def make_patient(seed: int, folder: Path) -> None:
    """Write the five phases of a generated patient into `folder`, unless they are there."""
    if all((folder / f"{phase}.nii.gz").is_file() for phase in CONTRAST_PHASES):
        return
    rng = np.random.default_rng([seed, 17])
    phantom = generate_phantom(
        seed,
        size="small",
        matrix=MATRIX,
        thickness_mm=float(rng.choice(THICKNESSES_MM)),
        further_phases=(NATIVE, EARLY_ARTERIAL, DELAYED),
    )
    images = {PORTAL: phantom.portal, LATE_ARTERIAL: phantom.arterial}
    images |= {phase: further.image for phase, further in phantom.further.items()}
    folder.mkdir(parents=True, exist_ok=True)
    for phase, image in images.items():
        write_image(folder / f"{phase}.nii.gz", image, level=1)


def variants(image: sitk.Image, seed: int) -> Iterator[tuple[str, sitk.Image]]:
    """Yield a volume as it is, with more noise, with thick slices, and parts of it along the body; LPS."""
    rng = np.random.default_rng([seed, 18])
    yield "as generated", image
    hu = sitk.GetArrayFromImage(image).astype(np.float32)
    yield "noisy", _like(image, hu + rng.normal(0, NOISY_HU, hu.shape).astype(np.float32))
    count = max(2, round(THICK_MM / image.GetSpacing()[2]))
    whole = len(hu) // count * count
    thick = _like(image, hu[:whole].reshape(-1, count, *hu.shape[1:]).mean(axis=1), stride=count)
    yield "thick slices", thick
    length = max(4, round(SHORTEST_MM / image.GetSpacing()[2]))
    for name, start in (("upper part", len(hu) - length), ("lower part", 0)):
        yield name, image[:, :, max(start, 0) : max(start, 0) + length]
    x, y, _ = image.GetSize()
    yield "cut flanks", image[x // 6 : x - x // 6, y // 12 : y - y // 12, :]


def slabs(image: sitk.Image, seed: int) -> Iterator[tuple[str, sitk.Image]]:
    """Yield slabs of a few slices, at the same places in all phases of a patient."""
    rng = np.random.default_rng([seed, 19])
    depth = image.GetSize()[2]
    for length_mm in SLABS_MM:
        count = max(2, round(length_mm / image.GetSpacing()[2]))
        start = int(rng.integers(0, max(1, depth - count)))
        yield f"slab of {length_mm:.0f} mm", image[:, :, start : start + count]


def _like(image: sitk.Image, hu: np.ndarray, stride: int = 1) -> sitk.Image:
    out = sitk.GetImageFromArray(np.rint(np.clip(hu, -1024, 3071)).astype(np.int16))
    x, y, z = image.GetSpacing()
    out.SetSpacing((x, y, z * stride))
    out.SetOrigin(image.TransformContinuousIndexToPhysicalPoint((0.0, 0.0, 0.5 * (stride - 1))))
    out.SetDirection(image.GetDirection())
    return out
