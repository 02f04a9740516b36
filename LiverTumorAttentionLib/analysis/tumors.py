"""Size, place and attenuation of every tumor, and the tumor burden of the liver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.analysis.axial_diameter import (
    Chord,
    hull_outline,
    longest_chord,
    perpendicular_chord,
)
from LiverTumorAttentionLib.analysis.neck import neck_ratio
from LiverTumorAttentionLib.analysis.segments.liver_segments import LiverSegments, SegmentShare, share_text
from LiverTumorAttentionLib.voxels.boxes import Box, label_boxes, relative_box
from LiverTumorAttentionLib.voxels.geometry import ImageAxes, Line, Point, check_same_grid
from LiverTumorAttentionLib.voxels.labels import FIRST_TUMOR, OUTSIDE_HU, tumor_number
from LiverTumorAttentionLib.voxels.parts import box_of_part


@dataclass(frozen=True, kw_only=True)
class TumorMeasurement:
    """What is measured of one tumor.

    number: 1, 2, …, as in "Tumor 1"; its value in the instances is one more.
    volume_ml: its voxels times the volume of a voxel.
    longest_axial_diameter_mm, longest_axial_diameter_lps_mm: the longest straight line, over all axial
        slices, between two points of the tumor's outline, and its end points. The outline runs through the
        midpoints of the outermost pixels' sides (see `analysis.axial_diameter` for the bias).
    perpendicular_diameter_mm, perpendicular_diameter_lps_mm: the longest line in the same slice at a right
        angle to it, within the outline's convex hull, and its end points.
    slice_index: index of that slice along the image axis across the axial plane.
    centroid_lps_mm: mean position of its voxels.
    mean_hu_portal, sd_hu_portal: mean and standard deviation (of the population) over its voxels.
    mean_hu_arterial: None when there is no arterial volume, or when it does not reach the tumor.
    mean_hu_delayed, mean_hu_native: likewise, in the delayed and the native phase.
    mean_probability: mean probability of tumor over its voxels; None when none was given.
    lesion_probability: probability that the finding is a lesion, as the model's second look gave it for the voxels as
        they are; None for a model without, and for a tumor that was drawn or changed by hand. Never a diagnosis.
    neck_ratio: radius of its narrowest neck over that of the smaller of the two bodies that the neck joins; None where
        it is one body (see `analysis.neck`). Below `analysis.neck.MAYBE_TWO` it may be two tumors that touch, and its
        diameter not that of a tumor.
    segments, segment_shares: the Couinaud segments that it lies in, in words and as shares, the largest first; None and
        () where no segments are known.
    """

    number: int
    volume_ml: float
    longest_axial_diameter_mm: float
    longest_axial_diameter_lps_mm: Line
    perpendicular_diameter_mm: float
    perpendicular_diameter_lps_mm: Line
    slice_index: int
    centroid_lps_mm: Point
    mean_hu_portal: float
    sd_hu_portal: float
    mean_hu_arterial: float | None
    mean_probability: float | None
    lesion_probability: float | None = None
    neck_ratio: float | None = None
    mean_hu_delayed: float | None = None
    mean_hu_native: float | None = None
    segments: str | None = None
    segment_shares: tuple[SegmentShare, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CaseMeasurement:
    """What is measured of a case.

    liver_volume_ml: the whole organ, tumors included. tumor_volume_ml: all tumors together.
    tumor_burden_percent: tumor volume in percent of the liver volume; 0 when there is no liver.
    tumor_count: number of tumors.
    """

    liver_volume_ml: float
    tumor_volume_ml: float
    tumor_burden_percent: float
    tumor_count: int


def measure_tumors(
    instances: sitk.Image,
    portal: sitk.Image,
    arterial: sitk.Image | None = None,
    probability: sitk.Image | None = None,
    *,
    lesion_probabilities: Mapping[int, float] | None = None,
    delayed: sitk.Image | None = None,
    native: sitk.Image | None = None,
) -> list[TumorMeasurement]:
    """Measure every tumor, in the order of its number.

    instances: 0 background, 1 liver, 2, 3, … one value a tumor. portal, arterial, delayed, native: HU, all but the
    portal volume registered, -1024 where they saw nothing, which is left out of their mean. probability: of tumor. All
    on one grid, in any orientation and handedness; of all but the first two a part of it that holds all tumors is
    enough.
    lesion_probabilities: by the tumor's number, where they are known.
    Returns an empty list when there is no tumor. Raises `InputError` when the grids differ.
    """
    check_same_grid(instances, portal, "the segmentation", "the portal volume")
    axes = ImageAxes.of(instances)
    values = sitk.GetArrayViewFromImage(instances)
    portal_hu = sitk.GetArrayViewFromImage(portal)
    arterial_hu = None if arterial is None else _Part.of(arterial, instances, "the arterial volume")
    delayed_hu = None if delayed is None else _Part.of(delayed, instances, "the delayed volume")
    native_hu = None if native is None else _Part.of(native, instances, "the native volume")
    chances = None if probability is None else _Part.of(probability, instances, "the probability")
    measurements = []
    for value, box in label_boxes(values).items():
        if value >= FIRST_TUMOR:
            mask = values[box] == value
            measurements.append(
                TumorMeasurement(
                    number=tumor_number(value),
                    volume_ml=int(np.count_nonzero(mask)) * axes.voxel_ml,
                    **_diameters(mask, box, axes),
                    centroid_lps_mm=_point(axes.position_mm(np.argwhere(mask).mean(axis=0) + _start(box))),
                    mean_hu_portal=float(portal_hu[box][mask].mean(dtype=float)),
                    sd_hu_portal=float(portal_hu[box][mask].std(dtype=float)),
                    mean_hu_arterial=_mean_inside(arterial_hu, box, mask),
                    mean_probability=_mean(chances, box, mask),
                    lesion_probability=(lesion_probabilities or {}).get(tumor_number(value)),
                    neck_ratio=neck_ratio(mask, axes.spacing_zyx_mm),
                    mean_hu_delayed=_mean_inside(delayed_hu, box, mask),
                    mean_hu_native=_mean_inside(native_hu, box, mask),
                )
            )
    return measurements


def with_segments(
    tumors: Sequence[TumorMeasurement], segments: LiverSegments, instances: sitk.Image
) -> list[TumorMeasurement]:
    """Return tumors with the Couinaud segments that they lie in. instances: as for `measure_tumors`."""
    shares = segments.shares(instances)
    return [
        replace(
            tumor,
            segments=share_text(shares.get(tumor.number, ())),
            segment_shares=shares.get(tumor.number, ()),
        )
        for tumor in tumors
    ]


def measure_case(instances: sitk.Image) -> CaseMeasurement:
    """Measure liver and tumors: instances holds 0 background, 1 liver, 2, 3, … one value a tumor."""
    values = sitk.GetArrayViewFromImage(instances)
    voxel_ml = ImageAxes.of(instances).voxel_ml
    organ = int(np.count_nonzero(values))
    tumors = np.concatenate([plane[plane >= FIRST_TUMOR] for plane in values])
    return CaseMeasurement(
        liver_volume_ml=organ * voxel_ml,
        tumor_volume_ml=tumors.size * voxel_ml,
        tumor_burden_percent=100.0 * tumors.size / organ if organ else 0.0,
        tumor_count=np.unique(tumors).size,
    )


def _diameters(mask: NDArray[np.bool_], box: tuple[slice, ...], axes: ImageAxes) -> dict[str, Any]:
    """Return the fields of a `TumorMeasurement` that describe its diameters.

    Slices are visited from the one with the largest bounding box on; those whose box has no longer diagonal
    than the diameter found so far cannot hold a longer one.
    """
    across = axes.slice_axis
    in_plane = [axis for axis in range(3) if axis != across]
    frame = _frame(axes.steps_mm[in_plane])
    steps = axes.steps_mm[in_plane] @ frame.T
    slices = np.moveaxis(mask, across, 0)
    bounds = _diagonals_mm(slices, steps)
    best: Chord | None = None
    best_slice, best_outline = 0, np.empty((0, 2))
    for index in np.argsort(-bounds, kind="stable"):
        if not slices[index].any() or (best is not None and bounds[index] <= best.length_mm + 1e-9):
            break
        outline = hull_outline(slices[index], steps)
        chord = longest_chord(outline)
        if best is None or chord.length_mm > best.length_mm + 1e-9:
            best, best_slice, best_outline = chord, int(index), outline
    if best is None:
        raise ValueError("a tumor without a voxel has no diameter")
    perpendicular = perpendicular_chord(best_outline, best)
    corner = _start(box)
    corner[across] += best_slice
    corner_mm = axes.position_mm(corner)

    def line(chord: Chord) -> Line:
        return _point(corner_mm + chord.start @ frame), _point(corner_mm + chord.end @ frame)

    return {
        "longest_axial_diameter_mm": best.length_mm,
        "longest_axial_diameter_lps_mm": line(best),
        "perpendicular_diameter_mm": perpendicular.length_mm,
        "perpendicular_diameter_lps_mm": line(perpendicular),
        "slice_index": int(corner[across]),
    }


def _frame(steps_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return two orthogonal unit vectors (2, 3) that span the plane of two steps (2, 3)."""
    first = steps_mm[0] / np.linalg.norm(steps_mm[0])
    second = steps_mm[1] - (steps_mm[1] @ first) * first
    return np.stack([first, second / np.linalg.norm(second)])


