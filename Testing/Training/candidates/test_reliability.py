"""Expected calibration error of probabilities that are known to be off, and the picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.candidates.reliability import Reliability, draw


def test_the_error_is_the_mean_distance_over_the_candidates() -> None:
    said = np.repeat([0.15, 0.85], [30, 10])
    truth = np.concatenate([np.arange(30) < 3, np.arange(10) < 10])
    bins = Reliability.of(said, truth)
    assert bins.counts.tolist() == [0, 30, 0, 0, 0, 0, 0, 0, 10, 0]
    assert bins.true[[1, 8]].tolist() == [0.1, 1.0]
    assert bins.expected_calibration_error == pytest.approx((30 * 0.05 + 10 * 0.15) / 40)


def test_certainty_belongs_to_the_last_bin() -> None:
    assert Reliability.of(np.array([0.0, 1.0]), np.array([False, True])).expected_calibration_error == 0.0


def test_intervals_are_wilson_s() -> None:
    """5 of 10: 0.237 to 0.763."""
    below, above = Reliability.of(np.full(10, 0.55), np.arange(10) < 5).half_widths()[:, 5]
    assert (0.5 - below, 0.5 + above) == pytest.approx((0.237, 0.763), abs=1e-3)


def test_a_picture_is_drawn(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    said = rng.random(200)
    draw(
        tmp_path / "r.png", said, rng.random(200) < said, {"sensitive": 0.1, "balanced": 0.5, "specific": 0.9}
    )
    with Image.open(tmp_path / "r.png") as picture:
        assert min(picture.size) > 400
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 10
    assert [path.name for path in tmp_path.iterdir()] == ["r.png"]
