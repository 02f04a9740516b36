"""Preprocessing of CT volumes for networks: intensities, grids and neighboring slices."""

from LiverTumorAttentionLib.preprocessing.network_input import (
    Standard,
    liver_median_hu,
    resample_to_grid,
    stack_neighbours,
    stage_grid,
    window_hu,
)

__all__ = ["Standard", "liver_median_hu", "resample_to_grid", "stack_neighbours", "stage_grid", "window_hu"]
