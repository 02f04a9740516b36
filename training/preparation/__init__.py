"""From a data set to prepared cases: checked, registered, on the stage's grid, and kept as plain arrays."""

from training.preparation.arterial import onto_portal
from training.preparation.manifest import Manifest
from training.preparation.plan import Preparation

__all__ = ["Manifest", "Preparation", "onto_portal"]
