"""Learning rates follow the papers' words, and torch's own schedulers where it has them."""

from __future__ import annotations

import pytest
import torch

from training.loop.schedule import Schedule
from training.recipes.settings import ScheduleSettings

RATE = 2e-4


def schedule(kind: str, *, epochs: int = 10, steps_an_epoch: int = 4, **settings) -> Schedule:
    return Schedule(ScheduleSettings(kind=kind, epochs=epochs, **settings), RATE, steps_an_epoch)


def torch_optimizer() -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=RATE)


@pytest.mark.parametrize("kind", ["poly", "cosine"])
def test_rates_are_those_of_torch(kind):
    optimizer = torch_optimizer()
    if kind == "poly":
        peer = torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=40, power=0.9)
    else:
        peer = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=40)
    ours = schedule(kind)
    assert ours.steps == 40
    for step in range(40):
        assert ours.rate(step) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
        optimizer.step()
        peer.step()
    assert ours.rate(40) == pytest.approx(0.0, abs=1e-15)


def test_the_rate_rises_linearly_first_and_then_goes_its_way_over_the_rest():
    ours = schedule("cosine", warm_up_steps=8)
    assert [ours.rate(step) for step in range(8)] == pytest.approx([RATE * (i + 1) / 8 for i in range(8)])
    assert ours.rate(8) == pytest.approx(RATE)
    assert ours.rate(24) == pytest.approx(RATE / 2)  # half of the 32 steps after the warm-up
    assert schedule("constant", warm_up_steps=2).rate(39) == RATE


def test_plateau_halves_after_ten_epochs_without_a_lower_loss():
    """torch counts the epochs that it is patient with; the tenth of ours is its first too many."""
    optimizer = torch_optimizer()
    peer = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=9, threshold=0.0)
    ours = schedule("plateau", epochs=100, patience=10)
    losses = [1.0, 0.9, *[0.95] * 9, 0.9, 0.95, 0.8, *[0.9] * 25]
    for epoch, loss in enumerate(losses, start=1):
        ours.end_epoch(loss, 4 * epoch)
        peer.step(loss)
        assert ours.rate(4 * epoch) == pytest.approx(optimizer.param_groups[0]["lr"]), epoch
    assert ours.rate(1000) == RATE / 8  # once in the first run of eleven, twice in the last of 25


def end_of(ours: Schedule, losses: list[float]) -> int | None:
    for epoch, loss in enumerate(losses, start=1):
        ours.end_epoch(loss, 4 * epoch)
        if ours.ended is not None:
            return epoch
    return None


def test_training_ends_after_twenty_epochs_without_a_lower_loss_or_below_a_rate():
    ours = schedule("plateau", epochs=400, stop_patience=20, stop_below=5e-7)
    assert end_of(ours, [1.0] * 21) == 21
    assert ours.ended == "the training loss has not fallen for 20 epochs"
    # 2e-4 is halved to below 5e-7 for the ninth time (2e-4 / 2**9 = 3.9e-7), every 10 epochs
    ours = schedule("plateau", epochs=400, stop_below=5e-7)
    assert end_of(ours, [1.0] * 400) == 91
    assert ours.ended == "the learning rate has fallen below 5e-07"
    assert end_of(schedule("constant", warm_up_steps=100, stop_below=1e-4), [1.0] * 10) is None


def test_a_restored_schedule_goes_on_as_if_it_had_not_been_stopped():
    losses = [1.0, *[1.1] * 13, 0.9, *[1.0] * 30]
    whole, first = schedule("plateau", epochs=100, stop_patience=20), schedule("plateau", epochs=100)
    ended = end_of(whole, losses)
    for epoch, loss in enumerate(losses[:9], start=1):
        first.end_epoch(loss, 4 * epoch)
    second = schedule("plateau", epochs=100, stop_patience=20)
    second.restore(first.state())
    assert end_of(second, losses[9:]) == ended - 9
    assert second.state() == whole.state()
