"""Real livers as label maps of the eight Couinaud segments, and who of them trains.

The folders are those of `data/synthesis/livers.py`: couinaud/NAME.nii.gz with values 1 to 8, and vessel/ or
vessels/NAME.nii.gz where vessels are known. A map without one of the eight is left out: its annotator joined segments.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.volumes import read_image
from LiverTumorAttentionLib.preprocessing.couinaud_input import CouinaudGrid
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import crop_image, mask_box
from training.data.held_out import tests_segments
from training.data.layouts.files import in_order, stem

SEGMENTS = 8
FINER = 2
"""How many voxels of a stored liver make one of the network's grid along each axis."""
CHOOSING = 8
"""Livers that train nothing and choose among the checkpoints; every so many of those that are not held out."""


@dataclass(frozen=True, kw_only=True)
class SegmentMap:
    """Where the label maps of a liver lie."""

    name: str
    segments: Path
    vessels: Path | None

    @property
    def tests(self) -> bool:
        """Whether the network is measured on it and never sees it."""
        return tests_segments(self.name)

    def read(self) -> tuple[sitk.Image, sitk.Image | None]:
        """Return segments and vessels (a mask) in LPS order, cut to the liver's box.

        Raises `InputError` for a file that cannot be read, and for a map without one of the eight.
        """
        labels = sitk.DICOMOrient(read_image(self.segments, "label map"), "LPS")
        present = np.unique(sitk.GetArrayViewFromImage(labels)).astype(int).tolist()
        missing = [number for number in range(1, SEGMENTS + 1) if number not in present]
        if missing or max(present) > SEGMENTS:
            raise InputError(
                f"'{self.segments}' holds the values {', '.join(map(str, present))} and not all of 1 to {SEGMENTS}"
                ": leave it out"
            )
        box = mask_box(labels != 0, margin_mm=12.0)
        if box is None:
            raise InputError(f"'{self.segments}' holds no liver: leave it out")
        vessels = None
        if self.vessels is not None:
            tree = sitk.DICOMOrient(read_image(self.vessels, "label map"), "LPS")
            vessels = crop_image(tree, box) != 0
        return sitk.Cast(crop_image(labels, box), sitk.sitkUInt8), vessels


@dataclass(frozen=True, kw_only=True)
class StoredLiver:
    """A liver on a grid `FINER` than the network's; arrays are (z, y, x) in LPS order."""

    name: str
    labels: NDArray[np.uint8]
    """1 to 8."""
    vessels: NDArray[np.uint8] | None
    """Share that is vessel, 255 all; None where it is not known."""


def find_maps(folders: list[Path]) -> list[SegmentMap]:
    """Return the maps of folders, in natural order. Raises `InputError` for a folder without any."""
    found = []
    for folder in folders:
        paths = in_order((folder / "couinaud").glob("*.nii.gz")) if (folder / "couinaud").is_dir() else []
        if not paths:
            raise InputError(f"'{folder}' holds no couinaud/NAME.nii.gz: give a folder that does")
        for path in paths:
            trees = [folder / name / path.name for name in ("vessel", "vessels")]
            vessels = next((tree for tree in trees if tree.is_file()), None)
            found.append(SegmentMap(name=stem(path), segments=path, vessels=vessels))
    return found


def read_training(
    maps: list[SegmentMap], grid: CouinaudGrid, progress: Progress
) -> tuple[list[StoredLiver], list[StoredLiver], list[str]]:
    """Return the livers that train, those that choose among checkpoints, and what was left out, a sentence each."""
    training: list[StoredLiver] = []
    choosing: list[StoredLiver] = []
    left: list[str] = []
    free = [each for each in maps if not each.tests]
    every = max(2, len(free) // CHOOSING)
    for number, each in enumerate(free):
        progress.update(number / len(free), each.name)
        try:
            stored = stored_liver(each, grid)
        except InputError as error:
            left.append(str(error))
            continue
        (choosing if number % every == every - 1 else training).append(stored)
    if not training:
        raise InputError("no liver may train: give folders with other livers than those that are held out")
    return training, choosing, left


def stored_liver(where: SegmentMap, grid: CouinaudGrid) -> StoredLiver:
    """Read a liver onto its fine grid."""
    labels, vessels = where.read()
    values = sitk.GetArrayViewFromImage(labels)
    volume_ml = float(np.count_nonzero(values)) * float(np.prod(labels.GetSpacing())) / 1000.0
    spacing = grid.spacing_mm(volume_ml) / FINER
    fine = _fine_grid(labels, spacing)
    best, liver = np.zeros(fine.GetSize()[::-1], np.uint8), np.zeros(fine.GetSize()[::-1], np.float32)
    highest = np.zeros_like(liver)
    for number in range(1, SEGMENTS + 1):
        share = _sampled(labels == number, fine)
        best[share > highest] = number
        np.maximum(highest, share, out=highest)
        liver += share
    best[liver < 0.5] = 0
    tree = None
    if vessels is not None:
        smooth = sitk.SmoothingRecursiveGaussian(sitk.Cast(vessels, sitk.sitkFloat32), [0.5 * spacing] * 3)
        tree = np.rint(255 * _sampled(smooth, fine).clip(0, 1)).astype(np.uint8)
    return StoredLiver(name=where.name, labels=best, vessels=tree)


def _fine_grid(labels: sitk.Image, spacing: float) -> sitk.Image:
    size = [int(np.ceil(n * s / spacing)) for n, s in zip(labels.GetSize(), labels.GetSpacing(), strict=True)]
    grid = sitk.Image(size, sitk.sitkFloat32)
    grid.SetSpacing((spacing,) * 3)
    grid.SetOrigin(labels.GetOrigin())
    grid.SetDirection(labels.GetDirection())
    return grid


def _sampled(mask: sitk.Image, grid: sitk.Image) -> NDArray[np.float32]:
    image = sitk.Cast(mask, sitk.sitkFloat32)
    values: NDArray[np.float32] = sitk.GetArrayFromImage(
        sitk.Resample(image, grid, sitk.Transform(), sitk.sitkLinear)
    )
    return values
