"""The stand-ins for widgets of Slicer and CTK, by the names of the real classes, whose facts they may not exceed."""

from __future__ import annotations

import slicer

from Testing.bench import facts
from Testing.bench.collapsible import ctkCollapsibleButton, ctkCollapsibleGroupBox
from Testing.bench.mrml_widgets import qMRMLNodeComboBox, qMRMLWidget
from Testing.bench.segment_editor import qMRMLSegmentEditorWidget
from Testing.bench.slider import ctkSliderWidget


def _strict(*classes: type) -> dict[str, type]:
    return {cls.__name__: facts.refuse_inventions(cls, cls.__name__) for cls in classes}


SLICER_WIDGETS = _strict(qMRMLWidget, qMRMLNodeComboBox, qMRMLSegmentEditorWidget)
CTK_WIDGETS = _strict(ctkCollapsibleButton, ctkCollapsibleGroupBox, ctkSliderWidget)


def install_slicer_widgets() -> None:
    """Put the qMRML stand-ins where modules look for them."""
    for name, cls in SLICER_WIDGETS.items():
        setattr(slicer, name, cls)
