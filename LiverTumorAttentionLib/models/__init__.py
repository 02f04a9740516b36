"""Models: a folder or a zip of `model.json` and one `.safetensors` a stage; verified, never unpickled."""

from LiverTumorAttentionLib.models.catalogue import (
    add_model,
    find_model,
    list_models,
    user_model_folder,
)
from LiverTumorAttentionLib.models.description import Label, ModelDescription, StageDescription
from LiverTumorAttentionLib.models.package import ModelPackage

__all__ = [
    "Label",
    "ModelDescription",
    "ModelPackage",
    "StageDescription",
    "add_model",
    "find_model",
    "list_models",
    "user_model_folder",
]
