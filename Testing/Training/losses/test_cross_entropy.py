import numpy as np
import pytest
import torch

from LiverTumorAttentionLib.errors import InputError
from training.data.case import PreparedCase
from training.losses import cross_entropy_loss, inverse_frequencies


def case(background: int, liver: int, tumor: int) -> PreparedCase:
    return PreparedCase(
        name="case",
        folder=None,
        spacing_mm=(1.0, 1.0, 1.0),
        facts={},
        patient="case",
        intensity={},
        voxels={"background": background, "liver": liver, "tumor": tumor},
    )


@pytest.mark.parametrize("weights", [None, (0.25, 1.5, 4.0)])
def test_cross_entropy_follows_equation_11_voxel_by_voxel(weights):
    rng = np.random.default_rng(1)
    logits, truth = rng.standard_normal((2, 3, 4, 5, 6)), rng.integers(0, 3, (2, 4, 5, 6))
    total = 0.0
    for b, z, y, x in np.ndindex(truth.shape):
        p = np.exp(logits[b, :, z, y, x]) / np.exp(logits[b, :, z, y, x]).sum()
        for c in range(3):
            g = float(truth[b, z, y, x] == c)
            total -= (1.0 if weights is None else weights[c]) * g * np.log(p[c])
    loss = cross_entropy_loss(torch.from_numpy(logits), torch.from_numpy(truth), class_weights=weights)
    assert float(loss) == pytest.approx(total / truth.size, rel=1e-5)


def test_each_class_weighs_as_much_as_any_other_in_all():
    # 600 + 300 background, 60 + 30 liver, 6 + 4 tumor
    cases = [case(600, 60, 6), case(300, 30, 4)]
    weights = inverse_frequencies(cases, ("background", "liver", "tumor"))
    assert [w * n for w, n in zip(weights, (900, 90, 10), strict=True)] == pytest.approx([1000 / 3] * 3)


def test_the_liver_of_a_liver_stage_holds_its_tumors_and_the_background_of_a_tumor_stage_the_liver():
    assert inverse_frequencies([case(90, 6, 4)], ("background", "liver")) == pytest.approx((100 / 180, 5.0))
    assert inverse_frequencies([case(90, 6, 4)], ("background", "tumor")) == pytest.approx((100 / 192, 12.5))


def test_a_class_that_no_case_shows_cannot_be_weighed():
    with pytest.raises(InputError, match="none of the 2 training cases shows a voxel of tumor"):
        inverse_frequencies([case(90, 10, 0)] * 2, ("background", "tumor"))
