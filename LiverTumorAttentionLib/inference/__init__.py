"""Networks over volumes: devices, tiles and patches, the stages of a model, and what they attend to."""

from LiverTumorAttentionLib.inference.attention_recorder import AttentionWatch, check_watchable
from LiverTumorAttentionLib.inference.device import Device, choose_device
from LiverTumorAttentionLib.inference.stages import LiverStage, TumorStage

__all__ = [
    "AttentionWatch",
    "Device",
    "LiverStage",
    "TumorStage",
    "check_watchable",
    "choose_device",
]
