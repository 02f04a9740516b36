"""Inference over volumes: devices, sliding windows, the stages of a model, recording of attention."""

# ruff: noqa: E402

from LiverTumorAttentionLib.memory import check_room_for

check_room_for("torch")

from LiverTumorAttentionLib.inference.attention_recorder import AttentionRecorder, check_records_attention
from LiverTumorAttentionLib.inference.device import Device, choose_device
from LiverTumorAttentionLib.inference.imported_stages import (
    ImportedLiverStage,
    ImportedRun,
    ImportedTumorStage,
)
from LiverTumorAttentionLib.inference.stages import LiverStage, TumorStage

__all__ = [
    "AttentionRecorder",
    "Device",
    "ImportedLiverStage",
    "ImportedRun",
    "ImportedTumorStage",
    "LiverStage",
    "TumorStage",
    "check_records_attention",
    "choose_device",
]
