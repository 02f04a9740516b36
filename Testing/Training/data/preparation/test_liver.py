"""A tumor stage that is cropped by what a model takes for the liver."""

from __future__ import annotations

from pathlib import Path

import pytest

from LiverTumorAttentionLib.errors import InputError
from Testing.Library.paper_models import write_paper_model
from Testing.Training.abdomen import make_abdomen
from Testing.Training.data.preparation.data_set import write_source
from Testing.Training.evaluation.made_runs import Bright, prepare, recipe, write_run
from Testing.Training.prepared import slice_recipe
from training.data.preparation import Manifest, Preparation
from training.data.preparation.prepare_cohort import opened
from training.runs.stage_weights import StageWeights


def test_the_coarse_liver_may_be_a_models(tmp_path: Path) -> None:
    model = str(write_paper_model(tmp_path / "model", "paresseg", tile=32))  # takes everything for liver
    source = write_source(tmp_path / "data", "one", *make_abdomen())
    recipe = slice_recipe("tumor", stage_changes={"mask_dilation_mm": 3.0})
    preparation = Preparation.of(recipe, model)
    with opened(tmp_path / "prepared", preparation) as cohort:
        (entry,) = cohort.prepare([source], processes=1)
    assert entry.state == "done", entry.reason
    manifest = Manifest.read(tmp_path / "prepared")
    (case,) = manifest.cases()
    assert case.labels.shape == (16, 32, 40)
    assert case.inside is not None
    assert case.inside.all()
    assert case.labels.max() == 2  # the truth is still the truth

    assert manifest.settings["coarse_liver"].startswith("random-paresseg ")
    manifest.check_fits(recipe)  # whatever the coarse liver came from
    with (
        pytest.raises(InputError, match=r"coarse_liver is random-paresseg .* there and truth here"),
        opened(tmp_path / "prepared", Preparation.of(recipe)),
    ):
        pass


def test_a_model_that_finds_no_liver_leaves_the_case_out(tmp_path: Path) -> None:
    portal, labels = make_abdomen()
    small = [
        image[:4, :4, :4] for image in (portal, labels)
    ]  # 41 mL in all, 10 mL of it within 2 x 2 x 2 voxels
    source = write_source(tmp_path / "data", "one", *(image[:2, :2, :2] for image in small))
    model = str(write_paper_model(tmp_path / "model", "paresseg", tile=32))
    with opened(tmp_path / "prepared", Preparation.of(slice_recipe("tumor"), model)) as cohort:
        (entry,) = cohort.prepare([source], processes=1)
    assert entry.state == "failed"
    assert "no liver was found in the portal volume" in (entry.reason or "")


def test_a_single_slice_is_taken_however_little_liver_it_is(tmp_path: Path) -> None:
    source = write_source(tmp_path / "data", "one", *(image[:4, :4, :1] for image in make_abdomen()))
    model = str(write_paper_model(tmp_path / "model", "paresseg", tile=32))
    with opened(tmp_path / "prepared", Preparation.of(slice_recipe("tumor"), model)) as cohort:
        (entry,) = cohort.prepare([source], processes=1)
    assert entry.state == "done", entry.reason


def test_the_coarse_liver_may_be_that_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.runs.stage_weights.build_network", lambda name, **more: Bright(**more))
    portal, labels = make_abdomen()
    source = write_source(tmp_path / "data", "one", portal, labels)
    prepared = prepare(tmp_path / "first", recipe("liver"), [source])
    run = str(
        write_run(tmp_path / "run", recipe("liver"), prepared, test=[], training=["one"], thresholds=(0.3,))
    )
    preparation = Preparation.of(slice_recipe("tumor"), run)
    with opened(tmp_path / "prepared", preparation) as cohort:
        (entry,) = cohort.prepare([source], processes=1)
    assert entry.state == "done", entry.reason
    told = Manifest.read(tmp_path / "prepared").settings["coarse_liver"]
    assert told.endswith(StageWeights.find(run, lambda stage: True, "").sha256)
    tumor = write_run(tmp_path / "tumor", recipe("tumor"), prepared, test=[], training=["one"])
    with pytest.raises(InputError, match=r"trains the tumor stage, not one that finds the liver"):
        Preparation.of(slice_recipe("tumor"), str(tumor)).settings()
