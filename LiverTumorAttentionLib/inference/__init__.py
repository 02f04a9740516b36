"""Networks over volumes: devices, tiles, and the two stages."""

from LiverTumorAttentionLib.inference.device import Device, choose_device
from LiverTumorAttentionLib.inference.stages import LiverStage, TumorStage

__all__ = ["Device", "LiverStage", "TumorStage", "choose_device"]
