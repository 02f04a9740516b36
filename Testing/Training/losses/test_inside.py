"""Cross-entropy and Dice of the parts of an organ, against the equation in plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training.losses.inside import inside_loss


def test_it_is_the_equation_over_the_organ_alone() -> None:
    rng = np.random.default_rng(0)
    logits, truth = rng.standard_normal((2, 3, 2, 3, 4)), rng.integers(0, 4, (2, 2, 3, 4))
    truth[0][truth[0] == 2] = 1  # the first sample shows no part 2
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    inside = truth > 0
    entropy = -np.log(np.take_along_axis(p, np.maximum(truth - 1, 0)[:, None], 1)[:, 0])[inside].mean()
    dices = []
    for sample in range(2):
        for part in range(3):
            g = truth[sample] == part + 1
            if g.any():
                q = p[sample, part] * inside[sample]
                dices.append(2 * (q * g).sum() / (q.sum() + g.sum()))
    assert len(dices) == 5
    found = inside_loss(torch.from_numpy(logits), torch.from_numpy(truth.astype(np.uint8)))
    assert float(found) == pytest.approx(entropy + 1 - np.mean(dices), abs=1e-5)


def test_what_lies_outside_has_no_gradient() -> None:
    logits = torch.randn(1, 8, 4, 4, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    truth = torch.zeros(1, 4, 4, 4, dtype=torch.uint8)
    truth[0, :2] = 5
    inside_loss(logits, truth).backward()
    assert torch.isfinite(logits.grad).all()
    assert not logits.grad[0, :, 2:].any()
    assert logits.grad[0, :, :2].any()
