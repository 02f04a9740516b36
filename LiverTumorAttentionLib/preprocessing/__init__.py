"""From a CT in Hounsfield units to what a network is given, and back to the CT's grid."""

from LiverTumorAttentionLib.preprocessing.grid import resample_to_grid, stage_grid
from LiverTumorAttentionLib.preprocessing.intensity import Standard, window_hu
from LiverTumorAttentionLib.preprocessing.neighbor_slices import stack_neighbours

__all__ = ["Standard", "resample_to_grid", "stack_neighbours", "stage_grid", "window_hu"]
