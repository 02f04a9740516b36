"""One model out of two: the liver as one finds it, the tumors as the other does."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.ending import temporary_folder, uninterrupted
from LiverTumorAttentionLib.errors import ModelError, OutputError
from LiverTumorAttentionLib.json_values import json_values
from LiverTumorAttentionLib.models.base_description import DESCRIPTION_FILE
from LiverTumorAttentionLib.models.card import LICENCE_FILE, README_FILE, licence_note, model_card
from LiverTumorAttentionLib.models.limits import LONGEST_NAME
from LiverTumorAttentionLib.models.package import ModelPackage
from LiverTumorAttentionLib.models.stage_description import StageDescription
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.regular_file import reason

ABOUT_LIVER = ("liver_threshold", "liver_opening_mm", "liver_denser_hu")
"""Settings of postprocessing that belong to the liver."""
UNKNOWN_LICENCE = "NOASSERTION"


@dataclass(frozen=True, kw_only=True)
class _Part:
    """What a composed model takes of another."""

    package: ModelPackage
    name: str
    """The stage, "liver" or "tumor"."""
    stage: StageDescription
    values: dict[str, Any]
    """The stage as the other model's file has it."""

    @classmethod
    def of(cls, package: ModelPackage, name: str) -> _Part:
        """Return a stage of a model for what it is to find. Raises `ModelError` where it does not find that."""
        description = package.description
        description.check_finds(name)
        stage = description.liver_stage if name == "liver" else description.tumor_stage
        if stage.name != name and not stage.is_imported:
            raise ModelError(
                f"the model {description.id!r} finds liver and tumors with one network that this program trained, "
                f"which is not taken apart: choose another model for the {name}"
            )
        if name == "liver" and stage.finds_both_in_two_phases:
            raise ModelError(
                f"the model {description.id!r} finds the liver in two phases at once, which are registered by the "
                "liver: choose another model for the liver"
            )
        stages = json_values(package.read(DESCRIPTION_FILE))["stages"]
        values = stages[description.stages.index(stage)]
        return cls(package=package, name=name, stage=stage, values=values)

    def renamed(self) -> dict[str, Any]:
        """Return the stage with names of its own for its files, and for what it is to find."""
        values: dict[str, Any] = json.loads(json.dumps(self.values))
        for block in _with_weights(values):
            block["weights"] = self.own_name(block["weights"])
        return {**values, "name": self.name}

    def own_name(self, file: str) -> str:
        """Return the name of a file of weights in the composed model."""
        return file if file.startswith(f"{self.name}.") else f"{self.name}-{file}"


def compose_models(
    liver: ModelPackage,
    tumor: ModelPackage,
    folder: Path,
    *,
    id: str | None = None,
    title: str | None = None,
    progress: Progress | None = None,
) -> ModelPackage:
    """Write a model that finds the liver as one model does and the tumors as another, into an empty folder.

    liver, tumor: models, or parts of one; of a network of another program that finds both, the one is taken. id, title:
    of the model; None makes them of the two. A second look at candidates is left out: it was calibrated with the liver
    of its own model.
    Raises `ModelError` where one does not find its part, or its files are damaged, `OSError` where nothing can be
    written, and `Cancelled`.
    """
    progress = progress or Progress()
    parts = (_Part.of(liver, "liver"), _Part.of(tumor, "tumor"))
    files = [(part, file) for part in parts for file in part.stage.weight_files]
    for number, (part, file) in enumerate(files):
        progress.update(number / len(files), f"copying {file.weights}")
        part.package.checked_weights(file)
        part.package.copy(file.weights, folder / part.own_name(file.weights))
    values = _description(*parts, id, title)
    (folder / DESCRIPTION_FILE).write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    composed = ModelPackage(folder)
    for name, text in (
        (README_FILE, model_card(composed.description)),
        (LICENCE_FILE, licence_note(composed.description)),
    ):
        (folder / name).write_text(text, encoding="utf-8")
    progress.update(1.0)
    return composed


