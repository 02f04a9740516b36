"""Limits of what a `model.json` may ask for, against damaged and hostile files."""

from __future__ import annotations

SMALLEST_TILE, LARGEST_TILE = 32, 2048
"""Pixels along a side of what a network is given."""
LARGEST_PATCH_VOXELS = 320**3
SMALLEST_SPACING_MM = 0.2
"""Of a network's grid; a body of 500 mm then has 2500 voxels along a side."""
LARGEST_OVERLAP = 0.95
"""Every voxel is seen 20 times along each axis then."""
MOST_NEIGHBORS = 32
MOST_SCALES = 16
LARGEST_MARGIN_MM = 500.0
MOST_OUTPUTS = 256
MOST_FOLDS = 20
LONGEST_NAME = 100
"""Characters of an id or a file name; file systems take 255 bytes, and a name gets additions."""
