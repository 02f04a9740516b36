import pytest
import torch

from LiverTumorAttentionLib.networks import build_network
from training.losses import Loss, at_level, cross_entropy_and_dice_loss, cross_entropy_loss


def numbered(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Stands for a criterion whose value is known: that of the logits' first number."""
    assert logits.shape[2:] == truth.shape[-(logits.ndim - 2) :]
    return logits.flatten()[0]


def level(number: int, value: float) -> torch.Tensor:
    return torch.full((1, 3, *(16 // 2**number for _ in range(3))), value)


def test_the_groups_are_summed_with_the_weights_of_equation_13():
    # four levels: W_i = 1 / (2^i 4); pfe has all of them, spa lacks the finest, sem the coarsest
    outputs = {
        "pfe": {i: level(i, 1.0) for i in range(4)},
        "spa": {i: level(i, 10.0) for i in (1, 2, 3)},
        "sem": {i: level(i, 100.0) for i in (0, 1, 2)},
    }
    expected = (
        1.0 * (1 + 1 / 2 + 1 / 4 + 1 / 8) / 4
        + 10.0 * (1 / 2 + 1 / 4 + 1 / 8) / 4
        + 100.0 * (1 + 1 / 2 + 1 / 4) / 4
    )
    loss = Loss(numbered)(outputs, torch.zeros(1, 16, 16, 16, dtype=torch.uint8))
    assert float(loss) == pytest.approx(expected)


def test_one_output_is_its_own_loss():
    logits, truth = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1)), torch.ones(2, 8, 8)
    assert float(Loss(cross_entropy_loss)(logits, truth)) == float(cross_entropy_loss(logits, truth))


def test_the_truth_of_a_level_is_that_of_the_middles_of_its_blocks():
    row = torch.arange(11)
    # level 2: blocks 0-3, 4-7, 8-10 with their middles at 2, 6 and 10; level 3: 0-7 at 4, 8-10 cut at 10
    assert at_level(row[None], 2, axes=1).tolist() == [[2, 6, 10]]
    assert at_level(row[None], 3, axes=1).tolist() == [[4, 10]]
    assert at_level(row[None, None], 1, axes=1).tolist() == [[[1, 3, 5, 7, 9, 10]]]
    plane = at_level(torch.arange(5 * 7).reshape(1, 5, 7), 1, axes=2)
    assert plane.shape == (1, 3, 4)
    assert plane[0, 1, 1] == 3 * 7 + 3


@pytest.mark.parametrize(
    ("network", "arguments", "size"),
    [
        ("dpcnet", {"width": 2, "pyramid_width": 4}, (33, 20, 40)),
        ("darn", {"width": 2, "pyramid_width": 4}, (32, 32, 32)),
        ("daf", {"width": 2, "pyramid_width": 4}, (32, 32, 32)),
        ("attention_unet", {"width": 2, "in_channels": 1, "classes": 3}, (50, 64)),
        ("nested_unet", {"width": 2, "in_channels": 1, "classes": 3}, (32, 64)),
    ],
)
def test_every_output_of_a_network_in_training_meets_its_truth(network, arguments, size):
    generator = torch.Generator().manual_seed(0)
    built = build_network(network, generator=generator, **arguments).train()
    truth = torch.randint(0, 3, (2, *size), generator=generator, dtype=torch.uint8)
    loss = Loss(cross_entropy_and_dice_loss)(built(torch.randn(2, 1, *size, generator=generator)), truth)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in built.parameters())
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in built.parameters())
