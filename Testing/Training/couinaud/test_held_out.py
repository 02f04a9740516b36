"""Who tests the network of segments and never trains it."""

from __future__ import annotations

import pytest

from LiverTumorAttentionLib.errors import InputError
from training.data import held_out
from training.data.held_out import SEGMENTS_HELD_OUT_LITS, VALIDATION_CASES


def test_patients_that_validate_elsewhere_test_here_too() -> None:
    assert all(
        held_out.tests_segments(f"LiTS-{number}") for number in (*VALIDATION_CASES, *SEGMENTS_HELD_OUT_LITS)
    )
    assert held_out.tests_segments("MSD-011")
    assert not held_out.tests_segments("MSD-022")
    assert not held_out.tests_segments("LiTS-1")
    assert not held_out.tests_segments("MSD-10")  # another data set than LiTS, with numbers of its own


def test_patients_of_3d_ircadb_are_refused() -> None:
    with pytest.raises(InputError, match="case 30 of LiTS"):
        held_out.tests_segments("LiTS-30")
    with pytest.raises(InputError, match="not named as LiTS-N or MSD-N"):
        held_out.tests_segments("liver-30")
