"""What a prepared folder tells those who train and evaluate on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from LiverTumorAttentionLib.errors import InputError
from Testing.Training.abdomen import make_abdomen
from Testing.Training.data.preparation.data_set import write_source
from Testing.Training.prepared import patch_recipe, slice_recipe
from training.data.case import LabelFile, SourceCase
from training.data.preparation import Manifest, Preparation
from training.data.preparation.plan import key_of
from training.data.preparation.prepare_cohort import opened
from training.data.preparation.sources import source_from, source_values
from training.recipes.recipe import Recipe

TWO_PHASES: dict[str, Any] = {
    "network": "paresseg",
    "phases": ["portal", "arterial"],
    "arguments": {"width": 8},
}


def two_phases(registration: str = "none", **stage: Any) -> Recipe:
    return slice_recipe(
        "tumor", stage_changes={**TWO_PHASES, **stage}, preparation={"registration": registration}
    )


@pytest.fixture
def prepared(tmp_path: Path) -> Manifest:
    """Two cases of two phases, taken as they lie."""
    portal, labels = make_abdomen()
    sources = [write_source(tmp_path / "data", name, portal, labels, portal) for name in ("b", "a")]
    with opened(tmp_path / "prepared", Preparation.of(two_phases())) as cohort:
        cohort.prepare(sources, processes=1)
        cohort.leave_out(write_source(tmp_path / "data", "c", portal, labels), "no arterial volume")
    return Manifest.read(tmp_path / "prepared")


def test_prepared_cases_come_by_name_and_know_their_source(prepared: Manifest, tmp_path: Path) -> None:
    assert [case.name for case in prepared.cases()] == ["a", "b"]
    assert prepared.source("a").portal == tmp_path / "data" / "a" / "portal.nii.gz"
    assert prepared.source("c").arterial is None
    assert (prepared.entries["c"].state, prepared.entries["c"].reason) == ("failed", "no arterial volume")
    with pytest.raises(InputError, match="there is no case 'd' in"):
        prepared.source("d")


def test_the_transform_of_a_case_can_be_asked_for(prepared: Manifest) -> None:
    transform = prepared.registration("a")
    assert transform is not None
    assert transform.TransformPoint((1.0, 2.0, 3.0)) == (1.0, 2.0, 3.0)


def test_a_source_is_the_same_after_it_was_written_down(tmp_path: Path) -> None:
    source = SourceCase(
        name="x",
        portal=tmp_path / "portal",
        labels=(
            LabelFile(path=tmp_path / "liver.nii", mask_class=1),
            LabelFile(path=tmp_path / "map.nii", values={0: 0, 5: 2}),
        ),
        arterial=tmp_path / "arterial",
        patient="P",
        facts={"scanner": "GE"},
        displacement=tmp_path / "u.nii",
        lesions=tmp_path / "lesions.json",
    )
    assert source_from(json.loads(json.dumps(source_values(source)))) == source


@pytest.mark.parametrize(
    ("recipe", "setting"),
    [
        (two_phases("library"), "preparation.registration is none there and library here"),
        (two_phases(mask_dilation_mm=3.0), "stage.mask_dilation_mm is None there and 3.0 here"),
        (two_phases(box_margin_mm=9.0), "stage.box_margin_mm is 4.0 there and 9.0 here"),
        (two_phases(grid={"slice_spacing_range_mm": [3, 7]}), "stage.grid.slice_spacing_range_mm is None"),
        (two_phases(missing_phase="portal"), "stage.missing_phase is refuse there and portal here"),
        (two_phases(intensity={"percentiles": [1, 99]}), "stage.intensity.percentiles is None there"),
        (
            two_phases(intensity={"liver_window_hu": [-150, 250], "liver_erosion_mm": 5}),
            "stage.intensity.liver_erosion_mm is None there and 5.0 here",
        ),
        (slice_recipe("liver"), "stage.name is tumor there and liver or liver_and_tumor here"),
    ],
)
def test_a_recipe_of_other_settings_does_not_fit(prepared: Manifest, recipe: Recipe, setting: str) -> None:
    with pytest.raises(InputError, match=setting):
        prepared.check_fits(recipe)


def test_recipes_that_differ_in_nothing_that_matters_fit(prepared: Manifest) -> None:
    prepared.check_fits(two_phases(intensity={"window_hu": [-70, 180]}))
    prepared.check_fits(slice_recipe("tumor", sampling={"centre": "liver"}))  # one phase of the two
    assert prepared.key == key_of(Preparation.of(two_phases(intensity={"window_hu": [-70, 180]})).settings())
    assert prepared.key != key_of(Preparation.of(two_phases("library")).settings())


def test_stages_of_whole_volumes_share_a_folder(tmp_path: Path) -> None:
    source = write_source(tmp_path / "data", "a", *make_abdomen())
    with opened(tmp_path / "prepared", Preparation.of(patch_recipe("liver_and_tumor"))) as cohort:
        cohort.prepare([source], processes=1)
    manifest = Manifest.read(tmp_path / "prepared")
    manifest.check_fits(patch_recipe("liver"))
    with pytest.raises(InputError, match=r"stage.intensity.percentiles is \[0.5, 99.5\] there and None here"):
        manifest.check_fits(slice_recipe("liver"))


def test_a_coarse_liver_is_for_tumors_alone() -> None:
    with pytest.raises(InputError, match="works on whole volumes and needs no coarse liver"):
        Preparation.of(slice_recipe("liver"), "demo")


def test_a_folder_without_a_manifest_or_with_a_damaged_one_is_told(
    prepared: Manifest, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="there are no prepared cases in"):
        Manifest.read(tmp_path)
    path = prepared.folder / "manifest.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, "format": 0}))
    with pytest.raises(
        InputError, match=r"was prepared by another version of this program \(format 0, now 1\)"
    ):
        Manifest.read(prepared.folder)
    path.write_text(json.dumps(values)[:-20])
    with pytest.raises(InputError, match="delete it and run `prepare` again, which takes over what is done"):
        Manifest.read(prepared.folder)
