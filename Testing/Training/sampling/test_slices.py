from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.inference.slices import _padded
from LiverTumorAttentionLib.preprocessing import stack_neighbours, window_hu
from Testing.Training.prepared import slice_recipe, write_case
from training.augmentation import Misregistration
from training.data.case import PreparedCase
from training.recipes.recipe import Recipe
from training.sampling import Sample, Sampler, slices

SHAPE = (6, 50, 60)
NUMBERED = np.arange(np.prod(SHAPE)).reshape(SHAPE) + 1
"""Each voxel's value says where it lies; none is 0."""
WINDOW = {"intensity": {"window_hu": [0, 20000]}}


def labelled() -> np.ndarray:
    labels = np.zeros(SHAPE, np.uint8)
    labels[1:5, 10:40, 10:40] = 1
    labels[2:4, 20:24, 30:34] = 2
    return labels


@pytest.fixture
def case(tmp_path: Path) -> PreparedCase:
    return write_case(tmp_path / "case", NUMBERED, labelled())


def recipe(stage: str = "tumor", *, stage_changes: dict | None = None, **changes) -> Recipe:
    return slice_recipe(stage, stage_changes={**WINDOW, **(stage_changes or {})}, **changes)


def place(sample: Sample) -> tuple[int, int, int]:
    """Slice, row and column of the voxel that a sample's first one in its middle slice is."""
    values = np.rint(sample.inputs[0] * 20000).astype(int)
    z, y, x = np.unravel_index(values[len(values) // 2, 0, 0] - 1, SHAPE)
    return int(z), int(y), int(x)


@pytest.mark.parametrize("number", range(12))
def test_a_sample_is_what_inference_gives_the_network_of_the_same_tile(case, number):
    sample = Sampler([case], recipe(tile=(32, 40)), seed=1)(number)
    z, y, x = place(sample)
    whole = window_hu(NUMBERED, (0, 20000))
    expected = stack_neighbours(_padded(whole, (32, 40)), z)[:, y : y + 32, x : x + 40]
    np.testing.assert_array_equal(sample.inputs[0], expected)
    np.testing.assert_array_equal(sample.truth, labelled()[z, y : y + 32, x : x + 40] == 2)
    assert (sample.inputs[0].dtype, sample.truth.dtype, sample.truth.shape) == (
        np.float32,
        np.uint8,
        (32, 40),
    )


def test_the_first_and_the_last_slice_are_their_own_neighbors(case):
    sampler = Sampler([case], recipe(), seed=1)
    samples = {place(sample)[0]: sample for sample in map(sampler, range(6))}
    assert set(samples) == set(range(6))
    first, last = samples[0].inputs[0], samples[5].inputs[0]
    np.testing.assert_array_equal(first[0], first[1])
    np.testing.assert_array_equal(last[2], last[1])
    assert (first[2] > first[1]).all()


def test_a_small_slice_is_filled_up_with_0_and_background(case):
    sample = Sampler([case], recipe("liver", tile=(64, 64)), seed=1)(0)
    z = place(sample)[0]
    expected = _padded(window_hu(NUMBERED, (0, 20000)), (64, 64))
    np.testing.assert_array_equal(sample.inputs[0], stack_neighbours(expected, z))
    np.testing.assert_array_equal(sample.truth[:50, :60], labelled()[z] > 0)
    assert not sample.truth[50:].any()
    assert not sample.truth[:, 60:].any()


def test_a_mirrored_small_slice_is_filled_up_on_the_other_side(case):
    sampler = Sampler([case], recipe("liver", tile=(64, 60), augmentation={"flips": ["y"]}), seed=1)
    first_rows = [bool(sampler(number).inputs[0][:, :14].any()) for number in range(20)]
    last_rows = [bool(sampler(number).inputs[0][:, 50:].any()) for number in range(20)]
    assert [not used for used in first_rows] == last_rows
    assert 4 < sum(last_rows) < 16


@pytest.mark.parametrize("masked", [False, True])
def test_what_a_rotation_brings_in_from_beyond_the_slice_is_0_and_background(tmp_path, masked):
    inside = np.ones(SHAPE) if masked else None
    case = write_case(tmp_path / "full", np.full(SHAPE, 10000), np.full(SHAPE, 2), inside=inside)
    turning = recipe(tile=(50, 60), sampling={"size": [50, 60]}, augmentation={"rotation_degrees": 45.0})
    samples = [Sampler([case], turning, seed=1)(number) for number in range(8)]
    for sample in samples:
        assert (np.isclose(sample.inputs[0], 0.5) | (sample.inputs[0] == 0)).all()
        np.testing.assert_array_equal(sample.truth, sample.inputs[0][1] > 0)
    assert min(sample.truth.mean() for sample in samples) < 0.9


def test_noise_and_brightness_leave_0_what_inference_leaves_0(case):
    varied = recipe("liver", tile=(64, 64), augmentation={"noise": 0.3, "brightness": 0.3})
    sample = Sampler([case], varied, seed=1)(0)
    assert not sample.inputs[0][:, 50:].any()
    assert (sample.inputs[0][:, :50, :60] != 0).all()


def test_every_slice_comes_once_in_an_epoch_and_in_another_order_in_the_next(tmp_path, case):
    second = write_case(tmp_path / "second", NUMBERED, labelled())
    sampler = Sampler([case, second], recipe(), seed=1)
    assert sampler.samples_an_epoch == 12
    epochs = [
        [(sample.case, place(sample)[0]) for sample in map(sampler, range(first, first + 12))]
        for first in (0, 12)
    ]
    assert all(set(epoch) == {(name, z) for name in ("case", "second") for z in range(6)} for epoch in epochs)
    assert epochs[0] != epochs[1]


def test_slices_that_show_tumor_alone(tmp_path, case):
    none = write_case(tmp_path / "none", NUMBERED, np.minimum(labelled(), 1))
    sampler = Sampler([none, case], recipe(sampling={"tumor_slices_only": True}), seed=1)
    assert sampler.samples_an_epoch == 2
    assert Counter((sampler(n).case, place(sampler(n))[0]) for n in range(8)) == {
        ("case", 2): 4,
        ("case", 3): 4,
    }
    with pytest.raises(InputError, match="none of the 1 training cases has a slice that shows tumor"):
        Sampler([none], recipe(sampling={"tumor_slices_only": True}), seed=1)


def test_tiles_are_centered_on_the_liver_in_their_own_slice(tmp_path):
    labels = np.zeros(SHAPE, np.uint8)
    labels[1, 20:24, 20:24], labels[4, 30:34, 40:44] = 1, 1
    case = write_case(tmp_path / "case", NUMBERED, labels)
    sampler = Sampler([case], recipe(sampling={"size": [16, 16], "centre": "liver"}), seed=1)
    assert sampler.samples_an_epoch == 2
    for number in range(20):
        z, y, x = place(sampler(number))
        assert labels[z, y + 8, x + 8] == 1


def test_a_share_of_the_tiles_is_centered_on_tumor(case):
    sampling = {"size": [16, 16], "foreground_share": 0.4}
    sampler = Sampler([case], recipe(sampling=sampling), seed=1)
    found = [sampler(number).truth[8, 8] for number in range(500)]
    assert np.mean(found) == pytest.approx(0.4, abs=0.06)


def test_tiles_come_from_anywhere_in_the_slice(case):
    sampler = Sampler([case], recipe(), seed=1)
    places = [place(sampler(number)) for number in range(300)]
    rows, columns = {y for _, y, _ in places}, {x for _, _, x in places}
    assert (min(rows), max(rows)) == (0, 50 - 32)
    assert (min(columns), max(columns)) == (0, 60 - 32)


def test_both_phases_are_cut_at_the_same_place_and_masked_by_the_same_mask(tmp_path):
    inside = np.zeros(SHAPE, np.uint8)
    inside[:, 5:45, 5:45] = 1
    case = write_case(tmp_path / "case", NUMBERED, labelled(), arterial=NUMBERED - 4000, inside=inside)
    two = {"phases": ["portal", "arterial"], "network": "paresseg"}
    moving = {"rotation_degrees": 20.0, "elastic_mm": 1.0, "flips": ["z", "y", "x"]}
    for augmentation in ({}, moving):
        sampler = Sampler([case], recipe(stage_changes=two, augmentation=augmentation), seed=2)
        for number in range(6):
            portal, arterial = sampler(number).inputs
            seen = portal > 0
            assert 0 < seen.mean() < 1
            higher = portal > 0.21  # elsewhere the window cuts the arterial phase off
            np.testing.assert_allclose((portal - arterial)[seen & higher], 0.2, atol=1e-4)
            np.testing.assert_array_equal(arterial[~seen], 0)


def test_truth_outside_of_the_mask_is_background(tmp_path):
    inside = np.zeros(SHAPE, np.uint8)
    inside[:, :22] = 1  # cuts through the tumor
    case = write_case(tmp_path / "case", NUMBERED, labelled(), inside=inside)
    whole = recipe(tile=(50, 60), sampling={"size": [50, 60], "tumor_slices_only": True})
    sample = Sampler([case], whole, seed=1)(0)
    np.testing.assert_array_equal(sample.truth, (labelled()[place(sample)[0]] == 2) & (inside[0] > 0))
    assert sample.truth.any()
    assert not sample.inputs[0][:, 22:].any()


def test_one_network_learns_from_either_phase(tmp_path):
    case = write_case(tmp_path / "case", np.full(SHAPE, 4000), labelled(), arterial=np.full(SHAPE, 8000))
    either = Sampler([case], recipe("liver", sampling={"either_phase": True}), seed=1)
    samples = [either(number) for number in range(200)]
    assert all(len(sample.inputs) == 1 for sample in samples)
    values = Counter(round(float(sample.inputs[0].max()), 3) for sample in samples)
    assert set(values) == {0.2, 0.4}
    assert 70 < values[0.4] < 130
    portal = Sampler([case], recipe("liver"), seed=1)
    assert all(portal(number).inputs[0].max() < 0.3 for number in range(20))


def test_the_portal_phase_stands_in_for_an_arterial_one_where_the_stage_allows_it(case):
    two = {"phases": ["portal", "arterial"], "network": "paresseg"}
    with pytest.raises(InputError, match="the prepared case 'case' has no arterial phase"):
        Sampler([case], recipe(stage_changes=two), seed=1)
    portal, arterial = Sampler([case], recipe(stage_changes={**two, "missing_phase": "portal"}), seed=1)(
        3
    ).inputs
    np.testing.assert_array_equal(portal, arterial)


def test_the_boundary_enhanced_loss_is_given_the_truth_of_the_neighbors_too(case):
    loss = {"kind": "boundary_enhanced"}
    upright = Sampler([case], recipe(loss=loss), seed=1)
    for number in range(6):
        sample = upright(number)
        z, y, x = place(sample)
        expected = stack_neighbours(labelled() == 2, z)[:, y : y + 32, x : x + 32]
        np.testing.assert_array_equal(sample.truth, expected)
    flipped = Sampler([case], recipe(loss=loss, augmentation={"flips": ["z"]}), seed=1)
    reversed_slices = 0
    for number in range(20):
        sample = flipped(number)
        z, y, x = place(sample)
        expected = stack_neighbours(labelled() == 2, z)[:, y : y + 32, x : x + 32]
        if sample.inputs[0][0, 0, 0] > sample.inputs[0][2, 0, 0]:
            expected = expected[::-1]
            reversed_slices += 1
        np.testing.assert_array_equal(sample.truth, expected)
    assert 4 < reversed_slices < 16


def test_slices_are_turned_in_millimeters(tmp_path):
    """Pixels twice as tall as wide: a square of millimeters is as wide as tall, however it is turned."""
    square = np.zeros(SHAPE, np.uint8)
    square[:, 19:31, 18:42] = 1  # 24 x 24 mm
    case = write_case(tmp_path / "case", square, square, spacing_mm=(5.0, 2.0, 1.0))
    turning = recipe(
        "liver", tile=(50, 60), sampling={"size": [50, 60]}, augmentation={"rotation_degrees": 180.0}
    )
    sampler = Sampler([case], turning, seed=1)
    for number in range(20):
        rows, columns = np.nonzero(sampler(number).truth)
        assert len(rows) == pytest.approx(12 * 24, rel=0.05)
        assert [2.0 * rows.std(), 1.0 * columns.std()] == pytest.approx([24 / np.sqrt(12)] * 2, rel=0.05)


# ----------------------------------------------------------------- what inference would meet

TWO = {"phases": ["portal", "arterial"], "network": "paresseg", "missing_phase": "portal"}


def test_a_share_of_the_samples_has_the_portal_phase_twice(tmp_path):
    case = write_case(tmp_path / "case", NUMBERED, labelled(), arterial=NUMBERED - 4000)
    augmentation = {"portal_for_arterial_share": 0.3, "noise": 0.1, "shift_hu": 50.0}
    sampler = Sampler([case], recipe(stage_changes=TWO, augmentation=augmentation), seed=1)
    pairs = [sampler(number).inputs for number in range(200)]
    replaced = [
        np.array_equal(portal, arterial) for portal, arterial in pairs
    ]  # noise and all, as at inference
    assert np.mean(replaced) == pytest.approx(0.3, abs=0.08)


def test_the_arterial_phase_is_displaced_and_the_portal_one_and_the_truth_are_not(tmp_path):
    case = write_case(tmp_path / "case", NUMBERED, labelled(), arterial=NUMBERED, spacing_mm=(2.0, 1.0, 1.0))
    sampling = {"size": [32, 32]}
    augmentation = {"registration_error_mm": 2.0}
    displaced = Sampler(
        [case], recipe(stage_changes=TWO, augmentation=augmentation, sampling=sampling), seed=1
    )
    exact = Sampler([case], recipe(stage_changes=TWO, sampling=sampling), seed=1)
    rows_off = []
    for number in range(60):
        portal, arterial = displaced(number).inputs
        np.testing.assert_array_equal(portal, exact(number).inputs[0])
        np.testing.assert_array_equal(displaced(number).truth, exact(number).truth)
        inner = (arterial - portal)[
            1, 8:-8, 8:-8
        ] * 20000  # a voxel's value rises by 1 along x, 60 along y, 3000 a slice
        rows_off.append(np.abs(inner).mean())
    assert np.mean(rows_off) > 60
    assert min(rows_off) < 300 < max(rows_off)


def test_a_shift_between_slices_takes_from_the_slice_beside(tmp_path, monkeypatch):
    case = write_case(tmp_path / "case", NUMBERED, labelled(), arterial=NUMBERED, spacing_mm=(2.0, 1.0, 1.0))
    still = np.zeros((2, 32, 32), np.float32)
    for shift, expected in ((0.25, 0.25 * 3000), (-0.25, -0.25 * 3000)):
        error = Misregistration(in_plane_mm=still, slices=shift)
        monkeypatch.setattr(slices, "draw_misregistration", lambda *_, error=error: error)
        sampler = Sampler([case], recipe(stage_changes=TWO), seed=1)
        samples = [sampler(number) for number in range(6)]
        middle = [sample for sample in samples if place(sample)[0] in (2, 3)]
        assert len(middle) == 2
        for sample in middle:
            portal, arterial = sample.inputs
            np.testing.assert_allclose((arterial - portal)[1] * 20000, expected, atol=0.05)


def test_what_is_masked_away_is_0_in_both_phases_and_in_the_truth(tmp_path):
    inside = np.zeros(SHAPE, np.uint8)
    inside[:, 8:42, 8:42] = 1
    case = write_case(tmp_path / "case", NUMBERED, labelled(), arterial=NUMBERED, inside=inside)
    rough = {"liver_margin_mm": [-3.0, 3.0], "liver_roughness_mm": 3.0}
    whole = {"size": [50, 60]}
    masked = {**TWO, "mask_dilation_mm": 4.0}
    for loss in ({"kind": "ce"}, {"kind": "boundary_enhanced"}):
        made = recipe(tile=(50, 60), stage_changes=masked, augmentation=rough, sampling=whole, loss=loss)
        sampler = Sampler([case], made, seed=1)
        sizes = set()
        for number in range(12):
            sample = sampler(number)
            portal, arterial = sample.inputs
            np.testing.assert_array_equal(portal > 0, arterial > 0)
            truth = sample.truth if sample.truth.ndim == 3 else sample.truth[None]
            shown = portal if len(truth) == 3 else portal[1:2]
            assert not truth[shown == 0].any()
            sizes.add(int((portal[1] > 0).sum()))
        assert len(sizes) > 6
        assert min(sizes) < 34 * 34 < max(sizes)


def test_every_lesion_is_centered_on_alike_and_jitter_moves_the_center(tmp_path):
    labels = np.ones(SHAPE, np.uint8)
    labels[1:5, 5:25, 5:25] = 2
    labels[3, 40, 50] = 2
    case = write_case(tmp_path / "case", NUMBERED, labels)
    sampling = {"size": [16, 16], "foreground_share": 1.0, "foreground_by": "lesion"}
    sampler = Sampler([case], recipe(sampling=sampling), seed=1)
    small = [place(sampler(number)) == (3, 32, 42) for number in range(200)]
    assert np.mean(small) == pytest.approx(0.5, abs=0.1)
    jittering = Sampler([case], recipe(sampling={**sampling, "jitter_mm": 6.0}), seed=1)
    places = [place(jittering(number)) for number in range(200)]
    near = [(y, x) for z, y, x in places if y > 25 and x > 35]
    assert len(set(near)) > 30
    assert all(26 <= y <= 34 and 36 <= x <= 44 for y, x in near)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"sampling": {"foreground_by": "lesion"}, "stage": "liver"},
            "foreground_by lesion is for tumor stages",
        ),
        (
            {"augmentation": {"registration_error_mm": 1.0}},
            "the registration error is for stages on slices that",
        ),
        (
            {"augmentation": {"portal_for_arterial_share": 0.2}},
            "portal_for_arterial_share is for stages that take",
        ),
        (
            {"augmentation": {"organ_lesion_share": 0.5}, "stage": "liver_and_tumor"},
            "organ_lesion_share is for stages on slices that find the liver or tumors alone",
        ),
        ({"augmentation": {"liver_roughness_mm": 1.0}}, "are for stages with mask_dilation_mm"),
        ({"augmentation": {"liver_margin_mm": [3.0, -2.0]}}, "must be a range that rises, got 3 to -2"),
        ({"augmentation": {"blur_share": 1.5}}, r"blur_share must lie in \[0, 1\], got 1.5"),
        ({"sampling": {"jitter_mm": -1.0}}, "jitter_mm must not be negative, got -1"),
    ],
)
def test_settings_that_the_stage_has_no_use_for_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        recipe(changes.pop("stage", "tumor"), **changes)


