import numpy as np
import pytest
import torch
from scipy import ndimage

from training.losses import boundary_enhanced_loss, boundary_weights


@pytest.fixture
def truth() -> np.ndarray:
    rng = np.random.default_rng(3)
    return (ndimage.gaussian_filter(rng.standard_normal((2, 3, 24, 20)), (0, 1, 2, 2)) > 0.02).astype(
        np.uint8
    )


def transcribed_weights(truth: np.ndarray) -> np.ndarray:
    """Equation 5 of PA-ResSeg, word for word, on a whole (z, y, x) volume."""
    alpha, beta, w1, w2 = 1.0, 0.5, 0.8, 0.2
    v = ndimage.uniform_filter(truth.astype(float), 3, mode="nearest")
    return np.where(truth == 1, -alpha * v + alpha + w1, beta * v + w2)


def test_weights_follow_equation_5(truth):
    weights = boundary_weights(torch.from_numpy(truth)).numpy()
    expected = np.stack([transcribed_weights(volume)[1] for volume in truth])
    np.testing.assert_allclose(weights, expected, atol=1e-6)


def test_weights_of_a_cube_are_known_by_counting():
    truth = torch.zeros(1, 3, 20, 20, dtype=torch.uint8)
    truth[:, :, 6:14, 6:14] = 1
    weights = boundary_weights(truth)[0]
    assert weights[10, 10] == pytest.approx(0.8)  # deep inside V = 1
    assert weights[1, 1] == pytest.approx(0.2)  # far outside V = 0
    assert weights[6, 10] == pytest.approx(1 - 2 / 3 + 0.8)  # on a face two of three rows are inside
    assert weights[6, 6] == pytest.approx(1 - 4 / 9 + 0.8)  # on an edge four of nine
    assert weights[5, 10] == pytest.approx(0.5 / 3 + 0.2)  # one row outside


def test_loss_follows_equation_6(truth):
    rng = np.random.default_rng(4)
    logits = rng.standard_normal((2, 2, 24, 20))
    probability = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    total = 0.0
    for volume, p in zip(truth, probability, strict=True):
        y, w = volume[1], transcribed_weights(volume)[1]
        total += -(w * (y * np.log(p) + (1 - y) * np.log(1 - p))).sum()
    loss = boundary_enhanced_loss(torch.from_numpy(logits), torch.from_numpy(truth))
    assert float(loss) == pytest.approx(total / truth[:, 1].size, rel=1e-5)
