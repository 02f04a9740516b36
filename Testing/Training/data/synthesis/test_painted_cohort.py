"""Cohorts painted from label maps: the same every time, resumable, and fit for the layout "plain"."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from Testing.Training.data.synthesis.test_atlases import organs
from training.cli import main
from training.data.checks import check_cases
from training.data.layouts import find_cases
from training.data.layouts.reading import read_case
from training.data.sources import sources_of
from training.data.synthesis.livers import find_livers
from training.data.synthesis.painted_cohort import (
    LabelMap,
    PaintingSettings,
    paint_case,
    write_painted_case,
    write_painted_cohort,
)

COARSE = PaintingSettings(in_plane_mm=6.0, slice_spacing_range_mm=(8.0, 10.0))


@pytest.fixture(scope="module")
def label_map(tmp_path_factory: pytest.TempPathFactory) -> LabelMap:
    path = tmp_path_factory.mktemp("maps") / "made" / "labels.nrrd"
    path.parent.mkdir()
    sitk.WriteImage(organs(), str(path))
    return LabelMap(path=path, kind="amos")


@pytest.fixture(scope="module")
def cohort(label_map: LabelMap, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three cases, written by the command."""
    folder = tmp_path_factory.mktemp("painted") / "cohort"
    options = ["--in-plane", "6", "--slice-spacing", "8", "10", "--processes", "1", "--progress", "none"]
    label_maps = ["--label-map", f"{label_map.path}:{label_map.kind}"]
    assert main(["synthesize", *label_maps, "--count", "3", "--output", str(folder), *options]) == 0
    return folder


def test_cases_are_read_in_the_layout_plain_with_their_source(cohort: Path, label_map: LabelMap) -> None:
    cases = find_cases("plain", cohort)
    assert [case.name for case in cases] == ["painted-0", "painted-1", "painted-2"]
    assert {case.facts["source"] for case in cases} == {"painted"}
    digits = hashlib.sha256(label_map.path.read_bytes()).hexdigest()[:8]
    assert {case.facts["label_map"] for case in cases} == {f"{digits}:amos"}
    assert {case.facts["liver"] for case in cases} == {"own"}
    errors = [found for found in check_cases(cases, processes=1) if found.severity == "error"]
    assert errors == []


def test_a_case_with_another_liver_tells_whose_it_is(label_map: LabelMap, tmp_path: Path) -> None:
    ball = (np.linalg.norm(np.indices((60, 60, 60)).T - 29.5, axis=-1).T < 25).astype(np.uint8)
    mask = sitk.GetImageFromArray(ball)
    mask.SetSpacing((2.0, 2.0, 2.0))
    (tmp_path / "couinaud").mkdir()
    sitk.WriteImage(mask, str(tmp_path / "couinaud" / "MSD-001.nii.gz"))
    settings = replace(COARSE, other_liver_share=1.0)
    livers = find_livers(tmp_path)
    write_painted_cohort(tmp_path / "cohort", [label_map], settings, livers=livers, count=1, processes=1)
    (case,) = find_cases("plain", tmp_path / "cohort")
    assert case.facts["liver"] == "MSD-001"
    assert sources_of(case.facts, case.patient, case.name) == {
        "amos": label_map.name,
        "msd-vessels": "MSD-001",
    }


def test_files_hold_the_voxels_that_were_painted_and_no_displacement(small_atlas, tmp_path: Path) -> None:
    painted = paint_case(small_atlas, PaintingSettings(in_plane_mm=4.0, liver_margin_mm=14.0), seed=3)
    write_painted_case(painted, "small:amos", tmp_path / "case")
    (case,) = find_cases("plain", tmp_path)
    loaded = read_case(case, arterial=True)
    assert loaded.arterial is not None
    assert loaded.displacement is not None
    np.testing.assert_array_equal(sitk.GetArrayFromImage(loaded.portal), painted.portal)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(loaded.arterial), painted.arterial)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(loaded.labels), painted.labels)
    assert not sitk.GetArrayFromImage(loaded.displacement).any()
    assert loaded.portal.GetSpacing()[::-1] == pytest.approx(painted.spacing_mm)


def test_complete_cases_are_left_alone_and_others_painted_the_same(cohort: Path, label_map: LabelMap) -> None:
    whole, broken = cohort / "painted-0", cohort / "painted-1"
    times = {path: path.stat().st_mtime_ns for path in whole.iterdir()}
    before = sitk.GetArrayFromImage(sitk.ReadImage(str(broken / "portal.nii.gz")))
    (broken / "case.json").unlink()
    assert write_painted_cohort(cohort, [label_map], COARSE, count=3, processes=1) == 1
    assert {path: path.stat().st_mtime_ns for path in whole.iterdir()} == times
    np.testing.assert_array_equal(
        sitk.GetArrayFromImage(sitk.ReadImage(str(broken / "portal.nii.gz"))), before
    )
    assert json.loads((broken / "case.json").read_text())["source"] == "painted"


def test_a_cohort_is_continued_with_the_same_settings_and_label_maps_alone(
    cohort: Path, label_map: LabelMap
) -> None:
    finer = PaintingSettings(in_plane_mm=5.0, slice_spacing_range_mm=(8.0, 10.0))
    with pytest.raises(
        InputError, match=r"holds painted cases with in_plane_mm 6.0, not 5.0: ask for the same"
    ):
        write_painted_cohort(cohort, [label_map], finer, count=3)
    with pytest.raises(InputError, match="with label_maps"):
        write_painted_cohort(cohort, [label_map, label_map], COARSE, count=3)


def test_a_cohort_tells_nothing_of_where_its_label_maps_lie_and_one_that_does_is_taken_over(
    cohort: Path, label_map: LabelMap, tmp_path: Path
) -> None:
    written = [*cohort.glob("*.json"), *cohort.glob("*/*.json")]
    assert len(written) == 4
    assert [path for path in written if "made" in path.read_text()] == []
    settings = json.loads((cohort / "cohort.json").read_text())
    folder = tmp_path / "cohort"
    folder.mkdir()
    (folder / "cohort.json").write_text(json.dumps({**settings, "label_maps": ["made:amos"]}))
    write_painted_cohort(folder, [label_map], COARSE, count=1, processes=1)
    assert json.loads((folder / "cohort.json").read_text()) == settings


def test_the_share_of_cases_with_lesions_is_that_asked(small_atlas) -> None:
    def has_tumor(share: float, seed: int) -> bool:
        settings = PaintingSettings(in_plane_mm=4.0, liver_margin_mm=14.0, lesion_share=share)
        return bool((paint_case(small_atlas, settings, seed).labels == 2).any())

    assert not any(has_tumor(0.0, seed) for seed in range(8))
    assert sum(has_tumor(1.0, seed) for seed in range(8)) >= 6  # where none fits, none is implanted


def test_what_cannot_be_painted_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="PATH:KIND"):
        LabelMap.parse("map.nrrd")
    with pytest.raises(InputError, match="choose one of amos, spl"):
        LabelMap.parse("map.nrrd:other")
    with pytest.raises(InputError, match="there is no label map"):
        LabelMap.parse(f"{tmp_path}/map.nrrd:spl")
    with pytest.raises(InputError, match="there is no label map to paint from"):
        write_painted_cohort(tmp_path / "cohort", [], COARSE, count=1)
    with pytest.raises(InputError, match="positive spacings, got 0 mm in plane"):
        PaintingSettings(in_plane_mm=0.0)
    with pytest.raises(InputError, match=r"must lie in \[0, 1\], got 1.2"):
        PaintingSettings(lesion_share=1.2)