def compose_into(
    liver: ModelPackage,
    tumor: ModelPackage,
    folder: Path,
    *,
    progress: Progress | None = None,
    **named: str | None,
) -> ModelPackage:
    """Compose two models as `compose_models` does into a folder that is not there yet; it appears when it is whole.

    Raises what that raises, and `OutputError` where the folder is there or cannot be written.
    """
    if folder.exists() or folder.is_symlink():
        raise OutputError(f"{folder} is there already: name a new folder for the model")
    try:
        with temporary_folder(folder.parent, ".composing-") as temporary:
            fresh = temporary / "model"
            fresh.mkdir()
            compose_models(liver, tumor, fresh, progress=progress, **named)
            with uninterrupted():
                os.rename(fresh, folder)
    except OSError as error:
        raise OutputError(
            f"the model cannot be written to {folder} ({reason(error)}): free some space or name another folder"
        ) from error
    return ModelPackage(folder)


def _description(liver: _Part, tumor: _Part, id: str | None, title: str | None) -> dict[str, Any]:
    one, other = liver.package.description, tumor.package.description
    own = {part.name: json_values(part.package.read(DESCRIPTION_FILE)) for part in (liver, tumor)}
    post = {
        **{key: value for key, value in other.postprocessing.items() if key not in ABOUT_LIVER},
        **{key: value for key, value in one.postprocessing.items() if key in ABOUT_LIVER},
    }
    labels = {
        value["value"]: value
        for part in ("liver", "tumor")
        for value in own[part]["labels"]
        if (value["value"] == 1) == (part == "liver")
    }
    dropped = (
        [
            "its findings have no lesion probability: that of the model for tumors was calibrated with its own liver"
        ]
        if other.candidates is not None
        else []
    )
    return {
        "format": max(one.format, other.format, 3),
        "id": id or f"{one.id}-{other.id}"[:LONGEST_NAME],
        "title": title or f"{one.title} (liver), {other.title} (tumors)"[: 2 * LONGEST_NAME],
        "version": "1",
        "licence": _licence(one.licence, other.licence),
        "statement": f"composed of two models; liver: {one.statement}; tumors: {other.statement}",
        "intended_use": f"Liver: {one.intended_use} Tumors: {other.intended_use}",
        "stages": [liver.renamed(), tumor.renamed()],
        "labels": [labels[value] for value in sorted(labels)],
        "postprocessing": post,
        "training": {
            "liver": {"model": one.id, **one.training},
            "tumor": {"model": other.id, **other.training},
        },
        "scores": {},
        "sources": [
            {**source, "stages": [part]}
            for part in ("liver", "tumor")
            for source in own[part].get("sources", [])
            if _trained(source, part)
        ],
        "never_seen": sorted({*one.never_seen, *other.never_seen}),
        "known_failures": [*dict.fromkeys([*one.known_failures, *other.known_failures]), *dropped],
    }


def _trained(source: dict[str, Any], part: str) -> bool:
    """Return whether a source was trained on for a part; one that says nothing of stages was."""
    stages = source.get("stages") or [part]
    return any(part in stage for stage in stages)


def _licence(*licences: str) -> str:
    """Return the licence of weights that two licences hold for together, as an SPDX expression."""
    known = list(dict.fromkeys(licences))
    if UNKNOWN_LICENCE in known:
        return UNKNOWN_LICENCE
    return known[0] if len(known) == 1 else " AND ".join(known)


def _with_weights(values: Any) -> Iterator[dict[str, Any]]:
    """Yield every object inside of a stage that names a file of weights."""
    if isinstance(values, dict):
        if isinstance(values.get("weights"), str):
            yield values
        for inner in values.values():
            yield from _with_weights(inner)
    elif isinstance(values, list):
        for inner in values:
            yield from _with_weights(inner)