def test_lesions_of_the_organ_change_the_liver_and_not_its_label(case):
    plain = Sampler([case], recipe("liver", tile=(50, 60)), seed=1)
    drawn = Sampler([case], recipe("liver", tile=(50, 60), augmentation={"organ_lesion_share": 1.0}), seed=1)
    changed = 0
    for number in range(6):
        without, with_lesions = plain(number), drawn(number)
        np.testing.assert_array_equal(without.truth, with_lesions.truth)
        other = without.inputs[0] != with_lesions.inputs[0]
        z = place(without)[0]
        liver = stack_neighbours(labelled(), z) > 0
        assert not other[~liver].any()
        changed += int(other.any())
    assert changed == 4, "every slice that shows liver"


def test_lesions_of_the_organ_are_tumors_for_a_stage_that_finds_them(tmp_path):
    without = np.minimum(labelled(), 1)
    free = write_case(tmp_path / "free", NUMBERED, without)
    settings = {"augmentation": {"organ_lesion_share": 1.0}}
    plain = Sampler([free], recipe(tile=(50, 60)), seed=1)
    drawn = Sampler([free], recipe(tile=(50, 60), **settings), seed=1)
    found = 0
    for number in range(6):
        one, other = plain(number), drawn(number)
        assert not one.truth.any()
        middle = len(one.inputs[0]) // 2
        changed = one.inputs[0][middle] != other.inputs[0][middle]
        assert changed[other.truth > 0].all()
        assert not other.truth[without[place(one)[0]] == 0].any()
        found += int(other.truth.any())
    assert found >= 3, "most slices that show liver"


def test_a_case_with_labelled_tumors_gets_no_others(case):
    settings = {"augmentation": {"organ_lesion_share": 1.0}}
    plain, drawn = Sampler([case], recipe(), seed=1), Sampler([case], recipe(**settings), seed=1)
    for number in range(6):
        np.testing.assert_array_equal(plain(number).inputs[0], drawn(number).inputs[0])
        np.testing.assert_array_equal(plain(number).truth, drawn(number).truth)
