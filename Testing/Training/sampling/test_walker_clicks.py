"""Simulated clicks: what stands, the click, and the random walker's answer; written once and read again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.boxes import full_box
from Testing.Library.correction.made_case import BRIGHT, DARK, SPACING_MM, ball, dice, made_case
from Testing.Training.prepared import write_case
from training.cli import main
from training.data.case import PreparedCase
from training.recipes.interaction_settings import InteractionSettings
from training.sampling.clicks_file import CLICKS_FILE, clicks_key, has_clicks, read_clicks, write_clicks
from training.sampling.walker_clicks import WalkerClick, simulated_clicks

SETTINGS = InteractionSettings(middle_share=1.0, boundary_share=0.0, wrong_share=0.0)
BALLS = (DARK, BRIGHT)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> PreparedCase:
    made = made_case(BALLS)
    labels = np.asarray(made.start).copy()
    for each in BALLS:
        labels[ball(each.center, each.radius_mm)] = 2
    return write_case(
        tmp_path_factory.mktemp("cases") / "a",
        made.portal_hu,
        labels,
        arterial=made.arterial_hu,
        spacing_mm=SPACING_MM,
    )


@pytest.fixture(scope="module")
def clicks(case: PreparedCase) -> list[WalkerClick]:
    return simulated_clicks(case, SETTINGS, seed=0)


def whole(click: WalkerClick, case: PreparedCase) -> np.ndarray:
    return click.answer.read(full_box(case.labels.shape))


def test_first_clicks_on_either_lesion_are_answered_by_it(
    case: PreparedCase, clicks: list[WalkerClick]
) -> None:
    first = [click for click in clicks if click.previous is None]
    assert [click.lesion for click in first] == [0, 0, 0, 1, 1, 1]
    for click in first:
        ((voxel,), truth) = click.include, ball(BALLS[click.lesion].center, BALLS[click.lesion].radius_mm)
        assert truth[voxel]
        assert whole(click, case)[voxel]
        assert dice(whole(click, case), truth) > 0.85


def test_a_correction_says_what_stood_and_its_last_click_lies_where_that_was_wrong(
    case: PreparedCase, clicks: list[WalkerClick]
) -> None:
    corrections = [click for click in clicks if click.previous is not None]
    assert len(corrections) >= 8
    for click in corrections:
        assert click.previous is not None
        truth = ball(BALLS[click.lesion].center, BALLS[click.lesion].radius_mm)
        stood, stands = click.previous.read(full_box(truth.shape)), whole(click, case)
        wrong = [v for v in (*click.include, *click.exclude) if stood[v] != truth[v]]
        assert wrong
        assert all(stands[v] == truth[v] for v in wrong)


def test_they_are_the_same_for_the_same_seed_and_others_for_another(
    case: PreparedCase, clicks: list[WalkerClick]
) -> None:
    def prompts(found: list[WalkerClick]) -> list[object]:
        return [(click.include, click.exclude) for click in found]

    assert prompts(simulated_clicks(case, SETTINGS, seed=0)) == prompts(clicks)
    assert prompts(simulated_clicks(case, SETTINGS, seed=1)) != prompts(clicks)


def test_what_is_written_is_read_again(case: PreparedCase, clicks: list[WalkerClick]) -> None:
    key = clicks_key(case, SETTINGS)
    assert not has_clicks(case, key)
    write_clicks(case, clicks, key)
    assert has_clicks(case, key)
    again = read_clicks(case, key)
    assert len(again) == len(clicks)
    for one, other in zip(again, clicks, strict=True):
        assert (one.lesion, one.others_known, one.include, one.exclude) == (
            other.lesion, other.others_known, other.include, other.exclude,
        )  # fmt: skip
        assert (one.previous is None) == (other.previous is None)
        np.testing.assert_array_equal(whole(one, case), whole(other, case))


@pytest.mark.parametrize(("content", "what"), [(None, "there are no clicks"), (b"no archive", "are damaged")])
def test_a_missing_or_damaged_file_is_told(tmp_path: Path, content: bytes | None, what: str) -> None:
    case = write_case(tmp_path / "a", np.zeros((4, 4, 4)), np.ones((4, 4, 4), np.uint8))
    if content is not None:
        (case.folder / CLICKS_FILE).write_bytes(content)
    with pytest.raises(InputError, match=what):
        read_clicks(case, "key")


def test_a_recipe_without_simulated_users_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(["clicks", "--recipe", "bundled/tumor", "--prepared", str(tmp_path), "--progress", "none"]) == 2
    )
    assert "has no simulated users: give one of a network that answers clicks" in capsys.readouterr().err
