"""Accept, reject and revise."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.correction import (
    CorrectionSession,
    Grow,
    Reject,
    Revise,
)
from LiverTumorAttentionLib.errors import InputError
from Testing.Library.correction.made_case import Ball, made_case

ONE = (Ball(center=(20, 28, 30), radius_mm=8.0, number=1),)


def test_a_rejected_lesion_comes_back_when_it_is_revised() -> None:
    session = CorrectionSession(made_case(ONE))
    before = session.labels.copy()
    session.do(Reject(lesion=1))
    assert not (session.labels == 2).any()
    assert session.lesions[1].status == "rejected"
    with pytest.raises(InputError, match=r"lesion 1 is rejected: make it a draft again"):
        session.do(Grow(lesion=1, distance_mm=2.0))
    session.do(Revise(lesion=1))
    np.testing.assert_array_equal(session.labels, before)
    assert session.lesions[1].status == "draft"


def test_a_rejected_lesion_that_others_cover_by_now_stays_rejected() -> None:
    case = made_case(
        (
            Ball(center=(20, 28, 22), radius_mm=8.0, number=1),
            Ball(center=(20, 28, 32), radius_mm=3.0, number=2),
        )
    )
    session = CorrectionSession(case)
    session.do(Reject(lesion=2))
    session.do(Grow(lesion=1, distance_mm=10.0))
    assert session.labels[20, 28, 32] == 2
    before = session.labels.copy()
    with pytest.raises(InputError, match=r"other lesions cover all that lesion 2 covered"):
        session.do(Revise(lesion=2))
    np.testing.assert_array_equal(session.labels, before)
    assert session.lesions[2].status == "rejected"
