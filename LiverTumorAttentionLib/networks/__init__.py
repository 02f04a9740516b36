"""Segmentation networks, built by name. See README.md for the module -> equation -> class table."""

from LiverTumorAttentionLib.networks.layers import AttentionMap, PointAttention
from LiverTumorAttentionLib.networks.registry import (
    MOST_PARAMETERS,
    NetworkEntry,
    build_network,
    network_entry,
    network_names,
    with_scaled_widths,
)

__all__ = [
    "MOST_PARAMETERS",
    "AttentionMap",
    "NetworkEntry",
    "PointAttention",
    "build_network",
    "network_entry",
    "network_names",
    "with_scaled_widths",
]
