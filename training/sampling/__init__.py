"""Training samples of prepared cases."""

from training.sampling.sampler import Sampler
from training.sampling.view import Sample

__all__ = ["Sample", "Sampler"]
