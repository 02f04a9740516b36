"""Pipelines of the papers as model descriptions without weights: what to train and how it is run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.config_parsing import nearest
from LiverTumorAttentionLib.errors import ModelError

PAPERS_FOLDER = Path(__file__).resolve().parent.parent / "data" / "papers"


def paper_names() -> list[str]:
    """Return the names of the papers whose pipelines are described."""
    return sorted(path.stem for path in PAPERS_FOLDER.glob("*.json"))


def paper_model(name: str) -> dict[str, Any]:
    """Return the `model.json` of a paper's pipeline as JSON values.

    Its checksums are zeros, for there are no weights yet. "training" says which settings are the paper's and
    which are ours. Raises `ModelError` with the nearest names.
    """
    if name not in paper_names():
        raise ModelError(f"no pipeline of a paper is called {name!r}{nearest(name, paper_names())}")
    values: dict[str, Any] = json.loads((PAPERS_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return values
