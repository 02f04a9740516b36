"""Which generated cases are for what."""

TRAINING_SEEDS = 100_000
"""Phantoms that are trained on have seeds from here on; lower ones are kept for tests and evaluation."""
