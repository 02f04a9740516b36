"""The tumor stage on real slices: which outlined lesions are touched, and what is found where nothing is.

The stages are fake: everything bright is liver, what is dark in it is tumor, and so is a square that no slice outlines.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.models import find_model
from Testing.Training.data.layouts import test_msd_liver_slices as slices
from training.data.layouts import find_cases, msd_dark_slices
from training.evaluation import tumor_slices
from training.evaluation.tumor_slices import tumor_slice_row

LESION, MISSED, FALSE = (
    (slice(12, 26), slice(12, 26)),
    (slice(36, 46), slice(14, 24)),
    (slice(12, 20), slice(42, 50)),
)


def like(values: np.ndarray, image: sitk.Image) -> sitk.Image:
    made = sitk.GetImageFromArray(values.astype(np.float32))
    made.CopyInformation(image)
    return made


class FakeStages:
    """Finds the first lesion and something false; `find_liver` sees the whole organ, or nothing."""

    def __init__(self, sees_liver: bool = True) -> None:
        self.liver = SimpleNamespace(probabilities=self.probabilities)
        self.tumor, self.recorder = object(), None
        self.sees_liver = sees_liver

    def probabilities(self, portal: sitk.Image, progress: object, recorder: object) -> dict[str, sitk.Image]:
        organ = np.zeros(portal.GetSize()[::-1])
        organ[0, 4:56, 6:58] = 0.9 * self.sees_liver
        return {"liver": like(organ, portal)}

    def find(self, portal: sitk.Image, *_: object) -> SimpleNamespace:
        tumor = np.zeros(portal.GetSize()[::-1])
        tumor[0][LESION] = tumor[0][FALSE] = 1.0
        return SimpleNamespace(probability=like(tumor, portal))


@pytest.fixture
def case(tmp_path: Path, monkeypatch):
    upright = np.zeros((64, 64), np.uint8)
    upright[4:56, 6:58] = 120
    upright[LESION] = upright[MISSED] = 80
    monkeypatch.setattr(slices, "UPRIGHT", upright)
    slices.write(tmp_path, [("flipped_1_5.jpg", 4, 0.95)])
    listed = tmp_path / "lesions.csv"
    listed.write_text("picture,y,x\nflipped_1_5,19,19\nflipped_1_5,41,19\n")
    monkeypatch.setattr(msd_dark_slices, "LESIONS", listed)
    return find_cases("msd_dark_slices", tmp_path)[0]


def use(monkeypatch, stages: FakeStages) -> None:
    monkeypatch.setattr(tumor_slices, "load_stages", lambda package, device: stages)
    monkeypatch.setattr(tumor_slices, "find_tumors", stages.find)


def test_outlined_lesions_are_found_or_not_and_the_rest_is_false(case, monkeypatch):
    use(monkeypatch, FakeStages())
    row, lesions = tumor_slice_row(case, find_model("demonstration"), "cpu")
    assert (row["lesions"], row["findings"], row["false_findings"]) == (2, 2, 1)
    assert [lesion["covered"] > 0.8 for lesion in lesions] == [True, False]
    assert lesions[0]["diameter_mm"] == pytest.approx(2 * np.sqrt(14 * 14 * 2.1 / np.pi), rel=0.1)
    assert row["tumor_dice"] == pytest.approx(2 * 196 / (196 + 64 + 196 + 100), abs=0.06)


def test_without_a_liver_nothing_is_found(case, monkeypatch):
    use(monkeypatch, FakeStages(sees_liver=False))
    row, lesions = tumor_slice_row(case, find_model("demonstration"), "cpu")
    assert (row["lesions"], row["findings"], row["false_findings"], row["tumor_dice"]) == (2, 0, 0, 0)
    assert [lesion["covered"] for lesion in lesions] == [0, 0]
