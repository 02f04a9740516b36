"""Labels of a network on the grid of the next one in a cascade, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray

from LiverTumorAttentionLib.inference.nnunet.resampling import resampled, separate_axis
from LiverTumorAttentionLib.models.nnunet_settings import ResamplingSettings
from LiverTumorAttentionLib.preprocessing.axis_weights import linear_weights, sampled_weights, zoom_weights

TIE = 1e-5
"""Shares that differ by less are compared in double precision."""

Labels = NDArray[np.generic]


class LabelResampling:
    """A label map on another grid: each voxel has the label with the largest share of it.

    Source: the resampling of label maps of nnU-Net 2.8 and 1.7 with batchgenerators 0.25.5. Where two labels have one
    and the same share, the label of the nearest voxel is taken if it is one of them, else the smaller; shares are one
    and the same where they are so in double precision, summed up in the order of `scipy.ndimage.zoom`. Where slices
    lie far apart, this is done slice by slice, and slices are taken across as `order_z` says.

    labels: (z, y, x), whole numbers or a mask. shape: of the new grid. spacing, new_spacing: mm. All in one axis order.
    """

    def __init__(
        self,
        labels: Labels,
        shape: Sequence[int],
        spacing: Sequence[float],
        new_spacing: Sequence[float],
        settings: ResamplingSettings,
        device: torch.device,
    ) -> None:
        self._labels = labels
        self._device = device
        self._order = settings.order
        self._order_z = settings.order_z
        self._identity = tuple(shape) == labels.shape
        self._separate = separate_axis(spacing, new_spacing, settings)
        lengths = [
            (old, old if axis == self._separate else new)
            for axis, (old, new) in enumerate(zip(labels.shape, shape, strict=True))
        ]
        self._shares = [zoom_weights(*pair, settings.order) for pair in lengths]
        self._nearest = [zoom_weights(*pair, 0).weights.argmax(axis=1) for pair in lengths]
        self._pairs = [linear_weights(*pair) for pair in lengths]
        self._across = None
        if self._separate is not None:
            at = self._separate
            self._across = sampled_weights(labels.shape[at], shape[at], settings.order_z)
        self._known = _values_of(labels)

    def rows(self, start: int, stop: int) -> NDArray[np.int64]:
        """Return rows start to stop - 1 along the first axis of the new grid, (rows, y, x)."""
        if self._identity:
            return self._labels[start:stop].astype(np.int64)
        if self._across is None:
            return self._decided(start, stop)
        if self._separate != 0:
            planes = self._decided(start, stop)
            return self._taken(planes, self._separate or 0, 0, self._across.new_length, 0)
        needed = self._across.needed(start, stop)
        return self._taken(self._decided(needed.start, needed.stop), 0, start, stop, needed.start)

    def _taken(
        self, planes: NDArray[np.int64], axis: int, start: int, stop: int, first: int
    ) -> NDArray[np.int64]:
        """Return planes of labels taken across an axis: the nearest, or a label whose share is over a half."""
        if self._across is None:
            raise ValueError("no axis is resampled by itself")
        weights = self._across.weights[start:stop, first : first + planes.shape[axis]]
        if self._order_z == 0:
            return planes.take(weights.argmax(axis=1), axis=axis)
        moved = np.moveaxis(planes, axis, 0)
        found = np.zeros((stop - start, *moved.shape[1:]), dtype=np.int64)
        for value in self._known:
            found[np.tensordot(weights, (moved == value).astype(np.float32), axes=1) > 0.5] = value
        return np.moveaxis(found, 0, axis)

    def _decided(self, start: int, stop: int) -> NDArray[np.int64]:
        """Return rows of the grid that is resampled along all axes, or along those of the slices."""
        if self._order == 0:
            return self._labels[np.ix_(self._nearest[0][start:stop], *self._nearest[1:])].astype(np.int64)
        best = torch.full((), -torch.inf, device=self._device)
        second, winner = best, torch.zeros((), dtype=torch.int64, device=self._device)
        for number, value in enumerate(self._known):
            share = self._share(value, start, stop)
            second = torch.maximum(second, torch.minimum(best, share))
            winner = torch.where(share > best, number, winner)
            best = torch.maximum(best, share)
        found = np.array(self._known)[winner.cpu().numpy()]
        places = np.nonzero((best - second < TIE).cpu().numpy())
        if len(places[0]):
            found[places] = self._closely(places, start, stop)
        return found

    def _share(self, value: int, start: int, stop: int) -> torch.Tensor:
        """Return the share of a label in rows of the new grid, float32."""
        needed = self._shares[0].needed(start, stop)
        inside = np.ascontiguousarray(self._labels[needed] == value, dtype=np.float32)
        share = torch.from_numpy(inside).to(self._device)
        share = resampled(share, -3, self._shares[0], start, stop, needed.start)
        for axis in (1, 2):
            share = resampled(share, axis - 3, self._shares[axis], 0, self._shares[axis].new_length)
        return share.clamp(0, 1)

    def _closely(self, places: tuple[NDArray[np.intp], ...], start: int, stop: int) -> NDArray[np.int64]:
        """Return the labels at some places (z, y, x) of rows start to stop - 1, where shares are all but the same."""
        at = (places[0] + start, places[1], places[2])
        nearest = self._labels[tuple(near[i] for near, i in zip(self._nearest, at, strict=True))]
        known = np.array(self._known)
        if self._order == 1:
            shares = self._summed(at)
            tied = shares == shares.max(axis=0)
        else:
            shares = np.stack([self._share(v, start, stop).cpu().numpy()[places] for v in self._known])
            tied = shares > shares.max(axis=0) - TIE
        is_nearest = (tied & (known[:, None] == nearest)).any(axis=0)
        return np.where(is_nearest, nearest, known[tied.argmax(axis=0)])

    def _summed(self, at: Sequence[NDArray[np.intp]]) -> NDArray[np.float64]:
        """Return the linear share of each known label at some voxels of the new grid, (labels, voxels)."""
        shares = np.zeros((len(self._known), len(at[0])))
        for corner in product((0, 1), repeat=3):
            weight, place = np.ones(len(at[0])), []
            for (first, weights), side, i, length in zip(
                self._pairs, corner, at, self._labels.shape, strict=True
            ):
                weight = weight * weights[i, side]
                place.append(np.minimum(first[i] + side, length - 1))
            labels = self._labels[tuple(place)]
            for number, value in enumerate(self._known):
                shares[number] += np.where(labels == value, weight, 0.0)
        return np.minimum(shares, 1.0)


def _values_of(labels: Labels) -> list[int]:
    """Return the values of a label map, -1 and more, rising; sorting it would take longer than all else."""
    found: set[int] = set()
    for row in labels:
        counts = np.bincount(row.astype(np.intp).ravel() + 1)
        found.update(int(value) - 1 for value in np.flatnonzero(counts))
    return sorted(found)
