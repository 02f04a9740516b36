"""How the arterial phase is used by grade, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from LiverTumorAttentionLib.pipeline.arterial_policy import (
    graded_reason,
    is_usable,
    registration_warnings,
    review_warnings,
    usage_warnings,
    verdict_sentence,
)


@dataclass(frozen=True)
class Verdict:
    grade: str
    reason: str = "the livers overlap by half"


GOOD, DOUBTFUL, REFUSED = (Verdict(grade) for grade in ("good", "doubtful", "refused"))


@pytest.mark.parametrize(
    ("verdict", "usable"), [(GOOD, True), (DOUBTFUL, True), (REFUSED, False), (None, False)]
)
def test_a_refused_phase_alone_is_left_out(verdict: Verdict | None, usable: bool) -> None:
    assert is_usable(verdict) is usable


def test_a_run_warns_of_what_is_not_good() -> None:
    assert usage_warnings(None) == usage_warnings(GOOD) == ()
    assert usage_warnings(DOUBTFUL) == (
        "the arterial phase was used, but look at how it fits: the livers overlap by half",
    )
    assert usage_warnings(REFUSED) == ("the arterial phase was not used: the livers overlap by half",)


def test_a_model_of_the_portal_phase_is_named_where_the_arterial_one_was_measured() -> None:
    (note,) = usage_warnings(GOOD, portal_model="narrow")
    assert note.startswith("the model 'narrow' finds tumors in the portal phase alone")
    assert len(usage_warnings(DOUBTFUL, portal_model="narrow")) == 2
    assert usage_warnings(REFUSED, portal_model="narrow") == usage_warnings(REFUSED)
    assert usage_warnings(None, portal_model="narrow") == ()


def test_a_registration_warns_of_what_is_not_good() -> None:
    assert registration_warnings(GOOD) == ()
    assert registration_warnings(REFUSED) == ("the registration is refused: the livers overlap by half",)
    assert graded_reason(GOOD) == "good: the livers overlap by half"


def test_a_review_says_what_is_known_of_its_arterial_volume() -> None:
    assert review_warnings(GOOD, unregistered_series=False) == ()
    (left_out,) = review_warnings(REFUSED, unregistered_series=True)
    assert left_out.endswith("since its registration was refused: the livers overlap by half")
    (raw,) = review_warnings(GOOD, unregistered_series=True)
    assert "as the scanner wrote it" in raw
    (unknown,) = review_warnings(None, unregistered_series=False)
    assert unknown.startswith("nothing is known of how well")
    (doubtful,) = review_warnings(DOUBTFUL, unregistered_series=False)
    assert doubtful == "the registration of the arterial phase is doubtful: the livers overlap by half"


def test_the_panel_reads_a_sentence() -> None:
    assert verdict_sentence("refused", REFUSED.reason) == "Registration: refused. The livers overlap by half."
    assert verdict_sentence("good", "it fits.") == "Registration: good. It fits."
