"""A lesion added by a box around it: it lies within the box and reaches its sides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from LiverTumorAttentionLib.correction import AddByBox, ClickModel, CorrectionCase, CorrectionSession, replay
from LiverTumorAttentionLib.correction.log import CorrectionLog
from LiverTumorAttentionLib.correction.prompts import read_prompts
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.boxes import Box, bounding_box
from Testing.Library.correction.made_case import BRIGHT, DARK, SPACING_MM, ball, dice, made_case

SEEN = replace(BRIGHT, number=1)
Z, Y, X = DARK.center


@pytest.fixture(scope="module")
def case() -> CorrectionCase:
    return made_case((DARK, SEEN))


def around(case: CorrectionCase, half_mm: tuple[float, float, float]) -> AddByBox:
    """Return a box around the dark ball's middle, by so much to either side along z, y, x."""
    steps = np.round(np.asarray(half_mm) / SPACING_MM).astype(int)
    ends = [tuple(int(i) for i in np.asarray(DARK.center) + sign * steps) for sign in (-1, 1)]
    return AddByBox(points=(case.point_at(ends[0]), case.point_at(ends[1])))


def extent(half_mm: tuple[float, float, float]) -> Box:
    steps = np.round(np.asarray(half_mm) / SPACING_MM).astype(int)
    return tuple(slice(int(c - s), int(c + s + 1)) for c, s in zip(DARK.center, steps, strict=True))


@pytest.mark.parametrize("half_mm", [(8.0, 9.0, 9.0), (0.0, 9.0, 9.0), (8.0, 0.0, 9.0)])
def test_the_lesion_in_the_box_is_added(case: CorrectionCase, half_mm: tuple[float, float, float]) -> None:
    session = CorrectionSession(case)
    outcome = session.do(around(case, half_mm))
    assert outcome.note == ""
    assert dice(session.labels == 3, ball(DARK.center, DARK.radius_mm)) > 0.93
    np.testing.assert_array_equal(session.labels == 2, ball(SEEN.center, SEEN.radius_mm))


@pytest.mark.parametrize("half_mm", [(4.0, 5.0, 5.0), (12.0, 15.0, 13.75), (6.0, 15.0, 6.25)])
@pytest.mark.parametrize("predicted", [None, 0.0, 1.0])
def test_it_lies_within_the_box_and_reaches_every_side(
    case: CorrectionCase, half_mm: tuple[float, float, float], predicted: float | None
) -> None:
    """Boxes that are too small and too large for the ball, whatever a network says."""
    clicks = None
    if predicted is not None:
        clicks = ClickModel(
            id="all", sha256="0" * 64, predict=lambda v: np.full(v.shape[1:], predicted, np.float32)
        )
    session = CorrectionSession(case, clicks=clicks)
    session.do(around(case, half_mm))
    assert bounding_box(session.labels == 3) == extent(half_mm)


def test_a_box_in_one_slice_bounds_all_slices_to_its_rectangle(case: CorrectionCase) -> None:
    half_mm = (0.0, 6.25, 5.0)
    session = CorrectionSession(case)
    session.do(around(case, half_mm))
    found = bounding_box(session.labels == 3)
    assert found is not None
    assert found[1:] == extent(half_mm)[1:]
    assert found[0].start < Z < found[0].stop - 1, "its depth is what is seen"


def test_a_side_that_cannot_be_reached_is_said(case: CorrectionCase) -> None:
    """The box reaches 4 voxels out of the liver, along x."""
    session = CorrectionSession(case)
    outcome = session.do(AddByBox(points=(case.point_at((12, 20, 1)), case.point_at((20, 32, 20)))))
    assert (
        outcome.note
        == "1 of 6 sides of the box lie outside of the liver or in other lesions, and are not reached"
    )
    lesion = session.labels == 3
    assert not (lesion & (case.start == 0)).any()


def test_it_is_undone_logged_in_prompts_and_replayed(case: CorrectionCase) -> None:
    session = CorrectionSession(case)
    action = around(case, (8.0, 9.0, 9.0))
    session.do(action)
    log = CorrectionLog.from_text(CorrectionLog.of(session).to_text())
    np.testing.assert_array_equal(replay(case, log).labels, session.labels)
    points = [list(point) for point in action.points]
    (prompt,) = read_prompts(f'{{"box": [{points}]}}', case.portal)
    assert prompt.action == action
    session.undo()
    np.testing.assert_array_equal(session.labels, case.start)


@pytest.mark.parametrize(
    ("corners", "what"),
    [
        ([(12, 20, 20)], "a box has two corners, got 1"),
        ([(12, 20, 20), (12, 20, 30)], "two or three sides of 3 to 250 mm, got .* mm: mark two opposite"),
        ([(12, 20, 20), (12, 21, 30)], "two or three sides of 3 to 250 mm"),
        ([(20, 32, 36), (28, 40, 44)], "lesion 1 is at .* already: include or exclude"),
        ([(0, 0, 0), (2, 4, 2)], "lies outside of the liver, by more than 5 mm"),
    ],
)
def test_what_is_no_box_around_a_lesion_is_refused(
    case: CorrectionCase, corners: list[tuple[int, int, int]], what: str
) -> None:
    session = CorrectionSession(case)
    with pytest.raises(InputError, match=what):
        session.do(AddByBox(points=tuple(case.point_at(voxel) for voxel in corners)))
    assert not session.entries
