"""A small case whose every tumor is a ball, as images and as files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.analysis import Vessels
from LiverTumorAttentionLib.io import write_segmentation
from Testing.Library.analysis.bodies import ball, grid, like, painted, tube

LIVER_MM = 30.0
FIRST, SECOND = (-12.0, 0.0, 0.0), (14.0, 6.0, -4.0)
RADII = (8.0, 4.0)
HU = {0: -100, 1: 110, 2: 60, 3: 150}
ARTERIAL_HU = {0: -100, 1: 70, 2: 90, 3: 40}
DELAYED_HU = {0: -100, 1: 90, 2: 55, 3: 120}
NATIVE_HU = {0: -100, 1: 55, 2: 40, 3: 35}


@dataclass(frozen=True)
class Small:
    """Instances, all phases in HU, probability and two vessels on one grid."""

    instances: sitk.Image
    portal: sitk.Image
    arterial: sitk.Image
    delayed: sitk.Image
    native: sitk.Image
    probability: sitk.Image
    vessels: Vessels

    @classmethod
    def on(cls, name: str = "thick slices", *, tumors: bool = True) -> Small:
        """Return the case on one of the grids of `bodies`."""
        image = grid(name, 72.0)
        bodies = [(1, ball((0, 0, 0), LIVER_MM))]
        if tumors:
            bodies += [(2, ball(FIRST, RADII[0])), (3, ball(SECOND, RADII[1]))]
        instances = painted(image, *bodies)
        labels = sitk.GetArrayFromImage(instances)
        noise = np.random.default_rng(5).normal(0.0, 6.0, labels.shape)

        def phase(levels: dict[int, int]) -> sitk.Image:
            hu = np.vectorize(levels.get)(labels) + noise
            return like(instances, hu.round().astype(np.int16))

        vessels = painted(image, (1, tube(0, (14.0, 9.0), 2.5)), (2, tube(2, (0.0, 10.0), 2.5)))
        return cls(
            instances,
            phase(HU),
            phase(ARTERIAL_HU),
            phase(DELAYED_HU),
            phase(NATIVE_HU),
            like(instances, (labels > 1).astype(np.float32) * np.float32(0.875)),
            Vessels(labels=vessels, names={1: "right branch", 2: "middle vein"}),
        )


PLAN = {
    "margins": [{"name": "wide", "margin_mm": 5}, {"margin_mm": 3.5, "tumors": [2]}],
    "resections": [
        {"name": "right side", "planes": [{"point_lps_mm": [-42, 17.5, 103], "normal_lps": [-1, 0, 0]}]},
        {
            "combine": "any",
            "planes": [
                {"point_lps_mm": [-53, 17.5, 103], "normal_lps": [-1, 0, 0]},
                {"point_lps_mm": [-42, 17.5, 120], "normal_lps": [0, 0.5, 1]},
            ],
        },
    ],
    "weight_kg": 62.5,
}
"""Around the middle of every grid, which is (-42, 17.5, 103): the first plane leaves the second tumor."""

REPORT = {
    "notice": "Not for clinical use.",
    "version": "0.1.0",
    "model": {
        "id": "toy",
        "title": "Toy model",
        "version": "2.1",
        "statement": "Trained on nothing.",
        "sha256": {"liver": "ab" * 32},
    },
    "device": "CPU",
    "settings": {"portal": "/archive/Doe_Jane/portal.nii.gz"},
    "phases": ["portal", "arterial"],
    "registration": {
        "grade": "good",
        "reason": "the livers overlap well",
        "kept": "deformable",
        "similarity_before": 0.2125,
        "similarity_after": 0.4375,
        "liver_share_inside": 1.0,
        "jacobian_min": 0.7,
        "jacobian_max": 1.4,
        "folded_share": 0.0,
        "displacement_mean_mm": 4.25,
        "displacement_max_mm": 9.75,
        "liver_dice_before": 0.8,
        "liver_dice_after": 0.96875,
        "liver_surface_before_mm": 5.0,
        "liver_surface_after_mm": 0.625,
        "inverse_error_mean_mm": 0.375,
        "inverse_error_p95_mm": 0.9,
    },
    "liver": {"volume_ml": 1.0, "tumor_volume_ml": 1.0, "tumor_burden_percent": 1.0},
    "tumors": [],
    "warnings": ["the portal volume '/archive/Doe_Jane/portal.nii.gz' is unevenly spaced"],
}
"""As `segment --report` writes it, of another segmentation."""


def write_case(folder: Path, name: str = "thick slices", *, tumors: bool = True) -> dict[str, str]:
    """Write the case; return the paths by the names of `ReviewJob`."""
    case = Small.on(name, tumors=tumors)
    paths = {
        "portal": folder / "portal.nii.gz",
        "arterial": folder / "registered.nii.gz",
        "delayed": folder / "delayed.nii.gz",
        "native": folder / "native.nii.gz",
        "probability": folder / "probability.nii.gz",
        "segmentation": folder / "case.seg.nrrd",
        "vessels": folder / "vessels.nrrd",
        "plan": folder / "plan.json",
        "report": folder / "report.json",
    }
    sitk.WriteImage(case.portal, str(paths["portal"]))
    for phase in ("arterial", "delayed", "native"):
        sitk.WriteImage(getattr(case, phase), str(paths[phase]))
    sitk.WriteImage(case.probability, str(paths["probability"]))
    sitk.WriteImage(case.vessels.labels, str(paths["vessels"]))
    write_segmentation(paths["segmentation"], case.instances)
    paths["plan"].write_text(json.dumps(PLAN))
    paths["report"].write_text(json.dumps(REPORT))
    return {name: str(path) for name, path in paths.items()}
