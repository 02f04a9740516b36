"""What the tumor stage is given, and that it computes the liver's box alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.inference import TumorStage, choose_device
from LiverTumorAttentionLib.inference.slices import SlicePredictor
from LiverTumorAttentionLib.models import ModelPackage
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.voxels.plane_symmetries import SYMMETRIES
from Testing.Library.model_folder import change_description, write_model

LIVER = (slice(2, 6), slice(40, 90), slice(20, 60))


def portal_and_liver() -> tuple[sitk.Image, sitk.Image]:
    rng = np.random.default_rng(0)
    portal = sitk.GetImageFromArray(rng.normal(60, 80, (10, 120, 100)).astype(np.float32))
    mask = np.zeros((10, 120, 100), np.uint8)
    mask[LIVER] = 1
    liver = sitk.GetImageFromArray(mask)
    for image in (portal, liver):
        image.SetSpacing((1.5, 1.5, 5.0))
        image.SetOrigin((-7.0, 11.0, 3.0))
    return portal, liver


def stage(folder: Path, **changes: Any) -> TumorStage:
    model = write_model(folder)
    change_description(model, lambda values: values["stages"][1].update(changes))
    return TumorStage.of(ModelPackage(model), choose_device("cpu"))


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[np.ndarray], Any]]:
    """What reaches the predictor: its inputs and the box that is kept."""
    calls: list[tuple[list[np.ndarray], Any]] = []
    original = SlicePredictor.predict

    def predict(self: SlicePredictor, phases: Any, progress: Progress, **options: Any) -> Any:
        calls.append((list(phases), options["keep"]))
        return original(self, phases, progress, **options)

    monkeypatch.setattr(SlicePredictor, "predict", predict)
    return calls


def test_what_lies_outside_the_dilated_liver_is_zero(tmp_path: Path, given: list) -> None:
    portal, liver = portal_and_liver()
    tumor = stage(tmp_path, grid={"in_plane_spacing_mm": None}, mask_dilation_mm=3.1, box_margin_mm=6.0)
    result = tumor.probability(portal, None, liver, Progress())
    ((first, second), keep) = given[0]
    # The box: 9.1 mm are 7 pixels of 1.5 mm, and 2 slices of 5 mm.
    assert first.shape == (8, 64, 54)
    assert result.GetOrigin() == portal.TransformIndexToPhysicalPoint((13, 33, 0))
    assert keep == (slice(0, 8), slice(0, 64), slice(0, 54))
    np.testing.assert_array_equal(first, second)  # the portal phase stands in for the arterial one
    seen = first.any(axis=(0, 2)).nonzero()[0]
    assert (seen.min(), seen.max()) == (5, 58)  # two pixels (3 mm) around the liver's 7 … 56
    assert not first[:2].any()  # the slices beside the liver lie 5 mm away
    values = sitk.GetArrayFromImage(result)
    assert np.all(values[first == 0][:100] == 0)
    assert values.any()


def test_a_crop_masks_nothing(tmp_path: Path, given: list) -> None:
    portal, liver = portal_and_liver()
    tumor = stage(tmp_path, grid={"in_plane_spacing_mm": None}, mask_dilation_mm=None, box_margin_mm=6.0)
    tumor.probability(portal, None, liver, Progress())
    inside = np.clip((sitk.GetArrayFromImage(portal)[0:8, 36:94, 16:64] + 70) / 250, 0, 1)
    np.testing.assert_allclose(given[0][0][0], inside, atol=1e-6)  # 4 pixels, 2 slices
    assert given[0][0][0].shape == (8, 58, 48)


def test_resized_slices_are_whole_and_the_box_alone_is_kept(tmp_path: Path, given: list) -> None:
    portal, liver = portal_and_liver()
    changes = {
        "grid": {"in_plane_pixels": [240, 200]},
        "slices": {"neighbours": 1, "tile": [240, 200], "overlap": 0.0},
        "mask_dilation_mm": None,
        "box_margin_mm": 6.0,
    }
    tumor = stage(tmp_path, **changes)
    result = tumor.probability(portal, None, liver, Progress())
    (inputs, keep) = given[0]
    assert inputs[0].shape == (8, 240, 200)
    # Pixels of 0.75 mm: 8 of them are the margin; the liver fills 80 … 179 and 40 … 119.
    assert keep[1:] == (slice(72, 188), slice(32, 128))
    assert result.GetSize() == (96, 116, keep[0].stop - keep[0].start)
    border = portal.TransformContinuousIndexToPhysicalPoint((20 - 0.5 - 4, 40 - 0.5 - 4, 0))
    assert result.TransformContinuousIndexToPhysicalPoint((-0.5, -0.5, 0))[:2] == pytest.approx(border[:2])


def test_percentiles_are_those_of_the_whole_volume(tmp_path: Path, given: list) -> None:
    portal, liver = portal_and_liver()
    tumor = stage(
        tmp_path,
        intensity={"percentiles": [0.5, 99.5]},
        grid={"in_plane_spacing_mm": None},
        mask_dilation_mm=None,
        box_margin_mm=0.0,
    )
    tumor.probability(portal, None, liver, Progress())
    hu = sitk.GetArrayFromImage(portal)
    clipped = np.clip(hu, *np.percentile(hu, (0.5, 99.5)))
    want = (clipped - clipped.mean()) / clipped.std()
    np.testing.assert_allclose(given[0][0][0], want[LIVER], atol=1e-4)


def test_an_average_over_the_view_as_it_is_is_that_view(tmp_path: Path) -> None:
    portal, liver = portal_and_liver()
    tumor = stage(tmp_path)
    plain = tumor.probability(portal, None, liver, Progress())
    mean, deviation = tumor.averaged_probability(portal, None, liver, Progress(), SYMMETRIES["none"])
    np.testing.assert_array_equal(sitk.GetArrayFromImage(mean), sitk.GetArrayFromImage(plain))
    assert not sitk.GetArrayFromImage(deviation).any()


def test_the_tumor_network_sees_every_view_and_nothing_outside_the_mask_deviates(
    tmp_path: Path, given: list
) -> None:
    portal, liver = portal_and_liver()
    tumor = stage(tmp_path, grid={"in_plane_spacing_mm": None}, mask_dilation_mm=3.0)
    plain = tumor.probability(portal, None, liver, Progress())
    mean, deviation = tumor.averaged_probability(
        portal, None, liver, Progress(), SYMMETRIES["flips-and-turns"]
    )
    assert len(given) == 1 + 8
    first = given[0][0][0]
    np.testing.assert_array_equal(given[1][0][0], first)
    np.testing.assert_array_equal(given[2][0][0], first[..., ::-1])
    np.testing.assert_array_equal(given[5][0][0], first.swapaxes(1, 2))
    for image in (mean, deviation):
        assert (image.GetSize(), image.GetOrigin()) == (plain.GetSize(), plain.GetOrigin())
        assert image.GetSpacing() == plain.GetSpacing()
        assert not sitk.GetArrayFromImage(image)[sitk.GetArrayFromImage(plain) == 0].any()
    assert sitk.GetArrayFromImage(deviation).max() > 1e-3  # random weights know no symmetry


RELATIVE = {"liver_window_hu": [-150, 250], "liver_erosion_mm": 2.0}


def relative_stage(folder: Path) -> TumorStage:
    model = write_model(folder, format=3)
    changes = {"intensity": RELATIVE, "grid": {"in_plane_spacing_mm": None}, "mask_dilation_mm": 3.0}
    change_description(model, lambda values: values["stages"][1].update(changes))
    return TumorStage.of(ModelPackage(model), choose_device("cpu"))


def test_each_phase_is_seen_relative_to_its_own_liver(tmp_path: Path, given: list) -> None:
    portal, liver = portal_and_liver()
    hu = np.full((10, 120, 100), -100, np.float32)
    hu[LIVER] = 110
    hu[3, 60:64, 40:44] = 190  # a vessel, 80 HU above
    portal_hu, arterial_hu = hu, np.where(hu == 110, 55, np.where(hu == 190, 155, hu))
    phases = []
    for values in (portal_hu, arterial_hu):
        phases.append(sitk.GetImageFromArray(values.astype(np.float32)))
        phases[-1].CopyInformation(portal)
    relative_stage(tmp_path).probability(*phases, liver, Progress())
    ((first, second), _) = given[0]
    # The box starts at y 40 - 5, x 20 - 5 and z 2 - 2; (0 + 150) / 400 is the liver's own level.
    for values, vessel in ((first, 80), (second, 100)):
        assert values[3, 30, 15] == 150 / 400
        assert values[3, 26, 26] == pytest.approx((vessel + 150) / 400)


def test_a_shift_of_the_scan_is_not_seen(tmp_path: Path, given: list) -> None:
    portal, liver = portal_and_liver()
    portal = sitk.Round(60 + (portal - 60) / 4)  # noise of 20 HU; whole HU, so that sums are exact
    tumor = relative_stage(tmp_path)
    tumor.probability(portal, portal + 30, liver, Progress())
    tumor.probability(portal + 65, portal - 20, liver, Progress())
    (one, _), (other, _) = given
    for values in (*one, *other):
        np.testing.assert_array_equal(values, one[0])
    assert 0 < np.median(one[0][one[0] > 0]) < 0.5


def test_a_stage_whose_phases_the_network_does_not_take_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="'paresseg' takes portal, arterial; the stage gives it portal"):
        stage(tmp_path, phases=["portal"], missing_phase="refuse")
