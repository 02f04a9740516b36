"""Two studies of one generated abdomen in the scene: the later one moved, with one lesion grown, one gone, one new."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from Testing.Library.registration.abdomen import empty_grid, points_of, rendered
from Testing.Slicer import cases, study_cases

MOVED_MM = np.array([6.0, -4.0, 9.0])
PLACES_MM = np.array([(-45.0, -25.0, 140.0), (-15.0, -50.0, 160.0), (-60.0, -10.0, 175.0)])
"""LPS, at the earlier date."""
BEFORE = {1: (0, 9.0), 2: (1, 10.0)}
APART_MM = 118.0
"""Where the new lesion of `found` lies along x; the one that is gone lies at 100."""
AFTER = {1: (2, 8.0), 2: (0, 14.0)}
"""Lesions by number: which place, and radius in mm."""


def add_visit(scene: Any, folder: Path, name: str, moved_mm: np.ndarray, lesions: Any) -> Any:
    """Add the abdomen of one date, and return its study."""
    import slicer

    grid = empty_grid()
    points = points_of(grid) - moved_mm
    portal, liver = rendered(grid, "portal", points, sum(map(ord, name)))
    labels = sitk.GetArrayFromImage(liver).astype(np.uint16)
    for number, (place, radius_mm) in lesions.items():
        labels[np.linalg.norm(points - PLACES_MM[place], axis=-1) <= radius_mm] = number + 1
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    slicer.util.updateVolumeFromArray(node, sitk.GetArrayFromImage(portal))
    to_ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ cases.ijk_to_lps(portal)
    node.SetIJKToRASMatrix(cases.matrix(to_ras))
    (folder / name).mkdir()
    return study_cases.add_study(scene, folder / name, portal=node, labels=labels)


def add_both(panel: Any, scene: Any, folder: Path) -> tuple[Any, Any]:
    """Add both studies, choose the later one in the panel and the earlier one as its baseline; return them."""
    before = add_visit(scene, folder, "baseline", np.zeros(3), BEFORE)
    after = add_visit(scene, folder, "followup", MOVED_MM, AFTER)
    panel.ui.studySelector.setCurrentNode(after.segmentation)
    panel.ui.baselineSelector.setCurrentNode(before.segmentation)
    return before, after


def found() -> dict[str, Any]:
    """Return what a run of both studies finds, as it is kept in the scene: lesion 1 of 18 mm is lesion 2 of 28 mm;
    lesion 2 is gone and lesion 1 new, but another pairing, that they are one, is nearly as probable."""
    from LiverTumorAttentionLib.analysis import CaseMeasurement
    from LiverTumorAttentionLib.followup.changes import TimePoint
    from LiverTumorAttentionLib.followup.evidence import Evidence
    from LiverTumorAttentionLib.followup.matching import FollowedLesions
    from LiverTumorAttentionLib.followup.measures import FollowUpMeasures
    from LiverTumorAttentionLib.followup.viable import ViableTumor

    evidence = Evidence(
        sd_mm=3.0,
        liver_mm3=1.5e6,
        before={1: _place(0.0, 3.0), 2: _place(100.0, 4.0)},
        after={1: _place(APART_MM, 2.0), 2: _place(2.0, 12.0)},
        swallowed={(1, 2): 0.95},
        piece={(1, 2): 0.4},
        missing={},
        unseen=frozenset(),
    )
    case = CaseMeasurement(
        liver_volume_ml=1500.0, tumor_volume_ml=14.0, tumor_burden_percent=0.9, tumor_count=2
    )
    sizes = {1: (3.0, 18.0), 2: (4.0, 20.0)}, {1: (2.0, 15.0), 2: (12.0, 28.0)}
    points = [
        TimePoint(
            case=case,
            tumors={number: _tumor(number, *size, evidence_of[number]) for number, size in at.items()},
        )
        for at, evidence_of in zip(sizes, (evidence.before, evidence.after), strict=True)
    ]
    measures = FollowUpMeasures(
        points=(points[0], points[1]),
        lesions=FollowedLesions(stated=evidence, observed=evidence, numbers=((1, 2), (1, 2)), refused=False),
        viable=(
            {1: ViableTumor(number=1, diameter_mm=16.0, volume_ml=2.0, threshold_hu=90.0)},
            {2: ViableTumor(number=2, diameter_mm=8.0, volume_ml=1.0, threshold_hu=90.0)},
        ),
        slice_mm=2.5,
    )
    kept: dict[str, Any] = json.loads(json.dumps(measures.as_dict()))
    return {
        **kept,
        "registration": {"grade": "good", "reason": "the livers lie on each other"},
        "warnings": ["a warning"],
    }


def _place(x_mm: float, volume_ml: float) -> Any:
    from LiverTumorAttentionLib.followup.evidence import Place

    return Place(center_mm=(x_mm, 0.0, 0.0), volume_mm3=1000.0 * volume_ml)


def _tumor(number: int, volume_ml: float, longest_mm: float, place: Any) -> Any:
    from LiverTumorAttentionLib.analysis import TumorMeasurement

    ends = ((0.0, 0.0, 0.0), (longest_mm, 0.0, 0.0))
    return TumorMeasurement(
        number=number,
        volume_ml=volume_ml,
        longest_axial_diameter_mm=longest_mm,
        longest_axial_diameter_lps_mm=ends,
        perpendicular_diameter_mm=longest_mm,
        perpendicular_diameter_lps_mm=ends,
        slice_index=3,
        centroid_lps_mm=place.center_mm,
        mean_hu_portal=80.0,
        sd_hu_portal=5.0,
        mean_hu_arterial=None,
        mean_probability=None,
    )
