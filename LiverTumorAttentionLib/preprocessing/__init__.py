"""Preprocessing of CT volumes for networks: intensities, grids and neighboring slices."""

from LiverTumorAttentionLib.preprocessing.grid import resample_to_grid, stage_grid
from LiverTumorAttentionLib.preprocessing.network_input import Standard, stack_neighbours, window_hu

__all__ = ["Standard", "resample_to_grid", "stack_neighbours", "stage_grid", "window_hu"]
