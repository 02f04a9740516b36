"""Dice losses, by values that follow from their equations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from training.losses import (
    classwise_squared_dice_loss,
    cross_entropy_and_classwise_dice_loss,
    cross_entropy_and_dice_loss,
    cross_entropy_loss,
    soft_dice_loss,
    squared_dice_loss,
)

HYBRIDS = [
    (cross_entropy_and_dice_loss, squared_dice_loss),
    (cross_entropy_and_classwise_dice_loss, classwise_squared_dice_loss),
]


@pytest.fixture
def logits() -> np.ndarray:
    return np.random.default_rng(1).standard_normal((2, 3, 4, 5, 6)) * 2


@pytest.fixture
def truth() -> np.ndarray:
    return np.random.default_rng(2).choice(3, (2, 4, 5, 6), p=(0.7, 0.25, 0.05))


def soft(logits: np.ndarray) -> np.ndarray:
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def test_dice_follows_equation_12_voxel_by_voxel_and_class_by_class(logits, truth):
    losses = []
    for p, t in zip(soft(logits), truth, strict=True):
        overlap = predicted = true = 0.0
        for i in np.ndindex(t.shape):
            for c in range(3):
                g = float(t[i] == c)
                overlap += g * p[c][i]
                predicted += p[c][i] ** 2
                true += g**2
        losses.append(1 - 2 * overlap / (predicted + true))
    loss = squared_dice_loss(torch.from_numpy(logits), torch.from_numpy(truth))
    assert float(loss) == pytest.approx(np.mean(losses), rel=1e-5)


def test_dice_of_each_class_is_averaged_over_the_classes(logits, truth):
    losses = []
    for p, t in zip(soft(logits), truth, strict=True):
        dice = [2 * (p[c] * (t == c)).sum() / ((p[c] ** 2).sum() + (t == c).sum()) for c in range(3)]
        losses.append(1 - np.mean(dice))
    loss = classwise_squared_dice_loss(torch.from_numpy(logits), torch.from_numpy(truth))
    assert float(loss) == pytest.approx(np.mean(losses), rel=1e-5)


def test_the_printed_dice_is_the_normalised_squared_error_that_its_docstring_says(logits, truth):
    p, g = soft(logits)[0], np.stack([truth[0] == c for c in range(3)]).astype(float)
    expected = ((p - g) ** 2).sum() / ((p**2).sum() + truth[0].size)
    loss = squared_dice_loss(torch.from_numpy(logits[:1]), torch.from_numpy(truth[:1]))
    assert float(loss) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("hybrid", "dice"), HYBRIDS)
def test_the_hybrid_is_the_sum_of_equation_10(logits, truth, hybrid, dice):
    pair = torch.from_numpy(logits), torch.from_numpy(truth)
    assert float(hybrid(*pair)) == pytest.approx(float(cross_entropy_loss(*pair) + dice(*pair)))


def test_a_class_that_a_sample_does_not_show_says_nothing_in_the_classwise_dice():
    truth = torch.zeros(1, 4, 4, dtype=torch.uint8)
    truth[:, :2] = 1
    logits = torch.zeros(1, 3, 4, 4)
    logits[:, 2] = -200.0  # its probability is 0 everywhere
    logits.requires_grad_()
    # classes 0 and 1 have p = 1/2 everywhere: 2 (8 / 2) / (16 / 4 + 8) = 2/3 each
    loss = classwise_squared_dice_loss(logits, truth)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(1 / 3, rel=1e-5)
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("loss", [squared_dice_loss, classwise_squared_dice_loss])
@pytest.mark.parametrize("shown", [0, 2])
def test_one_class_alone_gives_finite_losses_and_gradients(loss, shown):
    truth = torch.full((2, 4, 4), shown, dtype=torch.uint8)
    logits = torch.full((2, 3, 4, 4), -300.0)
    logits[:, shown] = 300.0
    logits.requires_grad_()
    value = loss(logits, truth)
    value.backward()
    assert float(value.detach()) == pytest.approx(0.0, abs=1e-6)
    assert torch.isfinite(logits.grad).all()


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
