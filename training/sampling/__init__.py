"""From prepared cases to training samples."""

from training.sampling.sampler import Sampler
from training.sampling.view import Sample

__all__ = ["Sample", "Sampler"]
