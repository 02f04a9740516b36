"""A DICOM structured report of the measures (TID 1500), through highdicom, which comes with the extra ``[dicom]``.

One group of measurements (TID 1411) for the liver and one for each tumor. Each names its segment of a DICOM SEG and
the portal series; diameters name the slice that they lie in, attenuations the slices that they were measured on. Where
Couinaud segments are known they are finding sites of the tumor, and of the volumes of what lies in each of them. What
is planned has groups of its own (`dicom_plan`). The template has no place for the diameters' end points. The object
belongs to the patient's study and carries what identifies the patient there, as every DICOM object must.
"""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE, __version__
from LiverTumorAttentionLib.analysis import TumorReview
from LiverTumorAttentionLib.analysis.segments.liver_segments import LEAST_SHARE_TOLD
from LiverTumorAttentionLib.analysis.tumors import TumorMeasurement
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import (
    Meanings,
    collected_warnings,
    liver_segment,
    read_instances,
    tumor_segment,
)
from LiverTumorAttentionLib.io.couinaud_segments import couinaud_segment
from LiverTumorAttentionLib.io.dicom_seg import (
    ALGORITHM_NAME,
    MANUFACTURER,
    dicom_extra,
    read_dataset,
    read_dicom_seg,
    use_utf8,
)
from LiverTumorAttentionLib.io.terminology import Segment
from LiverTumorAttentionLib.report.content import ReportContent
from LiverTumorAttentionLib.report.dicom_plan import PlanGroups
from LiverTumorAttentionLib.report.dicom_visits import ReportedVisit
from LiverTumorAttentionLib.voxels.geometry import ImageAxes
from LiverTumorAttentionLib.voxels.labels import FIRST_TUMOR, LIVER, tumor_number, tumor_value

SERIES_DESCRIPTION = "Liver tumor measurements (automatic, not for clinical use)"
SERIES_NUMBER = 901
"""After that of the segmentation."""
NO_ORGANIZATION = "not stated"
"""Organization of the reader where the series names none; the standard asks for one."""
ORGAN = ("113343008", "SCT", "Organ")


def write_dicom_sr(
    path: Path,
    content: ReportContent,
    segmentation: Path,
    slices: Sequence[Any],
    sources: Mapping[str, Sequence[Any]] | None = None,
    labels: tuple[str, ...] = (),
    visit: ReportedVisit | None = None,
) -> None:
    """Write the structured report.

    segmentation: the DICOM SEG of the same tumors. slices: of the portal series, as pydicom reads them, in the
    order of the portal volume's slices. sources: by phase, those of the series that the arterial, delayed or native
    volume was registered from; without them the report holds no value of that phase, since it could not say what it was
    measured on.
    labels: what the user says segments of the SEG are. visit: the time point among several; tumors that it does not
    track have the identifiers of the SEG.
    Raises `InputError` when the SEG lacks a tumor, or highdicom refuses what the series says of itself.
    """
    highdicom, _ = dicom_extra("DICOM structured report", "leave the report out")
    seg = read_dataset(segmentation, f"the DICOM SEG '{segmentation}'")
    sources = sources or {}
    for piece in (seg, *slices, *chain.from_iterable(sources.values())):
        use_utf8(piece)
    segments = segments_by_value(segmentation, seg, labels)
    report = _Report(highdicom, content, seg, segments, slices, sources, visit)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about names and codes of the source, which the user cannot mend
            report.document().save_as(path)
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(
            f"a DICOM structured report cannot be made for this series ({error}): leave the report out"
        ) from error


def _dicom_time(text: str) -> str:
    """Return a time (ISO 8601) as DICOM writes it."""
    return datetime.datetime.fromisoformat(text).strftime("%Y%m%d%H%M%S%z")


def segments_by_value(path: Path, seg: Any, labels: tuple[str, ...] = ()) -> dict[int, Any]:
    """Return the segments (items of SegmentSequence) of a DICOM SEG by the value that each has in the instances.

    A segment holds all voxels of its value. Where tumors were drawn into each other the outer one holds those of
    several: who can have but one value comes first.
    """
    meanings = Meanings(labels)
    with collected_warnings():  # They were told when the segmentation was read first.
        values = sitk.GetArrayFromImage(read_instances(path, keep_numbers=True, meanings=meanings))
        stored_segments = read_dicom_seg(path)[1]
    kinds = meanings.kinds([stored.description for stored in stored_segments])
    whole = np.bincount(values.reshape(-1))
    found: dict[int, Any] = {}
    tumors = []
    for item, stored, kind in zip(_items(seg), stored_segments, kinds, strict=True):
        if kind == "liver":
            found.setdefault(LIVER, item)
        elif kind == "tumor":
            here = np.bincount(values[stored.mask], minlength=len(whole))
            held = np.flatnonzero((whole > 0) & (here == whole))
            tumors.append((held[held >= FIRST_TUMOR].tolist(), item))
    for held, item in sorted(tumors, key=lambda tumor: len(tumor[0])):
        free = [value for value in held if value not in found]
        if free:
            found[free[0]] = item
    return found


