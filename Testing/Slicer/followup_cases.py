"""Two studies of one generated abdomen in the scene: the later one moved, with one lesion grown, one gone, one new."""

from __future__ import annotations

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


def found(targets: bool = False) -> dict[str, Any]:
    """Return what a run of both studies finds, as it is kept in the scene; numbers that are easy to tell apart."""
    sizes = {
        "volumes": {"baseline_ml": 3.0, "followup_ml": 12.0},
        "diameters": {"baseline_mm": 18.0, "followup_mm": 28.0},
        "changes": {"volume_percent": 300.0, "diameter_percent": 55.6, "doubling_time_days": 45.2},
    }
    nothing = {
        "volumes": dict.fromkeys(sizes["volumes"]),
        "diameters": dict.fromkeys(sizes["diameters"]),
        "changes": dict.fromkeys(sizes["changes"]),
    }
    sums = {"baseline_mm": 18.0, "followup_mm": 28.0, "response": "PD"}
    return {
        "interval_days": 90.0,
        "registration": {"grade": "good", "reason": "the livers lie on each other"},
        "counts": {},
        "warnings": ["a warning"],
        "pairs": [
            {"baseline": 1, "followup": 2, "status": "matched", "uncertain": False, "reasons": [], **sizes},
            {
                "baseline": 2,
                "followup": None,
                "status": "gone",
                "uncertain": True,
                "reasons": ["near"],
                **nothing,
            },
            {"baseline": None, "followup": 1, "status": "new", "uncertain": False, "reasons": [], **nothing},
        ],
        "response": {
            "candidates": [{"number": 1, "reasons": []}, {"number": 2, "reasons": ["small"]}],
            "recist": sums if targets else None,
            "recist_overall": "PD" if targets else None,
            "mrecist": None,
            "volume_percent": 300.0 if targets else None,
            "open": ["look at lesion 2"] if targets else [],
        },
        "baseline": {"1": [-45.0, -25.0, 140.0], "2": [-15.0, -50.0, 160.0]},
        "followup": {"1": [-54.0, -14.0, 184.0], "2": [-39.0, -29.0, 149.0]},
    }
