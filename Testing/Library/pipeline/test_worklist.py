"""A folder of cases as a worklist: its cases, their jobs, and how far each is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.correction import Accept, CorrectionCase, CorrectionLog, CorrectionSession
from LiverTumorAttentionLib.correction.log import HEADER_KEY
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import write_segmentation
from LiverTumorAttentionLib.pipeline.jobs import SegmentationJob
from LiverTumorAttentionLib.pipeline.worklist import STATUSES, find_case, find_cases, read_volumes


def volume(path: Path, value: int = 60) -> None:
    """Write a small CT: soft tissue in air."""
    voxels = np.full((8, 12, 12), -1000, np.int16)
    voxels[1:7, 2:10, 2:10] = value
    sitk.WriteImage(sitk.GetImageFromArray(voxels), str(path))


def session() -> CorrectionSession:
    """Return a session on a liver with one tumor."""
    labels = np.zeros((8, 12, 12), np.uint16)
    labels[1:7, 2:10, 2:10] = 1
    labels[3:5, 4:7, 4:7] = 2
    portal = sitk.GetImageFromArray(np.full(labels.shape, 60, np.int16))
    return CorrectionSession(CorrectionCase(portal=portal, instances=sitk.GetImageFromArray(labels)))


def put_result(case: Path, made: CorrectionSession, *, log: bool = True) -> None:
    result = case / "result"
    result.mkdir(exist_ok=True)
    notes = {HEADER_KEY: CorrectionLog.of(made).to_text()} if log else {}
    write_segmentation(result / "segmentation.seg.nrrd", made.instances(), notes=notes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("case10", "case2"):
        (tmp_path / name).mkdir()
        volume(tmp_path / name / "portal.nii.gz")
    volume(tmp_path / "case2" / "arterial.nrrd", 90)
    (tmp_path / "notes").mkdir()
    (tmp_path / "list.txt").write_text("no case")
    return tmp_path


def test_cases_in_the_order_of_their_numbers(folder: Path) -> None:
    assert [case.name for case in find_cases(folder)] == ["case2", "case10"]


def test_job_of_a_case(folder: Path) -> None:
    both, portal_alone = find_cases(folder)
    job = SegmentationJob(**both.inputs(), **both.outputs())
    assert (job.portal, job.arterial) == (
        str(folder / "case2" / "portal.nii.gz"),
        str(folder / "case2" / "arterial.nrrd"),
    )
    assert job.output == str(folder / "case2" / "result" / "segmentation.seg.nrrd")
    assert job.save_registered == str(folder / "case2" / "result" / "registered.nrrd")
    assert SegmentationJob(**portal_alone.inputs(), **portal_alone.outputs()).save_registered is None


def test_volumes_are_those_that_a_run_reads(folder: Path) -> None:
    read = read_volumes(find_cases(folder)[0])
    assert {role: int(sitk.GetArrayFromImage(image).max()) for role, image in read.items()} == {
        "portal": 60,
        "arterial": 90,
    }


def test_what_is_read_of_a_case(folder: Path) -> None:
    case = find_cases(folder)[0]
    kinds = [case.status().kind]
    made = session()
    put_result(case.place, made, log=False)
    kinds.append(case.status().kind)
    put_result(case.place, made)
    kinds.append(case.status().kind)
    made.do(Accept(lesion=1))
    put_result(case.place, made)
    kinds.append(case.status().kind)
    made.sign("Jane Doe")
    put_result(case.place, made)
    kinds.append(case.status().kind)
    assert case.status().detail.startswith("signed by Jane Doe on ")
    made.reopen("Jane Doe", "a lesion was missed")
    put_result(case.place, made)
    kinds.append(case.status().kind)
    assert case.status().detail.endswith("a lesion was missed")
    assert kinds == ["unread", "segmented", "segmented", "draft", "signed", "draft"]
    assert set(kinds) <= set(STATUSES)


@pytest.mark.parametrize("content", [b"no NRRD", b"", b"NRRD0005\ntype: short\n"])
def test_a_damaged_segmentation_is_no_unread_case(folder: Path, content: bytes) -> None:
    case = find_cases(folder)[0]
    case.result.mkdir()
    case.segmentation.write_bytes(content)
    status = case.status()
    assert status.kind == "damaged"
    assert str(case.segmentation) in status.detail


def test_a_damaged_log_is_told(folder: Path) -> None:
    case = find_cases(folder)[0]
    case.result.mkdir()
    write_segmentation(case.segmentation, session().instances(), notes={HEADER_KEY: "{"})
    assert case.status().kind == "damaged"


def test_checksum_is_of_the_file(folder: Path) -> None:
    case = find_cases(folder)[0]
    assert case.checksum() == ""
    put_result(case.place, session())
    first = case.checksum()
    assert len(first) == 64
    case.segmentation.write_bytes(case.segmentation.read_bytes() + b" ")
    assert case.checksum() != first


def test_a_folder_of_dicom_files_is_a_study(tmp_path: Path) -> None:
    place = tmp_path / "patient"
    (place / "series").mkdir(parents=True)
    (place / "series" / "1").write_bytes(b"\0" * 128 + b"DICM" + b"\0" * 64)
    case = find_case(place)
    assert case is not None
    assert case.inputs() == {"study": str(place)}
    assert "save_registered" in case.outputs(), "its phases are found by the run"


@pytest.mark.parametrize("what", ["missing", "file", "empty"])
def test_no_folder_of_cases(tmp_path: Path, what: str) -> None:
    place = tmp_path / what
    if what == "file":
        place.write_text("")
    elif what == "empty":
        place.mkdir()
    with pytest.raises(InputError, match=f"'{place}'.*(check the path|one folder a case)"):
        find_cases(place)


def test_two_volumes_of_one_name(folder: Path) -> None:
    volume(folder / "case2" / "portal.nrrd")
    with pytest.raises(InputError, match="may both be meant"):
        find_cases(folder)
