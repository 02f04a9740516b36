"""How the arterial phase comes onto the portal one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from Testing.Training.abdomen import make_abdomen, voxels_of
from Testing.Training.data.preparation.data_set import write_source
from Testing.Training.prepared import slice_recipe
from training.data.case import PreparedCase, SourceCase
from training.data.layouts.reading import read_case
from training.data.preparation import Preparation, onto_portal
from training.data.preparation.arterial import read_transform
from training.data.preparation.prepare_case import prepare_case
from training.recipes.recipe import Recipe

BOX = (slice(1, 16), slice(5, 24), slice(4, 21))
"""The liver's box with a margin of 4 mm: one voxel on each side."""


def two_phases(registration: str, **changes: Any) -> Recipe:
    stage = {"network": "paresseg", "phases": ["portal", "arterial"], "arguments": {"width": 8}, **changes}
    return slice_recipe("tumor", stage_changes=stage, preparation={"registration": registration})


def prepared(registration: str, source: SourceCase, folder: Path) -> PreparedCase:
    entry = prepare_case(Preparation.of(two_phases(registration)), "key", folder, source)
    assert entry.state == "done", entry.reason
    return PreparedCase.read(folder / source.name)


@pytest.fixture
def shifted(tmp_path: Path) -> SourceCase:
    """The arterial volume shows everything 16 mm more to the left (one and the same voxels, two columns on)."""
    portal, labels = make_abdomen()
    arterial = sitk.Image(portal)
    arterial.SetOrigin((portal.GetOrigin()[0] + 16.0, *portal.GetOrigin()[1:]))
    vectors = np.broadcast_to(np.float32((16.0, 0.0, 0.0)), (*portal.GetSize()[::-1], 3))
    displacement = sitk.GetImageFromArray(np.ascontiguousarray(vectors), isVector=True)
    displacement.CopyInformation(portal)
    return write_source(tmp_path / "data", "one", portal, labels, arterial, displacement=displacement)


def test_a_true_displacement_is_undone(shifted: SourceCase, tmp_path: Path) -> None:
    case = prepared("known", shifted, tmp_path)
    np.testing.assert_array_equal(case.volume("arterial"), case.volume("portal"))
    transform = read_transform(case.folder, shifted)
    assert transform is not None
    assert transform.TransformPoint((0.0, 0.0, -350.0)) == pytest.approx((16.0, 0.0, -350.0))
    assert "registration" not in case.facts


def test_a_displacement_is_applied_where_it_is_known_and_other_cases_are_registered(
    shifted: SourceCase, tmp_path: Path
) -> None:
    known = prepared("known_or_library", shifted, tmp_path / "known")
    np.testing.assert_array_equal(known.volume("arterial"), known.volume("portal"))
    assert json.loads((known.folder / "registration.json").read_text())["method"] == "known"
    transform = read_transform(known.folder, shifted)
    assert transform is not None
    assert transform.TransformPoint((0.0, 0.0, -350.0)) == pytest.approx((16.0, 0.0, -350.0))

    registered = prepared("known_or_library", replace(shifted, displacement=None), tmp_path / "registered")
    assert json.loads((registered.folder / "registration.json").read_text())["method"] == "library"
    assert registered.facts["registration"] in ("good", "doubtful")


def test_without_registration_the_volume_is_used_as_it_lies(shifted: SourceCase, tmp_path: Path) -> None:
    case = prepared("none", shifted, tmp_path)
    two_columns_on = np.roll(voxels_of(make_abdomen()[0]), 2, axis=2)
    np.testing.assert_array_equal(case.volume("arterial"), two_columns_on[BOX])
    transform = read_transform(case.folder, shifted)
    assert transform is not None
    assert transform.TransformPoint((1.0, 2.0, 3.0)) == (1.0, 2.0, 3.0)


def test_registration_finds_the_shift_and_its_transform_is_kept(shifted: SourceCase, tmp_path: Path) -> None:
    case = prepared("library", shifted, tmp_path)
    assert case.facts["registration"] in ("good", "doubtful")
    record = json.loads((case.folder / "registration.json").read_text())
    assert (record["method"], record["grade"]) == ("library", case.facts["registration"])
    transform = read_transform(case.folder, shifted)
    assert transform is not None
    middle = (-54.0, -8.0, -320.0)  # of the liver
    assert np.subtract(transform.TransformPoint(middle), middle) == pytest.approx((16, 0, 0), abs=3)
    loaded = read_case(shifted)
    assert loaded.arterial is not None
    again = voxels_of(onto_portal(loaded.arterial, loaded.portal, transform))
    np.testing.assert_allclose(case.volume("arterial"), again[BOX], atol=1)


def test_a_refused_registration_is_marked_and_the_volume_used_as_it_lies(tmp_path: Path) -> None:
    portal, labels = make_abdomen()
    upside_down = sitk.GetImageFromArray(np.random.default_rng(1).integers(-200, 200, (16, 32, 40), np.int16))
    upside_down.CopyInformation(portal)
    source = write_source(tmp_path / "data", "one", portal, labels, upside_down)
    case = prepared("library", source, tmp_path)
    assert case.facts["registration"] == "refused"
    np.testing.assert_array_equal(case.volume("arterial"), voxels_of(upside_down)[BOX])
    transform = read_transform(case.folder, source)
    assert transform is not None
    assert transform.TransformPoint((1.0, 2.0, 3.0)) == (1.0, 2.0, 3.0)
    assert (case.folder / "registration.h5").exists()  # what was found can still be looked at


def test_a_displacement_that_is_not_known_cannot_be_undone(shifted: SourceCase, tmp_path: Path) -> None:
    source = replace(shifted, displacement=None)
    entry = prepare_case(Preparation.of(two_phases("known")), "key", tmp_path, source)
    assert entry.reason is not None
    assert "its true displacement is not known" in entry.reason


def test_a_network_of_one_phase_that_is_trained_on_both_gets_both(
    shifted: SourceCase, tmp_path: Path
) -> None:
    recipe = slice_recipe("liver", sampling={"either_phase": True}, preparation={"registration": "known"})
    prepare_case(Preparation.of(recipe), "key", tmp_path, shifted)
    case = PreparedCase.read(tmp_path / "one")
    assert case.has("arterial")
    assert case.labels.shape == case.volume("arterial").shape == (16, 32, 40)
    alone = replace(shifted, arterial=None, name="alone")
    assert prepare_case(Preparation.of(recipe), "key", tmp_path, alone).state == "done"


def test_where_the_portal_phase_may_stand_in_no_arterial_one_is_needed(
    shifted: SourceCase, tmp_path: Path
) -> None:
    preparation = Preparation.of(two_phases("library", missing_phase="portal"))
    source = replace(shifted, arterial=None)
    assert prepare_case(preparation, "key", tmp_path, source).state == "done"
    assert not PreparedCase.read(tmp_path / "one").has("arterial")
    assert read_transform(tmp_path / "one", source) is None


def test_a_damaged_registration_is_told(shifted: SourceCase, tmp_path: Path) -> None:
    case = prepared("library", shifted, tmp_path)
    (case.folder / "registration.h5").write_bytes(b"")
    with pytest.raises(
        InputError, match=r"cannot be read \([^\n]*\): delete this folder and run `prepare` again"
    ):
        read_transform(case.folder, shifted)
