"""The synthetic sample case."""