def _diagonals_mm(slices: NDArray[np.bool_], steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each slice (N, rows, columns) a length that no diameter in it exceeds; 0 when empty."""
    extents = []
    for axis in (1, 2):
        touched = np.asarray(slices.any(axis=3 - axis))
        width = touched.shape[1] - touched.argmax(axis=1) - touched[:, ::-1].argmax(axis=1)
        extents.append(np.where(touched.any(axis=1), width, 0))
    corners = [extents[0][:, None] * steps[0] + sign * extents[1][:, None] * steps[1] for sign in (1, -1)]
    return np.max([np.linalg.norm(corner, axis=1) for corner in corners], axis=0)


@dataclass(frozen=True)
class _Part:
    """Values (z, y, x) in a box of the segmentation's grid, indexed by boxes of the grid."""

    values: NDArray[Any]
    box: Box

    @classmethod
    def of(cls, image: sitk.Image, instances: sitk.Image, name: str) -> _Part:
        """Return an image on the grid of the segmentation, or on a part of it."""
        if image.GetSize() == instances.GetSize():
            check_same_grid(instances, image, "the segmentation", name)
        return cls(
            sitk.GetArrayViewFromImage(image), box_of_part(image, instances, name, "the segmentation's grid")
        )

    def __getitem__(self, box: Box) -> NDArray[Any]:
        return self.values[relative_box(box, self.box)]


def _mean_inside(hu: _Part | None, box: Box, mask: NDArray[np.bool_]) -> float | None:
    """Return the mean over the part of the tumor that lies inside the field of view of a registered phase."""
    if hu is None:
        return None
    return _mean(hu, box, mask & (hu[box] > OUTSIDE_HU))


def _mean(values: _Part | None, box: Box, mask: NDArray[np.bool_]) -> float | None:
    """Return the mean of the values in a box under a mask, or None when there are no values."""
    return None if values is None or not mask.any() else float(values[box][mask].mean(dtype=float))


def _start(box: tuple[slice, ...]) -> NDArray[np.float64]:
    return np.array([part.start for part in box], dtype=float)


def _point(position_mm: NDArray[np.float64]) -> Point:
    x, y, z = (float(value) for value in position_mm)
    return x, y, z
