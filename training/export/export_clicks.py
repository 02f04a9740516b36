"""From a run that trains answers to clicks to a model of the kind "interaction"."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.models.base_description import DESCRIPTION_FILE
from LiverTumorAttentionLib.models.card import LICENCE_FILE, README_FILE, card_of, licence_note
from LiverTumorAttentionLib.models.interaction_model import InteractionDescription
from LiverTumorAttentionLib.models.one_network_model import read_one_network
from training.data.sources import check_licence, licence_for
from training.export.card import CardText, card_values, read_card_text, sources_used
from training.export.export_runs import commands_of, identity_of, provenance_of
from training.export.model_folder import NOT_CLINICAL, check_new, write_files
from training.runs.checkpoint import read_weights
from training.runs.run_folder import Run
from training.runs.weights_content import weights_content

KIND = InteractionDescription.KIND
WEIGHTS_FILE = "clicks.safetensors"


def answers_clicks(folders: Sequence[Path]) -> bool:
    """Whether runs train answers to clicks. Raises `InputError` for such a run beside another one."""
    kinds = [Run.read(folder).recipe.interaction is not None for folder in folders]
    if any(kinds) and len(kinds) > 1:
        raise InputError(
            "a run that trains answers to clicks makes a model by itself: export it alone, and the others without it"
        )
    return any(kinds)


def export_clicks(
    folder: Path,
    output: Path,
    *,
    identity: Mapping[str, str] | None = None,
    card: Path | None = None,
    half: bool = True,
) -> InteractionDescription:
    """Write the model of a run that trains answers to clicks; return its description.

    output: a new folder, or a .zip. identity, card, half: as for `export_runs`.
    Raises `InputError`, `ModelError` or `OutputError`; then nothing is written.
    """
    check_new(output)
    run = Run.read(folder)
    text = CardText() if card is None else read_card_text(card)
    sources = sources_used([run])
    chosen = {**identity_of([run]), "licence": licence_for(sources), **(identity or {})}
    check_licence(chosen["licence"], sources)
    if NOT_CLINICAL not in chosen["statement"]:
        raise InputError(
            f"the statement must say {NOT_CLINICAL!r}, got {chosen['statement']!r}: add it to the statement"
        )
    weights, about = read_weights(run.weights)
    stage = run.recipe.stage
    content = weights_content(
        stage.network, stage.arguments, weights, "the network that answers clicks", half=half
    )
    values = {
        "kind": KIND,
        "format": InteractionDescription.FORMAT,
        **chosen,
        "network": stage.network,
        "arguments": stage.arguments,
        "weights": WEIGHTS_FILE,
        "sha256": hashlib.sha256(content).hexdigest(),
        "training": {"command": commands_of([run]), "runs": {KIND: {**provenance_of(run), "kept": about}}},
        **{key: value for key, value in card_values(sources, text).items() if value},
    }
    described = (json.dumps(values, indent=1) + "\n").encode()
    description = read_one_network(InteractionDescription, described, where=DESCRIPTION_FILE)
    how = [
        f"A network {description.network} improves what the random walker answers to a click in a correction: it sees "
        "both phases, the probability of tumor, the liver, other lesions, the clicks, the lesion as it stands and the "
        "random walker's answer, in a cube around all of these."
    ]
    files = {
        WEIGHTS_FILE: content,
        DESCRIPTION_FILE: described,
        README_FILE: card_of(description, how).encode(),
        LICENCE_FILE: licence_note(description).encode(),
    }
    write_files(output, description.id, files)
    return description
