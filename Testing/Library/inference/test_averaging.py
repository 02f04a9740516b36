"""Averages over flips and turns whose values follow from the symmetry of what is predicted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from LiverTumorAttentionLib.errors import Cancelled
from LiverTumorAttentionLib.inference.averaging import averaged_prediction
from LiverTumorAttentionLib.progress import Progress, ProgressEvent
from LiverTumorAttentionLib.voxels.boxes import Box, full_box
from LiverTumorAttentionLib.voxels.plane_symmetries import SYMMETRIES, PlaneSymmetry

SHAPE = (3, 6, 10)
KEEP = (slice(0, 2), slice(1, 5), slice(3, 10))


def pixelwise(_: PlaneSymmetry, phases: Sequence[np.ndarray], keep: Box, progress: Progress) -> np.ndarray:
    """What each voxel holds, whatever lies around it: the same in every view."""
    return np.stack([phase[keep] for phase in phases]) ** 2


def by_column(_: PlaneSymmetry, phases: Sequence[np.ndarray], keep: Box, progress: Progress) -> np.ndarray:
    """The number of the column, in whatever view: it sees nothing of the input."""
    shape = phases[0].shape
    return np.broadcast_to(np.arange(shape[2], dtype=np.float32), (1, *shape))[(slice(None), *keep)]


@pytest.mark.parametrize("name", SYMMETRIES)
def test_what_depends_on_the_voxel_alone_is_its_own_mean(name: str) -> None:
    rng = np.random.default_rng(0)
    phases = [rng.uniform(0, 1, SHAPE).astype(np.float32) for _ in range(2)]
    mean, deviation = averaged_prediction(pixelwise, phases, KEEP, SYMMETRIES[name], Progress())
    np.testing.assert_allclose(mean, np.stack(phases)[(slice(None), *KEEP)] ** 2, rtol=1e-6)
    assert deviation.max() == 0
    assert mean.shape == deviation.shape == (2, 2, 4, 7)


def test_what_depends_on_the_column_alone_is_the_middle_and_its_distance_to_it() -> None:
    columns = np.arange(10)
    mean, deviation = averaged_prediction(
        by_column, [np.zeros(SHAPE, np.float32)], full_box(SHAPE), SYMMETRIES["flips"], Progress()
    )
    np.testing.assert_allclose(mean, 4.5)  # x and 9 - x, twice each
    np.testing.assert_allclose(deviation, np.broadcast_to(abs(columns - 4.5), (1, *SHAPE)), rtol=1e-6)


def test_quarter_turns_give_rows_the_part_of_columns() -> None:
    rows, columns = np.mgrid[:6, :10]
    mean, deviation = averaged_prediction(
        by_column, [np.zeros(SHAPE, np.float32)], KEEP, SYMMETRIES["flips-and-turns"], Progress()
    )
    eight = np.stack([columns, 9 - columns, rows, 5 - rows]).repeat(2, axis=0)
    for got, wanted in ((mean, eight.mean(axis=0)), (deviation, eight.std(axis=0))):
        np.testing.assert_allclose(got[0], np.broadcast_to(wanted[KEEP[1:]], (2, 4, 7)), rtol=1e-5, atol=1e-6)


def test_progress_runs_through_all_views_and_cancelling_stops_between_them() -> None:
    events: list[ProgressEvent] = []
    stopped: list[bool] = []

    def predict(symmetry: PlaneSymmetry, phases: Sequence[np.ndarray], keep: Box, progress: Progress):
        progress.update(0.5)
        stopped.append(True)
        return pixelwise(symmetry, phases, keep, progress)

    phases = [np.zeros(SHAPE, np.float32)]
    averaged_prediction(predict, phases, KEEP, SYMMETRIES["flips"], Progress(events.append))
    assert [event.fraction for event in events] == pytest.approx([0.125, 0.375, 0.625, 0.875])
    stopped.clear()
    with pytest.raises(Cancelled):
        averaged_prediction(
            predict, phases, KEEP, SYMMETRIES["flips"], Progress(cancelled=lambda: len(stopped) == 2)
        )
    assert len(stopped) == 2
