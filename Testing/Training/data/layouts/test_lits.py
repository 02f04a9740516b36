"""LiTS: files found over folders, and read as they lie in space."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from Testing.Training.abdomen import make_abdomen, voxels_of
from training.data.layouts import find_cases
from training.data.layouts.reading import read_case


@pytest.fixture
def lits(tmp_path: Path) -> Path:
    """Cases 2 and 10 over two batches, a test volume, and what a Mac leaves behind."""
    portal, labels = make_abdomen()
    for number, batch in ((10, "Training Batch 2"), (2, "Training Batch 1")):
        (tmp_path / batch).mkdir()
        sitk.WriteImage(portal, str(tmp_path / batch / f"volume-{number}.nii"))
        sitk.WriteImage(labels, str(tmp_path / batch / f"segmentation-{number}.nii"))
    (tmp_path / "test-volume-3.nii").write_bytes(b"")
    (tmp_path / "Training Batch 1" / "._volume-7.nii").write_bytes(b"")
    return tmp_path


def test_cases_are_found_over_batches_in_the_order_of_their_numbers(lits):
    cases = find_cases("lits", lits)
    assert [case.name for case in cases] == ["volume-2", "volume-10"]
    assert cases[0].portal == lits / "Training Batch 1" / "volume-2.nii"
    assert cases[0].arterial is None


def test_a_volume_and_its_segmentation_may_lie_apart_and_be_packed(lits):
    portal, labels = make_abdomen()
    (lits / "segmentations").mkdir()
    sitk.WriteImage(labels, str(lits / "segmentations" / "segmentation-2.nii.gz"))
    (lits / "Training Batch 1" / "segmentation-2.nii").unlink()
    case = read_case(find_cases("lits", lits)[0])
    assert np.array_equal(voxels_of(case.labels), voxels_of(labels))
    assert np.array_equal(voxels_of(case.portal), voxels_of(portal))


def test_a_missing_segmentation_is_named_when_the_case_is_read(lits):
    (lits / "Training Batch 2" / "segmentation-10.nii").unlink()
    with pytest.raises(InputError, match=r"labels '.*segmentation-10.nii' does not exist"):
        read_case(find_cases("lits", lits)[1])


def test_two_files_for_one_case_are_refused(lits):
    sitk.WriteImage(make_abdomen()[0], str(lits / "volume-2.nii.gz"))
    with pytest.raises(InputError, match="two files for one case"):
        find_cases("lits", lits)


def test_a_folder_without_volumes_and_a_wrong_path_say_so(tmp_path):
    with pytest.raises(InputError, match=r"no volume-N\.nii"):
        find_cases("lits", tmp_path)
    with pytest.raises(InputError, match="does not exist: check the path"):
        find_cases("lits", tmp_path / "missing")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on Windows")
def test_files_and_folders_may_be_links_and_what_is_broken_or_no_file_is_passed_over(lits, tmp_path_factory):
    data = tmp_path_factory.mktemp("links")
    (data / "first").symlink_to(lits / "Training Batch 1")
    for name in ("volume-10.nii", "segmentation-10.nii"):
        (data / name).symlink_to(lits / "Training Batch 2" / name)
    (data / "volume-5.nii").symlink_to(data / "nowhere")
    os.mkfifo(data / "volume-6.nii")
    (data / "first" / "round").symlink_to(data)
    cases = find_cases("lits", data)
    assert [case.name for case in cases] == ["volume-2", "volume-10"]
    portal, labels = make_abdomen()
    for case in cases:
        loaded = read_case(case)
        assert np.array_equal(voxels_of(loaded.portal), voxels_of(portal))
        assert np.array_equal(voxels_of(loaded.labels), voxels_of(labels))
