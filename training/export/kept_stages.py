"""Stages of an earlier model that no run trains again: a new model takes them as they are."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.models import DataSource, find_model
from LiverTumorAttentionLib.models.base_description import DESCRIPTION_FILE
from LiverTumorAttentionLib.models.stage_description import StageDescription
from training.export.model_folder import TrainedStage

OF_A_FILE = ("weights", "sha256")
"""What the description of a stage says of its file alone."""
OF_A_MODEL = ("id", "title", "version", "statement", "intended_use")
"""What a model says of itself."""


@dataclass(frozen=True, kw_only=True)
class RunAs:
    """How a kept stage is run from now on, where that is another way than it was trained for."""

    pixels_mm: float | None = None
    """Pixel spacing; None as before."""
    scales: tuple[float, ...] = ()
    """Scales of each tile whose probabilities are averaged; () as before."""

    def applied(self, stage: Mapping[str, Any]) -> dict[str, Any]:
        """Return the description of a stage with these in it."""
        values = dict(stage)
        if self.pixels_mm is not None:
            values["grid"] = {**values["grid"], "in_plane_spacing_mm": self.pixels_mm}
        if self.scales:
            values["slices"] = {**values["slices"], "scales": list(self.scales)}
        return values

    def before(self, stage: StageDescription) -> dict[str, Any]:
        """Return what a stage was trained with in place of these."""
        told: dict[str, Any] = {}
        if self.pixels_mm is not None:
            told["in_plane_spacing_mm"] = stage.grid.in_plane_spacing_mm
        if self.scales and stage.slices is not None:
            told["scales"] = list(stage.slices.scales)
        return told

    def fits(self, stage: StageDescription) -> bool:
        """Whether a stage has what is changed."""
        pixels = self.pixels_mm is None or stage.grid.in_plane_spacing_mm is not None
        return pixels and (not self.scales or stage.slices is not None)


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


def kept_stages(model: str, trained: Collection[str], run_as: Mapping[str, RunAs]) -> list[KeptStage]:
    """Return the stages of a model that are not among those that were trained.

    model: id or path. trained: names of stages. run_as: by name of a stage how it is run from now on. Raises
    `InputError` for a model that finds both in one stage, that has nothing to keep, or whose stages were not trained
    here, for a change of a stage that is not kept or has nothing of the kind, and what `find_model` raises.
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
        change = run_as.get(stage.name, RunAs())
        before = {"id": about.id, "version": about.version, "sha256": stage.sha256, **change.before(stage)}
        own = change.applied({key: value for key, value in described.items() if key not in OF_A_FILE})
        kept.append(
            KeptStage(
                name=stage.name,
                trained=TrainedStage(description=own, weights=package.load_weights(stage)),
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
    names = [stage.name for stage in kept]
    for name, change in run_as.items():
        if name not in names or not change.fits(about.stage(name)):
            raise InputError(
                f"no stage {name!r} whose pixels and scales can be changed is kept of the model {about.id!r}: name one "
                f"of {', '.join(names) or 'another model'}"
            )
    if not kept:
        raise InputError(f"the runs train every stage of the model {about.id!r}: leave --keep out")
    return kept
