"""One case on its stage's grid: voxels, truth, crop and facts known by construction."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import OutputError
from Testing.Training.abdomen import make_abdomen, on_grid, voxels_of
from Testing.Training.data.preparation.data_set import write_source
from Testing.Training.prepared import patch_recipe, slice_recipe
from training.data.case import LabelFile, PreparedCase, SourceCase
from training.data.preparation import Preparation
from training.data.preparation.prepare_case import prepare_case
from training.recipes.recipe import Recipe

LIVER = (slice(2, 15), slice(6, 23), slice(5, 20))
"""Voxels (z, y, x) of the abdomen's liver; tumors are part of it."""


def prepared(recipe: Recipe, source: SourceCase, folder: Path) -> PreparedCase:
    entry = prepare_case(Preparation.of(recipe), "key", folder, source)
    assert entry.state == "done", entry.reason
    return PreparedCase.read(folder / source.name)


def failure(recipe: Recipe, source: SourceCase, folder: Path) -> str:
    entry = prepare_case(Preparation.of(recipe), "key", folder, source)
    assert entry.state == "failed"
    assert not (folder / source.name).exists()
    return entry.reason or ""


@pytest.fixture
def source(tmp_path: Path) -> SourceCase:
    """The abdomen with its slices from head to feet and its rows from back to front, as no array here has them."""
    portal, labels = (sitk.DICOMOrient(image, "LAI") for image in make_abdomen())
    return write_source(tmp_path / "data", "one", portal, labels, facts={"tumor_type": "HCC"}, patient="P7")


def test_the_abdomens_liver_lies_where_the_tests_take_it() -> None:
    places = np.argwhere(voxels_of(make_abdomen()[1]))
    assert [(low, high + 1) for low, high in zip(places.min(0), places.max(0), strict=True)] == [
        (side.start, side.stop) for side in LIVER
    ]


def test_a_tumor_case_is_the_livers_box_in_lps_order(source: SourceCase, tmp_path: Path) -> None:
    changes = {"mask_dilation_mm": None, "box_margin_mm": 10.0}
    case = prepared(slice_recipe("tumor", stage_changes=changes), source, tmp_path)
    portal, labels = (voxels_of(image) for image in make_abdomen())
    # 10 mm are two voxels of 8 mm and one slice of 10 mm.
    box = (slice(1, 16), slice(4, 25), slice(3, 22))
    np.testing.assert_array_equal(case.volume("portal"), portal[box])
    np.testing.assert_array_equal(case.labels, labels[box])
    assert case.volume("portal").dtype == np.int16
    assert case.spacing_mm == (10.0, 8.0, 8.0)
    assert case.inside is None
    assert not case.has("arterial")
    assert (case.name, case.patient, dict(case.facts)) == ("one", "P7", {"tumor_type": "HCC"})
    liver, tumor = (int((labels == value).sum()) for value in (1, 2))
    assert case.voxels == {
        "background": case.labels.size - liver - tumor,
        "liver": liver,
        "tumor": tumor,
    }
    np.testing.assert_array_equal(case.places["liver"], np.argwhere(case.labels > 0))
    np.testing.assert_array_equal(case.places["tumor"], np.argwhere(case.labels == 2))


def test_what_the_network_may_see_is_the_liver_and_a_margin(source: SourceCase, tmp_path: Path) -> None:
    changes = {"mask_dilation_mm": 8.5, "box_margin_mm": 20.0}
    inside = prepared(slice_recipe("tumor", stage_changes=changes), source, tmp_path).inside
    assert inside is not None
    labels = np.pad(voxels_of(make_abdomen()[1])[0:, 2:27, 1:24] > 0, ((0, 1), (0, 0), (0, 0)))[:16]
    wider = labels.copy()  # 8.5 mm reach the neighbors in the slice, 8 mm away, and no others
    for axis in (1, 2):
        wider |= np.roll(labels, 1, axis) | np.roll(labels, -1, axis)
    np.testing.assert_array_equal(inside, wider)


def test_a_stage_for_liver_and_tumor_gets_the_whole_volume_and_its_standard(
    source: SourceCase, tmp_path: Path
) -> None:
    case = prepared(patch_recipe(), source, tmp_path)
    hu = voxels_of(make_abdomen()[0])
    np.testing.assert_array_equal(case.volume("portal"), hu)
    low, high = np.percentile(hu, (0.5, 99.5))
    clipped = np.clip(hu, low, high)
    assert case.intensity["portal"] == pytest.approx(
        {"low": low, "high": high, "mean": clipped.mean(), "deviation": clipped.std()}
    )


