"""The structured report, read back by highdicom and pydicom."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError, LiverTumorAttentionError
from LiverTumorAttentionLib.io import write_segmentation
from LiverTumorAttentionLib.io.seg_nrrd import StoredSegment
from LiverTumorAttentionLib.io.terminology import Description
from LiverTumorAttentionLib.pipeline.jobs import ReviewJob
from LiverTumorAttentionLib.report import dicom_sr, report_case
from Testing.Library.report.dicom_study import SPACING, THICKNESS, Study
from Testing.patience import PATIENCE_S

highdicom = pytest.importorskip("highdicom", reason="DICOM SR needs highdicom")
pydicom = pytest.importorskip("pydicom")


@pytest.fixture
def study(tmp_path: Path, series: Callable[..., list[Path]]) -> Study:
    return Study(tmp_path, series)


def coded(concept: Any) -> tuple[str, str]:
    return concept.value, concept.scheme_designator


VOLUME, LONG, ACROSS = ("118565006", "SCT"), ("103339001", "SCT"), ("131189007", "SCT")
ATTENUATION = ("112031", "DCM")


def test_every_measure_with_its_code_and_unit(study: Study) -> None:
    content, report = study.write(
        arterial=str(study.registered), arterial_source=str(study.folder / "arterial")
    )
    groups = report.content.get_volumetric_roi_measurement_groups()
    assert [group.tracking_identifier for group in groups] == ["Liver", "Tumor 1", "Tumor 2"]
    (liver,) = groups[0].get_measurements()
    assert (coded(liver.name), liver.value, coded(liver.unit)) == (
        VOLUME,
        pytest.approx(content.review.case.liver_volume_ml),
        ("cm3", "UCUM"),
    )
    for group, tumor in zip(groups[1:], content.review.tumors, strict=True):
        measured = tumor.measurement
        assert coded(group.finding_type) == ("4147007", "SCT")
        assert [coded(site.value) for site in group.finding_sites] == [("10200004", "SCT")]
        expected = [
            (VOLUME, measured.volume_ml, ("cm3", "UCUM")),
            (LONG, measured.longest_axial_diameter_mm, ("mm", "UCUM")),
            (ACROSS, measured.perpendicular_diameter_mm, ("mm", "UCUM")),
            (ATTENUATION, measured.mean_hu_portal, ("[hnsf'U]", "UCUM")),
            (ATTENUATION, measured.mean_hu_arterial, ("[hnsf'U]", "UCUM")),
        ]
        found = group.get_measurements()
        for (name, value, unit), measurement in zip(expected, found, strict=True):
            assert coded(measurement.name) == name
            assert measurement.value == pytest.approx(value, rel=1e-9)
            assert coded(measurement.unit) == unit
        assert [coded(item.derivation) for item in found[3:]] == [("373098007", "SCT")] * 2
    assert report.PreliminaryFlag == "PRELIMINARY"
    assert report.VerificationFlag == "UNVERIFIED"
    assert "not for clinical use" in report.SeriesDescription
    assert report.PatientName == "Doe^Jane"
    assert report.StudyInstanceUID == study.slices["portal"][0].StudyInstanceUID


def test_it_refers_to_the_series_and_to_the_segments(study: Study) -> None:
    _, report = study.write(arterial=str(study.registered), arterial_source=str(study.folder / "arterial"))
    seg = highdicom.seg.segread(study.folder / "seg.dcm")
    groups = report.content.get_volumetric_roi_measurement_groups()
    for group in groups:
        segment = group.referenced_segment
        assert segment.referenced_sop_instance_uid == seg.SOPInstanceUID
        (number,) = segment.referenced_segment_numbers
        described = seg.get_segment_description(number)
        assert described.segment_label == group.tracking_identifier
        assert described.tracking_uid == group.tracking_uid
        series = segment.source_series_for_segmentation.value
        assert series == study.slices["portal"][0].SeriesInstanceUID
    named = {
        (series.SeriesInstanceUID, item.ReferencedSOPInstanceUID)
        for request in report.CurrentRequestedProcedureEvidenceSequence
        for series in request.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    }
    assert (seg.SeriesInstanceUID, seg.SOPInstanceUID) in named
    assert {series for series, _ in named} == {
        seg.SeriesInstanceUID,
        study.slices["portal"][0].SeriesInstanceUID,
        study.slices["arterial"][0].SeriesInstanceUID,
    }


def test_each_value_names_the_slices_that_it_was_measured_on(study: Study) -> None:
    content, report = study.write(
        arterial=str(study.registered), arterial_source=str(study.folder / "arterial")
    )
    group = report.content.get_volumetric_roi_measurement_groups()[1]

    def images(measurement: Any) -> list[str]:
        return [image.referenced_sop_instance_uid for image in measurement.referenced_images or []]

    volume, long, across, portal, arterial = group.get_measurements()
    uids = {phase: [piece.SOPInstanceUID for piece in pieces] for phase, pieces in study.slices.items()}
    assert images(volume) == []
    assert (
        images(long) == images(across) == [uids["portal"][content.review.tumors[0].measurement.slice_index]]
    )
    there = (study.labels == 2).any(axis=(1, 2))
    assert images(portal) == [uid for uid, shown in zip(uids["portal"], there, strict=True) if shown]
    assert images(arterial) == uids["arterial"]


def test_without_the_arterial_series_no_arterial_value(study: Study) -> None:
    """It could not say what was measured."""
    content, report = study.write(arterial=str(study.registered))
    assert content.review.tumors[0].measurement.mean_hu_arterial is not None
    assert len(report.content.get_volumetric_roi_measurement_groups()[1].get_measurements()) == 4


def test_delayed_and_native_values_refer_to_their_series(
    tmp_path: Path, series: Callable[..., list[Path]]
) -> None:
    study = Study(tmp_path, series, further=("delayed", "native"))
    given = {phase: str(tmp_path / f"{phase}.nii.gz") for phase in ("delayed", "native")}
    sources = {f"{phase}_source": str(tmp_path / phase) for phase in given}
    content, report = study.write(**given, **sources)
    measured = content.review.tumors[0].measurement
    group = report.content.get_volumetric_roi_measurement_groups()[1]
    *_, delayed, native = group.get_measurements()
    for found, phase in ((delayed, "delayed"), (native, "native")):
        assert found.value == pytest.approx(getattr(measured, f"mean_hu_{phase}"), rel=1e-9)
        named = [image.referenced_sop_instance_uid for image in found.referenced_images]
        assert named == [piece.SOPInstanceUID for piece in study.slices[phase]]
    with pytest.raises(InputError, match="the source of the delayed volume is named in a DICOM SR"):
        study.write(delayed_source=sources["delayed_source"])


def test_it_refers_to_a_seg_that_was_given(study: Study, tmp_path: Path) -> None:
    study.write()
    given = tmp_path / "given.dcm"
    os.rename(study.folder / "seg.dcm", given)
    content, report = study.write(segmentation=str(given), seg=None)
    assert not (study.folder / "seg.dcm").exists()
    groups = report.content.get_volumetric_roi_measurement_groups()
    assert {group.referenced_segment.referenced_sop_instance_uid for group in groups} == {
        pydicom.dcmread(given).SOPInstanceUID
    }
    # The SEG holds the frames that have something in them; the report is of the whole portal grid.
    assert content.case.instances.GetSize() == study.portal_image.GetSize()
    np.testing.assert_array_equal(sitk.GetArrayFromImage(content.case.instances), study.labels)


def test_tumors_drawn_into_each_other_keep_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """The outer one holds the inner one's voxels too; a liver that is drawn last holds all."""
    values = np.zeros((1, 6, 6), np.uint16)
    values[0] = 1
    values[0, 1:5, 1:5] = 6
    values[0, 2, 2] = 3
    outer, inner, liver = (
        StoredSegment(description=Description(name=n), layer=m, holds=lambda layer: layer)
        for n, m in (
            ("Tumor 5", values > 1),
            ("Tumor 2", values == 3),
            ("Liver", values > 0),
        )
    )
    items = ["outer", "inner", "liver"]
    monkeypatch.setattr(dicom_sr, "read_instances", lambda path, **_: sitk.GetImageFromArray(values))
    monkeypatch.setattr(dicom_sr, "read_dicom_seg", lambda path: (None, [outer, inner, liver]))
    monkeypatch.setattr(dicom_sr, "_items", lambda seg: seg.SegmentSequence)
    found = dicom_sr.segments_by_value(Path("seg.dcm"), SimpleNamespace(SegmentSequence=items))
    assert found == {6: "outer", 3: "inner", 1: "liver"}


