"""What the benchmark of registration takes for the truth is true."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from LiverTumorAttentionLib.metrics.overlap import confusion
from Testing.benchmarks.registration import deformations, label_pairs
from Testing.benchmarks.registration.branching import branch_points
from Testing.benchmarks.registration.deformations import Motion
from Testing.benchmarks.registration.painter import FINE_MM, Painting
from Testing.benchmarks.registration.pairs import read_truth, write_pair
from Testing.benchmarks.registration.scores import indices_in, points_of, sampled, score
from Testing.benchmarks.registration.vessel_trees import Tree, coverage, grow
from Testing.Library.benchmarks.small_pair import SHIFT, shifted_pair
from training.data.synthesis.atlases import Atlas, Tissue

NODES = (36, 40, 44)
MIDDLE_MM = 0.5 * deformations.NODE_MM * (np.array(NODES) - 1)
RADIUS_MM = 45.0
SLOPE_HU_PER_MM = np.array([4.0, -5.0, 6.0])
"""Of what is painted, along z, y, x: an error along no axis cancels."""


def ball() -> np.ndarray:
    """Return a ball at the nodes."""
    return np.linalg.norm(deformations.nodes(NODES) - MIDDLE_MM, axis=-1) < RADIUS_MM


def motion(kind: str) -> Motion:
    """Return a motion of the ball."""
    rng = np.random.default_rng(3)
    if kind == "smooth":
        return deformations.smooth_motion(rng, ball(), 15.0)
    velocity = deformations.breathing_velocity(rng, NODES)
    return deformations.sliding_motion(rng, ball(), velocity, ball(), smooth_mm=6.0, sliding_mm=12.0)


def anywhere(count: int) -> np.ndarray:
    """Return points within 65 mm of the middle, so that a good part of them lies close to the surface."""
    rng = np.random.default_rng(4)
    away = rng.normal(size=(count, 3))
    return MIDDLE_MM + rng.uniform(0, 65, (count, 1)) * away / np.linalg.norm(away, axis=1, keepdims=True)


@pytest.mark.parametrize("kind", ["smooth", "sliding"])
def test_the_way_there_and_the_way_back_cancel(kind: str):
    moving, points = motion(kind), anywhere(20_000)
    there = moving.forward(points)
    assert np.linalg.norm(there - points, axis=1).max() > 10.0
    back = np.linalg.norm(moving.backward(there) - points, axis=1)
    again = np.linalg.norm(moving.forward(moving.backward(points)) - points, axis=1)
    for error in (back, again):
        # within 0.1 mm of the surface a point may be taken for one of the other side
        assert (error > 0.05).mean() <= (0 if kind == "smooth" else 0.001)


def test_a_motion_that_is_asked_too_much_is_shortened_until_it_can_be_undone():
    rng = np.random.default_rng(3)
    velocity = deformations.breathing_velocity(rng, NODES)
    moving = deformations.sliding_motion(rng, ball(), velocity, ball(), smooth_mm=60.0, sliding_mm=60.0)
    for field in (moving.psi, moving.sigma):
        assert deformations.jacobian(field).min() >= deformations.LEAST_JACOBIAN
        assert np.linalg.norm(deformations.gradient(field), ord=2, axis=(-2, -1)).max() < 0.801
        assert np.linalg.norm(field, axis=0).max() > 10.0
    points = anywhere(5000)
    assert (np.linalg.norm(moving.forward(moving.backward(points)) - points, axis=1) > 0.05).mean() <= 0.002


def test_what_slides_stays_on_its_side_and_moves_along_the_surface_alone():
    moving = motion("sliding")
    away = np.random.default_rng(5).normal(size=(5000, 3))
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    surface = MIDDLE_MM + RADIUS_MM * away
    # onto the smoothed surface itself
    for _ in range(5):
        surface = surface - deformations.read(moving.surface, surface)[:, None] * away
    slid = deformations.read(moving.sigma, surface)
    assert np.linalg.norm(slid, axis=1).mean() > 4.0
    left = deformations.read(moving.surface, surface + slid)
    assert np.abs(left).mean() < 0.1
    assert np.abs(left).max() < 0.5
    inside, outside = surface - 0.6 * away, surface + 0.6 * away
    jump = np.linalg.norm(moving.forward(inside) - moving.forward(outside), axis=1)
    assert np.percentile(jump, 90) > 4.0
    assert (moving.forward(outside) == deformations.moved(outside, moving.psi)).all()


@pytest.mark.parametrize("kind", ["smooth", "sliding"])
def test_the_phases_show_what_the_truth_says(kind: str):
    """Painted with their own coordinates, the phases tell where each voxel came from."""
    shape = 2 * np.array(NODES)
    places = np.moveaxis(np.indices(shape, dtype=np.float32), 0, -1) * 2.0
    liver = np.linalg.norm(places - MIDDLE_MM, axis=-1) < RADIUS_MM
    atlas = Atlas(
        name="ball",
        tissues=np.where(liver, Tissue.LIVER, Tissue.FAT).astype(np.uint8),
        outside_mm=np.zeros(shape, np.uint8),
        spacing_mm=2.0,
    )
    fine = [int((n - 1) * 2.0 / FINE_MM) + 1 for n in shape]
    along = FINE_MM * np.einsum("a,azyx->zyx", SLOPE_HU_PER_MM, np.indices(fine, dtype=np.float32))
    pair = label_pairs.photographed(
        "labels-ball",
        atlas,
        Painting(along, along, np.array([MIDDLE_MM])),
        motion(kind),
        noise_hu=0.0,
        rng=np.random.default_rng(6),
    )
    inside = sitk.GetArrayFromImage(sitk.BinaryErode(pair.portal_liver, (5, 5, 3))) > 0
    there = (points_of(pair.portal) + pair.displacement)[inside]
    arterial = sitk.GetArrayFromImage(pair.arterial).astype(float)
    seen = ndimage.map_coordinates(arterial, indices_in(pair.arterial, there), order=1)
    error_hu = np.abs(seen - sitk.GetArrayFromImage(pair.portal)[inside])
    assert error_hu.mean() < 0.1 * SLOPE_HU_PER_MM.max()
    assert error_hu.max() < SLOPE_HU_PER_MM.max()
    whole = sitk.GetArrayFromImage(pair.portal_liver) > 0
    warped = sampled(pair.arterial_liver, points_of(pair.portal) + pair.displacement)
    assert confusion(whole, warped).dice > 0.97
    assert whole.sum() * np.prod(pair.portal.GetSpacing()) == pytest.approx(
        4 / 3 * np.pi * RADIUS_MM**3, rel=0.02
    )
    centroid = pair.portal.TransformPhysicalPointToIndex(pair.branch_points[0].tolist())
    assert np.linalg.norm(np.argwhere(whole).mean(axis=0)[::-1] - centroid) < 1.0


def y_tree() -> Tree:
    """Return a trunk of 40 mm that divides at (z, y, x) = (60, 50, 45) mm into two branches of about 35 mm."""
    nodes = np.array([[20.0, 50, 45], [60, 50, 45], [88, 70, 45], [85, 28, 52]])
    return Tree(nodes, np.array([[0, 1], [1, 2], [1, 3]]), np.array([5.0, 4.0, 3.5]))


def as_image(filled: np.ndarray, spacing: tuple[float, float, float]) -> sitk.Image:
    image = sitk.GetImageFromArray(filled.astype(np.uint8))
    image.SetSpacing(spacing)
    image.SetOrigin((-30.0, 12.0, 400.0))
    return image


def test_the_branch_point_of_a_y_is_found_and_a_straight_vessel_has_none():
    filled = coverage(y_tree(), (110, 100, 90), 1.0) > 0.5
    (found,) = branch_points(as_image(filled[::3], (1.0, 1.0, 3.0)))
    assert np.linalg.norm(found - (45.0 - 30, 50.0 + 12, 60.0 + 400)) < 8.0  # where they part
    straight = Tree(y_tree().nodes[:2], np.array([[0, 1]]), np.array([5.0]))
    assert len(branch_points(as_image(coverage(straight, (110, 100, 90), 1.0) > 0.5, (1.0, 1.0, 1.0)))) == 0


def test_a_twig_is_no_branch():
    filled = coverage(y_tree(), (110, 100, 90), 1.0) > 0.5
    image = as_image(filled, (1.0, 1.0, 1.0))
    assert len(branch_points(image, least_mm=10.0)) == 1
    assert len(branch_points(image, least_mm=60.0)) == 0


def test_a_tree_divides_at_nodes_with_two_children_that_are_wide_enough():
    assert y_tree().branchings(4.0).tolist() == [[60.0, 50.0, 45.0]]
    assert y_tree().branchings(5.5).tolist() == []
    grown = grow(np.random.default_rng(1), np.ones((40, 40, 40), bool), 3.0, np.array([0.0, 60, 60]), 6.0)
    radius = dict(zip(grown.links[:, 1].tolist(), grown.radii, strict=True))
    assert all(radius[child] <= radius.get(parent, 6.0) for parent, child in grown.links.tolist())


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pair") / "phantom-0"
    write_pair(shifted_pair(), folder)
    return folder


def test_the_exact_field_scores_nothing_and_no_field_scores_the_displacement(written: Path):
    truth = read_truth(written)
    exact = score(written, truth.displacement)
    none = score(written, np.zeros_like(truth.displacement))
    length = float(np.linalg.norm(SHIFT))
    for place in ("tre", "branch"):
        for number in ("mean", "p95"):
            assert exact[f"{place}_after_{number}_mm"] == pytest.approx(0.0, abs=1e-4)
            assert none[f"{place}_after_{number}_mm"] == pytest.approx(length, abs=1e-4)
            assert exact[f"{place}_before_{number}_mm"] == pytest.approx(length, abs=1e-4)
    assert exact["liver_dice_after"] == 1.0
    # of 6 x 10 x 10 voxels 4 x 8 x 8 are shared
    assert none["liver_dice_after"] == exact["liver_dice_before"] == pytest.approx(256 / 600)
    assert exact["branch_points"] == 2
    assert exact["folded_share"] == 0.0
    assert exact["jacobian_min"] == pytest.approx(1.0)


def test_an_error_that_grows_along_one_axis_is_read_where_it_lies(written: Path):
    truth = read_truth(written)
    found = truth.displacement.copy()
    points = points_of(truth.box)
    found[..., 1] += 0.25 * (points[..., 2] + 100.0)
    scores = score(written, found)
    # branch points 24 and 30 mm, liver voxels 18 to 33 mm above the origin
    assert scores["branch_after_mean_mm"] == pytest.approx(0.25 * 27.0, abs=1e-3)
    assert scores["tre_after_mean_mm"] == pytest.approx(0.25 * 25.5, abs=1e-3)
    assert scores["jacobian_min"] == pytest.approx(1.0, abs=1e-4)


def test_a_mirrored_field_folds_everywhere(written: Path):
    truth = read_truth(written)
    points = points_of(truth.box)
    found = np.zeros_like(truth.displacement)
    found[..., 0] = -2.0 * (points[..., 0] - points[..., 0].mean())
    assert score(written, found)["folded_share"] == 1.0
