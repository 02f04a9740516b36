"""Random changes of a training sample."""

from training.augmentation.coarse_liver import perturbed_liver
from training.augmentation.intensity import TISSUE_HU, varied, varied_hu
from training.augmentation.misregistration import Misregistration, draw_misregistration
from training.augmentation.organ_lesions import OrganLesions, draw_organ_lesions
from training.augmentation.resampling import resampled
from training.augmentation.spatial import Motion, draw_motion

__all__ = [
    "TISSUE_HU",
    "Misregistration",
    "Motion",
    "OrganLesions",
    "draw_misregistration",
    "draw_motion",
    "draw_organ_lesions",
    "perturbed_liver",
    "resampled",
    "varied",
    "varied_hu",
]
