"""Samples of cubes: a lesion, its truth, and prompts that fit it, each a function of its number alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from LiverTumorAttentionLib.correction.click_network.channels import CHANNELS
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress
from Testing.Library.correction.made_case import BRIGHT, DARK, SPACING_MM, ball, dice, made_case
from Testing.Training.prepared import write_case
from training.data.case import PreparedCase
from training.recipes.interaction_settings import InteractionSettings
from training.recipes.recipe import Recipe, read_recipe
from training.sampling.click_cases import simulate
from training.sampling.cubes import CubeSampler

SMALL = {"stage.arguments.width": 2, "sampling.mix_by": None, "sampling.mix": {}, "loop.batch": 2}
LEVELS = {"portal": {"liver_median_hu": 100.0}, "arterial": {"liver_median_hu": 60.0}}


def recipe(**values: Any) -> Recipe:
    """The bundled recipe without random intensities, small; values by their dotted names with __ for a dot."""
    plain = {f"augmentation.{name}": 0.0 for name in ("contrast_hu", "shift_hu", "noise_hu", "blur_share")}
    given = {key.replace("__", "."): value for key, value in values.items()}
    return read_recipe("bundled/interaction", {**SMALL, **plain, **given})


def prepared(folder: Path, *balls: Any) -> PreparedCase:
    case = made_case(balls)
    labels = np.asarray(case.start).copy()
    for each in balls:
        labels[ball(each.center, each.radius_mm)] = 2
    written = write_case(
        folder, case.portal_hu, labels, arterial=case.arterial_hu, spacing_mm=SPACING_MM, intensity=LEVELS
    )
    if balls:
        simulate([written], InteractionSettings(), processes=1, progress=Progress())
    return written


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> PreparedCase:
    return prepared(tmp_path_factory.mktemp("cases") / "a", DARK, BRIGHT)


def channel(values: np.ndarray, name: str) -> np.ndarray:
    return values[CHANNELS.index(name)]


def test_a_sample_is_a_function_of_its_number(case: PreparedCase) -> None:
    found = [CubeSampler([case], recipe(), 5)(number) for number in (7, 8, 7)]
    np.testing.assert_array_equal(found[0].inputs[0], found[2].inputs[0])
    np.testing.assert_array_equal(found[0].truth, found[2].truth)
    assert not np.array_equal(found[0].inputs[0], found[1].inputs[0])
    assert found[0].case == "a"


def test_truth_and_intensities_are_of_one_place(case: PreparedCase) -> None:
    """The truth is one of the two balls, and that ball is dark in one phase or bright in the other."""
    sampler = CubeSampler([case], recipe(interaction__arterial_dropped_share=0.0), 1)
    for number in range(8):
        sample = sampler(number)
        inside = sample.truth.astype(bool)
        contrasts = {name: channel(sample.inputs[0], name)[inside].mean() for name in ("portal", "arterial")}
        assert contrasts["portal"] == pytest.approx(-0.8, abs=0.2) or contrasts["arterial"] == pytest.approx(
            0.9, abs=0.2
        )


def test_a_new_lesion_has_a_click_an_answer_and_nothing_that_stands(case: PreparedCase) -> None:
    sampler = CubeSampler([case], recipe(interaction__correction_share=0.0), 2)
    for number in range(8):
        sample = sampler(number)
        values, truth = sample.inputs[0], sample.truth.astype(bool)
        assert not channel(values, "previous").any()
        assert not channel(values, "exclude").any()
        assert channel(values, "include").max() > 0.8
        assert dice(channel(values, "random walker") > 0.5, truth) > 0.6


def test_a_correction_has_what_stands_an_answer_and_a_click_on_what_was_wrong(case: PreparedCase) -> None:
    sampler = CubeSampler([case], recipe(interaction__correction_share=1.0), 3)
    for number in range(10):
        values = sampler(number).inputs[0]
        assert channel(values, "previous").max() > 0.5
        assert channel(values, "random walker").max() > 0.5
        assert max(channel(values, name).max() for name in ("include", "exclude")) > 0.8


def test_clicks_of_other_settings_are_refused(case: PreparedCase) -> None:
    with pytest.raises(InputError, match="those of other settings, or of another preparation: run `clicks`"):
        CubeSampler([case], recipe(interaction__most_clicks=2), 0)


def test_what_is_dropped_is_said_to_be_missing(case: PreparedCase) -> None:
    never = recipe(interaction__arterial_dropped_share=1.0, interaction__probability_share=0.0)
    always = recipe(interaction__arterial_dropped_share=0.0, interaction__probability_share=1.0)
    for settings, given in ((never, 0), (always, 1)):
        values = CubeSampler([case], settings, 4)(0).inputs[0]
        assert np.unique(channel(values, "arterial given")) == [given]
        assert np.unique(channel(values, "probability given")) == [given]


def test_cases_without_lesions_cannot_be_sampled(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none of 1 training cases has a lesion of 4 mm or more"):
        CubeSampler([prepared(tmp_path / "a")], recipe(), 0)
