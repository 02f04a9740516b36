"""What the dialog Models shows of a model: where it comes from, its licence, what it was trained on, what it needs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any

from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.model_collection import ModelRow
from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE

if TYPE_CHECKING:
    from LiverTumorAttentionLib.models import DataSource, ModelDescription, WeightsFile

PHASE_CT = {"arterial": _("arterial CT"), "delayed": _("delayed CT"), "native": _("native CT")}


def model_details(row: ModelRow) -> str:
    """Return a model's description as HTML; of a damaged model, the reason and what to do."""
    parts = [f"<h3>{escape(row.title)}</h3>"]
    if row.problem:
        advice = _("Install the extension again.") if row.bundled else _("Remove it and import it again.")
        parts.append(
            _("<p><b>Damaged:</b> {text}. {advice}</p>").format(
                text=escape(row.problem.rstrip(".")), advice=advice
            )
        )
    if row.description is not None:
        parts += _description(row.description)
    parts.append(
        _("<p><b>Folder:</b> {text}</p><p><b>{notice}</b></p>").format(
            text=escape(str(row.path)), notice=NOT_FOR_CLINICAL_USE
        )
    )
    return "\n".join(parts)


def public_details() -> str:
    """Return the catalogue of public models as HTML."""
    from LiverTumorAttentionLib.models.public_models import public_models

    parts = [
        _(
            "<h3>Public models</h3><p>Models that others publish. Download one yourself, then "
            "import its file here. Nothing is downloaded by this program.</p>"
        )
    ]
    for model in public_models():
        rows = "".join(f"<li><b>{escape(name)}:</b> {_linked(text)}</li>" for name, text in model.lines())
        parts.append(f"<h4>{escape(model.title)}</h4><ul>{rows}</ul>")
    return "\n".join([*parts, f"<p><b>{NOT_FOR_CLINICAL_USE}</b></p>"])


def _linked(text: str) -> str:
    """Return text as HTML, its addresses as links."""
    return re.sub(r"https://[^\s;,)<]+", lambda found: f'<a href="{found[0]}">{found[0]}</a>', escape(text))


def _description(model: ModelDescription) -> list[str]:
    parts = [
        f"<p><b>{escape(_sentence(model.statement))}</b></p>",
        _("<p><b>Intended use:</b> {intended_use}</p>").format(intended_use=escape(model.intended_use)),
        _("<p><b>Finds:</b> {text}</p>").format(text=escape(", ".join(label.name for label in model.labels))),
        _("<p><b>Takes:</b> {inputs}</p>").format(inputs=_inputs(model)),
        *_needs(model),
        _("<p><b>Licence of the weights:</b> {licence}</p>").format(licence=escape(model.licence)),
        _("<h4>Trained on</h4>{sources}{tree}").format(sources=_sources(model), tree=_tree(model.training)),
    ]
    for title, texts in ((_("Never seen"), model.never_seen), (_("Known failures"), model.known_failures)):
        if texts:
            parts.append(f"<h4>{title}</h4><ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>")
    if model.scores:
        parts.append(f"<h4>Scores</h4>{_tree(model.scores)}")
    if model.candidates is not None:
        measured = _tree(model.candidates.measured)
        parts.append(
            _("<h4>Lesion probability</h4>{value}").format(
                value=measured or _("<p>The model does not say how well it does.</p>")
            )
        )
    rows = "".join(_files(stage.network, stage.weight_files) for stage in model.stages)
    if model.candidate_network is not None:
        rows += _files(model.candidate_network.network, [model.candidate_network.file])
    parts.append(f"<h4>Files</h4><ul>{rows}</ul>")
    return parts


def _sources(model: ModelDescription) -> str:
    """Return the data that the weights were made from; what does not say so is told by `training` alone."""
    if not model.sources:
        return "" if model.training else _("<p>The model does not say.</p>")
    rows = (
        f"<li>{escape(each.title)}: {_counts(each)} ({escape(', '.join(each.stages))}). {escape(each.licence)}. "
        f"{escape(each.attribution)}</li>"
        for each in model.sources
    )
    return f"<ul>{''.join(rows)}</ul>"


def _counts(source: DataSource) -> str:
    """Return how much data a source holds, as far as it is known."""
    counts = (("patients", source.patients), ("cases", source.cases), ("slices", source.slices))
    known = ", ".join(f"{number} {name}" for name, number in counts if number)
    return known or _("size not told")


def _needs(model: ModelDescription) -> list[str]:
    """Return what a model needs beside its inputs: another model for what it does not find, or packages."""
    found = {name for stage in model.stages for name in stage.class_groups}
    needed = [
        words
        for part, words in (
            ("liver", _("another model for the liver (<code>models compose</code>)")),
            ("tumor", _("another model for the tumor (<code>models compose</code>)")),
        )
        if part not in found
    ]
    if any(stage.monai is not None for stage in model.stages):
        needed.append(_("the Python package MONAI"))
    return [_("<p><b>Needs:</b> {names}</p>").format(names="; ".join(needed))] if needed else []


def _inputs(model: ModelDescription) -> str:
    others = ", ".join(PHASE_CT.get(phase, phase) for phase in model.taken_phases)
    if model.needed_phases:
        return _("portal venous CT and all of these: {others}").format(others=others)
    return (
        _("portal venous CT, and where there is one: {others}").format(others=others)
        if others
        else _("portal venous CT")
    )


def _files(network: str, files: Iterable[WeightsFile]) -> str:
    return "".join(
        f"<li>{escape(file.weights)} (network {escape(network)})<br/>"
        f"SHA-256 <code>{escape(file.sha256)}</code></li>"
        for file in files
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
