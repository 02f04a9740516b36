"""A tumor stage that is cropped by what a model takes for the liver."""

from __future__ import annotations

from pathlib import Path

import pytest

from LiverTumorAttentionLib.errors import InputError
from Testing.Library.paper_models import write_paper_model
from Testing.Training.abdomen import make_abdomen
from Testing.Training.data.preparation.data_set import write_source
from Testing.Training.prepared import slice_recipe
from training.data.preparation import Manifest, Preparation
from training.data.preparation.prepare_cohort import opened


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
