"""A tiny training of the network of segments, its model, and what the library does with it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from LiverTumorAttentionLib.inference.couinaud_stage import CouinaudStage
from LiverTumorAttentionLib.inference.device import choose_device
from LiverTumorAttentionLib.models.couinaud_model import CouinaudModel
from LiverTumorAttentionLib.progress import Progress
from Testing.Training.couinaud.test_samples import GRID, stored
from training.couinaud.assess import assess
from training.couinaud.export import export
from training.couinaud.livers import find_maps, read_training
from training.couinaud.task import SegmentsTask
from training.loop.trainer import Trainer
from training.runs.checkpoint import BEST, read_weights


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("segments")
    arguments = {"in_channels": 6, "classes": 8, "width": 4, "levels": 2, "down": "pool"}
    task = SegmentsTask([stored()] * 4, [stored()], epochs=2, grid=GRID, arguments=arguments)
    assert Trainer(folder / "run", task, say=lambda line: None).run()
    export(folder / "run", folder / "model")
    return folder / "model"


def test_the_model_tells_the_segments_of_a_liver(model: Path) -> None:
    description = json.loads((model / "model.json").read_text(encoding="utf-8"))
    assert description["sources"][0]["cases"] == 5
    assert "CC-BY-SA-4.0" in (model / "README.md").read_text(encoding="utf-8")
    stage = CouinaudStage(CouinaudModel(model), choose_device("cpu"))
    mask = sitk.GetImageFromArray((stored().labels > 0).astype(np.uint8))
    mask.SetSpacing((7.0,) * 3)
    found = sitk.GetArrayFromImage(stage.labels(mask))
    assert ((found > 0) == (stored().labels > 0)).all()
    assert len(np.unique(found)) > 3  # it has begun to tell them apart


def test_a_run_can_start_from_the_weights_of_another(model: Path) -> None:
    arguments = {"in_channels": 6, "classes": 8, "width": 4, "levels": 2, "down": "pool"}
    earlier = model.parent / "run"
    task = SegmentsTask([stored()], [], epochs=1, grid=GRID, arguments=arguments, initial=earlier)
    weights = read_weights(earlier / BEST)[0]
    assert all(torch.equal(value, weights[name]) for name, value in task.build().state_dict().items())
    assert task.settings()["initial"] == {"sha256": hashlib.sha256((earlier / BEST).read_bytes()).hexdigest()}


def write_map(folder: Path, name: str) -> None:
    (folder / "couinaud").mkdir(parents=True, exist_ok=True)
    (folder / "vessels").mkdir(exist_ok=True)
    liver = stored()
    for place, voxels in (("couinaud", liver.labels), ("vessels", liver.vessels)):
        image = sitk.GetImageFromArray(voxels)
        image.SetSpacing((7.0,) * 3)
        sitk.WriteImage(image, str(folder / place / f"{name}.nii.gz"))


def test_it_is_measured_on_what_is_held_out_alone(model: Path, tmp_path: Path) -> None:
    for name in ("LiTS-0", "LiTS-1", "LiTS-2"):
        write_map(tmp_path / "livers", name)
    maps = find_maps([tmp_path / "livers"])
    assert [each.name for each in maps if each.tests] == ["LiTS-0"]
    training, choosing, left = read_training(maps, GRID, Progress())
    assert sorted(liver.name for liver in (*training, *choosing)) == ["LiTS-1", "LiTS-2"]
    assert left == []
    summary = assess(model, maps, tmp_path / "results", Progress())
    assert summary["shape"]["livers"] == summary["shape and vessels"]["livers"] == 1
    assert 0 < summary["shape"]["mean_dice"] < 1
    assert 0 < summary["shape"]["balls_right"] <= summary["shape"]["balls_named"] <= 1
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == [
        "livers.png",
        "rows.csv",
        "summary.md",
    ]
    assert "LiTS-0" in (tmp_path / "results" / "summary.md").read_text(encoding="utf-8")
