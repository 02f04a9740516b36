"""Remove a lesion, and name it by its number or a point."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.correction import (
    CorrectionSession,
    Remove,
)
from LiverTumorAttentionLib.errors import InputError
from Testing.Library.correction.made_case import Ball, made_case

ONE = (Ball(center=(20, 28, 30), radius_mm=8.0, number=1),)


def test_removing_gives_the_liver_back_and_the_number_is_not_given_again() -> None:
    case = made_case((*ONE, Ball(center=(12, 20, 20), radius_mm=9.0)))
    session = CorrectionSession(case)
    session.do(Remove(point=case.point_at((20, 28, 30))))
    assert session.lesions == {}
    assert set(np.unique(session.labels)) == {0, 1}
    assert session.next_number == 2


def test_a_lesion_must_exist_and_be_named_once() -> None:
    case = made_case(ONE)
    session = CorrectionSession(case)
    with pytest.raises(InputError, match=r"there is no lesion 7: the lesions are 1"):
        session.do(Remove(lesion=7))
    with pytest.raises(InputError, match=r"no lesion within 3 mm of the point .* click on a lesion"):
        session.do(Remove(point=case.point_at((10, 10, 10))))
    with pytest.raises(InputError, match=r"by its number or by a point in it, not both"):
        session.do(Remove())
    with pytest.raises(InputError, match=r"lies outside of the portal volume"):
        session.do(Remove(point=(5000.0, 0.0, 0.0)))
    assert session.entries == ()


def test_a_point_near_a_lesion_means_it() -> None:
    """The ball's edge lies 8 mm from its center; 2.5 mm beyond it are two voxels in plane."""
    case = made_case(ONE)
    session = CorrectionSession(case)
    assert session.do(Remove(point=case.point_at((20, 28, 30 + 8)))).lesions == (1,)
