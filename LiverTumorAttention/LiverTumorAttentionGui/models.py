"""The installed models, as the panel lists them."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from LiverTumorAttentionGui.process.child import library_parent


@dataclass(frozen=True, kw_only=True)
class ModelChoice:
    """One line of the model list: its id, its title, and what it says about itself."""

    id: str
    title: str
    statement: str


def reach_library() -> None:
    """Let the window's process import the library, whose models are described without torch."""
    folder = str(library_parent())
    if folder not in sys.path:
        sys.path.append(folder)


def installed_models() -> list[ModelChoice]:
    """Return the models that the library knows; reads their descriptions only, without torch."""
    reach_library()
    from LiverTumorAttentionLib.models import list_models

    return [
        ModelChoice(
            id=package.description.id,
            title=package.description.title,
            statement=package.description.statement,
        )
        for package in list_models()
    ]
