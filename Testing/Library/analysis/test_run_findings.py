"""The lesion probability of a run belongs to the tumors that are as it left them."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.analysis import (
    TumorMeasurement,
    measure_tumors,
    run_findings,
    with_lesion_probabilities,
)
from Testing.Library.report.cases import Small

PROBABILITIES = {1: 0.875, 2: 0.25}


def measured(case: Small, instances: sitk.Image | None = None) -> list[TumorMeasurement]:
    return measure_tumors(case.instances if instances is None else instances, case.portal)


def report(case: Small) -> dict[str, object]:
    """What a run that found both tumors wrote."""
    tumors = measure_tumors(case.instances, case.portal, lesion_probabilities=PROBABILITIES)
    return json.loads(json.dumps({"tumors": [asdict(tumor) for tumor in tumors]}))


def changed(case: Small, change: object) -> sitk.Image:
    voxels = sitk.GetArrayFromImage(case.instances)
    change(voxels)
    image = sitk.GetImageFromArray(voxels)
    image.CopyInformation(case.instances)
    return image


def probabilities(tumors: list[TumorMeasurement], told: dict[str, object]) -> list[float | None]:
    return [t.lesion_probability for t in with_lesion_probabilities(tumors, run_findings(told))]


def test_tumors_keep_it_under_other_numbers_and_when_another_one_is_gone() -> None:
    case = Small.on()
    assert probabilities(measured(case), report(case)) == [0.875, 0.25]

    def swap(voxels: np.ndarray) -> None:
        first, second = voxels == 2, voxels == 3
        voxels[first], voxels[second] = 3, 2

    assert probabilities(measured(case, changed(case, swap)), report(case)) == [0.25, 0.875]

    def remove(voxels: np.ndarray) -> None:
        voxels[voxels == 2] = 1
        voxels[voxels == 3] = 2

    assert probabilities(measured(case, changed(case, remove)), report(case)) == [0.25]


def test_a_tumor_that_was_changed_or_drawn_has_none() -> None:
    case = Small.on()

    def change(voxels: np.ndarray) -> None:
        voxels[tuple(np.argwhere(voxels == 2)[0])] = 1
        z, y, x = np.argwhere(voxels == 1)[0]
        voxels[z, y, x] = 4

    assert probabilities(measured(case, changed(case, change)), report(case)) == [None, 0.25, None]


def test_of_two_findings_that_measure_the_same_the_nearer_counts() -> None:
    case = Small.on()
    told = report(case)
    far, near = (dict(told["tumors"][0]) for _ in range(2))
    x, y, z = far["centroid_lps_mm"]
    far |= {"centroid_lps_mm": [x + 30, y, z], "lesion_probability": 0.125}
    assert probabilities(measured(case), {"tumors": [far, near]}) == [0.875, None]


def test_reports_without_it_give_none() -> None:
    case = Small.on()
    told = report(case)
    for tumor in told["tumors"]:
        tumor["lesion_probability"] = None
    for older in (told, {"tumors": [{"number": 1}]}, {"tumors": "none"}, {}):
        assert probabilities(measured(case), older) == [None, None]
