"""Phases of channels and meanings of labels: by name in several languages, else as the user says."""

from __future__ import annotations

import pytest

from LiverTumorAttentionLib.conversion.meanings import guessed_meaning, meanings_of, phases_of
from LiverTumorAttentionLib.errors import ModelError


@pytest.mark.parametrize(
    ("names", "phases"),
    [
        (("CT",), ("portal",)),
        (("portal",), ("portal",)),
        (("ART", "PVP"), ("arterial", "portal")),
        (("hepatic arterial", "venous"), ("arterial", "portal")),
        (("portalvenös", "arteriell"), ("portal", "arterial")),
        (("porto-veineux", "artériel"), ("portal", "arterial")),
        (
            ("non-contrast", "late arterial", "portal venous", "delayed"),
            ("native", "arterial", "portal", "delayed"),
        ),
        (("pre_contrast", "PV", "Spätphase"), ("native", "portal", "delayed")),
    ],
)
def test_channels_are_phases_by_their_names(names: tuple[str, ...], phases: tuple[str, ...]) -> None:
    assert phases_of(dict(enumerate(names)), {}) == phases


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (("CT1", "CT2"), "--channel portal=0"),
        (("T1",), "--channel portal=0"),
        (("ART",), "--channel portal=0"),
        (("portal", "channel 2"), "--channel arterial=1"),
        (("portal", "ART", "early arterial"), "--channel delayed=2"),
        (("portal", "venous"), "--channel arterial=1"),
    ],
)
def test_unclear_channels_are_asked_for(names: tuple[str, ...], wanted: str) -> None:
    with pytest.raises(ModelError, match=f"do not say which .* say which is which with {wanted}"):
        phases_of(dict(enumerate(names)), {})


def test_what_the_user_says_of_channels_counts() -> None:
    assert phases_of({0: "CT1", 1: "CT2"}, {"portal": 1, "arterial": 0}) == ("arterial", "portal")
    assert phases_of({0: "ART"}, {"portal": 0}) == ("portal",)
    with pytest.raises(ModelError, match="there is no such channel, only 0 'CT'"):
        phases_of({0: "CT"}, {"portal": 1})
    with pytest.raises(ModelError, match="a channel cannot be two phases"):
        phases_of({0: "a", 1: "b"}, {"portal": 1, "arterial": 1})


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("liver", "liver"),
        ("hígado", "liver"),
        ("Lebertumor", "tumor"),
        ("cancer", "tumor"),
        ("Leberzyste", "cyst"),
        ("hepatic cysts", "cyst"),
        ("portal vein", "vessel"),
        ("kidney cyst", "ignore"),
        ("spleen", "ignore"),
        ("class 2", ""),
    ],
)
def test_labels_are_known_in_several_languages(name: str, meaning: str) -> None:
    assert guessed_meaning(name) == meaning


def test_unclear_labels_are_asked_for() -> None:
    names = ["liver", "class 2", "class 3"]
    with pytest.raises(
        ModelError, match=r"'class 2' \(and 1 more\) .*'class 2=liver' .*or --label other=ignore"
    ):
        meanings_of(names, {})
    assert meanings_of(names, {"class 2": "tumor", "other": "ignore"}) == {
        "liver": "liver",
        "class 2": "tumor",
        "class 3": "ignore",
    }
    with pytest.raises(ModelError, match="no label called 'klass 2'; did you mean 'class 2'"):
        meanings_of(names, {"klass 2": "tumor"})
    with pytest.raises(ModelError, match=r"none of the labels is liver or tumor \('spleen'\)"):
        meanings_of(["spleen"], {})