def test_the_standard_of_a_cropped_case_is_still_that_of_the_whole_volume(
    source: SourceCase, tmp_path: Path
) -> None:
    case = prepared(patch_recipe("tumor"), source, tmp_path)
    assert case.labels.shape == (15, 19, 17)
    assert case.intensity == prepared(patch_recipe(), source, tmp_path / "whole").intensity


def test_a_voxel_of_a_coarser_grid_is_what_half_of_it_is(tmp_path: Path) -> None:
    labels = np.ones((16, 32, 40), np.uint8)
    labels[:, 0:2, 0:1] = 2  # half of the first voxel of 16 mm
    labels[:, 0:1, 4:5] = 2  # a quarter of the third
    labels[:, 10:12, 10:13] = 0  # all of one voxel, and half of the next
    source = write_source(tmp_path / "data", "one", make_abdomen()[0], on_grid(labels))
    recipe = slice_recipe("liver", stage_changes={"grid": {"in_plane_spacing_mm": 16.0}})
    case = prepared(recipe, source, tmp_path)
    assert case.labels.shape == (16, 16, 20)
    assert np.all(case.labels[:, 0, 0] == 2)
    assert np.all(case.labels[:, 0, 2] == 1)
    assert np.all(case.labels[:, 5, 5] == 0)
    assert np.all(case.labels[:, 5, 6] == 1)
    mean = voxels_of(make_abdomen()[0]).reshape(16, 16, 2, 20, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(case.volume("portal"), mean, atol=0.5)


def test_hu_beyond_whole_numbers_of_two_bytes_are_cut_to_them(tmp_path: Path) -> None:
    portal, labels = make_abdomen()
    hu = voxels_of(portal).astype(np.float32)
    hu[0, 0, :3] = (99999.0, -99999.0, 12.4)
    case = prepared(
        slice_recipe("liver"), write_source(tmp_path / "data", "one", on_grid(hu), labels), tmp_path
    )
    assert case.volume("portal")[0, 0, :3].tolist() == [32767, -32768, 12]


def test_what_is_wrong_with_a_case_is_its_reason(source: SourceCase, tmp_path: Path) -> None:
    nothing = write_source(
        tmp_path / "data", "empty", make_abdomen()[0], on_grid(np.zeros((16, 32, 40), np.uint8))
    )
    assert "its labels show no liver" in failure(slice_recipe("tumor"), nothing, tmp_path)
    both: dict[str, Any] = {"network": "paresseg", "phases": ["portal", "arterial"]}
    two_phases = slice_recipe("tumor", stage_changes={**both, "arguments": {"width": 8}})
    assert "it has no arterial volume: add it" in failure(two_phases, source, tmp_path)
    gone = replace(source, portal=tmp_path / "gone.nii.gz")
    assert "gone.nii.gz' cannot be read (No such file" in failure(slice_recipe("liver"), gone, tmp_path)
    strange = replace(source, labels=(LabelFile(path=source.labels[0].path, values={0: 0, 1: 1}),))
    assert "2" in failure(slice_recipe("liver"), strange, tmp_path)


def test_a_fault_of_the_program_costs_one_case_and_is_told(
    source: SourceCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def faulty(*arguments: Any) -> None:
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr("training.data.preparation.prepare_case.case_arrays", faulty)
    assert "(ZeroDivisionError: a fault)" in failure(slice_recipe("liver"), source, tmp_path)
    assert "Traceback" in capsys.readouterr().err


def test_a_case_that_cannot_be_written_leaves_nothing(
    source: SourceCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(folder: Path, aligned: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("training.data.preparation.prepare_case.write_alignment", full)
    both: dict[str, Any] = {
        "network": "paresseg",
        "phases": ["portal", "arterial"],
        "arguments": {"width": 8},
    }
    recipe = slice_recipe("tumor", stage_changes=both, preparation={"registration": "none"})
    with pytest.raises(OutputError, match=r"the case 'one' cannot be written .*no space left on device"):
        prepared(recipe, replace(source, arterial=source.portal), tmp_path / "prepared")
    assert list((tmp_path / "prepared").iterdir()) == []


def test_arrays_lie_plainly_so_that_they_can_be_mapped(source: SourceCase, tmp_path: Path) -> None:
    case = prepared(slice_recipe("liver"), source, tmp_path)
    for array in (case.volume("portal"), case.labels):
        assert isinstance(array, np.memmap)
        assert array.flags.c_contiguous
    record = json.loads((case.folder / "case.json").read_text())
    assert record["key"] == "key"
    assert record["shape"] == list(case.labels.shape)
