"""Model packages: `model.json` and one `.safetensors` a stage, in a folder or a zip; verified, never unpickled."""

from LiverTumorAttentionLib.models.base_description import DataSource
from LiverTumorAttentionLib.models.card import model_card
from LiverTumorAttentionLib.models.catalogue import (
    InstalledModel,
    add_model,
    find_model,
    list_models,
    remove_model,
    survey_models,
    user_model_folder,
)
from LiverTumorAttentionLib.models.description import Label, ModelDescription
from LiverTumorAttentionLib.models.imported_outputs import NetworkOutput
from LiverTumorAttentionLib.models.nnunet_settings import (
    ChannelSettings,
    NetworkPass,
    NNUNetSettings,
    PreviousNetwork,
    ResamplingSettings,
)
from LiverTumorAttentionLib.models.package import ModelPackage
from LiverTumorAttentionLib.models.papers import paper_model, paper_names
from LiverTumorAttentionLib.models.stage_description import (
    GridSettings,
    IntensitySettings,
    PatchSettings,
    SliceSettings,
    StageDescription,
)
from LiverTumorAttentionLib.models.weights_file import WeightsFile

__all__ = [
    "ChannelSettings",
    "DataSource",
    "GridSettings",
    "InstalledModel",
    "IntensitySettings",
    "Label",
    "ModelDescription",
    "ModelPackage",
    "NNUNetSettings",
    "NetworkOutput",
    "NetworkPass",
    "PatchSettings",
    "PreviousNetwork",
    "ResamplingSettings",
    "SliceSettings",
    "StageDescription",
    "WeightsFile",
    "add_model",
    "find_model",
    "list_models",
    "model_card",
    "paper_model",
    "paper_names",
    "remove_model",
    "survey_models",
    "user_model_folder",
]
