"""A lesion added by a line across it: it reaches to both ends, and not beyond them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from LiverTumorAttentionLib.correction import AddByLine, CorrectionCase, CorrectionSession, replay
from LiverTumorAttentionLib.correction.click_model import ClickModel
from LiverTumorAttentionLib.correction.log import CorrectionLog
from LiverTumorAttentionLib.correction.prompts import read_prompts
from LiverTumorAttentionLib.errors import InputError
from Testing.Library.correction.made_case import BRIGHT, DARK, SPACING_MM, Ball, ball, dice, made_case


@pytest.fixture(scope="module")
def case() -> CorrectionCase:
    return made_case((DARK, replace(BRIGHT, number=1)))


def across(case: CorrectionCase, lesion: Ball, half_mm: float) -> AddByLine:
    """Return a line along x through a ball's center, by that far to either side."""
    z, y, x = lesion.center
    steps = round(half_mm / SPACING_MM[2])
    return AddByLine(points=(case.point_at((z, y, x - steps)), case.point_at((z, y, x + steps))))


def added(case: CorrectionCase, line: AddByLine, clicks: ClickModel | None = None) -> np.ndarray:
    session = CorrectionSession(case, clicks=clicks)
    session.do(line)
    return np.asarray(session.labels == 3)


def test_the_lesion_between_the_ends_of_its_diameter_is_added(case: CorrectionCase) -> None:
    found = added(case, across(case, DARK, DARK.radius_mm))
    assert dice(found, ball(DARK.center, DARK.radius_mm)) > 0.93


@pytest.mark.parametrize("half_mm", [5.0, 7.5, 12.5])
def test_its_extent_along_the_line_is_the_line_s(case: CorrectionCase, half_mm: float) -> None:
    found = added(case, across(case, DARK, half_mm))
    along = np.flatnonzero(found.any(axis=(0, 1)))
    steps = round(half_mm / SPACING_MM[2])
    assert (along[0], along[-1]) == (DARK.center[2] - steps, DARK.center[2] + steps)


def test_it_takes_nothing_of_another_lesion(case: CorrectionCase) -> None:
    """The line's far end lies in the bright ball, which is marked."""
    z, y, x = BRIGHT.center
    line = AddByLine(points=(case.point_at((z, y - 22, x)), case.point_at((z, y, x))))
    session = CorrectionSession(case)
    session.do(line)
    np.testing.assert_array_equal(session.labels == 2, ball(BRIGHT.center, BRIGHT.radius_mm))


def test_a_network_s_answer_is_held_to_the_line_too(case: CorrectionCase) -> None:
    def everything(values: np.ndarray) -> np.ndarray:
        return np.ones(values.shape[1:], np.float32)

    model = ClickModel(id="all", sha256="0" * 64, predict=everything)
    found = added(case, across(case, DARK, DARK.radius_mm), model)
    along = np.flatnonzero(found.any(axis=(0, 1)))
    assert along[-1] - along[0] == 2 * round(DARK.radius_mm / SPACING_MM[2])


def test_it_is_in_the_log_in_prompts_and_replayed(case: CorrectionCase) -> None:
    session = CorrectionSession(case)
    line = across(case, DARK, DARK.radius_mm)
    session.do(line)
    np.testing.assert_array_equal(replay(case, CorrectionLog.of(session)).labels, session.labels)
    points = [list(point) for point in line.points]
    (prompt,) = read_prompts(f'{{"line": [{points}]}}', case.portal)
    assert prompt.action == line


@pytest.mark.parametrize(
    ("ends", "what"),
    [
        ([(12, 20, 20)], "a line has two ends, got 1: mark both ends"),
        ([(12, 20, 20), (12, 20, 21)], r"3 to 250 mm long, got 1\.2 mm: draw it from outline to outline"),
        ([(24, 36, 36), (24, 36, 44)], "lesion 1 is at .* already: include or exclude"),
        ([(1, 1, 1), (1, 5, 1)], "lies outside of the liver, by more than 5 mm"),
    ],
)
def test_what_is_no_line_across_a_lesion_is_refused(
    case: CorrectionCase, ends: list[tuple[int, int, int]], what: str
) -> None:
    session = CorrectionSession(case)
    with pytest.raises(InputError, match=what):
        session.do(AddByLine(points=tuple(case.point_at(voxel) for voxel in ends)))
    assert not session.entries
