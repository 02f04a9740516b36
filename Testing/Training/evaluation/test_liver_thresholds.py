"""The threshold of the liver's probability is chosen on cases that may train."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from Testing.Training.data.layouts import test_msd_liver_slices as slices
from training.cli import main
from training.data.held_out import VALIDATION_CASES
from training.data.layouts import find_cases
from training.evaluation import liver_thresholds
from training.evaluation.liver_thresholds import THRESHOLDS, liver_by_threshold


def found_too_large(portal: sitk.Image, progress: object) -> dict[str, sitk.Image]:
    """The liver at 0.95, four rows beside it at 0.65."""
    liver = sitk.GetArrayFromImage(portal) > 60
    wide = liver | np.roll(liver, 4, axis=1)
    image = sitk.GetImageFromArray(np.where(liver, 0.95, np.where(wide, 0.65, 0.05)).astype(np.float32))
    image.CopyInformation(portal)
    return {"liver": image}


@pytest.fixture
def fake(monkeypatch):
    stage = SimpleNamespace(probabilities=found_too_large)
    monkeypatch.setattr(liver_thresholds, "LiverStage", SimpleNamespace(of=lambda package, device: stage))


def test_the_best_threshold_leaves_out_what_is_beyond_the_liver(tmp_path: Path, fake, capsys):
    validating = VALIDATION_CASES[0]
    slices.write(tmp_path, [("flipped_1_5.jpg", 4, 0.95), ("flipped_2_5.jpg", validating, 0.95)])
    rows = liver_by_threshold(
        "demonstration", find_cases("msd_liver_slices", tmp_path), SimpleNamespace(update=id)
    )
    assert [row.threshold for row in rows] == list(THRESHOLDS)
    for row in rows:
        liver_rows = 27 - 9
        too_much = 4 if row.threshold <= 0.65 else 0
        assert row.over == pytest.approx(too_much / liver_rows)
        assert row.under == 0
        assert row.dice == pytest.approx(2 * liver_rows / (2 * liver_rows + too_much))
    assert (
        main(
            [
                "liver-threshold",
                "--model",
                "demonstration",
                "--layout",
                "msd_liver_slices",
                "--data",
                str(tmp_path),
            ]
        )
        == 0
    )
    assert "best: 0.7" in capsys.readouterr().out


def test_cases_that_validate_choose_nothing(tmp_path: Path, fake):
    slices.write(tmp_path, [("flipped_2_5.jpg", VALIDATION_CASES[0], 0.95)])
    with pytest.raises(InputError, match="every case validates"):
        liver_by_threshold(
            "demonstration", find_cases("msd_liver_slices", tmp_path), SimpleNamespace(update=id)
        )
