"""Preparation of a data set: registered, resampled to the stage's grid, stored as plain arrays."""

from training.data.preparation.arterial import onto_portal
from training.data.preparation.manifest import Manifest
from training.data.preparation.plan import Preparation

__all__ = ["Manifest", "Preparation", "onto_portal"]
