"""Preprocessing of CT volumes for networks: intensities, grids and neighboring slices."""

from LiverTumorAttentionLib.preprocessing.grid import resample_to_grid, stage_grid
from LiverTumorAttentionLib.preprocessing.intensity import Standard, window_hu
from LiverTumorAttentionLib.preprocessing.neighbor_slices import stack_neighbours

__all__ = ["Standard", "resample_to_grid", "stack_neighbours", "stage_grid", "window_hu"]
