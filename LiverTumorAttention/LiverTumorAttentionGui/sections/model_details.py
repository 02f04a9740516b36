"""The description of a model as HTML, for the dialog Models."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from LiverTumorAttentionGui.model_collection import ModelRow
from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE

if TYPE_CHECKING:
    from LiverTumorAttentionLib.models import ModelDescription, StageDescription


def model_details(row: ModelRow) -> str:
    """Return a model's description as HTML; of a damaged model, the reason and what to do."""
    parts = [f"<h3>{escape(row.title)}</h3>"]
    if row.problem:
        advice = "Install the extension again." if row.bundled else "Remove it and import it again."
        parts.append(f"<p><b>Damaged:</b> {escape(row.problem.rstrip('.'))}. {advice}</p>")
    if row.description is not None:
        parts += _description(row.description)
    parts.append(f"<p><b>Folder:</b> {escape(str(row.path))}</p><p><b>{NOT_FOR_CLINICAL_USE}</b></p>")
    return "\n".join(parts)


def _description(model: ModelDescription) -> list[str]:
    parts = [
        f"<p><b>{escape(_sentence(model.statement))}</b></p>",
        f"<p><b>Intended use:</b> {escape(model.intended_use)}</p>",
        f"<p><b>Finds:</b> {escape(', '.join(label.name for label in model.labels))}</p>",
        f"<p><b>Takes:</b> {_inputs(model)}</p>",
        f"<p><b>Licence of the weights:</b> {escape(model.licence)}</p>",
        f"<h4>Trained on</h4>{_tree(model.training) or '<p>The model does not say.</p>'}",
    ]
    if model.scores:
        parts.append(f"<h4>Scores</h4>{_tree(model.scores)}")
    rows = "".join(_file(stage) for stage in model.stages)
    parts.append(f"<h4>Files</h4><ul>{rows}</ul>")
    return parts


def _inputs(model: ModelDescription) -> str:
    if model.needs_arterial:
        return "a portal venous and an arterial CT, both of them"
    if model.takes_arterial:
        return "a portal venous CT, and an arterial one where there is one"
    return "a portal venous CT"


def _file(stage: StageDescription) -> str:
    return (
        f"<li>{escape(stage.weights)} (network {escape(stage.network)})<br/>"
        f"SHA-256 <code>{escape(stage.sha256)}</code></li>"
    )


def _tree(value: Any) -> str:
    """Return JSON values as nested HTML lists; lists without mappings stay on one line."""
    if isinstance(value, dict):
        items = (
            f"<li>{escape(str(key).replace('_', ' '))}: {_tree(inner)}</li>" for key, inner in value.items()
        )
        return f"<ul>{''.join(items)}</ul>" if value else ""
    if isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        return f"<ul>{''.join(f'<li>{_tree(inner)}</li>' for inner in value)}</ul>"
    if isinstance(value, list):
        return escape(", ".join(str(inner) for inner in value))
    return escape(str(value))


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else text + "."
