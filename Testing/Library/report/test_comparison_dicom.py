"""Structured reports of two time points: a lesion that is one is tracked by one identifier, what is not sure is not."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.followup.declared import DeclaredPair
from LiverTumorAttentionLib.followup.matching import Match
from LiverTumorAttentionLib.followup.response import Chosen
from LiverTumorAttentionLib.io.couinaud_segments import write_couinaud
from LiverTumorAttentionLib.pipeline.jobs import ComparisonJob
from LiverTumorAttentionLib.report import report_comparison
from Testing.Library.followup.bodies_over_time import measures_over_time
from Testing.Library.report.dicom_study import Study

highdicom = pytest.importorskip("highdicom", reason="DICOM SR needs highdicom")


def test_a_lesion_has_one_identifier_over_both_times(
    tmp_path: Path, series: Callable[..., list[Path]]
) -> None:
    study = Study(tmp_path, series)
    out = {
        f"{visit}_{kind}": str(tmp_path / f"{visit}-{kind}.dcm")
        for visit in ("baseline", "followup")
        for kind in ("sr", "seg")
    }
    portal, segmentation = str(study.folder / "portal"), str(study.segmentation)
    halves = sitk.GetArrayFromImage(study.portal_image)
    halves = np.where(np.arange(halves.shape[2]) < halves.shape[2] // 2, 5, 2) + np.zeros_like(halves)
    segments = sitk.GetImageFromArray(halves.astype(np.uint8))
    segments.CopyInformation(study.portal_image)
    write_couinaud(tmp_path / "segments.seg.nrrd", segments)
    content = report_comparison(
        ComparisonJob(
            baseline_portal=portal,
            baseline=segmentation,
            followup_portal=portal,
            followup=segmentation,
            followup_segments=str(tmp_path / "segments.seg.nrrd"),
            csv=str(tmp_path / "pairs.csv"),
            **out,
        )
    )
    groups = []
    for visit in ("baseline", "followup"):
        report = highdicom.sr.srread(out[f"{visit}_sr"])
        found = report.content.get_volumetric_roi_measurement_groups()
        groups.append({group.tracking_identifier: str(group.tracking_uid) for group in found})
    before, after = groups
    assert list(before) == list(after) == ["Liver", "Lesion 1", "Lesion 2"]
    for lesion in ("Lesion 1", "Lesion 2"):
        assert before[lesion] == after[lesion]
    assert before["Lesion 1"] != before["Lesion 2"]
    for visit in ("baseline", "follow-up"):
        place = visit.replace("-", "")
        seg = highdicom.seg.segread(out[f"{place}_seg"])
        tracked = {seg.get_segment_description(n).tracking_uid for n in seg.segment_numbers}
        assert {before["Lesion 1"], before["Lesion 2"]} < tracked
        group = highdicom.sr.srread(out[f"{place}_sr"]).content.get_volumetric_roi_measurement_groups()[1]
        told = {item.name.meaning: item.value for item in group[0].ContentSequence if item.value_type}
        assert told["Time Point"] == visit

    codes = {"II": "277956007", "V": "277959000"}
    liver, *lesions = highdicom.sr.srread(out["followup_sr"]).content.get_volumetric_roi_measurement_groups()
    for group, tumor in zip(lesions, content.cases.followup.point.tumors.values(), strict=True):
        sites = [site.value.value for site in group.finding_sites]
        assert sites == ["10200004", *(codes[share.name] for share in tumor.segment_shares)]
        volumes = [m for m in group.get_measurements() if m.name.value == "118565006"]
        assert volumes[0].finding_sites == []
        assert [m.value for m in volumes[1:]] == pytest.approx(
            [share.share * tumor.volume_ml for share in tumor.segment_shares]
        )
        assert [m.finding_sites[0].value.value for m in volumes[1:]] == sites[1:]
    parts = liver.get_measurements()[1:]
    assert {m.finding_sites[0].value.value for m in parts} == set(codes.values())
    assert sum(m.value for m in parts) == pytest.approx(liver.get_measurements()[0].value)
    with (tmp_path / "pairs.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["segments_baseline"], row["segments_followup"]) for row in rows] == [
        ("", tumor.segments) for tumor in content.cases.followup.point.tumors.values()
    ]

    third = report_comparison(
        ComparisonJob(
            baseline_portal=portal,
            baseline=out["followup_seg"],
            followup_portal=portal,
            followup=segmentation,
            targets=(1,),
            followup_sr=str(tmp_path / "third.dcm"),
            followup_seg=str(tmp_path / "third-seg.dcm"),
        )
    )
    assert third.cases.assessment.recist.response == "SD"
    liver, *lesions = highdicom.sr.srread(
        str(tmp_path / "third.dcm")
    ).content.get_volumetric_roi_measurement_groups()
    assert {str(group.tracking_uid) for group in lesions} == {before["Lesion 1"], before["Lesion 2"]}
    assert [(e.name.meaning, e.value.meaning) for e in liver.get_qualitative_evaluations()] == [
        ("Response Evaluation Method", "RECIST 1.1"),
        ("Current Response", "Target Lesion Stable Disease"),
        ("Current Response", "Non-Target Lesion Incomplete Response or Stable Disease"),
    ]
    assert [group.finding_category.meaning for group in lesions] == [
        "Target Lesion at Baseline",
        "Non-Target Lesion at Baseline",
    ]


def test_a_response_is_reported_when_nothing_is_open() -> None:
    from LiverTumorAttentionLib.report.comparison_dicom import reported_visits

    measures = measures_over_time(uncertain=True)
    comparison = measures.compared((), None)
    assessment = measures.assessed(comparison, Chosen(targets=(1,)))
    _before, after = reported_visits(comparison, assessment)
    assert assessment.open
    assert (after.target_response, after.non_target_response) == (None, None)
    settled = measures.compared([DeclaredPair(baseline=2, followup=None)], None)
    _before, after = reported_visits(settled, measures.assessed(settled, Chosen(targets=(1,))))
    assert (after.target_response, after.non_target_response) == ("SD", "CR")
    _before, after = reported_visits(settled, measures.assessed(settled, Chosen(targets=())))
    assert (after.target_response, after.target) == (None, {})


def test_what_is_not_sure_is_not_tracked() -> None:
    from LiverTumorAttentionLib.report.comparison_dicom import tracked_over_time

    before, after = tracked_over_time(
        (
            Match(baseline=(1,), followup=(4,)),
            Match(baseline=(2,), followup=(3,), uncertain=True),
            Match(baseline=(3,), followup=(1, 2)),
            Match(baseline=(4, 5), followup=(5,)),
            Match(baseline=(), followup=(6,)),
        ),
        {1: "1.2.3"},
    )
    assert before[1].uid == "1.2.3"
    assert before[1] == after[4]
    assert {number: tracked.identifier for number, tracked in after.items()} == {
        4: "Lesion 1",
        3: "Lesion 3 of the follow-up, pair uncertain",
        1: "Lesion 3, piece 1",
        2: "Lesion 3, piece 2",
        5: "Lesions 4 and 5, merged",
        6: "New lesion 6",
    }
    uids = [tracked.uid for tracked in (*before.values(), *after.values())]
    assert len(set(uids)) == len(uids) - 1
