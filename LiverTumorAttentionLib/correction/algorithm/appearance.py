"""What is seen in a window: both phases against plain liver, and how far a lesion may reach."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from LiverTumorAttentionLib.correction.algorithm.block_grid import Field, Mask, Window
from LiverTumorAttentionLib.correction.algorithm.parenchyma import Parenchyma, arterial_seen, near_click
from LiverTumorAttentionLib.correction.algorithm.shapes import closed
from LiverTumorAttentionLib.correction.lesions import LesionMap

DENT_MM = 12.0
"""The liver's dents up to this radius are filled: a coarse liver often leaves out what lies at its surface."""
FAT_HU = -15.0
"""No lesion of the liver lies below; fat around it does."""
LEAST_SEEN_SHARE = 0.9
"""Share of the liver in the window that the arterial volume must have seen to be used at all."""
CALM_CONTRAST, NOISY_CONTRAST = 8.0, 1.0
"""Deviations of the noise: a lesion of the first contrast is looked at as it is, one of the second smoothed most."""
MOST_BLUR = 1.2
"""Of the smoothing: deviation of the Gaussian, in shortest sides of a block."""
LEAST_BLUR = 0.25


class Look:
    """A window of the case.

    phases: HU in blocks, portal and, where it can be used, arterial. organ, taken: blocks that lie in the liver, and
    in other lesions. limit: where a lesion may reach. contrast: HU above plain liver. noise: deviation of plain liver.
    strength: contrast in deviations, over all phases (Mahalanobis).
    """

    def __init__(self, lesions: LesionMap, number: int | None, window: Window) -> None:
        """number: of the lesion that is corrected; None for one that is to be added."""
        case = lesions.case
        self.window = window
        whole = self._whole = lesions.parenchyma
        self.organ: Mask = window.averaged_box(lesions.organ(window.box)) > 0.5
        self.taken: Mask = window.averaged_box(lesions.taken(number, window.box)) >= 0.5
        self.phases = [window.averaged(case.portal_hu)]
        if case.arterial_hu is not None:
            arterial = window.averaged(case.arterial_hu)
            seen = arterial_seen(arterial)
            if seen[self.organ].any() and seen[self.organ].mean() >= LEAST_SEEN_SHARE:
                self.phases.append(np.where(seen, arterial, np.float32(whole.mean[1])))
        self.chances = None if case.chances is None else window.averaged(case.chances)
        dented = closed(self.organ, window.spacing_mm, DENT_MM)
        self.limit: Mask = dented & (self.phases[0] > FAT_HU) & ~self.taken

    def compare(self, lesion: Mask) -> None:
        """Compare with plain liver, which is the liver outside of `lesion` and of other lesions."""
        parts = Parenchyma(self._whole.mean[: len(self.phases)], self._whole.noise[: len(self.phases)])
        plain = near_click(self.phases, self.organ & ~self.taken & ~lesion, parts)
        self.noise = plain.noise
        self.contrast = [(hu - np.float32(m)) for hu, m in zip(self.phases, plain.mean, strict=True)]
        self.scaled = [c / np.float32(n) for c, n in zip(self.contrast, plain.noise, strict=True)]
        self.strength: Field = np.sqrt(sum(s**2 for s in self.scaled))

    def calm(self, core: Mask, lesion: Mask) -> None:
        """Smooth as much as the noise asks for, judged by the contrast of `core`; then compare again."""
        square = float(np.mean(self.strength[core] ** 2)) - len(self.phases) if core.any() else 0.0
        excess = (CALM_CONTRAST - np.sqrt(max(square, 0.1))) / (CALM_CONTRAST - NOISY_CONTRAST)
        blur = MOST_BLUR * float(np.clip(excess, 0.0, 1.0))
        if blur > LEAST_BLUR:
            deviation = blur * self.window.spacing_mm.min() / self.window.spacing_mm
            self.phases = [ndimage.gaussian_filter(hu, deviation) for hu in self.phases]
            self.compare(lesion)
