from dataclasses import replace

import numpy as np

from training.demonstration.recipes import LIVER, TUMOR
from training.demonstration.samples import Case, Sampler


def overlap(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def test_a_sample_depends_on_its_number_alone(tumor_case):
    first = Sampler([tumor_case], TUMOR, seed=1)
    for number in range(3):
        first(number)
    inputs, truth = first(7)
    again, truth_again = Sampler([tumor_case], TUMOR, seed=1)(7)
    assert all(np.array_equal(a, b) for a, b in zip(inputs, again, strict=True))
    assert np.array_equal(truth, truth_again)


def test_image_and_truth_move_together(tumor_case):
    sampler = Sampler([tumor_case], TUMOR, seed=2)
    compared = 0
    for number in range(20):
        (portal, arterial), truth = sampler(number)
        assert portal.shape == arterial.shape == truth.shape == (3, *TUMOR.crop)
        assert portal.min() >= 0
        assert portal.max() <= 1
        if truth[1].sum() > 150:
            # the tumour is 150 HU of a window of -70 to 180 HU, the liver 60 HU
            assert overlap(portal[1] > (105 + 70) / 250, truth[1] > 0) > 0.8
            compared += 1
    assert compared >= 5


def test_a_liver_sample_takes_either_phase_and_the_whole_organ(tumor_case):
    sampler = Sampler([tumor_case], replace(LIVER, crop=(96, 96)), seed=3)
    seen = set()
    for number in range(20):
        (image,), truth = sampler(number)
        assert image.shape == truth.shape == (3, 96, 96)
        middle = image[1][truth[1] > 0]
        between = (np.median(middle) + np.median(image[1][(truth[1] == 0) & (image[1] > 0)])) / 2
        assert overlap(image[1] > between, truth[1] > 0) > 0.85
        seen.add("portal" if np.percentile(middle, 99) - np.median(middle) > 0.1 else "arterial")
    assert seen == {"portal", "arterial"}


def test_outside_of_the_coarse_liver_the_input_is_zero(tumor_case):
    sampler = Sampler([tumor_case], TUMOR, seed=4)
    for number in range(10):
        (portal, arterial), _ = sampler(number)
        # fat, -100 HU, is 0 in the window; with the mask nothing but the liver is left, even after shifts
        assert (portal[1] == 0).mean() > 0.3
        assert (arterial[1] == 0).mean() > 0.3


def test_a_small_lesion_is_shown_as_often_as_a_large_one():
    z, y, x = np.ogrid[:6, :80, :340]
    large = (z >= 0) & ((y - 40) ** 2 + (x - 40) ** 2 < 25**2)
    small = (z == 3) & ((y - 40) ** 2 + (x - 300) ** 2 < 3**2)
    labels = np.where(large | small, 2, 1).astype(np.uint8)
    hu = np.full(labels.shape, 60, np.int16)
    distance = np.full(labels.shape, -100, np.int8)
    case = Case(
        name="training-test-2",
        portal=hu,
        arterial=hu,
        labels=labels,
        distance=distance,
        spacing_mm=(5.0, 1.25, 1.25),
    )
    sampler = Sampler([case], TUMOR, seed=5)
    seen = [int(sampler(number)[1][1].sum()) for number in range(60)]
    showing_small = sum(0 < pixels < 80 for pixels in seen)
    assert showing_small > 0.2 * len(seen)


def test_a_case_is_read_back_without_pickle(tmp_path, tumor_case):
    path = tmp_path / "training-test-1.npz"
    names = ("portal", "arterial", "labels", "distance")
    np.savez(path, spacing_mm=np.array(tumor_case.spacing_mm), **{n: getattr(tumor_case, n) for n in names})
    case = Case.load(path)
    assert case.spacing_mm == tumor_case.spacing_mm
    assert case.has_tumor
    assert np.array_equal(case.arterial, tumor_case.arterial)
