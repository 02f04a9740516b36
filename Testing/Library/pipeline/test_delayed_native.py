"""Delayed and native phase of a run: registered as the arterial one is, measured, reported and written."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import write_image
from LiverTumorAttentionLib.pipeline import candidates, segment
from LiverTumorAttentionLib.pipeline.jobs import SegmentationJob
from LiverTumorAttentionLib.pipeline.stages import FoundLiver, FoundTumors
from LiverTumorAttentionLib.registration import RegistrationResult, RegistrationVerdict

HU = {"portal": 110, "arterial": 75, "delayed": 92, "native": 55}
TUMOR_ABOVE = {"portal": -20, "arterial": 40, "delayed": -30, "native": -5}


def volume(phase: str) -> sitk.Image:
    """A liver with a tumor of 4 x 4 x 2 voxels in fat, HU by phase."""
    voxels = np.full((8, 16, 16), -100, np.int16)
    voxels[1:7, 2:14, 2:14] = HU[phase]
    voxels[3:5, 6:10, 6:10] += TUMOR_ABOVE[phase]
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing((4.0, 4.0, 5.0))
    return image


def verdict(grade: str) -> RegistrationVerdict:
    return RegistrationVerdict(
        grade=grade,  # type: ignore[arg-type]
        reason="as the test wants it",
        kept="rigid",
        similarity_before=0.0,
        similarity_after=0.1,
        liver_share_inside=1.0,
        jacobian_min=1.0,
        jacobian_max=1.0,
        folded_share=0.0,
        displacement_mean_mm=0.0,
        displacement_max_mm=0.0,
        liver_dice_before=1.0,
        liver_dice_after=1.0,
        liver_surface_before_mm=0.0,
        liver_surface_after_mm=0.0,
        inverse_error_mean_mm=0.0,
    )


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Put known networks and registrations into a run; return the grade of each phase's registration."""
    grades = dict.fromkeys(HU, "good")

    def liver(image: sitk.Image, *_: Any) -> FoundLiver:
        return FoundLiver(mask=sitk.Cast(image > 0, sitk.sitkUInt8), tumor=None)

    def register(
        portal: sitk.Image, moving: sitk.Image, *_: Any, phase: str = "arterial"
    ) -> RegistrationResult:
        assert sitk.GetArrayViewFromImage(moving).max() == HU[phase] + max(0, TUMOR_ABOVE[phase])
        return RegistrationResult(
            transform=sitk.Transform(3, sitk.sitkIdentity),
            portal=portal,
            arterial=moving,
            verdict=verdict(grades[phase]),
        )

    def tumors(portal: sitk.Image, *_: Any, **__: Any) -> FoundTumors:
        values = np.zeros((8, 16, 16), np.float32)
        values[3:5, 6:10, 6:10] = 0.99
        image = sitk.GetImageFromArray(values)
        image.CopyInformation(portal)
        return FoundTumors(probability=image, deviation=None, attention=None)

    for name, function in (("find_liver", liver), ("register_arterial", register), ("find_tumors", tumors)):
        monkeypatch.setattr(candidates, name, function)
    monkeypatch.setattr(segment, "operating_point_of", lambda *_: None)
    return grades


def files(folder: Path) -> dict[str, str]:
    for phase in HU:
        write_image(folder / f"{phase}.nii.gz", volume(phase))
    return {phase: str(folder / f"{phase}.nii.gz") for phase in HU}


def test_every_phase_is_measured_reported_and_written(registered: dict[str, str], tmp_path: Path) -> None:
    out = {"table": "t.csv", "report": "r.json", "save_delayed": "d.nii.gz", "save_native": "n.nii.gz"}
    job = SegmentationJob(
        **files(tmp_path),
        device="cpu",
        phases_as_given=True,
        **{key: str(tmp_path / name) for key, name in out.items()},
    )
    result = segment.segment_case(job)
    (tumor,) = result.tumors
    expected = {phase: HU[phase] + TUMOR_ABOVE[phase] for phase in HU}
    assert {phase: getattr(tumor, f"mean_hu_{phase}") for phase in HU} == expected
    (row,) = csv.DictReader((tmp_path / "t.csv").open())
    assert {phase: float(row[f"mean_{phase}_hu"]) for phase in HU} == expected
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert report["tumors"][0]["mean_hu_delayed"] == expected["delayed"]
    assert set(report["further_registrations"]) == {"delayed", "native"}
    assert set(report["phase_estimates"]) == set(HU)
    assert "delayed 62 HU" in result.summary()
    assert "native 50 HU" in result.summary()
    for name, phase in (("d.nii.gz", "delayed"), ("n.nii.gz", "native")):
        read = sitk.ReadImage(str(tmp_path / name))
        assert np.array_equal(sitk.GetArrayFromImage(read), sitk.GetArrayFromImage(volume(phase)))


def test_a_refused_registration_is_told_and_not_measured(registered: dict[str, str], tmp_path: Path) -> None:
    registered["delayed"] = "refused"
    result = segment.segment_case(SegmentationJob(**files(tmp_path), device="cpu", phases_as_given=True))
    assert result.tumors[0].mean_hu_delayed is None
    assert result.tumors[0].mean_hu_native == HU["native"] + TUMOR_ABOVE["native"]
    assert any(text.startswith("the delayed phase was not used") for text in result.warnings)


def test_without_them_nothing_is_measured(registered: dict[str, str], tmp_path: Path) -> None:
    given = files(tmp_path)
    result = segment.segment_case(SegmentationJob(portal=given["portal"], device="cpu"))
    assert (result.tumors[0].mean_hu_delayed, result.tumors[0].mean_hu_native) == (None, None)
    assert result.further == {}


def test_what_is_not_given_cannot_be_saved() -> None:
    with pytest.raises(
        InputError, match="no registered delayed volume to save, because no delayed volume was given"
    ):
        SegmentationJob(portal="p.nii.gz", save_delayed="d.nii.gz")
