"""Phases chosen among the series of a DICOM study, with and without words for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from LiverTumorAttentionLib.contrast_phase import DELAYED, LATE_ARTERIAL, NATIVE, PORTAL
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.pipeline.jobs import SegmentationJob
from LiverTumorAttentionLib.pipeline.study import choose_phases
from LiverTumorAttentionLib.progress import Progress
from Testing.Library.phases.dicom_study import write_series
from Testing.Library.phases.drawn_trunk import trunk

TIMES = {NATIVE: "100000", LATE_ARTERIAL: "100536", PORTAL: "100612", DELAYED: "100820"}
WORDS = {NATIVE: "nativ", LATE_ARTERIAL: "arteriell 2.5", PORTAL: "portalvenös 2.5", DELAYED: "Spätphase"}


def write_study(folder: Path, words: dict[str, str], **values: object) -> None:
    for number, phase in enumerate((DELAYED, PORTAL, NATIVE, LATE_ARTERIAL), start=1):
        if phase in words:
            write_series(
                folder, trunk(phase)[:, :, ::2], description=words[phase], uid=f"1.9.{number}", number=number,
                acquired=TIMES[phase], **values,
            )  # fmt: skip


@pytest.fixture(scope="module")
def unnamed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four acquisitions that are all called the same."""
    folder = tmp_path_factory.mktemp("unnamed")
    write_study(folder, dict.fromkeys(WORDS, "Abdomen 5.0"))
    return folder


UIDS = {"delayed": "1.9.1", "portal": "1.9.2", "native": "1.9.3", "arterial": "1.9.4"}


def test_phases_are_told_by_voxels_and_times_alone(unnamed: Path) -> None:
    job, words = choose_phases(SegmentationJob(study=str(unnamed)), Progress())
    assert {role: getattr(job, f"{role}_series") for role in UIDS} == UIDS
    assert (job.portal, job.study) == (str(unnamed), None)
    assert [sentence.split(":")[0] for sentence in words] == ["portal", "arterial", "delayed", "native"]
    assert "aorta" in words[0]
    assert "% " in words[0] or "%:" in words[0]


def test_a_series_that_is_named_is_taken(unnamed: Path) -> None:
    job, words = choose_phases(SegmentationJob(study=str(unnamed), portal_series="1.9.1"), Progress())
    assert job.portal_series == "1.9.1"
    assert "as asked for" in words[0]
    assert job.arterial_series == UIDS["arterial"]
    assert job.delayed_series is None or job.delayed_series != "1.9.1"


def test_words_tell_too_and_say_so(tmp_path: Path) -> None:
    write_study(tmp_path, {phase: WORDS[phase] for phase in (PORTAL, LATE_ARTERIAL)})
    job, words = choose_phases(SegmentationJob(study=str(tmp_path)), Progress())
    assert (job.portal_series, job.arterial_series, job.delayed, job.native) == ("1.9.2", "1.9.4", None, None)
    assert "described as 'portalvenös 2.5'" in words[0]


def test_what_is_to_be_saved_of_a_phase_that_is_not_there_is_left_out_and_told(tmp_path: Path) -> None:
    write_study(tmp_path, {phase: WORDS[phase] for phase in (PORTAL, LATE_ARTERIAL)})
    job, words = choose_phases(
        SegmentationJob(study=str(tmp_path), save_registered="r.nrrd", save_delayed="d.nrrd"), Progress()
    )
    assert (job.save_registered, job.save_delayed) == ("r.nrrd", None)
    assert "no delayed series was found, so there is nothing to write to 'd.nrrd'" in words


def test_reconstructions_of_one_acquisition_count_once(tmp_path: Path) -> None:
    write_series(tmp_path, trunk(PORTAL)[:, :, ::2], description="Abdomen", uid="1.9.1", acquired="100612")
    write_series(
        tmp_path, trunk(PORTAL)[:, :, ::4], description="Abdomen", uid="1.9.2", acquired="100612", number=2
    )
    job, words = choose_phases(SegmentationJob(study=str(tmp_path)), Progress())
    assert job.portal_series == "1.9.1"  # its slices lie nearer to 2.5 mm
    assert len(words) == 1


def test_a_study_without_a_portal_phase_is_refused(tmp_path: Path) -> None:
    write_series(tmp_path, trunk(NATIVE)[:, :, ::2], description="nativ", uid="1.9.1")
    with pytest.raises(InputError, match=r"no portal venous phase that could be told: 1 'nativ' \(native"):
        choose_phases(SegmentationJob(study=str(tmp_path)), Progress())


def test_two_patients_are_refused(tmp_path: Path) -> None:
    write_series(tmp_path, trunk(PORTAL)[:, :, ::2], description="portal", uid="1.9.1")
    write_series(
        tmp_path, trunk(LATE_ARTERIAL)[:, :, ::2], description="art", uid="1.9.2", number=2, PatientID="18"
    )
    with pytest.raises(InputError, match="series of 2 patients: choose a folder of one study"):
        choose_phases(SegmentationJob(study=str(tmp_path)), Progress())


def test_a_knee_alone_is_refused(tmp_path: Path) -> None:
    write_series(tmp_path, trunk(PORTAL)[:, :, ::2], description="Knee", uid="1.9.1", BodyPartExamined="KNEE")
    with pytest.raises(InputError, match="no axial CT that could hold a liver"):
        choose_phases(SegmentationJob(study=str(tmp_path)), Progress())


def test_a_study_and_a_volume_are_refused() -> None:
    with pytest.raises(InputError, match="a study and a volume were both given"):
        SegmentationJob(study="s", portal="p.nii.gz")


def test_volumes_need_no_choice() -> None:
    job = SegmentationJob(portal="p.nii.gz")
    assert choose_phases(job, Progress()) == (job, [])
