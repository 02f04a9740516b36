"""Reading and writing of segmentations as `.seg.nrrd`, DICOM SEG or label map, by the suffix.

Inside the library a segmentation is the *instances* image: 0 background, 1 liver, 2, 3, … one value a tumor.
A `.seg.nrrd` or DICOM SEG keeps every tumor apart; a plain label map (`.nii.gz`, `.nrrd`, `.mha`) is
semantic: 0 background, 1 liver, 2 tumor.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.atomic_write import check_suffix, full_suffix, replacing
from LiverTumorAttentionLib.io.dicom_seg import read_dicom_seg, write_dicom_seg
from LiverTumorAttentionLib.io.dicom_slices import is_dicom
from LiverTumorAttentionLib.io.input_checks import existing, readable
from LiverTumorAttentionLib.io.label_values import warn_apart
from LiverTumorAttentionLib.io.meanings import NO_MEANINGS, Meanings, warn_left_out
from LiverTumorAttentionLib.io.nrrd_header import read_nrrd_header
from LiverTumorAttentionLib.io.seg_nrrd import StoredSegment, read_seg_nrrd, segment_numbers, write_seg_nrrd
from LiverTumorAttentionLib.io.terminology import unrecognized_segments
from LiverTumorAttentionLib.io.volumes import FILE_CHECKS, IMAGE_SUFFIXES, read_volume, write_image
from LiverTumorAttentionLib.voxels.geometry import regridded
from LiverTumorAttentionLib.voxels.labels import FIRST_TUMOR, LIVER, are_whole

DICOM_SEG_SUFFIX = ".dcm"
SEGMENTATION_SUFFIXES = (".seg.nrrd", *IMAGE_SUFFIXES, DICOM_SEG_SUFFIX)


def write_segmentation(
    path: str | os.PathLike[str],
    instances: sitk.Image,
    *,
    source: str | os.PathLike[str] | None = None,
    series: str | None = None,
    notes: Mapping[str, str] | None = None,
    tracking_uids: Mapping[int, str] | None = None,
) -> None:
    """Write the instances image to `path` in the format of its suffix, whole or not at all.

    instances: unsigned integers on the portal volume's grid.
    source, series: for `.dcm` only: the DICOM folder of the portal volume and which series of it, as for
    `read_volume`; a DICOM SEG must name the slices that it describes.
    notes: further texts for the header of a `.seg.nrrd`; other formats have no place for them.
    tracking_uids: for `.dcm` only: what identifies segments at several times, by their values; others get a new one.
    Raises `OutputError` for an unknown suffix or a folder that cannot be written, `InputError` when a
    DICOM SEG is asked for without its source or without the extra ``[dicom]``.
    """
    suffix = check_suffix(path, SEGMENTATION_SUFFIXES, "segmentation")
    if suffix == ".seg.nrrd":
        with replacing(path, name="segmentation") as temporary:
            write_seg_nrrd(temporary, instances, notes or {})
    elif suffix == DICOM_SEG_SUFFIX:
        with replacing(path, name="segmentation") as temporary:
            write_dicom_seg(temporary, instances, source=source, series=series, tracking_uids=tracking_uids)
    else:
        write_image(path, semantic(instances), name="segmentation")


def semantic(instances: sitk.Image) -> sitk.Image:
    """Return the label map 0 background, 1 liver, 2 tumor (uint8) of an instances image."""
    voxels = np.minimum(sitk.GetArrayViewFromImage(instances), FIRST_TUMOR).astype(np.uint8)
    return _like(voxels, instances)


def read_label_map(path: str | os.PathLike[str], *, meanings: Meanings = NO_MEANINGS) -> sitk.Image:
    """Read a segmentation as label map 0 background, 1 liver, 2 tumor (uint8) on its own grid.

    Label maps are returned with the values they have when these are whole numbers from 0 to 255 (so that
    other conventions can be evaluated too). The segments of a `.seg.nrrd` or DICOM SEG are recognized by
    their code, else by their name; tumors lie over the liver, others are left out with an `InputWarning`.
    meanings: what the user says segments or values are.
    Raises `InputError` when there is nothing to recognize or the file is no label map.
    """
    place = existing(path, "segmentation")
    if not has_segments(place):
        return meanings.applied(read_plain(place, np.uint8))
    return semantic(read_instances(place, meanings=meanings))


def read_instances(
    path: str | os.PathLike[str], *, keep_numbers: bool = False, meanings: Meanings = NO_MEANINGS
) -> sitk.Image:
    """Read a segmentation as instances image (uint16): 0 background, 1 liver, 2, 3, … one value a tumor.

    Tumors are numbered in the order of the file. keep_numbers: where every one has a name of its own that ends in a
    number from 1, such as "Tumor 3", they keep these numbers (value 4), also when some are missing.
    meanings: what the user says segments or values are. A plain label map is returned with the values it has: its
    tumors are not separated.
    """
    place = existing(path, "segmentation")
    if not has_segments(place):
        labels = meanings.applied(read_plain(place, np.uint16))
        warn_apart(labels, f"the segmentation '{place}'")
        return labels
    grid, segments = read_segments(place)
    kinds = meanings.kinds([segment.description for segment in segments])
    return _like(_painted(segments, kinds, place, keep_numbers=keep_numbers), grid)


def read_instances_onto(
    path: str | os.PathLike[str], portal: sitk.Image, meanings: Meanings = NO_MEANINGS
) -> sitk.Image:
    """Read an instances image, its numbers kept, onto the portal volume's grid without interpolation.

    Its axes may run another way, and it may cover a part alone. Raises `InputError` when its voxels do not lie on those
    of the portal volume, or there is no liver.
    """
    image = read_instances(path, keep_numbers=True, meanings=meanings)
    if not (sitk.GetArrayViewFromImage(image) == LIVER).any():
        raise InputError(
            f"the segmentation '{path}' has no liver (value 1 of a label map, or a segment named so): "
            "choose a segmentation of liver and tumors, or say what it holds with --label NAME=liver"
        )
    return regridded(image, portal, "the segmentation", "the portal volume", part=True)


def read_segments(place: Path) -> tuple[sitk.Image, list[StoredSegment]]:
    """Return an empty image on the grid of a file that `has_segments`, and its segments in file order."""
    return read_seg_nrrd(place) if full_suffix(place) in (".seg.nrrd", ".nrrd") else read_dicom_seg(place)


def _painted(
    segments: list[StoredSegment], kinds: list[str], place: Path, *, keep_numbers: bool
) -> np.ndarray:
    if "liver" not in kinds and "tumor" not in kinds:
        raise unrecognized_segments(place, [segment.name for segment in segments])
    warn_left_out(
        [(s.name, kind) for s, kind in zip(segments, kinds, strict=True) if s.mask.any()],
        used=("liver", "tumor"),
        what="segmentation",
    )
    voxels = np.zeros(segments[0].layer.shape, np.uint16)
    for segment, kind in zip(segments, kinds, strict=True):
        if kind == "liver":
            voxels[segment.mask] = LIVER
    tumors = [segment for segment, kind in zip(segments, kinds, strict=True) if kind == "tumor"]
    values = list(range(FIRST_TUMOR, FIRST_TUMOR + len(tumors)))
    if keep_numbers:
        values = _values_by_name([segment.name for segment in tumors]) or values
    for value, segment in zip(values, tumors, strict=True):
        voxels[segment.mask] = value
    return voxels


def _values_by_name(names: list[str]) -> list[int] | None:
    """Return the values that names such as "Tumor 3" stand for; None unless each has a number of its own."""
    numbers = [re.search(r"(\d{1,5})\s*$", name) for name in names]
    values = [int(number[1]) + LIVER for number in numbers if number is not None]
    inside = all(FIRST_TUMOR <= value <= np.iinfo(np.uint16).max for value in values)
    return values if inside and len(set(values)) == len(names) else None


def read_vessel_labels(
    path: str | os.PathLike[str], meanings: Meanings = NO_MEANINGS
) -> tuple[sitk.Image, dict[int, str]]:
    """Return a label map (uint16), 0 where there is no vessel, and the name of each other value.

    path: a `.seg.nrrd` or DICOM SEG, whose segments are the vessels, but for liver, tumors and other organs among them
    (with an `InputWarning`) and for those that are empty; where two overlap, the later one in the file counts. Or a
    label map, whose values are named "vessel 1", "vessel 2", … by their value.
    meanings: what the user says segments are.
    Raises `InputError` when there is no vessel or the file is no segmentation.
    """
    place = existing(path, "vessel segmentation")
    if not has_segments(place):
        image = read_plain(place, np.uint16)
        present = np.flatnonzero(np.bincount(sitk.GetArrayViewFromImage(image).reshape(-1)))
        names = {int(value): f"vessel {value}" for value in present if value > 0}
        if not names:
            raise InputError(f"the vessel segmentation '{place}' has no voxel: choose another file")
        return image, names
    grid, segments = read_segments(place)
    kinds = meanings.kinds([segment.description for segment in segments])
    stored = [(s, kind) for s, kind in zip(segments, kinds, strict=True) if s.mask.any()]
    vessels = [s for s, kind in stored if kind in ("vessel", "")]
    if not vessels:
        listed = ", ".join(f"'{segment.name}'" for segment in segments) or "no segment at all"
        raise InputError(
            f"the vessel segmentation '{place}' has no vessel, only {listed}: choose another file"
        )
    warn_left_out([(s.name, kind) for s, kind in stored], used=("vessel", ""), what="vessel segmentation")
    voxels = np.zeros(vessels[0].layer.shape, np.uint16)
    for value, vessel in enumerate(vessels, start=1):
        voxels[vessel.mask] = value
    image = sitk.GetImageFromArray(voxels)
    image.CopyInformation(grid)
    return image, {
        value: vessel.name for value, vessel in enumerate(vessels, start=1) if (voxels == value).any()
    }


def has_segments(place: Path) -> bool:
    """Return whether a file stores named segments rather than label values."""
    if place.is_dir():
        raise InputError(f"the segmentation '{place}' is a folder: name the file itself")
    if full_suffix(place) in (".seg.nrrd", ".nrrd"):
        with readable(place, "segmentation"):
            return bool(segment_numbers(read_nrrd_header(place, "segmentation").pairs))
    with readable(place, "segmentation"):
        return full_suffix(place) not in FILE_CHECKS and is_dicom(place)


def read_plain(place: Path, kind: type[np.unsignedinteger]) -> sitk.Image:
    image = read_volume(place, name="segmentation")
    voxels = sitk.GetArrayViewFromImage(image)
    limit = np.iinfo(kind).max
    if not np.isfinite(voxels).all() or voxels.min() < 0 or voxels.max() > limit or not are_whole(voxels):
        raise InputError(
            f"the segmentation '{place}' is not a label map (values {voxels.min():g} to {voxels.max():g}): "
            "give one whose voxels are whole numbers from 0, such as 1 liver and 2 tumor"
        )
    return _like((np.rint(voxels) if voxels.dtype.kind == "f" else voxels).astype(kind), image)


def _like(voxels: np.ndarray, grid: sitk.Image) -> sitk.Image:
    image = sitk.GetImageFromArray(voxels)
    image.CopyInformation(grid)
    return image
