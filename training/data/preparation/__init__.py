"""From a data set to prepared cases: checked, registered, on the stage's grid, and kept as plain arrays."""

from training.data.preparation.arterial import onto_portal
from training.data.preparation.manifest import Manifest
from training.data.preparation.plan import Preparation

__all__ = ["Manifest", "Preparation", "onto_portal"]
