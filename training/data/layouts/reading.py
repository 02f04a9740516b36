"""A case opened: its volumes and its truth, all with axes nearest to L, P, S."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import full_suffix, read_label_map, read_volume
from LiverTumorAttentionLib.io.input_checks import existing
from LiverTumorAttentionLib.io.volumes import read_image
from LiverTumorAttentionLib.voxels.geometry import check_same_grid, to_lps
from training.data.case import LabelFile, SourceCase
from training.data.layouts.crops import read_array
from training.data.layouts.dark_lesions import outlined_lesions
from training.data.layouts.labels import CLASSES, classes_of
from training.data.layouts.pictures import read_picture, read_picture_mask
from training.data.layouts.slices import inside, read_slices

SEGMENTATIONS = (".seg.nrrd", ".nrrd", ".dcm")
"""Endings of files that may hold named segments in place of values."""


@dataclass(frozen=True, kw_only=True)
class LoadedCase:
    """A case in memory."""

    portal: sitk.Image
    """int16 or float32, HU."""
    arterial: sitk.Image | None
    """On its own grid."""
    labels: sitk.Image
    """uint8 on the portal grid: 0 background, 1 liver, 2 tumor."""
    displacement: sitk.Image | None
    """float vectors on the portal grid: a portal point p lies at p + u(p) in the arterial volume, LPS mm."""


def read_case(case: SourceCase, *, arterial: bool = True) -> LoadedCase:
    """Read a case. arterial: False leaves the arterial phase and the displacement alone.

    Raises `InputError` for what is missing, damaged, ambiguous, or on another grid than the portal volume, and for
    values of labels that are not explained. Whether the volumes are those of a CT is asked by `check_cases`.
    """
    portal = read_phase(case, "portal")
    reference = to_lps(portal)
    return LoadedCase(
        portal=reference,
        arterial=to_lps(read_phase(case, "arterial")) if arterial and case.arterial else None,
        labels=read_labels(case, portal, reference),
        displacement=read_displacement(case, reference) if arterial and case.displacement else None,
    )


def read_phase(case: SourceCase, phase: str) -> sitk.Image:
    """Return the "portal" or "arterial" volume with its axes as the file has them."""
    path = case.portal if phase == "portal" else case.arterial
    if path is None:
        raise InputError(f"the case {case.name} has no {phase} volume: add it, or use a recipe of one phase")
    if case.picture is not None:
        return read_picture(path, case.picture, f"{phase} picture")
    if case.crop is not None:
        return read_array(path, case.crop, case.crop.image, f"{phase} crop")
    return read_volume(path, phase=phase, name=f"{phase} volume")


def read_labels(case: SourceCase, portal: sitk.Image, reference: sitk.Image) -> sitk.Image:
    """Return the truth in LPS order on the portal grid.

    portal: as `read_phase` returns it. reference: the same in LPS order.
    Files are laid over each other in their order, a later one over an earlier one.
    """
    result = np.zeros(reference.GetSize()[::-1], np.uint8)
    for file in case.labels:
        layer = _layer(file, portal, reference, case)
        np.copyto(result, layer, where=layer > 0)
    if case.picture is not None and case.picture.lesions:
        hu, spacing_mm = sitk.GetArrayViewFromImage(reference)[0], reference.GetSpacing()[1::-1]
        lesions = outlined_lesions(hu, result[0] > 0, spacing_mm, case.picture.lesions)
        result[0][lesions] = CLASSES["tumor"]
    labels = sitk.GetImageFromArray(result)
    labels.CopyInformation(reference)
    return labels


def _layer(file: LabelFile, portal: sitk.Image, reference: sitk.Image, case: SourceCase) -> NDArray[np.uint8]:
    """Return the classes that one file gives, (z, y, x) in LPS order."""
    name = "labels" if file.mask_class is None else f"{_class_name(file.mask_class)} mask"
    existing(file.path, name)
    if case.picture is not None:
        mask = read_picture_mask(file.path, case.picture, name)
        check_same_grid(reference, mask, f"the portal picture '{case.portal}'", f"the {name} '{file.path}'")
        return _classes(sitk.GetArrayViewFromImage(mask), file, f"{name} '{file.path}'")
    if case.crop is not None:
        layer = read_array(file.path, case.crop, case.crop.labels, name)
        check_same_grid(reference, layer, f"the portal crop '{case.portal}'", f"the {name} '{file.path}'")
        return _classes(sitk.GetArrayViewFromImage(layer), file, f"{name} '{file.path}'")
    if file.path.is_dir():
        classes = _classes(read_slices(file.path, portal, case.portal, name), file, f"{name} '{file.path}'")
        image = sitk.GetImageFromArray(classes)
        image.CopyInformation(portal)
        turned: NDArray[np.uint8] = sitk.GetArrayFromImage(to_lps(image))
        return turned
    segmentation = full_suffix(file.path) in SEGMENTATIONS
    read: Callable[..., sitk.Image] = read_label_map if segmentation else _read_label_volume
    image = to_lps(read(file.path))
    check_same_grid(reference, image, f"the portal volume '{case.portal}'", f"the {name} '{file.path}'")
    return _classes(sitk.GetArrayViewFromImage(image), file, f"{name} '{file.path}'")


def _read_label_volume(path: object) -> sitk.Image:
    return read_volume(str(path), name="labels")


def _classes(voxels: NDArray[Any], file: LabelFile, name: str) -> NDArray[np.uint8]:
    if file.mask_class is not None:
        return np.where(inside(voxels), np.uint8(file.mask_class), np.uint8(0))
    return classes_of(voxels, file.values or {}, name)


def _class_name(value: int) -> str:
    return next(name for name, number in CLASSES.items() if number == value)


def read_displacement(case: SourceCase, reference: sitk.Image) -> sitk.Image:
    """Return the true displacement in LPS order; its vectors are millimeters and do not turn with the axes."""
    path = existing(case.displacement or "", "displacement")
    image = read_image(path, "displacement")
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 3:
        raise InputError(f"the displacement '{path}' is no field of 3D vectors: write it again")
    image = to_lps(image)
    check_same_grid(reference, image, f"the portal volume '{case.portal}'", f"the displacement '{path}'")
    image.CopyInformation(reference)
    return image
