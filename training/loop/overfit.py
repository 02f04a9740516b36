"""Overfitting test: whether a network learns one batch of one case."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import nn

from LiverTumorAttentionLib.inference import Device
from training.data.case import PreparedCase
from training.loop.distributed import Processes
from training.loop.gradients import add_gradients, on_device, seed_step
from training.loop.loading import Batch, Batches
from training.loop.optimization import Optimization
from training.loop.task import RecipeTask
from training.recipes.recipe import Recipe
from training.recipes.settings import AugmentationSettings

SECONDS = 60.0
"""How long is tried."""
LOSS_SHARE = 0.1
"""Learnt is what brings the loss below this share of what it was at first,"""
DICE = 0.7
"""and the Dice of the foreground up to this: a network that calls everything background lowers the loss, too."""


@dataclass(frozen=True, kw_only=True)
class Overfit:
    """What came of it."""

    steps: int
    """Steps made."""
    seconds: float
    """Time they took."""
    first_loss: float
    """Of the first step."""
    last_loss: float
    """Of the last step."""
    dice: float
    """Of the foreground of the samples, by the network as it is for inference."""

    @property
    def learnt(self) -> bool:
        """Whether the network can learn these samples."""
        return self.last_loss < LOSS_SHARE * self.first_loss and self.dice >= DICE

    def __str__(self) -> str:
        verdict = "it has learnt this case" if self.learnt else "it has not learnt this case"
        return (
            f"{verdict}: loss {self.first_loss:.4f} at first, {self.last_loss:.4f} after {self.steps} steps "
            f"({self.seconds:.0f} s), Dice of its samples {self.dice:.3f}"
        )


def overfit(
    recipe: Recipe,
    case: PreparedCase,
    *,
    seed: int,
    device: Device,
    say: Callable[[str], None] = print,
) -> Overfit:
    """Train on one batch of a case, without augmentation, until it is learnt or the time is up.

    The samples are certain to show foreground. Learning rate and loss are the recipe's; the rate stays as it is.
    """
    plain = replace(
        recipe,
        augmentation=AugmentationSettings(),
        sampling=replace(recipe.sampling, foreground_share=1.0, hard_share=0.0),
        first_weights="drawn",
    )
    task = RecipeTask(plain, [case], [], seed=seed, device=device)
    network = on_device(task.build(), device.torch)
    optimization = Optimization(network, recipe.optimizer, recipe.loop.precision, device.torch)
    with Batches(task.sampler, batch=recipe.loop.batch) as batches:
        batch = next(batches)
    started, steps, first, dice = time.monotonic(), 0, 0.0, 0.0
    while True:
        seed_step(seed, steps, 0)
        loss = add_gradients(network, batch, task, optimization, Processes(device=device.torch))
        optimization.gradient_norm()
        optimization.step(recipe.optimizer.learning_rate)
        steps, first = steps + 1, first or loss
        spent = time.monotonic() - started
        if steps % 10 == 0 or spent > SECONDS:
            dice = _dice(network, batch, device)
            say(f"step {steps}: loss {loss:.4f}, Dice {dice:.3f}")
            found = Overfit(steps=steps, seconds=spent, first_loss=first, last_loss=loss, dice=dice)
            if found.learnt or spent > SECONDS:
                return found


def _dice(network: nn.Module, batch: Batch, device: Device) -> float:
    """Return the Dice of everything but background over a batch, all samples together."""
    truth = batch.truth
    if (
        truth.ndim == batch.inputs[0].ndim and batch.inputs[0].ndim == 4
    ):  # with its neighbors, for the 3D BE-loss
        truth = truth[:, truth.shape[1] // 2]
    network.eval()
    with device.running():
        found = network(*(phase.to(device.torch) for phase in batch.inputs)).argmax(dim=1).cpu() > 0
    total = int(found.sum()) + int((truth > 0).sum())
    return 2 * int((found & (truth > 0)).sum()) / total if total else 1.0
