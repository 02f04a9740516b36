"""Review of a case: size, enhancement and surroundings of every tumor.

Measurements, never a diagnosis: attenuation is given in HU and not interpreted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.analysis.enhancement import Enhancement, measure_enhancement
from LiverTumorAttentionLib.analysis.longest_3d_diameter import longest_3d_diameter
from LiverTumorAttentionLib.analysis.nearest_tumor import NearestTumor, nearest_tumors
from LiverTumorAttentionLib.analysis.perilesional_liver import PerilesionalLiver, ReviewSettings
from LiverTumorAttentionLib.analysis.rim import RimMeasurement, core_of, measure_rim
from LiverTumorAttentionLib.analysis.run_findings import RunFinding, with_lesion_probabilities
from LiverTumorAttentionLib.analysis.segments.liver_segments import LiverSegments
from LiverTumorAttentionLib.analysis.tumors import (
    CaseMeasurement,
    TumorMeasurement,
    measure_case,
    measure_tumors,
    with_segments,
)
from LiverTumorAttentionLib.analysis.vessels import CONTACT_VOXELS, VesselRelation, Vessels, relation_between
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.boxes import Box, bounding_box, box_start, expanded_box, label_boxes
from LiverTumorAttentionLib.voxels.geometry import ImageAxes, Line, as_point, check_same_grid
from LiverTumorAttentionLib.voxels.labels import LIVER, tumor_value
from LiverTumorAttentionLib.voxels.morphology import fill_holes
from LiverTumorAttentionLib.voxels.surfaces import Gap, Surface, gap_between


@dataclass(frozen=True, kw_only=True)
class TumorReview:
    """Measurements of one tumor. Field names are the keys of the JSON file.

    measurement: volume, axial diameters, centroid, mean probability.
    longest_3d_diameter_mm, longest_3d_diameter_lps_mm: the longest line through it from surface to surface,
        in whatever direction (see `analysis.longest_3d_diameter` for the bias), and its end points; never shorter than
        the longest axial one.
    brightness: attenuation of tumor and perilesional liver in every phase, and what follows from it.
    rim: of its rim, its core and the shell about its outline.
    surface: the smallest distance to the outside of the liver, 0 where it touches the capsule; None when the
        image shows no outside.
    nearest_tumor: the nearest other tumor, None when there is none.
    vessels: distance and contact to each given vessel, in their order.
    """

    measurement: TumorMeasurement
    longest_3d_diameter_mm: float
    longest_3d_diameter_lps_mm: Line
    brightness: Enhancement
    rim: RimMeasurement
    surface: Gap | None
    nearest_tumor: NearestTumor | None
    vessels: tuple[VesselRelation, ...]

    @property
    def number(self) -> int:
        """1, 2, …, as in "Tumor 1"; its value in the instances is one more."""
        return self.measurement.number

    @property
    def nearest_vessel(self) -> VesselRelation | None:
        """The nearest vessel; of several in contact the one with the largest contact area."""
        return min(self.vessels, key=lambda v: (v.distance_mm, -v.contact_area_mm2), default=None)


@dataclass(frozen=True, kw_only=True)
class CaseReview:
    """Measurements of a case: the liver as a whole, every tumor, and the settings used."""

    case: CaseMeasurement
    tumors: tuple[TumorReview, ...]
    settings: ReviewSettings

    def with_segments(self, segments: LiverSegments, instances: sitk.Image) -> CaseReview:
        """Return the review with the Couinaud segments of each tumor. instances: those that were reviewed."""
        told = with_segments([tumor.measurement for tumor in self.tumors], segments, instances)
        tumors = (
            replace(tumor, measurement=measurement)
            for tumor, measurement in zip(self.tumors, told, strict=True)
        )
        return replace(self, tumors=tuple(tumors))

    def as_dict(self) -> dict[str, Any]:
        """Return the review as JSON values: unrounded, None for what was not measured."""
        return asdict(self)


def review_case(
    instances: sitk.Image,
    portal: sitk.Image,
    arterial: sitk.Image | None = None,
    probability: sitk.Image | None = None,
    vessels: Vessels | None = None,
    *,
    native: sitk.Image | None = None,
    delayed: sitk.Image | None = None,
    findings: Sequence[RunFinding] = (),
    settings: ReviewSettings | None = None,
    progress: Progress | None = None,
) -> CaseReview:
    """Review a case.

    instances: 0 background, 1 liver, 2, 3, … one value a tumor. portal, arterial, native, delayed: HU, all but the
    portal volume registered, `OUTSIDE_HU` outside of their field of view. probability: of tumor. All on one grid,
    the vessels too, in any orientation and handedness. findings: of the run that the tumors come from; those that are
    unchanged get its lesion probability.
    Raises `InputError` when grids differ or are sheared, `Cancelled` when the user cancels.
    """
    settings, progress = settings or ReviewSettings(), progress or Progress(stage="review")
    axes = ImageAxes.of(instances)
    axes.check_right_angles("the segmentation")
    if vessels is not None:
        check_same_grid(instances, vessels.labels, "the segmentation", "the vessels")
    images = {"native": native, "arterial": arterial, "portal": portal, "delayed": delayed}
    for phase, image in images.items():
        if image is not None:
            check_same_grid(instances, image, "the segmentation", f"the {phase} volume")
    progress.update(0.0)
    measurements = with_lesion_probabilities(
        measure_tumors(instances, portal, arterial, probability, delayed=delayed, native=native), findings
    )
    progress.update(0.2)
    case = measure_case(instances)
    labels = sitk.GetArrayViewFromImage(instances)
    boxes = label_boxes(labels)
    tumors: tuple[TumorReview, ...] = ()
    if measurements:
        phases_hu = {
            phase: sitk.GetArrayViewFromImage(image) for phase, image in images.items() if image is not None
        }
        reviewer = _Reviewer(labels, axes, boxes, vessels, settings)
        progress.update(0.4)
        tumors = reviewer.review(measurements, phases_hu, progress.part(0.4, 1.0))
    progress.update(1.0)
    return CaseReview(case=case, tumors=tumors, settings=settings)


class _Reviewer:
    """What all tumors of a case share: the liver's bounding box, surfaces and perilesional liver."""

    def __init__(
        self,
        labels: NDArray[np.integer],
        axes: ImageAxes,
        boxes: dict[int, Box],
        vessels: Vessels | None,
        settings: ReviewSettings,
    ) -> None:
        self._labels, self._axes, self._boxes, self._vessels = labels, axes, boxes, vessels
        self._shell_mm = settings.shell_mm
        whole = bounding_box(labels)
        if whole is None:
            raise ValueError("a segmentation without a voxel has nothing to review")
        box = expanded_box(whole, (1, 1, 1), labels.shape)
        organ = fill_holes(labels[box] > 0)
        self._outside = None if organ.all() else Surface.of(~organ, box, axes, beyond=True)
        self._perilesional = PerilesionalLiver.of(
            labels[box],
            organ,
            box,
            axes.spacing_zyx_mm,
            settings,
            None if vessels is None else vessels.mask(box),
        )
        self._vessel_surfaces = {} if vessels is None else vessels.surfaces()

    def review(
        self,
        measurements: Sequence[TumorMeasurement],
        phases_hu: Mapping[str, NDArray[Any]],
        progress: Progress,
    ) -> tuple[TumorReview, ...]:
        surfaces = {}
        for measurement in measurements:
            value = tumor_value(measurement.number)
            box = self._boxes[value]
            surfaces[measurement.number] = Surface.of(self._labels[box] == value, box, self._axes)
        nearest = nearest_tumors(surfaces, progress.part(0.0, 0.3))
        reviews = []
        for done, measurement in enumerate(measurements):
            progress.update(0.3 + 0.7 * done / len(measurements))
            surface = surfaces[measurement.number]
            value = tumor_value(measurement.number)
            length_mm, line = self._longest_diameter(value, measurement)
            around, grown = self._perilesional.around_tumor(self._labels, value, self._boxes[value])
            brightness, rim = self._attenuation(value, around, grown, phases_hu)
            reviews.append(
                TumorReview(
                    measurement=measurement,
                    longest_3d_diameter_mm=length_mm,
                    longest_3d_diameter_lps_mm=line,
                    brightness=brightness,
                    rim=rim,
                    surface=None if self._outside is None else gap_between(surface, self._outside),
                    nearest_tumor=nearest.get(measurement.number),
                    vessels=self._vessel_relations(value, surface),
                )
            )
        return tuple(reviews)

    def _attenuation(
        self, value: int, around: NDArray[np.bool_], box: Box, phases_hu: Mapping[str, NDArray[Any]]
    ) -> tuple[Enhancement, RimMeasurement]:
        """Return what is measured of a tumor's attenuation in a box; around: its perilesional liver there."""
        labels, spacing = self._labels[box], self._axes.spacing_zyx_mm
        here = {phase: hu[box] for phase, hu in phases_hu.items()}
        tumor = labels == value
        core = core_of(tumor, spacing)
        rim = measure_rim(tumor, core, around, labels == LIVER, here, spacing, self._shell_mm)
        return measure_enhancement(tumor, core, around, here), rim

    def _longest_diameter(self, value: int, measurement: TumorMeasurement) -> tuple[float, Line]:
        box = self._boxes[value]
        chord = longest_3d_diameter(self._labels[box] == value, self._axes.steps_mm)
        if measurement.longest_axial_diameter_mm > chord.length_mm:
            return measurement.longest_axial_diameter_mm, measurement.longest_axial_diameter_lps_mm
        corner = self._axes.position_mm(box_start(box))
        return chord.length_mm, (as_point(corner + chord.start), as_point(corner + chord.end))

    def _vessel_relations(self, value: int, surface: Surface) -> tuple[VesselRelation, ...]:
        if self._vessels is None:
            return ()
        box = expanded_box(self._boxes[value], CONTACT_VOXELS, self._labels.shape)
        mask, around = self._labels[box] == value, self._vessels.array[box]
        return tuple(
            relation_between(name, self._vessel_surfaces[vessel], around == vessel, surface, mask, box)
            for vessel, name in self._vessels.names.items()
        )
