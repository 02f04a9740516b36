"""What DICOM headers say of volumes that are no DICOM themselves: read strictly, and checked by a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.contrast_phase import LATE_ARTERIAL, PORTAL
from LiverTumorAttentionLib.errors import InputError, PhaseMismatch
from LiverTumorAttentionLib.io import collected_warnings
from LiverTumorAttentionLib.job import SegmentationJob
from LiverTumorAttentionLib.pipeline.headers_file import read_headers
from LiverTumorAttentionLib.pipeline.read_phases import read_phases
from LiverTumorAttentionLib.progress import Progress
from Testing.Library.phases.drawn_trunk import trunk

SAME = {"patient_id": "17", "study_uid": "1.2", "frame_uid": "1.2.3"}


@pytest.fixture(scope="module")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("volumes")
    paths = {"portal": folder / "pv.nrrd", "arterial": folder / "art.nrrd"}
    for path, phase in zip(paths.values(), (PORTAL, LATE_ARTERIAL), strict=True):
        sitk.WriteImage(trunk(phase), str(path))
    return {role: str(path) for role, path in paths.items()}


def read(volumes: dict[str, str], folder: Path, arterial: dict[str, Any], **options: Any) -> list[str]:
    """Return the warnings of reading both volumes with these headers."""
    path = folder / "headers.json"
    path.write_text(json.dumps({"portal": SAME, "arterial": {**SAME, **arterial}}))
    with collected_warnings() as warnings:
        read_phases(SegmentationJob(**volumes, headers=str(path), **options), Progress())
    return list(warnings)


def test_another_patient_study_and_frame_of_reference(tmp_path: Path, volumes: dict[str, str]) -> None:
    assert read(volumes, tmp_path, {}) == []
    with pytest.raises(InputError, match="the arterial volume is of another patient"):
        read(volumes, tmp_path, {"patient_id": "18"}, phases_as_given=True)
    with pytest.raises(PhaseMismatch, match="the arterial volume is of another study"):
        read(volumes, tmp_path, {"study_uid": "1.3"})
    (told,) = read(volumes, tmp_path, {"frame_uid": "9"})
    assert "another frame of reference" in told


def test_words_of_a_header_count_beside_the_voxels(tmp_path: Path, volumes: dict[str, str]) -> None:
    path = tmp_path / "headers.json"
    path.write_text(json.dumps({"portal": {"description": "native"}}))
    job = {"portal": volumes["portal"]}
    _, plain, _ = read_phases(SegmentationJob(**job), Progress())
    _, told, _ = read_phases(SegmentationJob(**job, headers=str(path), phases_as_given=True), Progress())
    assert told["portal"].probabilities["native"] > 5 * plain["portal"].probabilities["native"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "must have named fields"),
        ('{"artrial": {}}', "unknown input 'artrial'; did you mean 'arterial'|unknown input"),
        ('{"portal": {"patientid": "1"}}', "patient_id"),
        ('{"portal": {"patient_id": 17}}', "patient_id"),
        ("{", "is no valid JSON"),
    ],
)
def test_what_is_no_file_of_headers_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "headers.json"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        read_headers(path)


def test_a_study_has_headers_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="leave out the file of headers"):
        SegmentationJob(study=str(tmp_path), headers="headers.json")
