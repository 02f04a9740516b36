from pathlib import Path

import numpy as np
import pytest
import torch

from LiverTumorAttentionLib.errors import InputError
from Testing.Training.prepared import patch_recipe, slice_recipe, write_case
from training.losses import (
    Loss,
    boundary_enhanced_loss,
    build_loss,
    classwise_squared_dice_loss,
    cross_entropy_and_dice_loss,
    cross_entropy_loss,
    soft_dice_loss,
    squared_dice_loss,
)
from training.recipes.settings import LOSSES


def built(kind: str, **settings: object) -> Loss:
    recipe = slice_recipe if kind.startswith("boundary_enhanced") else patch_recipe
    if kind == "weighted_ce":
        settings.setdefault("class_weights", [0.5, 1.0, 3.0])
    return build_loss(recipe(loss={"kind": kind, **settings}), [])


def sample(kind: str, batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    classes, size = (2, (12, 10)) if kind.startswith("boundary_enhanced") else (3, (6, 5, 4))
    logits = torch.randn(batch, classes, *size, generator=generator)
    slices = (3,) if kind.startswith("boundary_enhanced") else ()
    return logits, torch.randint(0, classes, (batch, *slices, *size), generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"kind": "ce"}, cross_entropy_loss),
        ({"kind": "dice"}, squared_dice_loss),
        ({"kind": "dice", "dice_classes": "each"}, classwise_squared_dice_loss),
        ({"kind": "ce_dice"}, cross_entropy_and_dice_loss),
        ({"kind": "boundary_enhanced"}, boundary_enhanced_loss),
    ],
)
def test_a_recipe_names_its_loss(settings, expected):
    pair = sample(settings["kind"], 2)
    assert float(built(**settings)(*pair)) == float(expected(*pair))


def test_the_boundary_enhanced_loss_takes_the_recipes_numbers():
    pair = sample("boundary_enhanced", 2)
    numbers = {"alpha": 0.7, "beta": 0.1, "inside": 0.6, "outside": 0.3}
    assert float(built("boundary_enhanced", **numbers)(*pair)) == float(
        boundary_enhanced_loss(*pair, **numbers)
    )


def test_soft_dice_is_added_by_its_weight():
    pair = sample("boundary_enhanced", 2)
    expected = boundary_enhanced_loss(*pair) + 0.25 * soft_dice_loss(*pair)
    assert float(built("boundary_enhanced", soft_dice_weight=0.25)(*pair)) == float(expected)
    assert float(soft_dice_loss(*pair)) > 0.1
    with pytest.raises(InputError, match="soft_dice_weight is added to the 3D BE-loss alone, not to 'ce'"):
        built("ce", soft_dice_weight=0.25)


@pytest.mark.parametrize(
    ("classes", "dice"), [("together", squared_dice_loss), ("each", classwise_squared_dice_loss)]
)
def test_the_boundary_enhanced_loss_with_the_dice_that_stands_beside_cross_entropy(classes, dice):
    logits, truth = sample("boundary_enhanced_dice", 2)
    expected = boundary_enhanced_loss(logits, truth) + dice(logits, truth[:, 1])
    assert float(built("boundary_enhanced_dice", dice_classes=classes)(logits, truth)) == float(expected)
    with pytest.raises(InputError, match="to the 3D BE-loss alone, not to 'boundary_enhanced_dice'"):
        built("boundary_enhanced_dice", soft_dice_weight=0.25)


def test_classes_are_weighed_by_the_cases_unless_the_recipe_says_how(tmp_path: Path):
    labels = np.zeros((2, 10, 10), np.uint8)
    labels[:, :, :2], labels[0, 0, :2] = 1, 2  # 160 background, 38 liver, 2 tumor
    case = write_case(tmp_path / "case", np.zeros_like(labels), labels)
    pair = sample("weighted_ce", 2)
    counted = build_loss(patch_recipe(loss={"kind": "weighted_ce"}), [case])
    weights = (200 / 480, 200 / 114, 200 / 6)
    assert float(counted(*pair)) == pytest.approx(float(cross_entropy_loss(*pair, class_weights=weights)))
    said = built("weighted_ce", class_weights=[1.0, 2.0, 3.0])
    assert float(said(*pair)) == float(cross_entropy_loss(*pair, class_weights=(1.0, 2.0, 3.0)))


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("dice_classes", ["together", "each"])
def test_the_loss_of_a_batch_is_the_mean_of_the_losses_of_its_halves(kind, dice_classes):
    loss = built(kind, dice_classes=dice_classes)
    logits, truth = sample(kind, 4)
    truth[0] = 0  # a sample without any foreground
    halves = [loss(logits[:2], truth[:2]), loss(logits[2:], truth[2:])]
    assert float(loss(logits, truth)) == pytest.approx(float(sum(halves)) / 2, rel=1e-6)


@pytest.mark.parametrize("kind", LOSSES)
def test_losses_are_computed_in_float32_under_autocast(kind):
    logits, truth = sample(kind, 2)
    rounded = logits.bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        under = built(kind)(rounded, truth)
    assert under.dtype == torch.float32
    assert float(under) == float(built(kind)(rounded.float(), truth))
