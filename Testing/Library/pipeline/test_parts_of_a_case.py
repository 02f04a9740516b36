"""Work on a part of a case gives what work on the whole gives: liver, candidates, their features, the second look."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.pipeline import liver_mask as liver_mask_module
from LiverTumorAttentionLib.pipeline.candidates import FoundCase
from LiverTumorAttentionLib.pipeline.liver_mask import liver_mask, reaching
from LiverTumorAttentionLib.pipeline.second_look import Candidates, second_look
from LiverTumorAttentionLib.pipeline.stages import (
    FoundLiver,
    FoundTumors,
    around_liver,
    on_portal_grid,
    tumor_instances,
)
from LiverTumorAttentionLib.postprocessing import (
    PostprocessingSettings,
    candidate_features,
    liver_from_candidates,
    liver_from_probability,
)
from LiverTumorAttentionLib.preprocessing import resample_to_grid, stage_grid
from LiverTumorAttentionLib.voxels.parts import image_in_box, whole_of
from Testing.Library.classifiers import by_size

SETTINGS = PostprocessingSettings(rim_mm=3.0)


def like(values: np.ndarray, grid: sitk.Image) -> sitk.Image:
    image = sitk.GetImageFromArray(values)
    image.CopyInformation(grid)
    return image


def balls(grid: sitk.Image, *places: tuple[float, float, float, float]) -> np.ndarray:
    """Return the mask of balls, each by the voxel (z, y, x) of its center and its radius in mm."""
    z, y, x = np.indices(grid.GetSize()[::-1])
    dx, dy, dz = grid.GetSpacing()
    mask = np.zeros(z.shape, bool)
    for cz, cy, cx, radius in places:
        mask |= ((z - cz) * dz) ** 2 + ((y - cy) * dy) ** 2 + ((x - cx) * dx) ** 2 <= radius**2
    return mask


@pytest.fixture
def portal() -> sitk.Image:
    values = np.random.default_rng(1).normal(60, 15, (22, 70, 80)).astype(np.int16)
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((1.9, 1.9, 4.0))
    image.SetOrigin((-71.3, 20.1, 311.7))
    image.SetDirection((0.96, -0.28, 0.0, 0.28, 0.96, 0.0, 0.0, 0.0, 1.0))
    return image


@pytest.fixture
def liver(portal: sitk.Image) -> sitk.Image:
    return like(balls(portal, (11, 34, 40, 34.0)).astype(np.uint8), portal)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.9])
@pytest.mark.parametrize("place", [(5, 30, 30), (0, 2, 60), (21, 69, 1)])
def test_what_reaches_the_threshold_is_found_in_its_box(
    portal: sitk.Image,
    threshold: float,
    place: tuple[int, int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(liver_mask_module, "SLAB_VOXELS", 2000)
    grid = stage_grid(portal, in_plane_spacing_mm=5.0, slice_spacing_range_mm=(6.0, 7.0))
    ball = balls(portal, (*place, 19.0), (8, 12, 15, 4.0)).astype(np.float32)
    coarse = resample_to_grid(like(ball, portal), grid)
    whole = resample_to_grid(coarse, portal)
    expected = sitk.GetArrayFromImage(whole) >= threshold
    box, found = reaching(coarse, threshold, portal)
    np.testing.assert_array_equal(found, expected[box])
    assert found.sum() == expected.sum() > 0
    assert found.size < expected.size
    spacing = portal.GetSpacing()[::-1]
    liver = liver_from_candidates(found, spacing, opening_mm=3.0)
    np.testing.assert_array_equal(
        sitk.GetArrayFromImage(whole_of(image_in_box(liver.view(np.uint8), portal, box), portal)),
        liver_from_probability(sitk.GetArrayFromImage(whole), spacing, threshold=threshold, opening_mm=3.0),
    )


def test_nothing_reaches_the_threshold(portal: sitk.Image) -> None:
    _, found = reaching(sitk.Image(portal.GetSize(), sitk.sitkFloat32), 0.5, portal)
    assert not found.any()


@pytest.fixture
def cases(portal: sitk.Image, liver: sitk.Image) -> tuple[FoundCase, FoundCase]:
    """The same case as the pipeline has it, around the liver, and on the whole grid."""
    grid = stage_grid(portal, in_plane_spacing_mm=2.5)
    lesions = balls(portal, (11, 34, 46, 8.0), (9, 22, 30, 6.0), (11, 34, 57.5, 7.0))
    blurred = sitk.SmoothingRecursiveGaussian(like(lesions.astype(np.float32), portal), 2.0)
    coarse = resample_to_grid(blurred, grid)
    arterial = like(np.random.default_rng(2).normal(90, 20, lesions.shape).astype(np.int16), portal)
    probability = around_liver(coarse, portal, liver)
    case = FoundCase(
        portal=portal,
        liver=FoundLiver(mask=liver, tumor=None),
        registration=None,
        tumors=FoundTumors(probability=coarse, deviation=None, attention=None),
        probability=probability,
        deviation=probability,
        instances=tumor_instances(probability, liver, SETTINGS),
        arterial=arterial,
    )
    whole = on_portal_grid(coarse, portal, liver)
    return case, replace(
        case, probability=whole, deviation=whole, instances=tumor_instances(whole, liver, SETTINGS)
    )


def test_candidates_around_the_liver_are_those_of_the_whole(cases: tuple[FoundCase, FoundCase]) -> None:
    part, whole = cases
    assert part.probability.GetNumberOfPixels() < whole.probability.GetNumberOfPixels()
    for name in ("probability", "instances"):
        np.testing.assert_array_equal(
            sitk.GetArrayFromImage(whole_of(getattr(part, name), part.portal)),
            sitk.GetArrayFromImage(getattr(whole, name)),
        )
    assert sitk.GetArrayFromImage(whole.instances).max() == 4


def test_features_and_second_look_are_those_of_the_whole(cases: tuple[FoundCase, FoundCase]) -> None:
    part, whole = cases
    shape = sitk.GetArrayViewFromImage(whole.instances).shape
    assert part.volumes().instances.shape != shape
    everything = replace(part.volumes(), **_whole_arrays(whole))
    assert everything.instances.shape == shape
    assert candidate_features(part.volumes()) == candidate_features(everything)
    rule = by_size(14.0)
    kept, look = second_look(part, rule, "balanced")
    again, same = second_look(whole, rule, "balanced")
    assert look == same
    assert look.dropped
    np.testing.assert_array_equal(
        sitk.GetArrayFromImage(whole_of(kept, part.portal)),
        sitk.GetArrayFromImage(whole_of(again, part.portal)),
    )


def test_patches_are_those_of_the_whole_and_the_network_decides_by_them(
    cases: tuple[FoundCase, FoundCase],
) -> None:
    part, whole = cases
    patches, again = Candidates(part).patches(), Candidates(whole).patches()
    assert list(patches) == list(again) == [1, 2, 3]
    for number, patch in patches.items():
        np.testing.assert_array_equal(patch, again[number])
        middle = tuple(length // 2 for length in patch.shape[1:])
        assert patch[4][middle] == pytest.approx(1.0)  # the candidate itself
        assert patch[2].min() == 1.0  # the arterial phase saw all

    def second_alone(seen: list[np.ndarray]) -> np.ndarray:
        assert all(np.array_equal(one, patches[number]) for number, one in enumerate(seen, start=1))
        return np.array([-5.0, 5.0, -5.0])

    curve = replace(by_size(0.0).curves[0], feature="network_logit", low=-9.0, high=9.0)
    rule = replace(by_size(0.0), curves=(curve,), intercept=0.0)
    _, look = second_look(part, rule, "balanced", second_alone)
    assert list(look.probabilities.values()) == pytest.approx([1 / (1 + np.exp(-5.0))])
    assert look.dropped == pytest.approx([1 / (1 + np.exp(5.0))] * 2)


def _whole_arrays(case: FoundCase) -> dict[str, np.ndarray]:
    images = {
        "instances": case.instances,
        "probability": case.probability,
        "portal": case.portal,
        "arterial": case.arterial,
        "deviation": case.deviation,
    }
    arrays = {name: sitk.GetArrayFromImage(image) for name, image in images.items()}
    return {**arrays, "liver": sitk.GetArrayFromImage(case.liver.mask).astype(bool)}


def test_bowel_is_cut_from_the_liver_where_the_model_asks_for_it() -> None:
    organ = np.zeros((12, 60, 90), np.float32)
    organ[2:10, 10:50, 10:70] = 0.9  # 96 mL of liver, and of bowel beyond x = 50, which goes on outside
    hu = np.full(organ.shape, -100, np.int16)
    hu[2:10, 10:50, 10:50] = 100
    hu[1:11, 5:55, 50:88] = 300
    image = sitk.GetImageFromArray(hu)
    image.SetSpacing((2.0, 2.0, 3.0))
    plain, cut = (
        sitk.GetArrayFromImage(
            liver_mask(like(organ, image), image, "", PostprocessingSettings(liver_denser_hu=value))
        )
        for value in (0.0, 80.0)
    )
    assert plain.sum() == 8 * 40 * 60
    assert not cut[:, :, 50:].any()
    assert cut[:, :, :46].sum() > 0.95 * 8 * 40 * 36
