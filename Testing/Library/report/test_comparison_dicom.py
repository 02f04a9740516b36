"""Structured reports of two time points: a lesion that is one is tracked by one identifier, what is not sure is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from LiverTumorAttentionLib.followup.matching import Match
from LiverTumorAttentionLib.pipeline.jobs import ComparisonJob
from LiverTumorAttentionLib.report import report_comparison
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
    report_comparison(
        ComparisonJob(
            baseline_portal=portal,
            baseline=segmentation,
            followup_portal=portal,
            followup=segmentation,
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


def test_what_is_not_sure_is_not_tracked() -> None:
    from LiverTumorAttentionLib.report.comparison_dicom import tracked_over_time

    before, after = tracked_over_time(
        (
            Match(baseline=(1,), followup=(4,)),
            Match(baseline=(2,), followup=(3,), uncertain=True),
            Match(baseline=(3,), followup=(1, 2)),
            Match(baseline=(4, 5), followup=(5,)),
            Match(baseline=(), followup=(6,)),
        )
    )
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