def test_a_tumor_keeps_the_number_of_its_name(study: Study) -> None:
    """After the first one was taken out; on the page, in the SEG and in the SR."""
    labels = np.where(study.labels == 2, 1, study.labels)
    write_segmentation(study.segmentation, study._like(labels, study.portal_image))
    content, report = study.write()
    assert [tumor.number for tumor in content.review.tumors] == [2]
    groups = report.content.get_volumetric_roi_measurement_groups()
    assert [group.tracking_identifier for group in groups] == ["Liver", "Tumor 2"]
    content, again = study.write(segmentation=str(study.folder / "seg.dcm"), seg=None)
    assert [tumor.number for tumor in content.review.tumors] == [2]
    assert again.content.get_volumetric_roi_measurement_groups()[1].tracking_uid == groups[1].tracking_uid


def test_a_case_without_a_tumor(tmp_path: Path, series: Callable[..., list[Path]]) -> None:
    _, report = Study(tmp_path, series, tumors=False).write()
    (liver,) = report.content.get_volumetric_roi_measurement_groups()
    assert liver.tracking_identifier == "Liver"


def other_series(study: Study, series: Callable[..., list[Path]], **changes: Any) -> str:
    hu = sitk.GetArrayFromImage(study.portal_image)
    positions = [THICKNESS * index for index in range(len(hu))]
    series(hu, folder="other", positions=positions, spacing=SPACING, **changes)
    return str(study.folder / "other")


