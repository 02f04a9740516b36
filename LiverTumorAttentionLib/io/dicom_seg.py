"""DICOM Segmentation objects through highdicom, which comes with the extra ``[dicom]``.

Liver and each tumor are binary segments with SNOMED CT codes that refer, frame by frame, to the slices
of the portal venous series, so that a PACS shows them over it.
"""

from __future__ import annotations

import contextlib
import math
import os
import warnings
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import SimpleITK as sitk

import LiverTumorAttentionLib
from LiverTumorAttentionLib.errors import InputError, LiverTumorAttentionError
from LiverTumorAttentionLib.io.declared_size import check_memory
from LiverTumorAttentionLib.io.dicom_header import check_dicom
from LiverTumorAttentionLib.io.dicom_series import SeriesInfo, choose_series, read_series
from LiverTumorAttentionLib.io.input_checks import shown
from LiverTumorAttentionLib.io.input_warning import InputWarning
from LiverTumorAttentionLib.io.seg_nrrd import StoredSegment
from LiverTumorAttentionLib.io.terminology import Description, Segment, segments_for
from LiverTumorAttentionLib.regular_file import reason
from LiverTumorAttentionLib.voxels.geometry import from_lps

REFERENCED_ATTRIBUTES = (
    "SOPInstanceUID",
    "SOPClassUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
)
"""What every slice must carry so that a derived object can refer to it."""

