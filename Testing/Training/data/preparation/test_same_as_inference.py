"""What a network is trained on is what inference gives it, up to the rounding to whole HU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.inference import LiverStage, TumorStage, choose_device
from LiverTumorAttentionLib.inference.patches import PatchPredictor
from LiverTumorAttentionLib.inference.slices import SlicePredictor
from LiverTumorAttentionLib.models import ModelPackage
from LiverTumorAttentionLib.phantoms import generate_phantom
from LiverTumorAttentionLib.progress import Progress
from Testing.Library.model_folder import change_description
from Testing.Library.paper_models import write_paper_model
from Testing.Training.data.preparation.data_set import write_source
from training.data.case import PreparedCase, SourceCase
from training.data.layouts.reading import read_case
from training.data.preparation import Preparation, onto_portal
from training.data.preparation.arterial import read_transform
from training.data.preparation.prepare_case import prepare_case
from training.sampling.view import network_input


class GivenInputs(Exception):
    """Raised in place of running a network; holds what it was given."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> SourceCase:
    """A small phantom in files, one lesion of it large enough for every grid."""
    phantom = generate_phantom(5, matrix=64, slices=12, thickness_mm=8, lesion_diameters_mm=[40.0])
    images = (phantom.portal, phantom.labels, phantom.arterial)
    return write_source(tmp_path_factory.mktemp("data"), "phantom", *images)


@pytest.fixture(autouse=True)
def no_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    def given(self: Any, phases: Any, progress: Progress, **options: Any) -> None:
        raise GivenInputs(*phases)

    monkeypatch.setattr(SlicePredictor, "predict", given)
    monkeypatch.setattr(PatchPredictor, "predict", given)


@pytest.mark.parametrize(
    ("paper", "stage", "masked"),
    [
        ("paresseg", "tumor", True),  # three slices of two registered phases, masked
        ("relative", "tumor", True),  # the same, relative to the liver
        ("context", "tumor", False),  # whole slices resized
        ("sfan", "tumor", False),  # the liver's box
        ("dpcnet", "liver_and_tumor", False),  # 3D, percentiles, the whole volume
        ("paresseg", "liver", False),
    ],
)
def test_prepared_arrays_are_the_networks_input(
    source: SourceCase, tmp_path: Path, paper: str, stage: str, masked: bool
) -> None:
    relative = paper == "relative"
    model = write_paper_model(tmp_path / "model", "paresseg" if relative else paper)
    if relative:
        change_description(model, see_relative_to_the_liver)
    package = ModelPackage(model)
    description = package.description.stage(stage)
    entry = prepare_case(Preparation(stage=description, registration="library"), "key", tmp_path, source)
    assert entry.state == "done", entry.reason
    case = PreparedCase.read(tmp_path / source.name)

    inputs = []
    for phase in description.phases:
        values = network_input(case.volume(phase), case, phase, description)
        inputs.append(values if case.inside is None else values * case.inside)
    assert (case.inside is not None) == masked
    assert case.labels.max() == 2

    width = description.intensity.window_hu or description.intensity.liver_window_hu
    if relative:
        levels = [case.intensity[phase]["liver_median_hu"] for phase in ("portal", "arterial")]
        assert levels[0] - levels[1] > 15  # a liver takes up contrast after the arterial phase
    hu = case.intensity["portal"]["deviation"] if width is None else width[1] - width[0]
    for got, wanted in zip(inputs, given_at_inference(package, stage, source, case.folder), strict=True):
        assert got.shape == wanted.shape
        np.testing.assert_allclose(got, wanted, atol=0.501 / hu)
        assert np.ptp(wanted) > 0.5


def see_relative_to_the_liver(values: dict[str, Any]) -> None:
    values["format"] = 3
    values["stages"][1]["intensity"] = {"liver_window_hu": [-100, 150], "liver_erosion_mm": 5}


def given_at_inference(
    package: ModelPackage, stage: str, source: SourceCase, prepared: Path
) -> tuple[np.ndarray, ...]:
    """Return what a stage of the model gives its network for the case, the true liver being the coarse one."""
    loaded = read_case(source)
    device = choose_device("cpu")
    if stage != "tumor":
        with pytest.raises(GivenInputs) as given:
            LiverStage.of(package, device).probabilities(loaded.portal, Progress())
        return given.value.args
    transform = read_transform(prepared, source)
    arterial = None if transform is None else onto_portal(loaded.arterial, loaded.portal, transform)
    liver = sitk.Cast(loaded.labels >= 1, sitk.sitkUInt8)
    with pytest.raises(GivenInputs) as given:
        TumorStage.of(package, device).probability(loaded.portal, arterial, liver, Progress())
    return given.value.args