def test_a_seg_of_another_series_is_refused(study: Study, series: Callable[..., list[Path]]) -> None:
    study.write()
    os.rename(study.folder / "seg.dcm", study.folder / "given.dcm")
    with pytest.raises(InputError, match="does not refer to the portal series: choose the series"):
        study.write(
            portal=other_series(study, series), segmentation=str(study.folder / "given.dcm"), seg=None
        )


def test_the_arterial_series_of_another_study_is_refused(
    study: Study, series: Callable[..., list[Path]]
) -> None:
    def change(data: Any, index: int) -> None:
        data.StudyInstanceUID = "1.2.3.4"

    other = other_series(study, series, change=change)
    with pytest.raises(InputError, match="belongs to another study than the portal volume"):
        study.write(arterial=str(study.registered), arterial_source=other)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"portal": "{folder}/portal.nii.gz"},
            "structured report needs the DICOM folder of the portal volume",
        ),
        ({"portal": "{folder}/portal.nii.gz", "sr": None}, "DICOM SEG needs the DICOM folder of the portal"),
        ({"seg": None}, "refers to a DICOM SEG, and the segmentation .* is none: name a file .*--seg"),
        (
            {"arterial": "{folder}/registered.nii.gz", "arterial_source": "{folder}/registered.nii.gz"},
            "needs the DICOM folder of the arterial volume",
        ),
        ({"sr": "{folder}/sr.json"}, r"ends in '\.json'"),
    ],
)
def test_what_cannot_be_written_is_said_before_anything_is_measured(
    study: Study, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str | None], message: str
) -> None:
    sitk.WriteImage(study.portal_image, str(study.folder / "portal.nii.gz"))
    before = sorted(study.folder.iterdir())
    monkeypatch.setattr("LiverTumorAttentionLib.report.case_report.read_case", None)
    filled = {name: value and value.format(folder=study.folder) for name, value in changes.items()}
    with pytest.raises(LiverTumorAttentionError, match=message):
        study.write(**filled)
    assert sorted(study.folder.iterdir()) == before


def test_without_the_extra(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(InputError, match=r"structured report files need highdicom: .*\[dicom\]"):
        report_case(
            ReviewJob(
                portal=str(study.folder / "portal"),
                segmentation=str(study.segmentation),
                sr=str(study.folder / "sr.dcm"),
                seg=str(study.folder / "seg.dcm"),
            )
        )
    assert not (study.folder / "sr.dcm").exists()


def test_importing_the_report_imports_nothing_optional() -> None:
    import subprocess

    code = (
        "import sys, LiverTumorAttentionLib.report; "
        "print([name for name in ('highdicom', 'pydicom', 'jinja2', 'torch') if name in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE_S
    )
    assert run.stdout.strip() == "[]"
