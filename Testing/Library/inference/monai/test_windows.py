"""Windows over a volume: how many go through the network at once, and what they give."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from LiverTumorAttentionLib.inference.monai import windows
from LiverTumorAttentionLib.models.monai_settings import MonaiSettings
from LiverTumorAttentionLib.progress import Progress


def mean_of_windows(values: np.ndarray, window: int) -> tuple[np.ndarray, list[int]]:
    """Return what a network that subtracts each window's own mean gives, and how many windows it saw at each call."""
    settings = MonaiSettings(
        channels=("portal",), steps=(), window=(window,) * 3, overlap=(0.5,) * 3, gaussian=True
    )
    calls = []

    def run(given: torch.Tensor) -> torch.Tensor:
        calls.append(len(given))
        return given - given.mean(dim=(1, 2, 3, 4), keepdim=True)

    planes = list(windows.blended_planes(values, settings, run, Progress(), unseen=[0.0]))
    return np.concatenate(planes, axis=1), calls


def test_windows_give_the_same_together_as_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(1).normal(size=(1, 12, 20, 20)).astype(np.float32)
    found, calls = mean_of_windows(values, 8)
    monkeypatch.setattr(windows, "MOST_TOGETHER", 1)
    expected, alone = mean_of_windows(values, 8)

    assert set(alone) == {1}
    assert len(alone) == sum(calls) == 2 * 4 * 4
    assert set(calls) == {4}
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("side", "count"), [(32, 4), (64, 4), (96, 2), (112, 1), (128, 1), (256, 1)])
def test_large_windows_go_through_the_network_alone(side: int, count: int) -> None:
    assert windows.together([side] * 3) == count


def test_groups_are_even_and_keep_the_order() -> None:
    places = [(slice(n, n + 1), slice(0, 1)) for n in range(9)]
    groups = list(windows.groups_of(places, 4))
    assert [len(group) for group in groups] == [3, 3, 3]
    assert [place for group in groups for place in group] == places
    assert list(windows.groups_of([], 4)) == []
