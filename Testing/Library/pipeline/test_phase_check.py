"""Volumes that are not what they were given as: refused, asked about, or told."""

from __future__ import annotations

import warnings
from dataclasses import replace

import pytest

from LiverTumorAttentionLib.contrast_phase import CONTRAST_PHASES, DELAYED, LATE_ARTERIAL, NATIVE, PORTAL
from LiverTumorAttentionLib.errors import InputError, PhaseMismatch
from LiverTumorAttentionLib.io.input_warning import InputWarning
from LiverTumorAttentionLib.phases.comparison import Comparison
from LiverTumorAttentionLib.phases.estimate import PhaseEstimate, estimate_of
from LiverTumorAttentionLib.phases.headers import SeriesFacts
from LiverTumorAttentionLib.phases.levels import Levels
from LiverTumorAttentionLib.pipeline.phase_check import (
    check_phases,
    check_same_patient,
    check_shows_trunk,
    compare_pair,
    estimate_phases,
)
from Testing.Library.phases.drawn_trunk import knees, trunk

SAME = SeriesFacts(patient_id="1", study_uid="1.2", frame_uid="1.2.3")


def sure(phase: str, probability: float = 0.98) -> PhaseEstimate:
    rest = (1 - probability) / 4
    return PhaseEstimate(
        probabilities={each: probability if each == phase else rest for each in CONTRAST_PHASES},
        levels=Levels(),
    )


@pytest.fixture(scope="module")
def seen() -> dict[str, PhaseEstimate]:
    images = {PORTAL: trunk(PORTAL), LATE_ARTERIAL: trunk(LATE_ARTERIAL)}
    return estimate_phases(images, {})


