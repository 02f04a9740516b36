"""Cases listed in a CSV file, as spreadsheets write it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from LiverTumorAttentionLib.errors import InputError
from training.data.case import LabelFile, SourceCase
from training.data.layouts import find_cases

HEAD = "name,portal,arterial,labels,patient,tumor_type,scanner\n"


def listed(folder: Path, text: str) -> Path:
    path = folder / "list.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_paths_are_relative_to_the_list_and_further_columns_are_facts(tmp_path):
    path = listed(tmp_path, HEAD + "a,x/p.nii,,/abs/l.nii,P1,HCC,\nb,p.nii,q.nii,l.nii,,,GE\n")
    values = {0: 0, 1: 1, 2: 2}
    assert find_cases("csv", path) == [
        SourceCase(
            name="a",
            portal=tmp_path / "x/p.nii",
            labels=(LabelFile(path=Path("/abs/l.nii"), values=values),),
            patient="P1",
            facts={"tumor_type": "HCC"},
        ),
        SourceCase(
            name="b",
            portal=tmp_path / "p.nii",
            arterial=tmp_path / "q.nii",
            labels=(LabelFile(path=tmp_path / "l.nii", values=values),),
            facts={"scanner": "GE"},
        ),
    ]


def test_semicolons_a_byte_order_mark_and_spaces_are_read(tmp_path):
    path = listed(tmp_path, "\ufeffname; portal ;labels\r\n a ;p.nii;l.nii\r\n")
    (case,) = find_cases("csv", path)
    assert (case.name, case.portal) == ("a", tmp_path / "p.nii")


def test_further_values_of_the_labels_can_be_told(tmp_path):
    path = listed(tmp_path, "name,portal,labels\na,p.nii,l.nii\n")
    (case,) = find_cases("csv", path, labels={"3": "background", "4": "tumor"})
    assert case.labels[0].values == {0: 0, 1: 1, 2: 2, 3: 0, 4: 2}
    with pytest.raises(InputError, match="name the value in the label map"):
        find_cases("csv", path, labels={"vessel": "background"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,portal,label\na,p,l\n", "no column 'labels'; did you mean 'label'"),
        ("name,portal,labels,labels\na,p,l,l\n", "has the column 'labels' twice"),
        ("name,portal,labels\na,,l\n", "line 2 has no portal"),
        ("name,portal,labels\na b,p,l\n", r"the name 'a b' must be made of letters"),
        ("name,portal,labels\n..,p,l\n", r"the name '\.\.' must be made of letters"),
        ("name,portal,labels\na,p,l,more\n", "line 2 has more cells than the first line"),
        ("name,portal,labels\n", "holds no case"),
    ],
)
def test_mistakes_are_told_with_their_line(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        find_cases("csv", listed(tmp_path, text))


def test_a_folder_in_place_of_the_list_is_refused(tmp_path):
    with pytest.raises(InputError, match="give the CSV file itself"):
        find_cases("csv", tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a," + "x" * 131_073 + ",,l.nii,,,", r"the list .* cannot be read \(field larger than field limit"),
        ('"a,' + "x" * 131_073, r"the list .* cannot be read \(field larger than field limit"),
        ("a,p\0.nii,,l.nii,,,", "it holds NUL characters"),
        ("n" * 300 + ",p.nii,,l.nii,,,", "a name of 300 characters, at most 100"),
        ("²,p.nii,,l.nii,,,", "must be made of letters, digits"),
    ],
)
def test_lines_that_no_list_has(tmp_path, line, message):
    with pytest.raises(InputError, match=message) as told:
        find_cases("csv", listed(tmp_path, HEAD + line + "\n"))
    assert len(str(told.value)) < 500


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without named pipes")
def test_a_pipe_is_no_list(tmp_path):
    os.mkfifo(tmp_path / "list.csv")
    with pytest.raises(InputError, match="is no file"):
        find_cases("csv", tmp_path / "list.csv")


def test_a_cell_may_hold_a_line_break(tmp_path):
    path = listed(tmp_path, HEAD + 'a,p.nii,,l.nii,P1,"two\nlines",GE\n')
    assert find_cases("csv", path)[0].facts == {"tumor_type": "two\nlines", "scanner": "GE"}
