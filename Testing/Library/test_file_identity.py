"""One file is known under all of its names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from LiverTumorAttentionLib.errors import InputError, OutputError
from LiverTumorAttentionLib.file_identity import check_apart, check_given, identity
from LiverTumorAttentionLib.io import atomic_write, check_distinct_names


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file, a link and a hard link to it, and a link to the folder; it is the current one."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "ct.nii.gz").write_bytes(b"CT")
    (tmp_path / "link.nii.gz").symlink_to(tmp_path / "data" / "ct.nii.gz")
    os.link(tmp_path / "data" / "ct.nii.gz", tmp_path / "hard.nii.gz")
    (tmp_path / "other").symlink_to("data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


NAMES = [
    "data/ct.nii.gz",
    "./data/ct.nii.gz",
    "data/../data//ct.nii.gz",
    "link.nii.gz",
    "hard.nii.gz",
    "other/ct.nii.gz",
]


@pytest.mark.parametrize("name", [*NAMES, "ABSOLUTE"])
def test_a_file_that_is_read_is_not_written_over_under_any_of_its_names(here: Path, name: str) -> None:
    name = str(here / "data" / "ct.nii.gz") if name == "ABSOLUTE" else name
    for read, written in ((NAMES[0], name), (name, NAMES[0])):
        with pytest.raises(
            InputError, match="would be written over, though it is read: give the result another"
        ):
            check_apart({"segmentation": written}, {"portal": read})


@pytest.mark.parametrize("name", ["./new.csv", "data/../new.csv", "ABSOLUTE", "dangling.csv"])
def test_two_results_that_are_not_there_yet_are_one_file(here: Path, name: str) -> None:
    (here / "dangling.csv").symlink_to("new.csv")
    name = str(here / "new.csv") if name == "ABSOLUTE" else name
    with pytest.raises(InputError, match=r"two results would be written to new\.csv: give each its own file"):
        check_apart({"table": "new.csv", "report": name}, {})


def test_files_that_differ_are_told_apart(here: Path) -> None:
    (here / "data" / "second.nii.gz").write_bytes(b"CT")
    check_apart(
        {"a": "data/second.nii.gz", "b": "new.csv", "c": "data/new.csv", "d": None},
        {"p": NAMES[0], "q": None},
    )
    assert identity("new.csv") != identity("data/new.csv")
    assert identity("no/where/x.csv") == identity("no/../no/where/x.csv")


def test_a_slice_of_a_series_and_a_file_of_a_model_are_read(here: Path) -> None:
    dicom, plain, model = here / "series", here / "plain", here / "model"
    for folder in (dicom / "deep", plain, model):
        folder.mkdir(parents=True)
    (dicom / "deep" / "1.dcm").write_bytes(bytes(128) + b"DICM")
    (dicom / "old.dcm").write_bytes(b"\x08\x00" + bytes(200))
    (dicom / "result.csv").write_text("a result beside the slices may be written again")
    os.link(dicom / "deep" / "1.dcm", here / "hard.dcm")
    (model / "model.json").write_text("{}")
    for written in (dicom / "deep" / "1.dcm", dicom / "old.dcm", here / "hard.dcm"):
        with pytest.raises(InputError, match="would be written over, though it is read"):
            check_apart({"seg": str(written)}, {"portal": "series"})
    with pytest.raises(InputError, match=r"model\.json would be written over, though it is read"):
        check_apart({"report": "model/model.json"}, {"model": str(model)})
    check_apart({"table": str(dicom / "result.csv"), "new": str(dicom / "new.dcm")}, {"portal": str(dicom)})


@pytest.mark.parametrize("header", ["ct.mhd", "CT.NHDR"])
def test_the_files_that_a_header_names_are_read(tmp_path: Path, header: str) -> None:
    for name in ("voxels.raw", "slice2.json", "other.json"):
        (tmp_path / name).write_bytes(b"1")
    text = "NDims = 3\nElementDataFile = LIST\nvoxels.raw\nslice2.json\n"
    (tmp_path / header).write_text(text)
    read = {"portal": str(tmp_path / header)}
    for name in ("voxels.raw", "slice2.json"):
        with pytest.raises(InputError, match=f"{name} would be written over, though it is read"):
            check_apart({"log": str(tmp_path / name)}, read)
    check_apart({"log": str(tmp_path / "other.json"), "table": str(tmp_path / "new.csv")}, read)


@pytest.mark.parametrize("path", ["", "  "])
def test_an_empty_name_is_refused(path: str) -> None:
    with pytest.raises(
        InputError, match="the name given for the table is empty: name a file or folder, or leave it"
    ):
        check_given({"table": path})


@pytest.mark.parametrize("path", ["a" * 256, "folder/" + "\u00fc" * 128 + ".csv", "x" * 300 + "/case"])
def test_a_name_that_no_disk_takes_is_refused(path: str) -> None:
    with pytest.raises(
        InputError, match=r"the name of the table is longer than 255 bytes.*: give a shorter one"
    ):
        check_given({"table": path})
    check_given({"table": "a" * 255, "report": "/".join("folder" * 10 for _ in range(20))})


def test_a_name_with_nul_is_refused() -> None:
    with pytest.raises(InputError, match=r"the name of the table holds a NUL character, 'a\\x00b'"):
        check_given({"portal": None, "table": "a\0b"})


def test_names_that_a_disk_without_case_takes_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [tmp_path / "Out.csv", tmp_path / "out.CSV"]
    if not atomic_write._are_one_name(tmp_path, "a", "A"):
        check_distinct_names(names)
    exists = os.path.exists

    def without_case(path: object) -> bool:
        there = Path(str(path))
        return exists(there) or there.name.lower() in {other.name.lower() for other in there.parent.iterdir()}

    monkeypatch.setattr(os.path, "exists", without_case)
    with pytest.raises(
        OutputError, match=r"out\.CSV' and 'Out\.csv' are one file on this disk: give each result"
    ):
        check_distinct_names(names)
    assert os.listdir(tmp_path) == []