def _items(seg: Any) -> list[Any]:
    """Return the items of SegmentSequence that `read_dicom_seg` reads, in its order."""
    from highdicom.seg import Segmentation

    numbers = [int(number) for number in Segmentation.from_dataset(seg, copy=False).segment_numbers]
    items = {int(item.SegmentNumber): item for item in seg.SegmentSequence}
    return [items[number] for number in numbers]


class _Report:
    """One structured report in the making."""

    def __init__(
        self,
        highdicom: ModuleType,
        content: ReportContent,
        seg: Any,
        segments: dict[int, Any],
        slices: Sequence[Any],
        sources: Mapping[str, Sequence[Any]],
        visit: ReportedVisit | None,
    ) -> None:
        from pydicom.sr.codedict import codes

        self._highdicom, self._sr, self._codes = highdicom, highdicom.sr, codes
        self._content, self._seg, self._segments = content, seg, segments
        self._slices, self._sources, self._visit = slices, sources, visit
        self._tracked: dict[int, tuple[str, str]] = {}
        self._planned = None
        if content.plan is not None:
            self._planned = PlanGroups(
                highdicom,
                content.plan.as_dict(),
                str(slices[0].SeriesInstanceUID),
                lambda number: self._tracking(tumor_value(number), tumor_segment(tumor_value(number)).name),
            )

    def document(self) -> Any:
        """Return the whole object."""
        groups = [self._liver(), *(self._tumor(tumor) for tumor in self._content.review.tumors)]
        if self._planned is not None:
            groups += self._planned.groups()
        observer = self._sr.ObserverContext(
            observer_type=self._codes.DCM.Device,
            observer_identifying_attributes=self._sr.DeviceObserverIdentifyingAttributes(
                uid=self._device_uid(),
                name=ALGORITHM_NAME,
                manufacturer_name=MANUFACTURER,
                model_name=f"{ALGORITHM_NAME} {__version__}",
            ),
        )
        measured = self._sr.MeasurementReport(
            observation_context=self._sr.ObservationContext(
                observer_device_context=observer, observer_person_context=self._person()
            ),
            procedure_reported=self._codes.LN.CTUnspecifiedBodyRegion,
            imaging_measurements=groups,
            title=self._codes.DCM.ImagingMeasurementReport,
        )
        signed = self._content.sign_off
        report = self._sr.Comprehensive3DSR(
            evidence=[self._seg, *self._slices, *chain.from_iterable(self._sources.values())],
            content=measured[0],
            series_instance_uid=self._highdicom.UID(),
            series_number=SERIES_NUMBER,
            sop_instance_uid=self._highdicom.UID(),
            instance_number=1,
            manufacturer=MANUFACTURER,
            manufacturer_model_name=ALGORITHM_NAME,
            software_versions=__version__,
            device_serial_number="0",
            series_description=SERIES_DESCRIPTION,
            is_complete=True,
            is_final=signed is not None,
            coding_schemes=None if self._planned is None else self._planned.coding_schemes(),
            **self._verification(),
        )
        if signed is not None:
            report.VerifyingObserverSequence[0].VerificationDateTime = _dicom_time(signed.time)
        return report

    def _verification(self) -> dict[str, Any]:
        """Return who verified the report: the reader who signed the case."""
        signed = self._content.sign_off
        if signed is None:
            return {"is_verified": False}
        return {
            "is_verified": True,
            "verifying_observer_name": signed.reader,
            "verifying_organization": str(self._slices[0].get("InstitutionName", "") or NO_ORGANIZATION),
        }

    def _person(self) -> Any:
        """Return the reader who signed the case; None for a draft."""
        signed = self._content.sign_off
        if signed is None:
            return None
        return self._sr.ObserverContext(
            observer_type=self._codes.DCM.Person,
            observer_identifying_attributes=self._sr.PersonObserverIdentifyingAttributes(name=signed.reader),
        )

    def _device_uid(self) -> Any:
        """Return the same UID for every report of this version."""
        from pydicom.uid import generate_uid

        return self._highdicom.UID(generate_uid(entropy_srcs=[ALGORITHM_NAME, __version__]))

    def _liver(self) -> Any:
        segments = self._content.case.segments
        volumes = {} if segments is None else segments.volumes_ml
        measured = [
            self._volume(self._content.review.case.liver_volume_ml),
            *(self._volume(volume_ml, number) for number, volume_ml in volumes.items() if volume_ml > 0),
        ]
        return self._group(LIVER, liver_segment().name, self._sr.CodedConcept(*ORGAN), measured)

    def _tumor(self, tumor: TumorReview) -> Any:
        measured = tumor.measurement
        value = tumor_value(tumor.number)
        segment = tumor_segment(value)
        key_slice = self._key_slice(measured)
        sct = self._codes.SCT
        told = [each for each in measured.segment_shares if each.share >= LEAST_SHARE_TOLD]
        measurements = [
            self._volume(measured.volume_ml),
            self._diameter(sct.LongAxis, measured.longest_axial_diameter_mm, key_slice),
            self._diameter(sct.PerpendicularAxis, measured.perpendicular_diameter_mm, key_slice),
            self._attenuation(
                measured.mean_hu_portal, f"{segment.name}, portal venous", self._slices_of(value)
            ),
        ]
        for phase, slices in self._sources.items():
            mean_hu = getattr(measured, f"mean_hu_{phase}")
            if mean_hu is not None:
                measurements.append(
                    self._attenuation(mean_hu, f"{segment.name}, {phase}, registered", slices)
                )
        measurements += [self._volume(each.share * measured.volume_ml, each.number) for each in told]
        finding = self._sr.CodedConcept(segment.type.value, segment.type.scheme, segment.type.meaning)
        return self._group(value, segment.name, finding, measurements, [each.number for each in told])

    def _group(
        self, value: int, name: str, finding: Any, measurements: list[Any], sites: Sequence[int] = ()
    ) -> Any:
        segment = self._segment(value, name)
        visit, dcm, is_tumor = self._visit, self._codes.DCM, value >= FIRST_TUMOR
        number = tumor_number(value)
        return self._sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=self._tracking(value, name),
            referenced_segment=self._sr.ReferencedSegment(
                sop_class_uid=self._seg.SOPClassUID,
                sop_instance_uid=self._seg.SOPInstanceUID,
                segment_number=int(segment.SegmentNumber),
                source_series=self._sr.SourceSeriesForSegmentation(self._slices[0].SeriesInstanceUID),
            ),
            finding_type=finding,
            time_point_context=None if visit is None else visit.context(self._sr),
            finding_sites=[
                self._site(liver_segment()),
                *(self._site(couinaud_segment(number)) for number in sites),
            ],
            finding_category=None if visit is None or not is_tumor else visit.category(number, dcm),
            algorithm_id=self._sr.AlgorithmIdentification(
                name=ALGORITHM_NAME, version=__version__, parameters=[NOT_FOR_CLINICAL_USE]
            ),
            measurements=measurements,
            qualitative_evaluations=None
            if visit is None or is_tumor
            else visit.evaluations(self._sr, dcm) or None,
        )

    def _segment(self, value: int, name: str) -> Any:
        segment = self._segments.get(value)
        if segment is None:
            raise InputError(f"the DICOM SEG has no segment for {name}: name a file for a new one (--seg)")
        return segment

    def _tracking(self, value: int, name: str) -> Any:
        """Return what identifies the liver or a tumor, the same throughout the report."""
        if value not in self._tracked:
            visit, is_tumor = self._visit, value >= FIRST_TUMOR
            told = visit.tracking.get(tumor_number(value)) if visit is not None and is_tumor else None
            uid = told.uid if told else self._segment(value, name).get("TrackingUID")
            self._tracked[value] = (uid or self._highdicom.UID(), told.identifier if told else name)
        uid, identifier = self._tracked[value]
        return self._sr.TrackingIdentifier(uid=self._highdicom.UID(uid), identifier=identifier)

    def _site(self, segment: Segment) -> Any:
        kind = segment.type
        return self._sr.FindingSite(self._sr.CodedConcept(kind.value, kind.scheme, kind.meaning))

    def _volume(self, volume_ml: float, couinaud: int | None = None) -> Any:
        """Return a volume. couinaud: the segment, 1 to 8, that it is the part in; None for the whole."""
        return self._sr.Measurement(
            name=self._codes.SCT.Volume,
            value=volume_ml,
            unit=self._codes.UCUM.CubicCentimeter,
            finding_sites=None if couinaud is None else [self._site(couinaud_segment(couinaud))],
        )

    def _diameter(self, name: Any, length_mm: float, slices: Sequence[Any]) -> Any:
        return self._sr.Measurement(
            name=name,
            value=length_mm,
            unit=self._codes.UCUM.Millimeter,
            referenced_images=self._images(slices),
        )

    def _attenuation(self, mean_hu: float, tracked_as: str, slices: Sequence[Any]) -> Any:
        return self._sr.Measurement(
            name=self._codes.DCM.AttenuationCoefficient,
            value=mean_hu,
            unit=self._codes.UCUM.HounsfieldUnit,
            derivation=self._codes.SCT.Mean,
            tracking_identifier=self._sr.TrackingIdentifier(uid=self._highdicom.UID(), identifier=tracked_as),
            referenced_images=self._images(slices),
        )

    def _images(self, slices: Sequence[Any]) -> list[Any] | None:
        kind = self._sr.SourceImageForMeasurement
        return [kind(piece.SOPClassUID, piece.SOPInstanceUID) for piece in slices] or None

    def _key_slice(self, measured: TumorMeasurement) -> list[Any]:
        """Return the slice of the diameters; nothing where the series is not one of axial slices."""
        axial = ImageAxes.of(self._content.case.instances).slice_axis == 0
        return [self._slices[measured.slice_index]] if axial else []

    def _slices_of(self, value: int) -> list[Any]:
        """Return the portal slices that a tumor lies in."""
        labels = sitk.GetArrayViewFromImage(self._content.case.instances)
        there = (labels == value).any(axis=(1, 2))
        return [piece for piece, shown in zip(self._slices, there, strict=True) if shown]
