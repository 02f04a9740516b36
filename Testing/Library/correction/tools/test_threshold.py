"""Threshold of a single lesion on the probability."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.correction import (
    CorrectionCase,
    CorrectionSession,
    Remove,
    Shrink,
    Threshold,
)
from LiverTumorAttentionLib.errors import InputError
from Testing.Library.correction.made_case import Ball, ball, image, made_case

ONE = (Ball(center=(20, 28, 30), radius_mm=8.0, number=1),)


def _without_peak() -> CorrectionCase:
    """The lesion's most probable voxel has 0.998."""
    case = made_case(ONE)
    probability = np.minimum(case.tumor_probability, np.float32(0.998))
    return CorrectionCase(
        portal=case.portal, instances=case.instances, probability=image(probability), model=None
    )


@pytest.mark.parametrize("probability", [0.8, 0.6, 0.4, 0.3])
def test_a_threshold_gives_the_ball_that_reaches_it(probability: float) -> None:
    """The probability falls from 1 at the center to 0 at 16 mm."""
    session = CorrectionSession(made_case(ONE))
    session.do(Threshold(lesion=1, probability=probability))
    np.testing.assert_array_equal(
        session.labels == 2, ball((20, 28, 30), (1 - probability) * 16.0) & (session.case.start > 0)
    )


def test_a_threshold_can_go_down_and_up_again() -> None:
    session = CorrectionSession(made_case(ONE))
    session.do(Threshold(lesion=1, probability=0.45))
    first = session.labels.copy()
    session.do(Threshold(lesion=1, probability=0.9))
    session.do(Threshold(lesion=1, probability=0.45))
    np.testing.assert_array_equal(session.labels, first)


def test_a_threshold_needs_a_probability_and_something_that_reaches_it() -> None:
    with pytest.raises(InputError, match=r"the result kept no probability"):
        CorrectionSession(made_case(ONE, probability=False)).do(Threshold(lesion=1, probability=0.5))
    case = made_case(ONE)
    session = CorrectionSession(case)
    session.do(Remove(lesion=1))
    with pytest.raises(InputError, match=r"a threshold lies between 0 and 1, got 1\.5"):
        CorrectionSession(case).do(Threshold(lesion=1, probability=1.5))
    low = CorrectionSession(made_case((Ball(center=(20, 28, 30), radius_mm=8.0, number=1),)))
    low.do(Shrink(lesion=1, distance_mm=3.0))
    low.do(Threshold(lesion=1, probability=0.95))
    assert (low.labels == 2).any()
    shifted = CorrectionSession(_without_peak())
    with pytest.raises(
        InputError, match=r"no voxel of lesion 1 reaches 0\.999.*highest probability is 1\.00"
    ):
        shifted.do(Threshold(lesion=1, probability=0.999))
