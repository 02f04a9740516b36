"""Names of files, series and segments that are left out of what is written."""

from __future__ import annotations

import pytest

from LiverTumorAttentionLib.identifying_names import settings_without_names, without_name, without_names


@pytest.mark.parametrize(
    ("message", "left"),
    [
        ("the series 'Doe^Jane' sounds arterial", "the series '…' sounds arterial"),
        ("'O'Brien portal' and 'it' differ", "'…' differ"),
        ('no file "O\'Brien" here', 'no file "…" here'),
        ("left out: “Doe^Jane” (a vessel); say what it is", "left out: “…” (a vessel); say what it is"),
        ("nothing is quoted", "nothing is quoted"),
    ],
)
def test_names_are_left_out_of_a_message(message: str, left: str) -> None:
    assert without_names(message) == left


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ("/archive/Doe^Jane/pv.nii.gz", "….nii.gz"),
        ("Doe.Jane.1970.seg.nrrd", "….seg.nrrd"),
        ("C:\\cases\\Doe.Jane\\PV.NRRD", "….nrrd"),
        ("cases/Doe.Jane", "…"),
        ("Doe.Jane/series", "…"),
        ("1.2.840.113619", "…"),
        ("nii.gz", "…"),
    ],
)
def test_a_path_leaves_its_kind_of_file_alone(path: str, left: str) -> None:
    assert without_name(path) == left


def test_settings_leave_their_numbers_and_the_words_of_the_program() -> None:
    values = {"portal": "Doe/pv.mha", "table": None, "seed": 3, "device": "cuda:1", "more": ["Doe", 0.5]}
    left = {"portal": "….mha", "table": None, "seed": 3, "device": "cuda:1", "more": ["…", 0.5]}
    assert settings_without_names(values, frozenset({"device"})) == left
