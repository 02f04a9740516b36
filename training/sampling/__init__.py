"""From prepared cases to training samples."""

from training.sampling.sample import Sample
from training.sampling.sampler import Sampler

__all__ = ["Sample", "Sampler"]
