"""Generated cohorts in the layout "plain": phantoms, and CT painted from label maps."""

TRAINING_SEEDS = 100_000
"""Phantoms for training have seeds from here on; lower seeds are reserved for tests and evaluation."""
