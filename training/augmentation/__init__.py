"""What is done to a training sample at random."""

from training.augmentation.intensity import varied
from training.augmentation.resampling import resampled
from training.augmentation.spatial import Motion, draw_motion

__all__ = ["Motion", "draw_motion", "resampled", "varied"]
