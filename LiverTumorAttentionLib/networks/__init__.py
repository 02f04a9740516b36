"""Segmentation networks, built by name. See README.md for the module -> equation -> class table."""

from LiverTumorAttentionLib.networks.registry import build_network, network_names

__all__ = ["build_network", "network_names"]