def test_the_right_way_round_nothing_is_said(seen: dict[str, PhaseEstimate]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_phases({"portal": seen[PORTAL], "arterial": seen[LATE_ARTERIAL]})


def test_swapped_volumes_are_asked_about(seen: dict[str, PhaseEstimate]) -> None:
    swapped = {"portal": seen[LATE_ARTERIAL], "arterial": seen[PORTAL]}
    with pytest.raises(
        PhaseMismatch, match=r"may be swapped.*aorta \d+.*: swap them, or add --phases-as-given"
    ) as found:
        check_phases(swapped)
    assert "--phases-as-given" not in found.value.finding
    with pytest.warns(InputWarning, match="may be swapped.*; it was used as given"):
        check_phases(swapped, as_given=True)


@pytest.mark.parametrize(
    ("role", "phase"),
    [("portal", LATE_ARTERIAL), ("arterial", PORTAL), ("arterial", NATIVE), ("native", PORTAL),
     ("delayed", LATE_ARTERIAL)],
)  # fmt: skip
def test_a_clear_contradiction_is_asked_about(role: str, phase: str) -> None:
    with pytest.raises(PhaseMismatch, match=f"the {role} volume looks like"):
        check_phases({role: sure(phase)})


def test_a_native_volume_in_place_of_the_portal_one_is_asked_about_where_there_is_another() -> None:
    with pytest.raises(PhaseMismatch, match="the portal volume looks like the native phase"):
        check_phases({"portal": sure(NATIVE), "arterial": sure(LATE_ARTERIAL)})


def test_a_native_volume_alone_is_used_and_the_result_says_what_that_means() -> None:
    with pytest.warns(InputWarning, match=r"looks like the native phase.*; most tumors show little without"):
        check_phases({"portal": sure(NATIVE)})


def test_the_same_phase_twice_is_asked_about() -> None:
    with pytest.raises(PhaseMismatch, match="the arterial volume looks like the portal venous phase"):
        check_phases({"portal": sure(PORTAL), "arterial": sure(PORTAL)})


def test_between_portal_and_delayed_is_a_warning() -> None:
    with pytest.warns(InputWarning, match="the portal volume may be of the delayed phase"):
        check_phases({"portal": sure(DELAYED)})


def test_a_volume_that_tells_nothing_is_used_without_a_word() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_phases({"portal": estimate_of(Levels())})
        check_phases({"portal": estimate_of(Levels()), "delayed": estimate_of(Levels())})
        check_phases({"portal": sure(PORTAL), "arterial": estimate_of(Levels())})
        check_phases({"portal": estimate_of(Levels()), "arterial": sure(LATE_ARTERIAL)})


SHORT = estimate_of(Levels(unseen="only 45 mm of the body are seen"))


def test_two_that_tell_nothing_are_asked_about_and_used_where_the_user_agrees() -> None:
    match = (
        r"phases of the portal and the arterial volume could not be told \(only 45 mm of the body are seen\), and the "
        "two may be exchanged"
    )
    with pytest.raises(PhaseMismatch, match=f"{match}: the arterial one has the brighter aorta"):
        check_phases({"portal": SHORT, "arterial": SHORT})
    with pytest.warns(InputWarning, match=match) as told:
        check_phases({"portal": SHORT, "arterial": SHORT}, as_given=True)
    assert len(told) == 1


def test_slabs_the_right_way_round_are_used_without_a_word_and_swapped_ones_are_asked_about() -> None:
    slabs = {PORTAL: trunk(PORTAL)[:, :, 18:27], LATE_ARTERIAL: trunk(LATE_ARTERIAL)[:, :, 18:27]}
    for portal, arterial, swapped in ((PORTAL, LATE_ARTERIAL, False), (LATE_ARTERIAL, PORTAL, True)):
        images = {"portal": slabs[portal], "arterial": slabs[arterial]}
        estimates = estimate_phases(images, {})
        compared = compare_pair(images, {}, estimates)
        assert compared is not None
        if swapped:
            with pytest.raises(
                PhaseMismatch, match=r"may be swapped: artery \d+ HU in the portal and \d+ HU"
            ):
                check_phases(estimates, compared)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                check_phases(estimates, compared)


def test_what_is_likely_but_not_clear_is_told_with_its_numbers() -> None:
    seen = Comparison(artery_hu=(155.0, 290.0), organ_hu=(55.0, 52.0))
    with pytest.warns(InputWarning, match=r"not be told .*artery 155 HU.* for certain, but they are likely"):
        check_phases({"portal": SHORT, "arterial": SHORT}, seen)


def test_a_pair_of_other_phases_is_asked_about() -> None:
    native_arterial = Comparison(artery_hu=(155.0, 44.0), organ_hu=(110.0, 55.0))
    with pytest.raises(PhaseMismatch, match="could not be told"):
        check_phases({"portal": SHORT, "arterial": SHORT}, native_arterial)


def test_headers_that_were_exchanged_do_not_outweigh_the_voxels() -> None:
    def described(phase: str) -> PhaseEstimate:
        return replace(sure(phase, 0.9), levels=Levels(unseen="only 45 mm of the body are seen"))

    estimates = {"portal": described(PORTAL), "arterial": described(LATE_ARTERIAL)}
    check_phases(estimates, Comparison())
    swapped = Comparison(artery_hu=(310.0, 155.0), organ_hu=(75.0, 110.0))
    with pytest.raises(PhaseMismatch, match="may be swapped"):
        check_phases(estimates, swapped)


def test_volumes_that_tell_their_phases_are_not_compared(seen: dict[str, PhaseEstimate]) -> None:
    estimates = {"portal": seen[PORTAL], "arterial": seen[LATE_ARTERIAL]}
    assert compare_pair({}, {}, estimates) is None


def test_times_of_acquisition_count_where_they_differ() -> None:
    image = trunk(PORTAL)[:, :, :3]
    images, estimates = {"portal": image, "arterial": image}, {"portal": SHORT, "arterial": SHORT}
    for seconds, expected in ((35.0, -35.0), (1.0, None)):
        facts = {"portal": SeriesFacts(acquired_s=100.0 + seconds), "arterial": SeriesFacts(acquired_s=100.0)}
        compared = compare_pair(images, facts, estimates)
        assert compared is not None
        assert compared.later_s == expected


def test_another_patient_is_refused_whatever_the_user_says() -> None:
    facts = {"portal": SAME, "arterial": SeriesFacts(patient_id="2", study_uid="1.2")}
    with pytest.raises(InputError, match="another patient") as found:
        check_same_patient(facts, as_given=True)
    assert not isinstance(found.value, PhaseMismatch)


def test_another_study_is_asked_about() -> None:
    facts = {"portal": SAME, "delayed": SeriesFacts(patient_id="1", study_uid="9")}
    with pytest.raises(PhaseMismatch, match="the delayed volume is of another study"):
        check_same_patient(facts)
    with pytest.warns(InputWarning, match="another study"):
        check_same_patient(facts, as_given=True)


def test_another_frame_of_reference_is_told() -> None:
    facts = {"portal": SAME, "arterial": SeriesFacts(patient_id="1", study_uid="1.2", frame_uid="7")}
    with pytest.warns(InputWarning, match="another frame of reference"):
        check_same_patient(facts)


def test_files_without_headers_pass() -> None:
    check_same_patient({"portal": None, "arterial": SAME})
    check_same_patient({"portal": SAME, "arterial": None})


def test_a_knee_is_refused_by_its_header_and_by_its_voxels() -> None:
    with pytest.raises(InputError, match=r"another part of the body \(Knee\)"):
        check_same_patient({"portal": SAME, "arterial": SeriesFacts(body_part="KNEE")})
    with pytest.raises(InputError, match="the arterial volume shows no trunk but a limb"):
        check_shows_trunk({"portal": trunk(PORTAL), "arterial": knees()})
