"""Scoring a run on whole cases."""
