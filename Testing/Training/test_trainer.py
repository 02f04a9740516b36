import csv
import json
from dataclasses import replace

import pytest
import torch

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.models.package import ModelPackage
from LiverTumorAttentionLib.networks import build_network
from training.demonstration import export
from training.demonstration.recipes import LIVER, RECIPES, TUMOR
from training.demonstration.validation import predict
from training.trainer import Trainer

NARROW = {"in_channels": 3, "classes": 2, "width": 8}
SMALL = replace(TUMOR, arguments=NARROW, crop=(64, 64), batch=2, warm_up_steps=5, average_decay=0.9)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trainer(folder, case, steps, recipe=SMALL):
    return Trainer(folder, recipe, [case], [case], seed=1, steps=steps, bfloat16=False)


def test_it_learns_one_case(tmp_path, tumor_case):
    run = trainer(tmp_path, tumor_case, 60)
    run.run(log_every=5, validate_every=60, say=lambda line: None)
    with (tmp_path / "log.csv").open() as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert losses[-1] < 0.6 * losses[0]
    with (tmp_path / "scores.csv").open() as file:
        assert float(list(csv.DictReader(file))[-1]["dice_test"]) > 0.7


def test_a_resumed_run_ends_bit_for_bit_where_an_unbroken_one_ends(tmp_path, tumor_case):
    quiet = {"log_every": 2, "validate_every": 99, "say": lambda line: None}
    whole = trainer(tmp_path / "whole", tumor_case, 6)
    whole.run(**quiet)
    trainer(tmp_path / "broken", tumor_case, 6).run(stop_at=3, **quiet)
    resumed = trainer(tmp_path / "broken", tumor_case, 6)
    assert resumed.step == 3
    resumed.run(**quiet)
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name
        assert torch.equal(whole.average[name], resumed.average[name]), name
    starts = json.loads((tmp_path / "broken" / "settings.json").read_text())["starts"]
    assert [start["step"] for start in starts] == [0, 3]


def test_a_signal_stops_after_the_step_and_saves(tmp_path, tumor_case):
    run = trainer(tmp_path, tumor_case, 50)

    def interrupt(line):
        import signal

        signal.raise_signal(signal.SIGTERM)

    run.run(log_every=2, validate_every=99, say=interrupt)
    assert run.step == 2
    assert trainer(tmp_path, tumor_case, 50).step == 2


def test_the_rate_rises_then_falls_to_zero(tmp_path, tumor_case):
    run = trainer(tmp_path, tumor_case, 100)
    assert run.rate(0) == pytest.approx(SMALL.learning_rate / 5)
    assert run.rate(5) == pytest.approx(SMALL.learning_rate)
    assert run.rate(100) == pytest.approx(0.0, abs=1e-9)


def test_no_cases_is_said_plainly(tmp_path):
    with pytest.raises(InputError, match="no training case for the tumor stage"):
        Trainer(tmp_path, SMALL, [], [], seed=1, steps=1)


def test_an_exported_model_gives_what_the_run_gave(tmp_path, tumor_case, monkeypatch):
    recipes = {"tumor": SMALL, "liver": replace(LIVER, arguments=NARROW, crop=(64, 64), batch=2)}
    monkeypatch.setattr(export, "RECIPES", recipes)
    runs = {}
    for stage, recipe in recipes.items():
        runs[stage] = trainer(tmp_path / stage, tumor_case, 3, recipe)
        runs[stage].run(log_every=1, validate_every=99, say=lambda line: None)
    identity = {"id": "test", "title": "Test", "version": "1", "licence": "Apache-2.0"}
    identity |= {"statement": export.STATEMENT, "intended_use": "tests"}
    export.export_model(tmp_path, tmp_path / "model", identity=identity, training={"command": "pytest"})
    package = ModelPackage(tmp_path / "model")
    package.verify()
    stage = package.description.stage("tumor")
    assert stage.slices is not None
    assert stage.slices.tile == RECIPES["tumor"].tile
    network = build_network(stage.network, **stage.arguments)
    network.load_state_dict(package.load_weights(stage))
    inside = tumor_case.distance < 10
    volumes = [tumor_case.portal, tumor_case.arterial]
    exported = predict(network.eval(), volumes, inside, SMALL, bfloat16=False)
    expected = predict(runs["tumor"].average_network(), volumes, inside, SMALL, bfloat16=False)
    assert abs(exported - expected).max() < 0.01
    assert package.description.training["runs"]["tumor"]["step"] == 3
