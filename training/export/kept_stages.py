"""Stages of an earlier model that no run trains again: a new model takes them as they are."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.models import DataSource, find_model
from LiverTumorAttentionLib.models.base_description import DESCRIPTION_FILE
from training.export.model_folder import TrainedStage

OF_A_FILE = ("weights", "sha256")
"""What the description of a stage says of its file alone."""
OF_A_MODEL = ("id", "title", "version", "statement", "intended_use")
"""What a model says of itself."""


@dataclass(frozen=True, kw_only=True)
class KeptStage:
    """A stage, and what its model says of where it comes from."""

    name: str
    trained: TrainedStage
    provenance: Mapping[str, Any]
    """The run that made it, as the model tells it, and that model's id, version and checksum of the weights."""
    sources: tuple[DataSource, ...]
    """What this stage was trained on."""
    postprocessing: Mapping[str, float]
    """That of its model."""
    identity: Mapping[str, str]
    """Id, title, version, statement and intended use of its model."""


def kept_stages(model: str, trained: Collection[str], pixels_mm: Mapping[str, float]) -> list[KeptStage]:
    """Return the stages of a model that are not among those that were trained.

    model: id or path. trained: names of stages. pixels_mm: by name of a stage the pixel spacing it is run with from
    now on. Raises `InputError` for a model that finds both in one stage, that has nothing to keep, or whose stages were
    not trained here, for a spacing of a stage that is not kept or has none, and what `find_model` raises.
    """
    package = find_model(model)
    about = package.description
    values = json.loads(package.read(DESCRIPTION_FILE))
    runs = (values.get("training") or {}).get("runs") or {}
    kept = []
    for stage, described in zip(about.stages, values["stages"], strict=True):
        if stage.name in trained:
            continue
        if stage.name not in runs:
            raise InputError(
                f"the model {about.id!r} does not tell which run made its {stage.name} stage: keep a stage of a model "
                "that `export` wrote"
            )
        before: dict[str, Any] = {"id": about.id, "version": about.version, "sha256": stage.sha256}
        values = {key: value for key, value in described.items() if key not in OF_A_FILE}
        if stage.name in pixels_mm:
            before["in_plane_spacing_mm"] = stage.grid.in_plane_spacing_mm
            values["grid"] = {**values["grid"], "in_plane_spacing_mm": pixels_mm[stage.name]}
        kept.append(
            KeptStage(
                name=stage.name,
                trained=TrainedStage(description=values, weights=package.load_weights(stage)),
                provenance={**runs[stage.name], "kept_from": before},
                sources=tuple(
                    replace(source, stages=(stage.name,))
                    for source in about.sources
                    if stage.name in source.stages
                ),
                postprocessing=about.postprocessing,
                identity={name: getattr(about, name) for name in OF_A_MODEL},
            )
        )
    for name in pixels_mm:
        found = [stage for stage in kept if stage.name == name]
        if not found or about.stage(name).grid.in_plane_spacing_mm is None:
            raise InputError(
                f"no stage {name!r} with a pixel spacing is kept of the model {about.id!r}: name one of "
                f"{', '.join(stage.name for stage in kept) or 'another model'}"
            )
    if not kept:
        raise InputError(f"the runs train every stage of the model {about.id!r}: leave --keep out")
    return kept
