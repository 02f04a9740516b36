"""What DICOM attributes say of a phase, alone and by the times of a study."""

from __future__ import annotations

import pytest

from LiverTumorAttentionLib.contrast_phase import DELAYED, EARLY_ARTERIAL, LATE_ARTERIAL, NATIVE, PORTAL
from LiverTumorAttentionLib.phases.headers import (
    NOTHING,
    SeriesFacts,
    header_evidence,
    in_order_of_time,
)

TAGS = {
    "0008|103e": "Abdomen",
    "0008|0022": "20240102",
    "0008|0032": "101112.5",
    "0018|1042": "101000",
    "0010|0020": "17",
    "0020|000d": "1.2",
    "0020|0052": "1.3",
    "0018|0015": "abdomen",
    "0018|0010": "Iopromide",
    "0018|0050": "1.5",
}


def facts(**changes: str) -> SeriesFacts:
    tags = {**TAGS, **{name.replace("x", "|"): value for name, value in changes.items()}}
    return SeriesFacts.of(lambda key: tags.get(key, ""))


def likeliest(found: SeriesFacts, **options: bool) -> str:
    logs = header_evidence(found, **options).logs
    return max(logs, key=lambda phase: logs[phase])


def test_attributes_are_read() -> None:
    found = facts()
    assert found.delay_s == pytest.approx(72.5)
    assert (found.patient_id, found.study_uid, found.frame_uid) == ("17", "1.2", "1.3")
    assert found.contrast_agent == "Iopromide"
    assert found.thickness_mm == 1.5


@pytest.mark.parametrize(
    ("coding", "codec", "text"),
    [("ISO_IR 100", "latin-1", "portalvenös"), ("GB18030", "gb18030", "门脉期"), ("ISO_IR 192", "utf-8", "門脈相"),
     ("", "latin-1", "artériel")],
)  # fmt: skip
def test_descriptions_are_read_in_their_characters(coding: str, codec: str, text: str) -> None:
    given = text.encode(codec).decode("utf-8", "surrogateescape")  # as SimpleITK hands it on
    assert facts(**{"0008x103e": given, "0008x0005": coding}).description == text


def test_a_time_that_is_none_is_not_used() -> None:
    assert SeriesFacts.of(lambda _: "").acquired_s is None
    tags = {**TAGS, "0018|1042": "115959"}  # after the acquisition
    assert SeriesFacts.of(lambda key: tags.get(key, "")).delay_s is None


@pytest.mark.parametrize(
    ("begin", "phase"),
    [("101050", EARLY_ARTERIAL), ("101034", LATE_ARTERIAL), ("101000", PORTAL), ("100700", DELAYED)],
)
def test_delay_after_injection(begin: str, phase: str) -> None:
    tags = {**TAGS, "0018|1042": begin}
    assert likeliest(SeriesFacts.of(lambda key: tags.get(key, ""))) == phase


def test_words_and_missing_contrast() -> None:
    assert likeliest(SeriesFacts(description="fase arterial")) == LATE_ARTERIAL
    assert likeliest(SeriesFacts(description="Abdomen"), others_have_contrast=True) == NATIVE
    assert header_evidence(SeriesFacts(description="Abdomen")) == NOTHING


@pytest.mark.parametrize("part", ["KNEE", "HEAD", "CSPINE"])
def test_parts_without_a_liver(part: str) -> None:
    assert SeriesFacts(body_part=part).shows_no_liver
    assert not SeriesFacts(body_part="ABDOMEN").shows_no_liver
    assert not SeriesFacts(body_part="CHEST_TO_PELVIS").shows_no_liver


def test_times_alone_order_a_study() -> None:
    """Four acquisitions without a word: before contrast, and 36, 72 and 200 s after its injection."""
    found = in_order_of_time([NOTHING] * 4, [0.0, 136.0, 172.0, 300.0])
    named = header_evidence(SeriesFacts(description="nativ"))
    found = in_order_of_time([named, NOTHING, NOTHING, NOTHING], [0.0, 136.0, 172.0, 300.0])
    assert [max(each, key=lambda phase: each[phase]) for each in found] == [
        NATIVE,
        LATE_ARTERIAL,
        PORTAL,
        DELAYED,
    ]


def test_a_word_of_one_acquisition_tells_the_other_by_their_times() -> None:
    portal = header_evidence(SeriesFacts(description="portal"))
    found = in_order_of_time([portal, NOTHING], [134.0, 100.0])
    assert max(found[1], key=lambda phase: found[1][phase]) == LATE_ARTERIAL
    assert found[1][LATE_ARTERIAL] > 0.6


def test_without_times_each_is_judged_by_itself() -> None:
    portal = header_evidence(SeriesFacts(description="portal"))
    alone = in_order_of_time([portal, NOTHING], [None, None])
    assert alone[1][LATE_ARTERIAL] == pytest.approx(0.2)
    assert alone[0][PORTAL] > 0.9
