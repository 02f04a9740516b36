"""Masks that come as a folder of single slices, DICOM or png, laid onto the portal volume.

DICOM slices are placed by their position in the patient. Pictures have none, and some exports give every slice
the same; they are matched with the DICOM files of the portal volume by the order of their names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import choose_series
from LiverTumorAttentionLib.io.data_files import files_below
from LiverTumorAttentionLib.io.dicom_slices import Slice, is_dicom, read_pixels, read_slice
from LiverTumorAttentionLib.io.volumes import read_image
from training.data.layouts.files import in_order, some

TOLERANCE_VOXELS = 0.1
"""In plane; as for volumes."""
TOLERANCE_SLICES = 0.3
"""Along the slices, whose distances may vary a little in a series."""


def read_slices(folder: Path, portal: sitk.Image, source: Path, name: str) -> NDArray[np.int16]:
    """Return the values of a folder of slices on the grid of the portal volume, (z, y, x).

    portal: as its files hold it, not reoriented. source: where it was read from, a DICOM folder.
    Raises `InputError` when the slices do not belong to that grid, one to one.
    """
    files = in_order(files_below(folder)[0])
    paths = [path for path in files if path.suffix.lower() == ".png"]
    order: list[int] | None = None
    planes: Iterator[NDArray[np.integer]] = (_read_picture(path, name) for path in paths)
    if not paths:
        heads = [head for path in files if is_dicom(path) and (head := read_slice(path)) is not None]
        if not heads:
            raise InputError(f"the {name} '{folder}' holds no DICOM or png slice: copy it again")
        paths, order = [head.path for head in heads], _by_position(heads, portal, name)
        planes = (read_pixels(head, name) for head in heads)
    count = portal.GetSize()[2]
    if len(paths) != count:
        raise InputError(
            f"the {name} '{folder}' has {len(paths)} slices and the portal volume {count}: copy both again"
        )
    result = np.zeros(portal.GetSize()[::-1], np.int16)
    for place, path, plane in zip(order or _by_name(count, source, name), paths, planes, strict=True):
        if plane.shape != result.shape[1:]:
            raise InputError(
                f"the {name} '{path}' has {plane.shape[1]} x {plane.shape[0]} pixels and the portal volume "
                f"{result.shape[2]} x {result.shape[1]}: copy both again"
            )
        result[place] = plane
    return result


def inside(values: NDArray[np.number]) -> NDArray[np.bool_]:
    """Return where a mask is set: where it differs from 0, or from its lowest value when it has no 0.

    Some masks carry the rescale intercept of the CT that they were made from, so that their background is -1024.
    """
    background = 0 if (values == 0).any() else values.min()
    found: NDArray[np.bool_] = values != background
    return found


def _by_position(heads: Sequence[Slice], portal: sitk.Image, name: str) -> list[int] | None:
    """Return the slice of the portal volume on which each slice lies; None without unique positions."""
    positions = {tuple(np.round(head.position, 3)) for head in heads}
    if len(positions) < len(heads) or any("0020|0032" not in head.tags for head in heads):
        return None
    axes = np.reshape(portal.GetDirection(), (3, 3))
    spacing = np.asarray(portal.GetSpacing())
    places = []
    for head in heads:
        x, y, z = portal.TransformPhysicalPointToContinuousIndex([float(value) for value in head.position])
        turned = np.abs(np.stack([head.row, head.column], axis=1) - axes[:, :2]).max() > 1e-3
        scaled = np.abs(np.asarray(head.spacing) / spacing[:2] - 1).max() > 1e-3
        place = round(z)
        apart = max(abs(x), abs(y)) > TOLERANCE_VOXELS or abs(z - place) > TOLERANCE_SLICES
        if turned or scaled or apart or not 0 <= place < portal.GetSize()[2]:
            at = ", ".join(f"{value:.6g}" for value in head.position)
            origin = ", ".join(f"{value:.6g}" for value in portal.GetOrigin())
            raise InputError(
                f"the {name} '{head.path}' lies on another grid than the portal volume: it begins at ({at}) mm with "
                f"pixels of {head.spacing[0]:.4g} mm, the volume at ({origin}) mm with voxels of "
                f"{spacing[0]:.4g} x {spacing[1]:.4g} x {spacing[2]:.4g} mm; use masks drawn on this series"
            )
        places.append(place)
    return places if len(set(places)) == len(places) else None


def _by_name(count: int, source: Path, name: str) -> list[int]:
    """Return, for slices in the order of their names, their place in the portal volume."""
    if not source.is_dir():
        raise InputError(
            f"the {name} is a folder of slices without positions, which need a portal volume that is a DICOM folder "
            f"too, not '{source}': save the mask as one volume"
        )
    files = list(choose_series(source, phase="portal").files)
    if len(files) != count:
        raise InputError(
            f"the {name} has {count} slices and the portal volume {len(files)} files: copy both again"
        )
    places = {path: place for place, path in enumerate(files)}
    return [places[path] for path in in_order(files)]


def _read_picture(path: Path, name: str) -> NDArray[np.integer]:
    """Return the pixels of a png, (y, x); of a colored one whether a channel is set."""
    image = read_image(path, name)
    pixels = sitk.GetArrayFromImage(image)
    if image.GetNumberOfComponentsPerPixel() > 1:
        colours = min(3, image.GetNumberOfComponentsPerPixel())  # a fourth is opacity
        pixels = pixels[..., :colours].max(axis=-1)
    if pixels.ndim != 2:
        raise InputError(
            f"the {name} '{path}' is no single picture: {some(map(str, pixels.shape))} pixels: copy it again"
        )
    return pixels
