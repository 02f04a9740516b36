"""Samples of livers for the network that tells their segments: turned, stretched, bent, cut off; each by its number.

What inference does to a liver is done here too: its volume and the middle of its box are brought to those of the grid
after the change, give or take what a liver that was found by a network is off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from LiverTumorAttentionLib.preprocessing.couinaud_input import CouinaudGrid, network_channels
from training.augmentation.random_fields import smooth_noise
from training.couinaud.livers import FINER, StoredLiver
from training.sampling import Sample
from training.sampling.order import Shuffled


@dataclass(frozen=True, kw_only=True)
class SegmentAugmentation:
    """Random changes of a liver. Lengths are in voxels of the network's grid, about 5 mm in an adult."""

    rotation_degrees: float = 8.0
    """Standard deviation of the angle about each axis."""
    stretch: float = 0.08
    """Standard deviation of the logarithm of the scale along each axis; the volume is brought back."""
    shear: float = 0.06
    """Standard deviation of each shear."""
    bend: float = 0.8
    """Standard deviation of a smooth random displacement."""
    bend_wavelength: float = 14.0
    """Distance of its control points."""
    volume: float = 0.03
    """Standard deviation of the logarithm of the remaining error of the volume's cube root."""
    shift: float = 0.7
    """Standard deviation of the remaining error of the middle."""
    border: float = 0.12
    """Standard deviation of the share of liver from which a voxel is liver, about 0.5: it grows or shrinks."""
    cut_share: float = 0.12
    """Share of samples whose liver is cut off above or below, as a volume that ends too early does."""
    cut_most: float = 0.3
    """How much of its height that takes at most."""
    vessels_share: float = 0.6
    """Share of samples that show the vessels, of livers whose vessels are known."""


class SegmentSamples:
    """Gives the sample of a number, a function of (livers, grid, settings, seed, number) alone."""

    def __init__(
        self, livers: Sequence[StoredLiver], grid: CouinaudGrid, settings: SegmentAugmentation, seed: int
    ) -> None:
        self._livers, self._grid, self._settings, self._seed = tuple(livers), grid, settings, seed
        self._order = Shuffled(len(livers), seed)
        self.samples_an_epoch = len(livers)

    def __call__(self, number: int) -> Sample:
        """Return the sample of that number: the six channels, and the segments, 0 outside."""
        rng = np.random.default_rng((self._seed, number))
        liver = self._livers[self._order[number]]
        return self._sample(liver, rng)

    def plain(self, liver: StoredLiver, *, with_vessels: bool) -> Sample:
        """Return a liver as it is."""
        return self._shown(liver, self._upright(liver), liver.labels, 0.5, with_vessels)

    def _sample(self, liver: StoredLiver, rng: np.random.Generator) -> Sample:
        settings, labels = self._settings, liver.labels
        if rng.random() < settings.cut_share:
            labels = _cut(labels, rng, settings.cut_most)
        size = np.array(self._grid.size_zyx)
        matrix = _random_matrix(rng, settings)
        whole = float(np.count_nonzero(labels)) / FINER**3
        matrix *= (whole / self._grid.liver_voxels) ** (1 / 3) * np.exp(
            settings.volume * rng.standard_normal()
        )
        place = np.indices(self._grid.size_zyx, np.float32) - ((size - 1) / 2).reshape(3, 1, 1, 1)
        bend = smooth_noise(rng, self._grid.size_zyx, (1.0,) * 3, settings.bend_wavelength, components=3)
        place = np.tensordot(matrix, place + settings.bend * bend, axes=1) * FINER
        middle = np.array(ndimage.center_of_mass(labels > 0)).reshape(3, 1, 1, 1)
        threshold = float(np.clip(0.5 + settings.border * rng.standard_normal(), 0.2, 0.8))
        # once to see where the liver comes to lie, and once with the middle of its box in the middle
        shown = _interpolated((labels > 0).astype(np.float32), place + middle) >= threshold
        off = _box_middle(shown) - (size - 1) / 2 + settings.shift * rng.standard_normal(3)
        place = place + middle + FINER * (matrix @ off).reshape(3, 1, 1, 1)
        with_vessels = bool(rng.random() < settings.vessels_share)
        return self._shown(liver, place, labels, threshold, with_vessels)

    def _upright(self, liver: StoredLiver) -> NDArray[np.floating]:
        size = np.array(self._grid.size_zyx)
        place = np.indices(self._grid.size_zyx, np.float32) - ((size - 1) / 2).reshape(3, 1, 1, 1)
        return FINER * place + _box_middle(liver.labels > 0).reshape(3, 1, 1, 1)

    def _shown(
        self,
        liver: StoredLiver,
        place: NDArray[np.floating],
        labels: NDArray[np.uint8],
        threshold: float,
        with_vessels: bool,
    ) -> Sample:
        share = _interpolated((labels > 0).astype(np.float32), place)
        # a border elsewhere than at one half moves the shares between nothing and all with it
        share = np.clip(0.5 + (share - threshold) / (2 * min(threshold, 1 - threshold)), 0.0, 1.0)
        nearest = ndimage.map_coordinates(labels, place, order=0, mode="constant")
        vessels = None
        if liver.vessels is not None and with_vessels:
            vessels = _interpolated(liver.vessels.astype(np.float32) / np.float32(255), place)
        channels = network_channels(share.astype(np.float32), vessels, self._grid.liver_voxels)
        truth = np.where(share >= 0.5, nearest, 0).astype(np.uint8)
        return Sample(inputs=(channels,), truth=truth, case=liver.name)


def _random_matrix(rng: np.random.Generator, settings: SegmentAugmentation) -> NDArray[np.float64]:
    """Return a random turn, stretch and shear of determinant 1."""
    matrix = np.eye(3)
    for axis in range(3):
        angle = np.deg2rad(settings.rotation_degrees) * rng.standard_normal()
        a, b = [other for other in range(3) if other != axis]
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        matrix = matrix @ turn
    sheared = np.diag(np.exp(settings.stretch * rng.standard_normal(3)))
    sheared += settings.shear * rng.standard_normal((3, 3)) * (1 - np.eye(3))
    matrix = matrix @ sheared
    return np.asarray(matrix / np.cbrt(np.linalg.det(matrix)))


def _cut(labels: NDArray[np.uint8], rng: np.random.Generator, most: float) -> NDArray[np.uint8]:
    rows = np.flatnonzero((labels > 0).any(axis=(1, 2)))
    taken = int(len(rows) * most * rng.random())
    cut = labels.copy()
    if taken and rng.random() < 0.5:
        cut[rows[-taken] :] = 0
    elif taken:
        cut[: rows[taken]] = 0
    return cut


def _interpolated(values: NDArray[np.float32], place: NDArray[np.floating]) -> NDArray[np.float32]:
    result: NDArray[np.float32] = ndimage.map_coordinates(values, place, order=1, mode="constant")
    return result


def _box_middle(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the middle of the box around a mask; that of the array where it is empty."""
    middle = []
    for axis in range(3):
        rows = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        middle.append((rows[0] + rows[-1]) / 2 if rows.size else (mask.shape[axis] - 1) / 2)
    return np.array(middle)
