"""Measurement, planning and report of a study in the scene."""