ALGORITHM_NAME = "LiverTumorAttention"
MANUFACTURER = "LiverTumorAttention project"
SERIES_DESCRIPTION = "Liver and liver tumors (automatic, not for clinical use)"
SEGMENTATION_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""SOP classes of segmentations of voxels: Segmentation, and Label Map Segmentation (Supplement 243)."""
FRACTION = 0.5
"""From which fraction on a voxel belongs to a segment of a FRACTIONAL object."""
SERIES_NUMBER = 900
"""High enough not to meet a series of the scanner."""


def source_slices(
    source: str | os.PathLike[str] | None,
    series: str | None = None,
    *,
    phase: str = "portal",
    what: str = "DICOM SEG",
    instead: str = "write a .seg.nrrd",
    headers_alone: bool = False,
) -> tuple[SeriesInfo, list[Any]]:
    """Return the series that a DICOM object refers to and its slices in the order of z.

    source: the DICOM folder of a phase. series: which of it, as for `read_volume`. what: the object that needs
    it; instead: what the user can do without.
    Raises `InputError` when the extra is missing, the source is no DICOM folder, or its slices have no UIDs.
    """
    dicom_extra(what, instead)
    if source is None or not Path(source).is_dir():
        got = "none was given" if source is None else f"'{source}' is none"
        raise InputError(
            f"a {what} needs the DICOM folder of the {phase} volume and {got}: "
            f"give a DICOM folder as {phase} volume, or {instead}"
        )
    info = choose_series(source, series=series, phase=phase, name=f"{phase} volume")
    slices = [
        read_dataset(file, f"a slice of the {phase} volume, '{file}',", headers_alone=headers_alone)
        for file in info.files
    ]
    with reading_dicom(f"the DICOM series '{info.description}'"):
        missing = [key for key in REFERENCED_ATTRIBUTES if any(not piece.get(key) for piece in slices)]
        uids = {str(piece.get("SOPInstanceUID", "")) for piece in slices}
    if missing:
        raise InputError(
            f"the DICOM series '{info.description}' has no {', '.join(missing)}, so a {what} cannot refer "
            f"to it: use the files as the scanner wrote them, or {instead}"
        )
    if len(uids) < len(slices):
        raise InputError(
            f"slices of the DICOM series '{info.description}' share a SOP instance UID, so a {what} cannot refer to "
            f"them: use the files as the scanner wrote them, or {instead}"
        )
    return info, slices


def read_dataset(path: Path, what: str, *, headers_alone: bool = False) -> Any:
    """Return what pydicom reads of a DICOM file, once its elements are known to lie within it.

    what: the file, in words. Raises `InputError` when it is damaged.
    """
    _, pydicom = dicom_extra()
    check_dicom(path, what)
    with reading_dicom(what), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about values that the standard does not allow
        return pydicom.dcmread(path, stop_before_pixels=headers_alone)


@contextlib.contextmanager
def reading_dicom(what: str) -> Iterator[None]:
    """Convert what pydicom and highdicom raise inside the block for a damaged object. what: the object, in words.

    pydicom parses a value when it is asked for.
    """
    try:
        yield
    except (LiverTumorAttentionError, MemoryError):
        raise
    except Exception as error:  # of any kind, sqlite3's too: both trust what they read
        raise InputError(f"{what} cannot be read ({reason(error)}): export it again") from error


def use_utf8(dataset: Any) -> None:
    """Recode the texts of a data set, since highdicom refuses empty and rare character sets."""
    with reading_dicom("a DICOM object"):
        if not dataset.get("SpecificCharacterSet"):
            dataset.pop("SpecificCharacterSet", None)
        dataset.decode()
        dataset.SpecificCharacterSet = "ISO_IR 192"


def dicom_extra(what: str = "DICOM SEG", instead: str = "write a .seg.nrrd") -> tuple[ModuleType, ModuleType]:
    """Return highdicom and pydicom; raise `InputError` when they are not installed."""
    try:
        import highdicom
        import pydicom
    except ImportError as error:
        raise InputError(
            f"{what} files need highdicom: install it with pip install 'liver-tumor-attention[dicom]', "
            f"or {instead}"
        ) from error
    return highdicom, pydicom


def write_dicom_seg(
    path: Path,
    instances: sitk.Image,
    *,
    source: str | os.PathLike[str] | None,
    series: str | None = None,
    tracking_uids: Mapping[int, str] | None = None,
) -> None:
    """Write an instances image as DICOM SEG that refers to the series `instances` was made from.

    source: the DICOM folder of the portal volume. series: which of it, as for `read_volume`. tracking_uids: of
    segments by their values; others get a new one.
    Raises `InputError` when the extra is missing, the source is no DICOM folder, its slices have no UIDs, or
    its grid is not that of `instances`.
    """
    highdicom, _ = dicom_extra()
    info, slices = source_slices(source, series)
    for piece in slices:
        use_utf8(piece)
    on_series = from_lps(instances, read_series(info, name="portal volume"))
    segments = segments_for(on_series)
    voxels = sitk.GetArrayViewFromImage(on_series)
    masks = [voxels > 0 if segment.is_liver else voxels == segment.value for segment in segments]
    kept = [(segment, mask) for segment, mask in zip(segments, masks, strict=True) if mask.any()]
    if not kept:
        raise InputError(
            "the result has no voxel, and a DICOM SEG cannot be empty: write a .seg.nrrd instead"
        )
    try:
        with warnings.catch_warnings():
            # Warnings about names and codes of the source series, which the user cannot change.
            warnings.simplefilter("ignore")
            _segmentation(highdicom, slices, kept, tracking_uids or {}).save_as(path)
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(
            f"a DICOM SEG cannot be made for the series '{info.description}' ({error}): write a .seg.nrrd"
        ) from error


def check_dicom_seg_source(source: str | os.PathLike[str] | None, series: str | None = None) -> None:
    """Raise, before a long run, the `InputError` that `write_dicom_seg` would raise for its source."""
    source_slices(source, series, headers_alone=True)


def read_dicom_seg(path: Path) -> tuple[sitk.Image, list[StoredSegment]]:
    """Return an empty image on the grid of a DICOM SEG and its segments in file order.

    The grid is as large as the frames that the object holds. Raises `InputError` for other DICOM objects.
    """
    highdicom, pydicom = dicom_extra()
    what = f"the DICOM SEG '{path}'"
    dataset = read_dataset(path, what)
    with reading_dicom(what):
        modality, uid = str(dataset.get("Modality", "?")), str(dataset.get("SOPClassUID", ""))
        is_fractional = dataset.get("SegmentationType", "") == "FRACTIONAL"
        fraction = str(dataset.get("SegmentationFractionalType", "fraction")).lower()
    if modality != "SEG":
        raise InputError(
            f"'{path}' is a DICOM object of {modality}, not a segmentation (SEG): choose another file"
        )
    if uid not in SEGMENTATION_CLASSES:
        kind = shown(pydicom.uid.UID(uid).name)
        raise InputError(
            f"'{path}' is a DICOM object {kind}: export it as Segmentation Storage, that is of voxels"
        )
    with reading_dicom(what):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            seg = highdicom.seg.Segmentation.from_dataset(dataset, copy=False)
            # The numbers of a label map may have gaps: the array's last axis is in the order asked for.
            numbers = [int(number) for number in seg.segment_numbers]
            described = [_read_description(seg, number) for number in numbers]
            spatial = seg.get_volume_geometry(allow_missing_positions=True)
            if spatial is not None:
                check_memory(math.prod(spatial.spatial_shape) * max(1, len(numbers)), what)
            volume = seg.get_volume(segment_numbers=numbers, allow_missing_positions=True)
        if np.linalg.det(np.asarray(volume.affine)[:3, :3]) > 0:
            volume = volume.flip_spatial(0)  # slices ascending along row x column, as `read_series` has them
        grid = _grid(volume)
    if is_fractional:
        warnings.warn(
            f"the DICOM SEG holds fractions ({fraction}): a voxel belongs to a segment from {FRACTION:g} on",
            InputWarning,
            stacklevel=2,
        )
    array = np.asarray(volume.array)
    holds = partial(np.less_equal, FRACTION if array.dtype.kind == "f" else 1)
    return grid, [
        StoredSegment(description=of, layer=array[..., k], holds=holds) for k, of in enumerate(described)
    ]


def _grid(volume: Any) -> sitk.Image:
    """Return an empty image on the grid of a highdicom volume. Raises `ValueError` when it is none."""
    geometry = volume.get_geometry()
    # highdicom's volumes are (slice, row, column); an image's axes are (column, row, slice).
    affine = np.asarray(geometry.affine, float)[:3]
    columns = affine[:, :3][:, ::-1]
    spacing = np.linalg.norm(columns, axis=0)
    if not np.isfinite(affine).all() or not spacing.min() > 0:
        raise ValueError(f"its voxels have a size of {' x '.join(f'{length:g}' for length in spacing)} mm")
    grid = sitk.Image([int(length) for length in geometry.spatial_shape[::-1]], sitk.sitkUInt8)
    grid.SetSpacing(spacing.tolist())
    grid.SetDirection((columns / spacing).ravel().tolist())
    grid.SetOrigin(affine[:, 3].tolist())
    return grid


def _read_description(seg: Any, number: int) -> Description:
    """Return name, type and regions of a segment of a highdicom object."""
    described = seg.get_segment_description(number)
    return Description(
        name=str(described.get("SegmentLabel", "") or f"Segment {number}"),
        types=_coded(described, "SegmentedPropertyTypeCodeSequence"),
        regions=_coded(described, "AnatomicRegionSequence"),
    )


def _coded(item: Any, sequence: str) -> tuple[tuple[str, str], ...]:
    codes = item.get(sequence) or []
    return tuple((str(code.get("CodeValue", "")), str(code.get("CodeMeaning", ""))) for code in codes)


def _segmentation(
    highdicom: ModuleType,
    slices: list[Any],
    kept: list[tuple[Segment, np.ndarray]],
    tracking_uids: Mapping[int, str],
) -> Any:
    """Return the highdicom object of segments and their (z, y, x) masks; slices in the order of z."""
    return highdicom.seg.Segmentation(
        source_images=slices,
        pixel_array=np.stack([mask for _, mask in kept], axis=-1).astype(np.uint8),
        segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[
            _description(highdicom, segment, number, tracking_uids.get(segment.value))
            for number, (segment, _) in enumerate(kept, start=1)
        ],
        series_instance_uid=highdicom.UID(),
        series_number=SERIES_NUMBER,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=ALGORITHM_NAME,
        software_versions=LiverTumorAttentionLib.__version__,
        device_serial_number="0",
        content_label="LIVER_TUMORS",
        content_description="Liver and liver tumors",
        series_description=SERIES_DESCRIPTION,
        omit_empty_frames=True,
    )


def _description(highdicom: ModuleType, segment: Segment, number: int, tracking_uid: str | None) -> Any:
    def coded(code: Any) -> Any:
        return highdicom.sr.CodedConcept(code.value, code.scheme, code.meaning)

    return highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=segment.name,
        segmented_property_category=coded(segment.category),
        segmented_property_type=coded(segment.type),
        algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=highdicom.AlgorithmIdentificationSequence(
            name=ALGORITHM_NAME,
            family=highdicom.sr.CodedConcept("123110", "DCM", "Artificial Intelligence"),
            version=LiverTumorAttentionLib.__version__,
        ),
        tracking_uid=highdicom.UID(tracking_uid) if tracking_uid else highdicom.UID(),
        tracking_id=segment.name,
        anatomic_regions=[coded(segment.region)] if segment.region else None,
        display_color=highdicom.color.CIELabColor.from_rgb(*(round(255 * value) for value in segment.color)),
    )
