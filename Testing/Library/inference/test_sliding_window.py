"""Windows cover an axis, and their weights sum to one."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.inference.sliding_window import (
    Profile,
    gaussian,
    triangle,
    window_starts,
    windows_along,
)


@pytest.mark.parametrize(
    ("length", "tile", "overlap", "starts"),
    [
        (64, 64, 0.5, [0]),
        (40, 64, 0.5, [0]),
        (96, 64, 0.5, [0, 32]),
        (100, 64, 0.0, [0, 36]),
        (224, 64, 0.25, [0, 40, 80, 120, 160]),
    ],
)
def test_tiles_are_spread_evenly(length: int, tile: int, overlap: float, starts: list[int]) -> None:
    assert window_starts(length, tile, overlap) == starts


def test_tiles_cover_everything_with_the_overlap_asked_for() -> None:
    for length in range(64, 400, 7):
        starts = window_starts(length, 64, 0.25)
        assert starts[0] == 0
        assert starts[-1] + 64 == length
        assert max(np.diff(starts), default=0) <= 48


def test_weights_fall_towards_the_border_and_stay_positive() -> None:
    np.testing.assert_allclose(triangle(6), np.array([1, 3, 5, 5, 3, 1]) / 6, rtol=1e-6)
    bell = gaussian(16)
    np.testing.assert_allclose(bell[[7, 8]], np.exp(-0.5 * (0.5 / 2) ** 2), rtol=1e-6)  # sigma 16 / 8
    np.testing.assert_allclose(bell[0], np.exp(-0.5 * (7.5 / 2) ** 2), rtol=1e-5)
    assert bell.min() > 0


@pytest.mark.parametrize("window", [triangle, gaussian])
@pytest.mark.parametrize(
    ("length", "piece", "overlap"), [(40, 64, 0.5), (64, 64, 0.5), (200, 64, 0.5), (129, 32, 0)]
)
def test_the_weights_of_all_pieces_sum_to_one(
    window: Profile, length: int, piece: int, overlap: float
) -> None:
    total = np.zeros(max(length, piece))
    for part in windows_along(length, piece, overlap, window):
        assert part.weights.min() > 0
        total[part.start : part.start + piece] += part.weights
    np.testing.assert_allclose(total, 1.0, atol=1e-6)
