"""Registration of a generated case, from files to files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.cli import main
from LiverTumorAttentionLib.phantoms import Phantom


def test_register_writes_volume_transform_and_verdict(
    case: tuple[Phantom, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    phantom, folder = case
    code = main(
        [
            *("register", "--fixed", f"{folder}/portal.nii.gz", "--moving", f"{folder}/arterial.nii.gz"),
            *("--output", f"{tmp_path}/a.nii.gz", "--transform", f"{tmp_path}/t.h5"),
            *("--report", f"{tmp_path}/r.json", "--device", "cpu", "--progress", "none"),
            *("--inverse-transform", f"{tmp_path}/back.h5", "--preview", f"{tmp_path}/p.png"),
        ]
    )
    assert code == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.nii.gz", "back.h5", "p.png", "r.json", "t.h5"]
    grade = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["registration"]["grade"]
    assert capsys.readouterr().out.startswith(f"{grade}: ")
    transform = sitk.ReadTransform(str(tmp_path / "t.h5"))
    truth = sitk.GetArrayFromImage(phantom.displacement)
    liver = np.argwhere(sitk.GetArrayFromImage(phantom.labels) > 0)[::997]
    back = sitk.ReadTransform(str(tmp_path / "back.h5"))
    before, after = [], []
    for z, y, x in liver:
        point = np.array(phantom.portal.TransformIndexToPhysicalPoint((int(x), int(y), int(z))))
        assert back.TransformPoint(transform.TransformPoint(point)) == pytest.approx(tuple(point), abs=0.3)
        before.append(np.linalg.norm(truth[z, y, x]))
        after.append(np.linalg.norm(np.array(transform.TransformPoint(point)) - point - truth[z, y, x]))
    assert np.mean(before) > 4.0
    assert np.mean(after) < 0.5 * np.mean(before)
