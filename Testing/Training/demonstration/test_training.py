"""The demonstration's stages train in the common loop, and become a model."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.models.package import ModelPackage
from LiverTumorAttentionLib.networks import build_network
from training.demonstration import export
from training.demonstration.recipes import LIVER, RECIPES, TUMOR
from training.demonstration.task import DemonstrationTask
from training.demonstration.validation import predict
from training.loop.checkpoint import CHECKPOINT, read_checkpoint
from training.loop.trainer import Trainer

NARROW = {"in_channels": 3, "classes": 2, "width": 8}
SMALL = replace(TUMOR, arguments=NARROW, crop=(64, 64), batch=2, warm_up_steps=5, average_decay=0.9)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trainer(folder: Path, case, steps: int, recipe=SMALL) -> Trainer:
    task = DemonstrationTask(recipe, [case], [case], seed=1, steps=steps, precision="float32")
    return Trainer(folder, task, log_every=5, say=lambda line: None)


def test_it_learns_one_case(tmp_path, tumor_case):
    assert trainer(tmp_path / "tumor", tumor_case, 60).run()
    with (tmp_path / "tumor" / "log.csv").open() as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert losses[-1] < 0.6 * losses[0]
    with (tmp_path / "tumor" / "scores.csv").open() as file:
        scores = list(csv.DictReader(file))[-1]
    assert float(scores["dice_test"]) > 0.7
    assert float(scores["dice"]) == float(scores["dice_test"])


def test_the_samples_of_a_resumed_run_are_those_of_an_unbroken_one(tmp_path, tumor_case):
    trainer(tmp_path / "whole", tumor_case, 6).run()
    assert not trainer(tmp_path / "broken", tumor_case, 6).run(stop_at=3)
    assert trainer(tmp_path / "broken", tumor_case, 6).run()
    whole, broken = (read_checkpoint(tmp_path / name / CHECKPOINT)[0] for name in ("whole", "broken"))
    for group in ("network", "average"):
        for name, value in whole[group].items():
            assert torch.equal(value, broken[group][name]), name
    starts = json.loads((tmp_path / "broken" / "run.json").read_text())["starts"]
    assert [start["step"] for start in starts] == [0, 3]


def test_a_long_schedule_has_epochs_of_250_steps_and_reaches_zero(tumor_case):
    task = DemonstrationTask(TUMOR, [tumor_case], [], seed=1, steps=10_000)
    assert task.sampler.samples_an_epoch == 250 * TUMOR.batch
    assert task.schedule.epochs == 40
    assert task.settings()["steps"] == 10_000


def test_a_sample_is_named_after_its_case(tumor_case):
    other = replace(tumor_case, name="training-test-2", portal=tumor_case.portal + 500)
    task = DemonstrationTask(SMALL, [tumor_case, other], [], seed=3, steps=5)
    names = {number: task.sampler(number).case for number in range(12)}
    assert set(names.values()) == {"training-test-1", "training-test-2"}
    for number, name in names.items():
        bright = task.sampler(number).inputs[0].max() > 0.999  # 500 HU more is the upper end of the window
        assert bright or name == "training-test-1"


def test_no_cases_is_said_plainly():
    with pytest.raises(InputError, match="no training case for the tumor stage"):
        DemonstrationTask(SMALL, [], [], seed=1, steps=1)


def test_an_exported_model_gives_what_the_run_gave(tmp_path, tumor_case, monkeypatch):
    recipes = {"tumor": SMALL, "liver": replace(LIVER, arguments=NARROW, crop=(64, 64), batch=2)}
    monkeypatch.setattr(export, "RECIPES", recipes)
    for stage, recipe in recipes.items():
        trainer(tmp_path / stage, tumor_case, 3, recipe).run()
    identity = {"id": "test", "title": "Test", "version": "1", "licence": "Apache-2.0"}
    identity |= {"statement": export.STATEMENT, "intended_use": "tests"}
    export.export_model(tmp_path, tmp_path / "model", identity=identity, training={"command": "pytest"})
    package = ModelPackage(tmp_path / "model")
    package.verify()
    stage = package.description.stage("tumor")
    assert stage.slices is not None
    assert stage.slices.tile == RECIPES["tumor"].tile
    inside, volumes = tumor_case.distance < 10, [tumor_case.portal, tumor_case.arterial]
    probabilities = []
    for weights in (
        package.load_weights(stage),
        read_checkpoint(tmp_path / "tumor" / CHECKPOINT)[0]["average"],
    ):
        network = build_network(stage.network, **stage.arguments)
        network.load_state_dict(weights)
        probabilities.append(predict(network.eval(), volumes, inside, SMALL, bfloat16=False))
    assert abs(probabilities[0] - probabilities[1]).max() < 0.01
    told = package.description.training["runs"]["tumor"]
    assert told["step"] == told["steps"] == 3
    assert told["cases"] == {"training": 1, "validation": 1}
