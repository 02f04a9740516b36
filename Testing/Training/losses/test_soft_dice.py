import numpy as np
import pytest
import torch
from scipy import ndimage

from training.losses import soft_dice_loss


def test_soft_dice_is_zero_for_the_truth_and_near_one_for_its_opposite():
    rng = np.random.default_rng(3)
    smooth = ndimage.gaussian_filter(rng.standard_normal((2, 3, 24, 20)), (0, 1, 2, 2))
    target = torch.from_numpy((smooth > 0.02).astype(np.uint8))
    sure = 40.0 * torch.stack([1.0 - target[:, 1].float(), target[:, 1].float()], dim=1)
    assert float(soft_dice_loss(sure, target)) == pytest.approx(0.0, abs=1e-6)
    assert float(soft_dice_loss(sure.flip(1), target)) > 0.9


def test_soft_dice_weighs_a_small_lesion_like_a_large_one_and_an_empty_slice_not_at_all():
    truth = torch.zeros(3, 3, 40, 40, dtype=torch.uint8)
    truth[0, :, 2:38, 2:38] = 1
    truth[1, :, 20:23, 20:23] = 1
    found = 40.0 * torch.stack([1.0 - truth[:, 1].float(), truth[:, 1].float()], dim=1)
    missed = found.clone()
    missed[1, 0], missed[1, 1] = 40.0, 0.0
    # one of the two lesions is missed: half of 1 - smooth / (9 + smooth) with smooth = 10
    assert float(soft_dice_loss(missed, truth)) == pytest.approx(0.5 * 9 / 19, abs=1e-4)
    assert float(soft_dice_loss(found[2:].flip(1), truth[2:])) == 0.0
