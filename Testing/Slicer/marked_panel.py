"""Builds the panel with a translation that marks every text, and prints what it shows without a mark, as JSON.

    python -m Testing.Slicer.marked_panel FOLDER     FOLDER: where its cases are put

A process of its own: texts are translated when the panel's files are imported. Those of .ui files are Qt's.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from Testing.bench import slicer_like

OPEN, CLOSE = (
    "\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}",
    "\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}",
)
MODEL = "Modell"
PROPERTIES = ("text", "title", "toolTip", "windowTitle", "specialValueText", "noneDisplay", "placeholderText")
NAMES = re.compile(r"CPU|[\d.]+ mm|Tumor \d+|case\d+|/.*")
"""Names of devices, units, segments, cases and files, which are the same in every language."""
DATA = ("statementLabel", "modelComboBox", "worklistFolderLabel")
"""Widgets that show what a model or a folder says of itself; the words beside it are looked for by the other test."""


def mark(text: str) -> str:
    """Return a text as its translation."""
    return f"{OPEN}{text}{CLOSE}" if text else text


def texts_of(widget: Any) -> Iterator[tuple[str, str]]:
    """Return the texts that a widget shows, by the name of the property or the place of the cell."""
    for name in PROPERTIES:
        try:
            value = getattr(widget, name, None)
        except RecursionError:  # of a stand-in that has no such text
            continue
        if isinstance(value, str):
            yield name, value
    if hasattr(widget, "itemText") and hasattr(widget, "count"):
        yield from (
            (f"item {index}", widget.itemText(index))
            for index in range(widget.count if isinstance(widget.count, int) else widget.count())
        )
    if hasattr(widget, "horizontalHeaderItem"):
        for column in range(widget.columnCount):
            header = widget.horizontalHeaderItem(column)
            if header is not None:
                yield f"header {column}", header.text()
        for row in range(widget.rowCount):
            for column in range(widget.columnCount):
                cell = widget.item(row, column)
                if cell is not None:
                    yield f"cell {column}", cell.text()
                    yield f"tip of cell {column}", cell.toolTip()


def main(folder: Path) -> list[str]:
    """Return the texts without a mark of a panel with a study and a worklist in it."""
    slicer_like.start()
    from PySide6 import QtCore

    class Translator(QtCore.QTranslator):
        def isEmpty(self) -> bool:
            return False

        def translate(self, context: str, text: str, disambiguation: str | None = None, n: int = -1) -> str:
            return mark(text)

    translator = Translator()
    QtCore.QCoreApplication.installTranslator(translator)
    import slicer.i18n

    slicer.i18n.tr = mark
    from types import SimpleNamespace

    from LiverTumorAttentionGui.model_collection import ModelChoice
    from LiverTumorAttentionGui.panel import SegmentationPanel
    from LiverTumorAttentionGui.segmentation import LiverTumorAttentionLogic
    from Testing.Slicer import panel_cases, worklist_cases

    scene = slicer_like.new_scene()
    panel = SegmentationPanel(
        LiverTumorAttentionLogic(),
        models=lambda: [ModelChoice(id="demonstration", title=MODEL, statement=MODEL)],
        installer=SimpleNamespace(ensure=lambda: None, ensure_requirements=lambda: None),
    )
    panel.enter()
    (folder / "study").mkdir()
    panel_cases.choose_study(panel, scene, folder / "study")
    panel.worklist.open_folder(worklist_cases.make_folder(folder / "cases", 1))
    found = [
        f"{name}, {where}: {text}"
        for name, widget in vars(panel.ui).items()
        if name not in DATA and not name.startswith("qt_")
        for where, text in texts_of(widget)
        if any(letter.isalpha() for letter in text) and OPEN not in text and NAMES.fullmatch(text) is None
    ]
    panel.cleanup()
    return found


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
