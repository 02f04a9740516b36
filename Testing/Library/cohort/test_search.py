"""Cases that are found in folders, nnU-Net's images, lists and trees of DICOM files."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from LiverTumorAttentionLib.cohort.found_case import case_name
from LiverTumorAttentionLib.cohort.search import Found, find_cases
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress


def found(source: Path) -> Found:
    return find_cases(source, Progress())


def inputs(source: Path) -> dict[str, dict[str, str]]:
    return {case.name: dict(case.inputs) for case in found(source).cases}


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def dicom(path: Path, study: str, modality: str = "CT") -> None:
    """Write the head of a DICOM file in explicit little endian."""
    path.parent.mkdir(parents=True, exist_ok=True)

    def element(group: int, number: int, kind: bytes, value: str) -> bytes:
        text = value.encode() + b" " * (len(value) % 2)
        return struct.pack("<2H", group, number) + kind + struct.pack("<H", len(text)) + text

    meta = element(0x0002, 0x0010, b"UI", "1.2.840.10008.1.2.1\0")
    data = element(0x0008, 0x0060, b"CS", modality) + element(0x0020, 0x000D, b"UI", study)
    path.write_bytes(b"\0" * 128 + b"DICM" + meta + data)


def test_case_folders_as_phantom_writes_them(tmp_path: Path) -> None:
    names = ("portal", "arterial", "labels", "displacement", "displacement-native")
    touch(tmp_path, *(f"case10/{name}.nii.gz" for name in names), "case2/portal.nrrd", "notes/list.txt")
    assert inputs(tmp_path) == {
        "case2": {"portal": str(tmp_path / "case2/portal.nrrd")},
        "case10": {role: str(tmp_path / f"case10/{role}.nii.gz") for role in ("portal", "arterial")},
    }
    assert [case.name for case in found(tmp_path).cases] == ["case2", "case10"]


def test_cases_of_one_name_in_two_folders_keep_their_names_when_others_come(tmp_path: Path) -> None:
    touch(tmp_path, "a/case1/portal.nii.gz")
    assert list(inputs(tmp_path)) == ["a--case1"]
    touch(tmp_path, "b/case1/portal.nii.gz")
    assert list(inputs(tmp_path)) == ["a--case1", "b--case1"]


def test_what_is_in_no_case_is_said(tmp_path: Path) -> None:
    touch(tmp_path, "a/portal.nii.gz", "b/arterial.nii.gz", "loose.nii.gz")
    assert [text.partition("' ")[2] or text for text in found(tmp_path).left_out] == [
        "has arterial but no portal venous volume",
        "1 volume file in folders that are no case, which has portal.nii.gz",
    ]


def test_results_of_a_cohort_are_no_cases(tmp_path: Path) -> None:
    touch(tmp_path, "in/a/portal.nii.gz", "out/cohort.json", "out/a/portal.nii.gz")
    assert list(inputs(tmp_path)) == ["in--a"]


def test_names_are_made_of_what_every_disk_takes() -> None:
    assert case_name(("site", "case 1")).startswith("site--case_1-")
    assert case_name(("é",)) != case_name(("è",))
    assert case_name(("plain.7",)) == "plain.7"
    assert len(case_name(("x" * 300,))) == 100


def test_two_names_that_are_one_on_some_disks(tmp_path: Path) -> None:
    touch(tmp_path, "Case/portal.nii.gz", "case/portal.nii.gz")
    with pytest.raises(InputError, match=r"two cases would have the name .* rename one"):
        found(tmp_path)


def test_images_of_nnunet_with_one_channel_are_the_portal_phase(tmp_path: Path) -> None:
    touch(
        tmp_path, "imagesTs/liver_2_0000.nii.gz", "imagesTs/liver_10_0000.nii.gz", "labelsTs/liver_2.nii.gz"
    )
    (tmp_path / "dataset.json").write_text("{}")
    assert list(inputs(tmp_path)) == ["liver_2", "liver_10"]
    assert inputs(tmp_path / "imagesTs")["liver_2"] == {
        "portal": str(tmp_path / "imagesTs/liver_2_0000.nii.gz")
    }


def test_channels_of_nnunet_are_told_by_their_names(tmp_path: Path) -> None:
    touch(tmp_path, "imagesTs/a_0000.nii.gz", "imagesTs/a_0001.nii.gz", "imagesTs/b_0000.nii.gz")
    description = tmp_path / "dataset.json"
    description.write_text(json.dumps({"channel_names": {"0": "late arterial", "1": "portal venous"}}))
    assert inputs(tmp_path) == {
        "a": {
            "arterial": str(tmp_path / "imagesTs/a_0000.nii.gz"),
            "portal": str(tmp_path / "imagesTs/a_0001.nii.gz"),
        }
    }
    assert "no portal venous channel" in found(tmp_path).left_out[0]
    description.write_text(json.dumps({"channel_names": {"0": "CT", "1": "CT"}}))
    with pytest.raises(InputError, match=r"do not say which phase .* name them in dataset.json"):
        found(tmp_path)


def test_a_list_names_cases_and_their_volumes(tmp_path: Path) -> None:
    listed = tmp_path / "list.csv"
    listed.write_text(
        "name;portal;arterial;study;portal_series;scanner\nP1;a/pv.nii;b.nii;;;GE\nP2;;;dicom;4;\n"
    )
    assert inputs(listed) == {
        "P1": {"portal": str(tmp_path / "a/pv.nii"), "arterial": str(tmp_path / "b.nii")},
        "P2": {"study": str(tmp_path / "dicom"), "portal_series": "4"},
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("portal\na\n", "has no column 'name'"),
        ("name,portal\n../x,a\n", "line 2: the name '../x' must be made of"),
        ("name,portal\nx,\n", "line 2: a case has a portal volume or a study, got neither"),
        ("name,portal,study\nx,a,b\n", "got both"),
        ("name,portal\nx,a,b\n", "line 2 has more cells"),
        ('name,portal,native\n\n"x","a","b\nc"\n\ny,,\n', "line 6: a case has a portal volume or a study"),
        ("name,portal,portal\nx,a,b\n", "the column 'portal' twice"),
        ("name,portal\nx,a\nX,b\n", "two cases would have the name 'X'"),
        ("name,portal\n", "no case was found"),
    ],
)
def test_a_list_that_names_no_case_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        found(tmp_path / "list.csv")


@pytest.mark.parametrize(
    ("name", "message"), [("gone", "does not exist"), ("a.nii", "is a file"), ("", "no case was")]
)
def test_an_input_without_cases_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "a.nii").touch()
    with pytest.raises(InputError, match=message):
        found(tmp_path / name if name else tmp_path)


def test_studies_of_a_dicom_tree(tmp_path: Path) -> None:
    for name in ("P1/S1/2/1", "P1/S1/3/1", "P1/S1/3/2"):
        dicom(tmp_path / name, "1.1")
    dicom(tmp_path / "P1/S2/1.dcm", "1.2")
    dicom(tmp_path / "P3/1", "1.3", modality="MR")
    touch(tmp_path, "P1/S1/readme.txt")
    assert inputs(tmp_path) == {
        "P1--S1": {"study": str(tmp_path / "P1/S1")},
        "P1--S2": {"study": str(tmp_path / "P1/S2")},
    }
    assert found(tmp_path).left_out == ["1 file of other kinds", "1 study without CT"]


def test_studies_that_share_a_folder_are_told_apart_by_their_uid(tmp_path: Path) -> None:
    for number, study in enumerate(("1.1", "1.2", "1.1", "1.2")):
        dicom(tmp_path / f"mixed/{number}", study)
    cases = found(tmp_path).cases
    assert {case.inputs["study_uid"] for case in cases} == {"1.1", "1.2"}
    assert {case.inputs["study"] for case in cases} == {str(tmp_path / "mixed")}
    assert len({case.name for case in cases}) == 2
    assert not any("1.1" in case.name for case in cases)


def test_a_study_whose_folder_holds_another_below_it_is_told_by_its_uid(tmp_path: Path) -> None:
    dicom(tmp_path / "P1/1", "1.1")
    dicom(tmp_path / "P1/later/1", "1.2")
    assert sorted(inputs(tmp_path).values(), key=len) == [
        {"study": str(tmp_path / "P1/later")},
        {"study": str(tmp_path / "P1"), "study_uid": "1.1"},
    ]
